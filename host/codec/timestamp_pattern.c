/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/timestamp.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define PATTERN_MAX         127u
#define FRACTION_DIGITS_MAX 9u
#define MARK                '\x01'

const char *timestamp_pattern_problem(const char *pattern)
{
    uint32_t fractions = 0;
    if (strlen(pattern) > PATTERN_MAX) {
        return "is longer than 127 bytes";
    }
    for (const char *at = strchr(pattern, '%'); at != NULL; at = strchr(at + 2, '%')) {
        if (at[1] == '\0') {
            return "ends in a lone %";
        }
        if (strchr("YmdHMSyCbBhaAeIjklpnRtTDFz%f", at[1]) == NULL) {
            return "has a conversion that is not one of %Y %m %d %H %M %S %f %z %y %C %b %B %h %a "
                   "%A %e %I %p %j %k %l %R %T %D %F %n %t %%";
        }
        fractions += at[1] == 'f' ? 1 : 0;
    }
    return fractions > 1 ? "has %f twice" : NULL;
}

static const char *find_fraction(const char *pattern)
{
    for (const char *at = strchr(pattern, '%'); at != NULL; at = strchr(at + 2, '%')) {
        if (at[1] == 'f') {
            return at;
        }
    }
    return NULL;
}

/* Where the fraction stands in the text, or null. The locale is C, where no conversion reads a
 * point or a comma: behind such a one it stands behind as many of them as in the pattern. Behind
 * anything else only reading what is before it tells. */
static char *find_digits(const char *pattern, const char *cut, char *text)
{
    char before[PATTERN_MAX + 1];
    struct tm ignored = {.tm_mday = 1};
    char mark = cut > pattern ? cut[-1] : '\0';
    if (mark != '.' && mark != ',') {
        memcpy(before, pattern, (size_t)(cut - pattern));
        before[cut - pattern] = '\0';
        const char *end = strptime(text, before, &ignored);
        return end == NULL ? NULL : text + (end - text);
    }
    for (; pattern < cut && text != NULL; pattern++) {
        if (*pattern == mark) {
            text = strchr(text, mark);
            text = text == NULL ? NULL : text + 1;
        }
    }
    return text;
}

/* Reads the digits and leaves MARK in their place. */
static bool take_digits(char *digits, int64_t *us)
{
    size_t count = strspn(digits, "0123456789");
    int64_t unit = 100000;
    for (size_t i = 0; i < count; i++) {
        *us += (digits[i] - '0') * unit;
        unit /= 10;
    }
    if (count < 1 || count > FRACTION_DIGITS_MAX) {
        return false;
    }
    *digits = MARK;
    memmove(digits + 1, digits + count, strlen(digits + count) + 1);
    return true;
}

/*
 * strptime has no conversion for a fraction, and gives what it knows only at the end of its pattern
 * (%I with %p, %j with %Y): one call must see all of it. So the same byte takes the place of %f in
 * the pattern and of the digits in the text; no conversion reads it, so that those beside it end
 * where they would at the digits.
 */
static bool read_all(const char *pattern, char *text, struct tm *tm, int64_t *us)
{
    char whole[PATTERN_MAX + 1];
    const char *cut = find_fraction(pattern);
    if (cut != NULL) {
        size_t before = (size_t)(cut - pattern);
        char *digits = find_digits(pattern, cut, text);
        if (digits == NULL || !take_digits(digits, us)) {
            return false;
        }
        memcpy(whole, pattern, before);
        whole[before] = MARK;
        memcpy(whole + before + 1, cut + 2, strlen(cut + 2) + 1);
        pattern = whole;
    }
    const char *end = strptime(text, pattern, tm);
    return end != NULL && *end == '\0';
}

/* Whether the day of the year is all that the pattern says of month and day. */
static bool has_day_of_year(const char *pattern)
{
    bool has = false;
    for (const char *at = strchr(pattern, '%'); at != NULL; at = strchr(at + 2, '%')) {
        if (strchr("mbBhdeDF", at[1]) != NULL) {
            return false;
        }
        has = has || at[1] == 'j';
    }
    return has;
}

/* Days since 1970-01-01. With %j strptime sets month and day only beside a year and no weekday, and
 * gives day 366 of other years than leap years a month that there is not. */
static bool count_days(const char *pattern, const struct tm *tm, int64_t *days)
{
    int32_t year = tm->tm_year + 1900;
    if (year < 1 || year > 9999) {
        return false;
    }
    if (has_day_of_year(pattern)) {
        int64_t begin = timestamp_days_from_civil(year, 1, 1);
        *days = begin + tm->tm_yday;
        return *days < timestamp_days_from_civil(year + 1, 1, 1);
    }
    if (tm->tm_mon > 11 || tm->tm_mday < 1 ||
        (uint32_t)tm->tm_mday > timestamp_month_days(year, (uint32_t)tm->tm_mon + 1)) {
        return false;
    }
    *days = timestamp_days_from_civil(year, (uint32_t)tm->tm_mon + 1, (uint32_t)tm->tm_mday);
    return true;
}

bool timestamp_parse_pattern(const char *pattern, const uint8_t *text, uint32_t length, int64_t *us)
{
    char copy[TIMESTAMP_PATTERN_TEXT + 1];
    struct tm tm = {.tm_year = 70, .tm_mday = 1};
    int64_t fraction_us = 0;
    int64_t days;
    if (length > TIMESTAMP_PATTERN_TEXT || memchr(text, '\0', length) != NULL ||
        strlen(pattern) > PATTERN_MAX) {
        return false;
    }
    memcpy(copy, text, length);
    copy[length] = '\0';
    if (!read_all(pattern, copy, &tm, &fraction_us) || !count_days(pattern, &tm, &days) ||
        tm.tm_sec > 60) {
        return false;
    }
    int64_t seconds = days * 86400 + tm.tm_hour * INT64_C(3600) + tm.tm_min * INT64_C(60) +
                      tm.tm_sec - tm.tm_gmtoff;
    *us = seconds * TIMESTAMP_US_PER_S + fraction_us;
    return *us >= TIMESTAMP_MIN_US && *us <= TIMESTAMP_MAX_US;
}
