/* SPDX-License-Identifier: Apache-2.0 */
/** Numbers as JSON writes them (RFC 8259, 6). Inside this room only. */
#ifndef CODEC_NUMBER_H
#define CODEC_NUMBER_H

#include "pipehost/abi.h"

#ifdef __cplusplus
extern "C" {
#endif

#define NUMBER_TEXT_SIZE 32u

enum number_result { NUMBER_OK, NUMBER_MALFORMED, NUMBER_FRACTION, NUMBER_RANGE };

/** True where the whole text is one JSON number. */
bool number_check(const uint8_t *text, uint32_t length);

/** NUMBER_FRACTION: a number with a fraction or an exponent. */
__attribute__((warn_unused_result)) enum number_result number_read_int64(const uint8_t *text,
                                                                         uint32_t length,
                                                                         int64_t *value);

/**
 * Correctly rounded. NUMBER_RANGE: beyond the largest double; what is too small becomes 0.
 */
__attribute__((warn_unused_result)) enum number_result number_read_float64(const uint8_t *text,
                                                                           uint32_t length,
                                                                           double *value);

/** The double nearest to a JSON number, infinite where it is too large. */
double number_read_any(const uint8_t *text, uint32_t length);

/** The shortest text that reads back as the same finite value; returns its length, no NUL. */
uint32_t number_write_float64(double value, char out[NUMBER_TEXT_SIZE]);

#ifdef __cplusplus
}
#endif

#endif
