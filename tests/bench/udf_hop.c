/* SPDX-License-Identifier: Apache-2.0 */
/** The least UDF: `./dev bench hop` chains many of it. */
#include "pipehost/scalar.h"

static int32_t same(struct ph_call *call)
{
    return ph_return_int64(call, ph_arg_int64(call, 0));
}

PH_SCALAR_UDF("udf-hop", PH_SDK_VERSION, "the same time again", .function = same,
              .result = PH_TYPE_TIMESTAMP_MS, .arguments = {PH_TYPE_TIMESTAMP_MS});
