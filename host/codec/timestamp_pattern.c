/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/timestamp.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* One strptime call cannot read a fraction, so the pattern is cut at %f. */
#define PATTERN_MAX 127u

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

/* Behind the fraction, or null. */
static const char *read_fraction(const char *text, int64_t *us)
{
    size_t digits = strspn(text, "0123456789");
    int64_t unit = 100000;
    for (size_t i = 0; i < digits; i++) {
        *us += (text[i] - '0') * unit;
        unit /= 10;
    }
    return digits >= 1 && digits <= 9 ? text + digits : NULL;
}

static const char *read_all(const char *pattern, const char *text, struct tm *tm, int64_t *us)
{
    const char *cut = find_fraction(pattern);
    char first[PATTERN_MAX + 1];
    if (cut == NULL) {
        return strptime(text, pattern, tm);
    }
    memcpy(first, pattern, (size_t)(cut - pattern));
    first[cut - pattern] = '\0';
    text = strptime(text, first, tm);
    text = text == NULL ? NULL : read_fraction(text, us);
    return text == NULL ? NULL : strptime(text, cut + 2, tm);
}

bool timestamp_parse_pattern(const char *pattern, const uint8_t *text, uint32_t length, int64_t *us)
{
    char copy[TIMESTAMP_PATTERN_TEXT + 1];
    struct tm tm = {.tm_year = 70, .tm_mday = 1};
    int64_t fraction_us = 0;
    if (length > TIMESTAMP_PATTERN_TEXT || memchr(text, '\0', length) != NULL ||
        strlen(pattern) > PATTERN_MAX) {
        return false;
    }
    memcpy(copy, text, length);
    copy[length] = '\0';
    const char *end = read_all(pattern, copy, &tm, &fraction_us);
    int32_t year = tm.tm_year + 1900;
    if (end == NULL || *end != '\0' || year < 1 || year > 9999 || tm.tm_sec > 60 ||
        tm.tm_mday < 1 ||
        (uint32_t)tm.tm_mday > timestamp_month_days(year, (uint32_t)tm.tm_mon + 1)) {
        return false;
    }
    int64_t days = timestamp_days_from_civil(year, (uint32_t)tm.tm_mon + 1, (uint32_t)tm.tm_mday);
    int64_t seconds = days * 86400 + tm.tm_hour * INT64_C(3600) + tm.tm_min * INT64_C(60) +
                      tm.tm_sec - tm.tm_gmtoff;
    *us = seconds * TIMESTAMP_US_PER_S + fraction_us;
    return *us >= TIMESTAMP_MIN_US && *us <= TIMESTAMP_MAX_US;
}
