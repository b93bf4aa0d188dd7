/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/timestamp.h"

#include <stdio.h>
#include <string.h>

#define S_PER_DAY     INT64_C(86400)
#define US_PER_MINUTE (60 * TIMESTAMP_US_PER_S)

/* Both conversions: http://howardhinnant.github.io/date_algorithms.html, eras of 400 years that
 * begin in March. */
int64_t timestamp_days_from_civil(int32_t year, uint32_t month, uint32_t day)
{
    int64_t y = month <= 2 ? (int64_t)year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year =
        (153 * (month > 2 ? (int64_t)month - 3 : (int64_t)month + 9) + 2) / 5 + (int64_t)day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static void civil_from_days(int64_t days, int32_t *year, int32_t *month, int32_t *day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t day_of_era = days - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted = (5 * day_of_year + 2) / 153;
    *day = (int32_t)(day_of_year - (153 * shifted + 2) / 5 + 1);
    *month = (int32_t)(shifted < 10 ? shifted + 3 : shifted - 9);
    *year = (int32_t)(year_of_era + era * 400 + (*month <= 2 ? 1 : 0));
}

uint32_t timestamp_month_days(int32_t year, uint32_t month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap ? 1u : 0u);
}

/* Text that is read from the left; at stops at the first byte that does not fit. */
struct cursor {
    const uint8_t *text;
    uint32_t length;
    uint32_t at;
};

static uint32_t peek(const struct cursor *c)
{
    return c->at < c->length ? c->text[c->at] : 0;
}

static bool take(struct cursor *c, uint8_t wanted)
{
    if (c->at < c->length && c->text[c->at] == wanted) {
        c->at++;
        return true;
    }
    return false;
}

/* A number of exactly two digits between low and high; at stays on its first byte where only its
 * value is wrong. */
static bool take_two(struct cursor *c, uint32_t low, uint32_t high, uint32_t *value)
{
    uint32_t tens = peek(c) - '0';
    if (tens > 9) {
        return false;
    }
    c->at++;
    uint32_t ones = peek(c) - '0';
    if (ones > 9) {
        return false;
    }
    *value = tens * 10 + ones;
    if (*value < low || *value > high) {
        c->at--;
        return false;
    }
    c->at++;
    return true;
}

static bool take_date(struct cursor *c, int64_t *days)
{
    uint32_t century;
    uint32_t year;
    uint32_t month;
    uint32_t day;
    if (!take_two(c, 0, 99, &century) || !take_two(c, century == 0 ? 1 : 0, 99, &year) ||
        !take(c, '-') || !take_two(c, 1, 12, &month) || !take(c, '-')) {
        return false;
    }
    int32_t full_year = (int32_t)(century * 100 + year);
    if (!take_two(c, 1, timestamp_month_days(full_year, month), &day)) {
        return false;
    }
    *days = timestamp_days_from_civil(full_year, month, day);
    return true;
}

/* Digits behind a point or a comma: at least one. */
static bool take_fraction(struct cursor *c, int64_t *us)
{
    int64_t unit = 100000;
    uint32_t begin = c->at;
    for (uint32_t digit = peek(c) - '0'; digit <= 9; digit = peek(c) - '0') {
        *us += digit * unit;
        unit /= 10;
        c->at++;
    }
    return c->at > begin;
}

static bool take_time(struct cursor *c, int64_t *us)
{
    uint32_t hour;
    uint32_t minute;
    uint32_t second = 0;
    *us = 0;
    if (!take_two(c, 0, 23, &hour) || !take(c, ':') || !take_two(c, 0, 59, &minute)) {
        return false;
    }
    if (take(c, ':')) {
        if (!take_two(c, 0, 60, &second)) {
            return false;
        }
        if ((take(c, '.') || take(c, ',')) && !take_fraction(c, us)) {
            return false;
        }
    }
    *us += ((int64_t)hour * 3600 + minute * 60 + second) * TIMESTAMP_US_PER_S;
    return true;
}

