/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Times as text, in the proleptic Gregorian calendar, UTC, years 0001 to 9999. Inside they are
 * microseconds since 1970-01-01T00:00:00Z. Digits finer than a microsecond are cut off. The 60th
 * second of a minute (a leap second) is taken as the first of the next minute, as POSIX time does.
 */
#ifndef CODEC_TIMESTAMP_H
#define CODEC_TIMESTAMP_H

#include "pipehost/abi.h"

#include <endian.h>
#include <string.h>

#define TIMESTAMP_MIN_US       INT64_C(-62135596800000000) /**< 0001-01-01T00:00:00Z */
#define TIMESTAMP_MAX_US       INT64_C(253402300799999999) /**< 9999-12-31T23:59:59.999999Z */
#define TIMESTAMP_TEXT_SIZE    32u
#define TIMESTAMP_PATTERN_TEXT 255u
#define TIMESTAMP_US_PER_MS    INT64_C(1000)
#define TIMESTAMP_US_PER_S     INT64_C(1000000)

enum timestamp_style {
    TIMESTAMP_ISO8601, /**< 2024-05-01T00:00:00.123Z */
    TIMESTAMP_SQL      /**< 2024-05-01 00:00:00.123 */
};

/** The last minute that was read: most records of a topic are of the same one as those before. */
struct timestamp_minute {
    uint8_t text[16]; /**< 2024-05-01T00:00 */
    int64_t ms;
};

/** Milliseconds, towards the past: what cutting off the text's digits gives. */
static inline int64_t timestamp_floor_ms(int64_t us)
{
    int64_t ms = us / TIMESTAMP_US_PER_MS;
    return ms * TIMESTAMP_US_PER_MS > us ? ms - 1 : ms;
}

#define TIMESTAMP_FIXED_LENGTH 24u /**< YYYY-MM-DDTHH:MM:SS.mmmZ */

/** Reads the fixed form where it is of the minute remembered. False: it is not, or it is wrong; ask
 * timestamp_parse_iso8601. */
static inline bool timestamp_parse_again(const struct timestamp_minute *minute, const uint8_t *text,
                                         uint32_t length, int64_t *ms)
{
    if (length != TIMESTAMP_FIXED_LENGTH || memcmp(text, minute->text, sizeof minute->text) != 0) {
        return false;
    }
    /* ":ss.mmmZ" at once: where it is well-formed it differs from ":00.000Z" by its digits, and
     * adding `beyond` carries into no byte's highest bit. */
    static const uint8_t zeros[8] = {':', '0', '0', '.', '0', '0', '0', 'Z'};
    const uint64_t beyond = UINT64_C(0x7f7676767f767a7f);
    uint64_t tail;
    uint64_t digits;
    memcpy(&tail, text + 16, sizeof tail);
    memcpy(&digits, zeros, sizeof digits);
    digits = le64toh(tail ^ digits);
    if ((((digits + beyond) | digits) & UINT64_C(0x8080808080808080)) != 0) {
        return false;
    }
    digits >>= 8;
    uint64_t pairs = digits * 10 + (digits >> 8); /* each digit with the one behind it */
    *ms = minute->ms +
          (int64_t)((pairs & 0xff) * 1000 + (pairs >> 24 & 0xff) * 10 + (digits >> 40 & 0xff));
    return true;
}

/** Remembers the minute of a text that timestamp_parse_iso8601 has read as us. */
void timestamp_remember(struct timestamp_minute *minute, const uint8_t *text, uint32_t length,
                        int64_t us);

/** Days since 1970-01-01; month 1..12, day 1..31. */
int64_t timestamp_days_from_civil(int32_t year, uint32_t month, uint32_t day);

/**
 * Reads YYYY-MM-DD, then "T", "t" or a space, then HH:MM[:SS[.fraction]], then nothing (UTC), "Z",
 * "z", or ±HH, ±HHMM or ±HH:MM. True: *us is set. False: *bad_at is the offset of the first byte
 * that cannot stand there.
 */
__attribute__((warn_unused_result)) bool timestamp_parse_iso8601(const uint8_t *text,
                                                                 uint32_t length, int64_t *us,
                                                                 uint32_t *bad_at);

/** Reads a decimal number of seconds (scale 1,000,000) or milliseconds (scale 1,000), with an
 * exponent or without, cut to microseconds. False: not a number, or outside the years 0001 to 9999.
 */
__attribute__((warn_unused_result)) bool timestamp_parse_unix(const uint8_t *text, uint32_t length,
                                                              int64_t scale, int64_t *us);

/** Days of a month; month 1..12. */
uint32_t timestamp_month_days(int32_t year, uint32_t month);

/** Null where the pattern can be used, else why not: conversions that depend on a locale, on the
 * machine's time zone or that strptime does not have. */
const char *timestamp_pattern_problem(const char *pattern);

/**
 * strptime's pattern, and %f for 1 to 9 digits of a fraction. %z is understood, without it the time
 * is UTC. The whole text must match; it is at most TIMESTAMP_PATTERN_TEXT bytes and holds no NUL.
 */
__attribute__((warn_unused_result)) bool timestamp_parse_pattern(const char *pattern,
                                                                 const uint8_t *text,
                                                                 uint32_t length, int64_t *us);

/**
 * Writes us with `digits` (0, 3 or 6) digits of the second into text, NUL-terminated; returns the
 * length, 0 where us is outside the years 0001 to 9999.
 */
uint32_t timestamp_format(int64_t us, enum timestamp_style style, uint32_t digits,
                          char text[TIMESTAMP_TEXT_SIZE]);

#endif
