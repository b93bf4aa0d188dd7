/* SPDX-License-Identifier: Apache-2.0 */
/** Durations and sizes as people write them. */
#ifndef MANIFEST_UNITS_H
#define MANIFEST_UNITS_H

#include "pipehost/abi.h"

#define UNITS_TEXT_SIZE 32

/** "500ms", "10s", "5m", "2h", "7d" or a number of milliseconds; whole numbers, not negative. */
bool units_parse_duration(const char *text, int64_t *out_ms);

/** "64KiB", "64MiB", "1GiB" or a number of bytes; whole numbers, not negative. */
bool units_parse_size(const char *text, int64_t *out_bytes);

/** The shortest text that the parser turns back into the same number. */
const char *units_format_duration(int64_t ms, char out[UNITS_TEXT_SIZE]);
const char *units_format_size(int64_t bytes, char out[UNITS_TEXT_SIZE]);

#endif
