/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct unit {
    const char *suffix;
    int64_t factor;
};

/* Largest first: that is how a number finds its shortest form. */
static const struct unit duration_units[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000},
                                             {"s", 1000},     {"ms", 1},      {NULL, 0}};
static const struct unit size_units[] = {
    {"GiB", INT64_C(1) << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {NULL, 0}};

static bool parse(const char *text, const struct unit *units, int64_t *out)
{
    int64_t number = 0;
    const char *at = text;
    for (; *at >= '0' && *at <= '9'; at++) {
        int64_t digit = *at - '0';
        if (number > (INT64_MAX - digit) / 10) {
            return false;
        }
        number = number * 10 + digit;
    }
    if (at == text) {
        return false;
    }
    int64_t factor = *at == '\0' ? 1 : 0;
    for (; factor == 0 && units->suffix != NULL; units++) {
        factor = strcmp(at, units->suffix) == 0 ? units->factor : 0;
    }
    if (factor == 0 || number > INT64_MAX / factor) {
        return false;
    }
    *out = number * factor;
    return true;
}

static const char *format(int64_t number, const struct unit *units, char out[UNITS_TEXT_SIZE])
{
    while (units->suffix != NULL && (number == 0 || number % units->factor != 0)) {
        units++;
    }
    bool has_unit = units->suffix != NULL;
    (void)snprintf(out, UNITS_TEXT_SIZE, "%" PRId64 "%s",
                   has_unit ? number / units->factor : number, has_unit ? units->suffix : "");
    return out;
}

bool units_parse_duration(const char *text, int64_t *out_ms)
{
    return parse(text, duration_units, out_ms);
}

bool units_parse_size(const char *text, int64_t *out_bytes)
{
    return parse(text, size_units, out_bytes);
}

const char *units_format_duration(int64_t ms, char out[UNITS_TEXT_SIZE])
{
    return format(ms, duration_units, out);
}

const char *units_format_size(int64_t bytes, char out[UNITS_TEXT_SIZE])
{
    return format(bytes, size_units, out);
}
