/* SPDX-License-Identifier: Apache-2.0 */
/** Text as a JSON string with its quotes (RFC 8259, 7). */
#ifndef CODEC_QUOTE_H
#define CODEC_QUOTE_H

#include "base/escape.h"

/* What is written behind a text's end at most, while it is written, for whole words at a time. */
#define QUOTE_SLACK 16
/** Bytes that a text takes at most. */
#define QUOTE_MAX(length) ((uint64_t)(length)*ESCAPE_JSON_MAX + 2 + QUOTE_SLACK)

/** How texts are written on this machine. Constant after quote_init: any thread may use it. */
struct quote {
    /** Takes as much from *from as it can, moves it there and answers the end of what it wrote. */
    char *(*take)(const struct quote *q, char *at, const char **from, const char *end);
    /** For each set of bytes of a word that get a backslash in front: where each byte of the result
     * comes from, 8 = the backslash; and how long it is. */
    uint8_t spread[256][16];
    uint8_t lengths[256];
};

void quote_init(struct quote *q);
/** Makes texts be written as they are on a machine without vector instructions. For tests. */
void quote_init_plain(struct quote *q);
/** Writes at `at`, where there is room for QUOTE_MAX(length), and answers the end. What is not
 * UTF-8 becomes U+FFFD. */
__attribute__((warn_unused_result)) char *quote_put(const struct quote *q, char *at,
                                                    const uint8_t *data, uint32_t length);

#endif
