/* SPDX-License-Identifier: Apache-2.0 */
/** Sentences about refused records. Inside this room only. */
#ifndef CODEC_FAULT_H
#define CODEC_FAULT_H

#include "batch/target.h"

#define FAULT_EXCERPT_SIZE 64u

/** Fills in the fault, cut to 200 bytes between characters. PH_ERROR, for `return`. */
__attribute__((format(printf, 3, 4))) int32_t fault_set(struct row_fault *fault, const char *code,
                                                        const char *format, ...);

/** The text in quotes, escaped as JSON does it and cut with "..." where it is long. */
const char *fault_excerpt(char out[FAULT_EXCERPT_SIZE], const void *text, size_t length);

#endif
