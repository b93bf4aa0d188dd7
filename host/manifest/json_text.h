/* SPDX-License-Identifier: Apache-2.0 */
/** Tokens of a JSON text that has been parsed before. */
#ifndef MANIFEST_JSON_TEXT_H
#define MANIFEST_JSON_TEXT_H

#include "pipehost/abi.h"

/** A position in a text; at == end is its end. */
struct json_text {
    const char *at;
    const char *end;
};

/** A string's bytes, read one by one with escapes undone. */
struct json_bytes {
    const char *at; /**< behind the opening quote at first */
    const char *end;
    unsigned char pending[4]; /**< the rest of an escaped code point, next byte first */
    uint32_t pending_count;
};

void json_text_skip_space(struct json_text *t);

/** At an opening quote: moves behind the closing one, or to the end where there is none. */
void json_text_skip_string(struct json_text *t);

/** At a value: moves behind it. */
void json_text_skip_value(struct json_text *t);

/** at is an opening quote. */
struct json_bytes json_bytes_begin(const char *at, const char *end);

/** The next byte, or -1 behind the last. */
int json_bytes_next(struct json_bytes *b);

/** Order of two strings by their bytes, each given at its opening quote: < 0, 0, > 0. */
int json_text_compare(const char *a, const char *b, const char *end);

#endif
