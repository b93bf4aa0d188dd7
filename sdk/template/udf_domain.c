/* udf-domain: the domain of a mail address, "ada@example.org" → "example.org". */
#include "pipehost/scalar.h"

static int32_t domain(struct ph_call *call)
{
    struct ph_bytes address = ph_arg_text(call, 0);
    const uint8_t *at = (const uint8_t *)memchr(address.data, '@', address.length);
    if (at == NULL) {
        return ph_reject(call, "no_address", "there is no @ in it");
    }
    return ph_return_text(call, at + 1, address.length - (uint32_t)(at + 1 - address.data));
}

PH_SCALAR_UDF("udf-domain", "0.1.0", "the domain of a mail address", .function = domain,
              .result = PH_TYPE_STRING, .arguments = {PH_TYPE_STRING});
