/* SPDX-License-Identifier: Apache-2.0 */
/** UTF-8 read piece by piece, and written as the inside of a JSON string (RFC 8259, 7). */
#ifndef BASE_ESCAPE_H
#define BASE_ESCAPE_H

#include "pipehost/abi.h"

#define ESCAPE_JSON_MAX 6 /**< bytes that one code point takes at most: \u001f */

/** Bytes of the code point at `at`, 1..4, or 0 where the bytes are not UTF-8 (RFC 3629: no
 * surrogate, nothing overlong, nothing above U+10FFFF). at < end. [any] */
size_t escape_utf8_length(const char *at, const char *end);

/** Whether the bytes are UTF-8, all of them. [any] */
bool escape_is_utf8(const char *text, size_t length);

/** Writes the code point at *at (*at < end) as a JSON string has it, moves *at behind it and
 * answers the bytes written. A byte that is not UTF-8 becomes U+FFFD. No NUL is added. [any] */
size_t escape_json(const char **at, const char *end, char out[ESCAPE_JSON_MAX]);

#endif
