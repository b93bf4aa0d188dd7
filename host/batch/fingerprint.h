/* SPDX-License-Identifier: Apache-2.0 */
/**
 * By what the last record before a position is known again: a number of its timestamp and value,
 * kept with the position. Two records that differ have the same one once in four thousand million.
 * Where the position has passed a hole of the log, by that there is no record.
 * What is computed stands in databases: it may not change from version to version.
 */
#ifndef BATCH_FINGERPRINT_H
#define BATCH_FINGERPRINT_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

/* Odd numbers without a pattern: the fractions of the golden ratio and of the root of two. */
#define FINGERPRINT_STEP  UINT64_C(0x9e3779b97f4a7c15)
#define FINGERPRINT_WORDS UINT64_C(0x6a09e667f3bcc909)

static inline uint64_t fingerprint_mix(uint64_t sum, uint64_t word)
{
    sum = (sum ^ word) * FINGERPRINT_WORDS;
    return (sum ^ (sum >> 32)) + FINGERPRINT_STEP;
}

/** No record is right before the position: any that is read there is of another log. */
#define FINGERPRINT_HOLE UINT32_MAX

/** Neither 0, which is unknown, nor FINGERPRINT_HOLE. */
static inline uint32_t fingerprint_folded(uint64_t sum)
{
    uint32_t folded = (uint32_t)(sum ^ (sum >> 32));
    return folded == 0 ? 1 : folded == FINGERPRINT_HOLE ? FINGERPRINT_HOLE - 1 : folded;
}

/** Neither 0 nor FINGERPRINT_HOLE. value may be null where length is 0. */
static inline uint32_t fingerprint_of(int64_t timestamp_ms, const void *value, uint32_t length)
{
    const uint8_t *at = value;
    uint64_t sum =
        fingerprint_mix(fingerprint_mix(length, FINGERPRINT_STEP), (uint64_t)timestamp_ms);
    for (uint32_t left = length; left > 0;) {
        uint64_t word = 0;
        uint32_t n = left < sizeof word ? left : (uint32_t)sizeof word;
        memcpy(&word, at, n);
        sum = fingerprint_mix(sum, le64toh(word));
        at += n;
        left -= n;
    }
    sum = fingerprint_mix(sum, length);
    return fingerprint_folded(sum);
}

#endif
