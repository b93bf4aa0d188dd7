/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/json_text.h"

#include <string.h>

void json_text_skip_space(struct json_text *t)
{
    while (t->at < t->end && strchr(" \t\r\n", *t->at) != NULL && *t->at != '\0') {
        t->at++;
    }
}

void json_text_skip_string(struct json_text *t)
{
    for (t->at++; t->at < t->end && *t->at != '"'; t->at++) {
        if (*t->at == '\\' && t->end - t->at > 1) {
            t->at++;
        }
    }
    if (t->at < t->end) {
        t->at++;
    }
}

static bool is_open(char c)
{
    return c == '{' || c == '[';
}

static bool is_close(char c)
{
    return c == '}' || c == ']';
}

void json_text_skip_value(struct json_text *t)
{
    size_t depth = 0;
    if (t->at < t->end && *t->at != '"' && !is_open(*t->at)) {
        while (t->at < t->end && memchr(",}] \t\r\n", *t->at, 7) == NULL) {
            t->at++;
        }
        return;
    }
    do {
        if (t->at >= t->end) {
            return;
        }
        if (*t->at == '"') {
            json_text_skip_string(t);
            continue;
        }
        if (is_open(*t->at)) {
            depth++;
        } else if (is_close(*t->at)) {
            depth--;
        }
        t->at++;
    } while (depth > 0);
}

struct json_bytes json_bytes_begin(const char *at, const char *end)
{
    return (struct json_bytes){.at = at < end ? at + 1 : end, .end = end};
}

/* Four hex digits at p, or UINT32_MAX. */
static uint32_t hex4(const char *p, const char *end)
{
    uint32_t value = 0;
    if (end - p < 4) {
        return UINT32_MAX;
    }
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        uint32_t digit;
        if (c >= '0' && c <= '9') {
            digit = (uint32_t)(c - '0');
        } else if (c >= 'a' && c <= 'f') {
            digit = (uint32_t)(c - 'a') + 10;
        } else if (c >= 'A' && c <= 'F') {
            digit = (uint32_t)(c - 'A') + 10;
        } else {
            return UINT32_MAX;
        }
        value = value << 4 | digit;
    }
    return value;
}

/* Behind "\u". A pair of surrogates is one code point. */
static uint32_t read_unicode(struct json_bytes *b)
{
    uint32_t high = hex4(b->at, b->end);
    if (high == UINT32_MAX) {
        return '?';
    }
    b->at += 4;
    if (high < 0xd800u || high > 0xdbffu || b->end - b->at < 6 || b->at[0] != '\\' ||
        b->at[1] != 'u') {
        return high;
    }
    uint32_t low = hex4(b->at + 2, b->end);
    if (low < 0xdc00u || low > 0xdfffu) {
        return high;
    }
    b->at += 6;
    return 0x10000u + ((high - 0xd800u) << 10) + (low - 0xdc00u);
}

/* Answers the first UTF-8 byte and keeps the others. */
static int begin_code_point(struct json_bytes *b, uint32_t code)
{
    if (code < 0x80u) {
        return (int)code;
    }
    uint32_t tails = code < 0x800u ? 1 : code < 0x10000u ? 2 : 3;
    static const unsigned char lead[] = {0, 0xc0u, 0xe0u, 0xf0u};
    for (uint32_t i = 0; i < tails; i++) {
        b->pending[i] = (unsigned char)(0x80u | ((code >> (6 * (tails - 1 - i))) & 0x3fu));
    }
    b->pending_count = tails;
    return (int)(lead[tails] | code >> (6 * tails));
}

static int read_escape(struct json_bytes *b)
{
    static const char letters[] = "bfnrt";
    static const char meanings[] = "\b\f\n\r\t";
    if (b->at >= b->end) {
        return -1;
    }
    char c = *b->at++;
    if (c == 'u') {
        return begin_code_point(b, read_unicode(b));
    }
    const char *letter = memchr(letters, c, sizeof letters - 1);
    return letter != NULL ? meanings[letter - letters] : (unsigned char)c;
}

int json_bytes_next(struct json_bytes *b)
{
    if (b->pending_count > 0) {
        int byte = b->pending[0];
        b->pending_count--;
        memmove(b->pending, b->pending + 1, b->pending_count);
        return byte;
    }
    if (b->at >= b->end || *b->at == '"') {
        return -1;
    }
    char c = *b->at++;
    return c == '\\' ? read_escape(b) : (unsigned char)c;
}

int json_text_compare(const char *a, const char *b, const char *end)
{
    struct json_bytes x = json_bytes_begin(a, end);
    struct json_bytes y = json_bytes_begin(b, end);
    for (;;) {
        int p = json_bytes_next(&x);
        int q = json_bytes_next(&y);
        if (p != q || p < 0) {
            return p - q;
        }
    }
}
