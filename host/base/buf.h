/* SPDX-License-Identifier: Apache-2.0 */
/** A growing run of bytes with a limit. After a failed append it is marked and stays as it was;
 * callers may check once at the end. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "pipehost/abi.h"

struct buf {
    char *data; /**< NUL-terminated when not null */
    size_t length;
    size_t capacity;
    size_t limit; /**< length never exceeds it */
    bool failed;  /**< an append did not fit or memory ran out */
};

void buf_init(struct buf *b, size_t limit);
void buf_fini(struct buf *b);
void buf_clear(struct buf *b); /**< keeps the memory */
void buf_append(struct buf *b, const void *data, size_t length);
void buf_append_text(struct buf *b, const char *text);
__attribute__((format(printf, 2, 3))) void buf_append_format(struct buf *b, const char *format,
                                                             ...);
/** Appends text as a JSON string with quotes; bytes that are not UTF-8 become U+FFFD. */
void buf_append_json_string(struct buf *b, const char *text, size_t length);

#endif
