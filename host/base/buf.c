/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include "base/escape.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 64u

void buf_init(struct buf *b, size_t limit)
{
    *b = (struct buf){.limit = limit};
}

void buf_fini(struct buf *b)
{
    free(b->data);
    *b = (struct buf){.limit = b->limit};
}

void buf_clear(struct buf *b)
{
    b->length = 0;
    b->failed = false;
    if (b->data != NULL) {
        b->data[0] = '\0';
    }
}

/* Room for `more` bytes and a NUL behind the present length. */
static bool buf_reserve(struct buf *b, size_t more)
{
    if (b->failed || b->length > b->limit || more > b->limit - b->length) {
        b->failed = true;
        return false;
    }
    size_t needed = b->length + more + 1;
    if (needed <= b->capacity) {
        return true;
    }
    size_t capacity = b->capacity < FIRST_CAPACITY ? FIRST_CAPACITY : b->capacity;
    while (capacity < needed) {
        capacity = capacity > SIZE_MAX / 2 ? needed : capacity * 2;
    }
    char *data = realloc(b->data, capacity);
    if (data == NULL) {
        b->failed = true;
        return false;
    }
    b->data = data;
    b->capacity = capacity;
    return true;
}

void buf_append(struct buf *b, const void *data, size_t length)
{
    if (buf_reserve(b, length)) {
        if (length > 0) {
            memcpy(b->data + b->length, data, length);
        }
        b->length += length;
        b->data[b->length] = '\0';
    }
}

void buf_append_text(struct buf *b, const char *text)
{
    buf_append(b, text, strlen(text));
}

void buf_append_format(struct buf *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (length < 0) {
        b->failed = true;
        return;
    }
    if (!buf_reserve(b, (size_t)length)) {
        return;
    }
    va_start(args, format);
    (void)vsnprintf(b->data + b->length, (size_t)length + 1, format, args);
    va_end(args);
    b->length += (size_t)length;
}

/* Bytes that stand in a JSON string as they are. */
static size_t plain_length(const char *at, const char *end)
{
    const char *p = at;
    while (p < end && *p >= ' ' && *p <= '~' && *p != '"' && *p != '\\') {
        p++;
    }
    return (size_t)(p - at);
}

void buf_append_json_string(struct buf *b, const char *text, size_t length)
{
    size_t before = b->length;
    const char *end = text + length;
    char out[ESCAPE_JSON_MAX];
    buf_append(b, "\"", 1);
    for (const char *at = text; at < end && !b->failed;) {
        size_t plain = plain_length(at, end);
        if (plain > 0) {
            buf_append(b, at, plain);
            at += plain;
            continue;
        }
        size_t bytes = escape_json(&at, end, out);
        buf_append(b, out, bytes);
    }
    buf_append(b, "\"", 1);
    if (b->failed && b->data != NULL) {
        b->length = before;
        b->data[before] = '\0';
    }
}
