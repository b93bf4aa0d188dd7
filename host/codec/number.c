/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/number.h"

#include <math.h>

static bool is_digit(uint8_t c)
{
    return (uint8_t)(c - '0') <= 9;
}

static const uint8_t *skip_digits(const uint8_t *at, const uint8_t *end)
{
    while (at < end && is_digit(*at)) {
        at++;
    }
    return at;
}

/* Behind the integer part, or null where there is none. */
static const uint8_t *skip_integer(const uint8_t *at, const uint8_t *end)
{
    if (at < end && *at == '-') {
        at++;
    }
    if (at == end || !is_digit(*at)) {
        return NULL;
    }
    return *at == '0' ? at + 1 : skip_digits(at, end);
}

bool number_check(const uint8_t *text, uint32_t length)
{
    const uint8_t *end = text + length;
    const uint8_t *at = skip_integer(text, end);
    if (at == NULL) {
        return false;
    }
    if (at < end && *at == '.') {
        const uint8_t *digits = at + 1;
        at = skip_digits(digits, end);
        if (at == digits) {
            return false;
        }
    }
    if (at < end && (*at | 0x20) == 'e') {
        const uint8_t *digits = at + 1;
        if (digits < end && (*digits == '+' || *digits == '-')) {
            digits++;
        }
        at = skip_digits(digits, end);
        if (at == digits) {
            return false;
        }
    }
    return at == end;
}

enum number_result number_read_int64(const uint8_t *text, uint32_t length, int64_t *value)
{
    const uint8_t *end = text + length;
    const uint8_t *at = text;
    bool negative = length > 0 && *at == '-';
    uint64_t limit = (uint64_t)INT64_MAX + (negative ? 1 : 0);
    uint64_t sum = 0;
    bool over = false;
    at += negative ? 1 : 0;
    const uint8_t *first = at;
    for (; at < end && is_digit(*at); at++) {
        uint64_t digit = (uint64_t)*at - '0';
        over = over || sum > (limit - digit) / 10;
        sum = sum * 10 + digit;
    }
    if (at != end) {
        return number_check(text, length) ? NUMBER_FRACTION : NUMBER_MALFORMED;
    }
    if (at == first || (*first == '0' && at - first > 1)) {
        return NUMBER_MALFORMED;
    }
    if (over) {
        return NUMBER_RANGE;
    }
    *value = negative ? (int64_t)(0 - sum) : (int64_t)sum;
    return NUMBER_OK;
}

/* Digits of a decimal number without its point, and where the point stands. */
struct decimal {
    uint64_t digits;
    int32_t exponent; /* of ten */
    bool exact;       /* false: more digits than fit */
};

static void take_digit(struct decimal *d, uint8_t c, int32_t scale)
{
    if (d->digits > (UINT64_MAX - 9) / 10) {
        d->exact = false;
        return;
    }
    d->digits = d->digits * 10 + (uint64_t)(c - '0');
    d->exponent -= scale;
}

static struct decimal read_decimal(const uint8_t *at, const uint8_t *end)
{
    struct decimal d = {.exact = true};
    for (; at < end && is_digit(*at); at++) {
        take_digit(&d, *at, 0);
    }
    if (at < end && *at == '.') {
        for (at++; at < end && is_digit(*at); at++) {
            take_digit(&d, *at, 1);
        }
    }
    /* Numbers with an exponent are rare enough for the library. */
    d.exact = d.exact && at == end;
    return d;
}

enum number_result number_read_float64(const uint8_t *text, uint32_t length, double *value)
{
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                    1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    if (!number_check(text, length)) {
        return NUMBER_MALFORMED;
    }
    bool negative = *text == '-';
    struct decimal d = read_decimal(text + (negative ? 1 : 0), text + length);
    /* Both are exact as doubles, so one division rounds once
     * (https://doi.org/10.1145/93542.93557, "fast path"). */
    if (d.exact && d.digits <= UINT64_C(1) << 53 && d.exponent >= -22) {
        double magnitude = (double)d.digits / powers[-d.exponent];
        *value = negative ? -magnitude : magnitude;
        return NUMBER_OK;
    }
    *value = number_read_any(text, length);
    return isinf(*value) ? NUMBER_RANGE : NUMBER_OK;
}
