/* SPDX-License-Identifier: Apache-2.0 */
#include "delivery/letter_time.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define US_PER_S INT64_C(1000000)

void letter_time_print(int64_t time_us, char out[LETTER_TIME_SIZE])
{
    time_t seconds = (time_t)(time_us / US_PER_S);
    struct tm tm;
    char text[LETTER_TIME_SIZE] = "";
    if (gmtime_r(&seconds, &tm) != NULL) {
        (void)strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
    }
    (void)snprintf(out, LETTER_TIME_SIZE, "%.24s.%06dZ", text, (int)(time_us % US_PER_S));
}

static int64_t seconds_of(const char text[20])
{
    struct tm tm = {.tm_isdst = 0};
    int used = 0;
    int read = sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
                      &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &used);
    if (read != 6 || used != 19 || tm.tm_year < 1970 || tm.tm_mon < 1 || tm.tm_mon > 12) {
        return -1;
    }
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    return timegm(&tm);
}

int64_t letter_time_read(const char *text, size_t length)
{
    char whole[20];
    if (length < sizeof whole) {
        return -1;
    }
    memcpy(whole, text, sizeof whole - 1);
    whole[sizeof whole - 1] = '\0';
    int64_t seconds = seconds_of(whole);
    int64_t fraction_us = 0;
    int64_t unit_us = US_PER_S / 10;
    size_t i = sizeof whole - 1;
    for (i += text[i] == '.'; i < length && text[i] >= '0' && text[i] <= '9'; i++) {
        fraction_us += (text[i] - '0') * unit_us;
        unit_us /= 10;
    }
    bool is_whole = seconds >= 0 && i + 1 == length && text[i] == 'Z';
    return is_whole ? seconds * US_PER_S + fraction_us : -1;
}

int64_t letter_time_of_line(const char *line, size_t length)
{
    static const char begin[] = "{\"time\":\"";
    const size_t at = sizeof begin - 1;
    if (length < at || memcmp(line, begin, at) != 0) {
        return -1;
    }
    const char *stop = memchr(line + at, '"', length - at);
    return stop == NULL ? -1 : letter_time_read(line + at, (size_t)(stop - line) - at);
}
