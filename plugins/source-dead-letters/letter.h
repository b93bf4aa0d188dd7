/* SPDX-License-Identifier: Apache-2.0 */
/** A dead letter: one line of JSON, as pipehost writes it (host/delivery/dead_letter.h there), read
 * without a copy. */
#ifndef SOURCE_DEAD_LETTERS_LETTER_H
#define SOURCE_DEAD_LETTERS_LETTER_H

#include "pipehost/abi.h"

/** Inside the line; data null = the letter lacks it, or it is null. */
struct letter_text {
    char *data;
    size_t length;
};

struct letter {
    struct letter_text pipeline;
    struct letter_text operator_name;
    struct letter_text source;
    struct letter_text key;
    struct letter_text value;
    int64_t timestamp_ms; /**< -1 = none */
    bool has_value;       /**< also where it is null */
    bool is_cut;          /**< the value was longer than a letter holds */
};

/** Microseconds since 1970 of the time that a line begins with, -1 where it begins otherwise. */
int64_t letter_time_us(const char *line, size_t length);

/** Decodes the line in place: it is no JSON afterwards. False: it is no whole letter. */
__attribute__((warn_unused_result)) bool letter_read(char *line, size_t length, struct letter *out);

static inline bool letter_text_is(const struct letter_text *t, const char *text, size_t length)
{
    return t->data != NULL && t->length == length && __builtin_memcmp(t->data, text, length) == 0;
}

#endif
