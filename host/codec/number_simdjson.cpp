/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/number.h"

#include <simdjson.h>

/* Unlike strtod and printf they know no locale, which a library inside a plugin may have set. */
double number_read_any(const uint8_t *text, uint32_t length)
{
    const char *first = reinterpret_cast<const char *>(text);
    return simdjson::internal::from_chars(first, first + length);
}

uint32_t number_write_float64(double value, char out[NUMBER_TEXT_SIZE])
{
    return static_cast<uint32_t>(simdjson::internal::to_chars(out, out + NUMBER_TEXT_SIZE, value) -
                                 out);
}