/* Z, an offset from UTC, or nothing. */
static bool take_zone(struct cursor *c, int64_t *offset_us)
{
    uint32_t hours;
    uint32_t minutes = 0;
    *offset_us = 0;
    if (c->at == c->length || take(c, 'Z') || take(c, 'z')) {
        return true;
    }
    int64_t sign = peek(c) == '-' ? -1 : 1;
    if (!take(c, '+') && !take(c, '-')) {
        return false;
    }
    if (!take_two(c, 0, 23, &hours)) {
        return false;
    }
    if ((take(c, ':') || c->at < c->length) && !take_two(c, 0, 59, &minutes)) {
        return false;
    }
    *offset_us = sign * ((int64_t)hours * 60 + minutes) * US_PER_MINUTE;
    return true;
}

static bool in_range(int64_t us)
{
    return us >= TIMESTAMP_MIN_US && us <= TIMESTAMP_MAX_US;
}

bool timestamp_parse_iso8601(const uint8_t *text, uint32_t length, int64_t *us, uint32_t *bad_at)
{
    struct cursor c = {text, length, 0};
    int64_t days;
    int64_t time_us;
    int64_t offset_us;
    bool good = take_date(&c, &days) && (take(&c, 'T') || take(&c, 't') || take(&c, ' ')) &&
                take_time(&c, &time_us) && take_zone(&c, &offset_us) && c.at == length;
    *bad_at = c.at;
    if (!good) {
        return false;
    }
    *us = days * S_PER_DAY * TIMESTAMP_US_PER_S + time_us - offset_us;
    if (!in_range(*us)) {
        *bad_at = 0;
        return false;
    }
    return true;
}

void timestamp_remember(struct timestamp_minute *minute, const uint8_t *text, uint32_t length,
                        int64_t us)
{
    if (length == TIMESTAMP_FIXED_LENGTH && text[19] == '.' && text[23] == 'Z' && text[17] < '6') {
        memcpy(minute->text, text, sizeof minute->text);
        minute->ms =
            (us - (us % US_PER_MINUTE + US_PER_MINUTE) % US_PER_MINUTE) / TIMESTAMP_US_PER_MS;
    }
}

static bool parse_plain(const uint8_t *text, uint32_t length, int64_t scale, int64_t *us)
{
    struct cursor c = {text, length, 0};
    bool negative = take(&c, '-');
    uint32_t begin = c.at;
    int64_t whole = 0;
    for (uint32_t digit = peek(&c) - '0'; digit <= 9; digit = peek(&c) - '0') {
        if (whole > TIMESTAMP_MAX_US / scale) {
            return false;
        }
        whole = whole * 10 + digit;
        c.at++;
    }
    if (c.at == begin || whole > TIMESTAMP_MAX_US / scale) {
        return false;
    }
    int64_t sum = whole * scale;
    if (take(&c, '.')) {
        begin = c.at;
        for (uint32_t digit = peek(&c) - '0'; digit <= 9; digit = peek(&c) - '0') {
            scale /= 10;
            sum += digit * scale;
            c.at++;
        }
        if (c.at == begin) {
            return false;
        }
    }
    *us = negative ? -sum : sum;
    return c.at == length && in_range(*us);
}

/* Digits that are read, times a power of ten. */
struct decimal {
    int64_t digits;
    int64_t power;
};

#define DIGITS_MAX                                                                                 \
    INT64_C(100000000000000000) /* one more digit makes 18, as many as any time has */
#define EXPONENT_MAX INT64_C(1000000000)

/* Digits behind the 18th are only counted: they are finer than a microsecond, or the number is out
 * of range. */
static bool take_mantissa(struct cursor *c, struct decimal *d)
{
    bool is_fraction = false;
    for (uint32_t begin = c->at;;) {
        uint32_t digit = peek(c) - '0';
        if (digit <= 9) {
            bool is_kept = d->digits < DIGITS_MAX;
            d->digits = is_kept ? d->digits * 10 + digit : d->digits;
            d->power += (is_kept ? 0 : 1) - (is_fraction ? 1 : 0);
            c->at++;
        } else if (!is_fraction && c->at > begin && take(c, '.')) {
            is_fraction = true;
            begin = c->at;
        } else {
            return c->at > begin;
        }
    }
}

