/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Times as text, in the proleptic Gregorian calendar, UTC, years 0001 to 9999. Inside they are
 * microseconds since 1970-01-01T00:00:00Z. Digits finer than a microsecond are cut off. The 60th
 * second of a minute (a leap second) is taken as the first of the next minute, as POSIX time does.
 */
#ifndef CODEC_TIMESTAMP_H
#define CODEC_TIMESTAMP_H

#include "pipehost/abi.h"

#define TIMESTAMP_MIN_US    INT64_C(-62135596800000000) /**< 0001-01-01T00:00:00Z */
#define TIMESTAMP_MAX_US    INT64_C(253402300799999999) /**< 9999-12-31T23:59:59.999999Z */
#define TIMESTAMP_TEXT_SIZE 32u

enum timestamp_style {
    TIMESTAMP_ISO8601, /**< 2024-05-01T00:00:00.123Z */
    TIMESTAMP_SQL      /**< 2024-05-01 00:00:00.123 */
};

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

/** Reads a decimal number of seconds (scale 1,000,000) or milliseconds (scale 1,000), cut to
 * microseconds. False: not a number without exponent, or outside the years 0001 to 9999. */
__attribute__((warn_unused_result)) bool timestamp_parse_unix(const uint8_t *text, uint32_t length,
                                                              int64_t scale, int64_t *us);

/** strptime's pattern, with %z understood, in UTC otherwise; the whole text must match. text is at
 * most 255 bytes. */
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
