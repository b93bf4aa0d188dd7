/* SPDX-License-Identifier: Apache-2.0 */
#include "instant.h"

#include <errno.h>
#include <stdlib.h>

/* Reads exactly `digits` digits within [low, high] and moves on. */
static bool take_number(const char **at, int digits, int low, int high, int *value)
{
    *value = 0;
    for (int i = 0; i < digits; i++) {
        if (**at < '0' || **at > '9') {
            return false;
        }
        *value = *value * 10 + (**at - '0');
        (*at)++;
    }
    return *value >= low && *value <= high;
}

static bool take_char(const char **at, char c)
{
    if (**at != c) {
        return false;
    }
    (*at)++;
    return true;
}

static bool is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int days_in(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && is_leap(year) ? 1 : 0);
}

/* Days since 1970-01-01 of a Gregorian date, year >= 1 (RFC 3339 names the calendar). */
static int64_t days_since_epoch(int year, int month, int day)
{
    int64_t before = year - 1;
    int64_t days = before * 365 + before / 4 - before / 100 + before / 400 - 719162;
    for (int m = 1; m < month; m++) {
        days += days_in(year, m);
    }
    return days + day - 1;
}

static bool take_date(const char **at, int64_t *ms)
{
    int year;
    int month;
    int day;
    if (!take_number(at, 4, 1, 9999, &year) || !take_char(at, '-') ||
        !take_number(at, 2, 1, 12, &month) || !take_char(at, '-') ||
        !take_number(at, 2, 1, 31, &day) || day > days_in(year, month)) {
        return false;
    }
    *ms = days_since_epoch(year, month, day) * 86400000;
    return true;
}

/* A fraction of a second of any length; what is finer than a millisecond is cut. */
static bool take_fraction(const char **at, int64_t *ms)
{
    int weight = 100;
    if (**at < '0' || **at > '9') {
        return false;
    }
    for (; **at >= '0' && **at <= '9'; (*at)++) {
        *ms += (int64_t)(**at - '0') * weight;
        weight /= 10;
    }
    return true;
}

static bool take_time(const char **at, int64_t *ms)
{
    int hour;
    int minute;
    int second = 0;
    if (!take_number(at, 2, 0, 23, &hour) || !take_char(at, ':') ||
        !take_number(at, 2, 0, 59, &minute)) {
        return false;
    }
    if (take_char(at, ':') && !take_number(at, 2, 0, 59, &second)) {
        return false;
    }
    *ms += ((int64_t)hour * 60 + minute) * 60000 + (int64_t)second * 1000;
    return !take_char(at, '.') || take_fraction(at, ms);
}

static bool take_zone(const char **at, int64_t *ms)
{
    int hours;
    int minutes;
    int sign = **at == '-' ? -1 : 1;
    if (**at == '\0' || take_char(at, 'Z')) {
        return true;
    }
    if (!take_char(at, '+') && !take_char(at, '-')) {
        return false;
    }
    if (!take_number(at, 2, 0, 14, &hours)) {
        return false;
    }
    (void)take_char(at, ':');
    if (!take_number(at, 2, 0, 59, &minutes)) {
        return false;
    }
    *ms -= sign * ((int64_t)hours * 60 + minutes) * 60000;
    return true;
}

static bool parse_iso8601(const char *text, int64_t *unix_ms)
{
    const char *at = text;
    int64_t ms;
    if (!take_date(&at, &ms)) {
        return false;
    }
    if (*at != '\0' && ((!take_char(&at, 'T') && !take_char(&at, ' ')) || !take_time(&at, &ms) ||
                        !take_zone(&at, &ms))) {
        return false;
    }
    *unix_ms = ms;
    return *at == '\0';
}

bool instant_parse(const char *text, int64_t *unix_ms)
{
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (end != text && *end == '\0' && text[0] >= '0' && text[0] <= '9') {
        *unix_ms = number;
        return errno == 0;
    }
    return parse_iso8601(text, unix_ms);
}