static bool take_exponent(struct cursor *c, struct decimal *d)
{
    int64_t exponent = 0;
    if (!take(c, 'e') && !take(c, 'E')) {
        return false;
    }
    bool negative = take(c, '-');
    if (!negative) {
        (void)take(c, '+');
    }
    uint32_t begin = c->at;
    for (uint32_t digit = peek(c) - '0'; digit <= 9; digit = peek(c) - '0') {
        exponent = exponent < EXPONENT_MAX ? exponent * 10 + digit : exponent;
        c->at++;
    }
    d->power += negative ? -exponent : exponent;
    return c->at > begin;
}

static bool parse_scientific(const uint8_t *text, uint32_t length, int64_t scale, int64_t *us)
{
    struct cursor c = {text, length, 0};
    struct decimal d = {0, 0};
    bool negative = take(&c, '-');
    if (!take_mantissa(&c, &d) || !take_exponent(&c, &d) || c.at != length) {
        return false;
    }
    for (; scale > 1; scale /= 10) {
        d.power++;
    }
    for (; d.power > 0 && d.digits != 0; d.power--) {
        if (d.digits > TIMESTAMP_MAX_US / 10) {
            return false;
        }
        d.digits *= 10;
    }
    for (; d.power < 0 && d.digits != 0; d.power++) {
        d.digits /= 10;
    }
    *us = negative ? -d.digits : d.digits;
    return in_range(*us);
}

bool timestamp_parse_unix(const uint8_t *text, uint32_t length, int64_t scale, int64_t *us)
{
    return parse_plain(text, length, scale, us) || parse_scientific(text, length, scale, us);
}

/* value in exactly `digits` digits. */
static char *write_digits(char *at, uint32_t value, uint32_t digits)
{
    for (uint32_t i = digits; i-- > 0; value /= 10) {
        at[i] = (char)('0' + value % 10);
    }
    return at + digits;
}

static char *write_three(char *at, char mark, uint32_t first, uint32_t second, uint32_t third)
{
    at = write_digits(at, first, 2);
    *at++ = mark;
    at = write_digits(at, second, 2);
    *at++ = mark;
    return write_digits(at, third, 2);
}

uint32_t timestamp_format(int64_t us, enum timestamp_style style, uint32_t digits,
                          char text[TIMESTAMP_TEXT_SIZE])
{
    int32_t year;
    int32_t month;
    int32_t day;
    text[0] = '\0';
    if (!in_range(us)) {
        return 0;
    }
    int64_t second = (us - TIMESTAMP_MIN_US) / TIMESTAMP_US_PER_S;
    uint32_t fraction = (uint32_t)((us - TIMESTAMP_MIN_US) % TIMESTAMP_US_PER_S);
    uint32_t of_day = (uint32_t)(second % S_PER_DAY);
    civil_from_days(second / S_PER_DAY + TIMESTAMP_MIN_US / TIMESTAMP_US_PER_S / S_PER_DAY, &year,
                    &month, &day);
    char *at = write_digits(text, (uint32_t)year / 100, 2);
    at = write_three(at, '-', (uint32_t)year % 100, (uint32_t)month, (uint32_t)day);
    *at++ = style == TIMESTAMP_SQL ? ' ' : 'T';
    at = write_three(at, ':', of_day / 3600, of_day / 60 % 60, of_day % 60);
    if (digits > 0) {
        *at++ = '.';
        at = digits <= 3 ? write_digits(at, fraction / 1000, 3) : write_digits(at, fraction, 6);
    }
    if (style == TIMESTAMP_ISO8601) {
        *at++ = 'Z';
    }
    *at = '\0';
    return (uint32_t)(at - text);
}
