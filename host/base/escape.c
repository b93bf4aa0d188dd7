/* SPDX-License-Identifier: Apache-2.0 */
#include "base/escape.h"

#include <string.h>

static bool is_tail(const char *at, const char *end, size_t count)
{
    if ((size_t)(end - at) < count) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (((unsigned char)at[i] & 0xc0u) != 0x80u) {
            return false;
        }
    }
    return true;
}

size_t escape_utf8_length(const char *at, const char *end)
{
    unsigned char first = (unsigned char)at[0];
    if (first < 0x80u) {
        return 1;
    }
    size_t length = first >= 0xf0u ? 4 : first >= 0xe0u ? 3 : 2;
    if (first < 0xc2u || first > 0xf4u || !is_tail(at + 1, end, length - 1)) {
        return 0;
    }
    unsigned char second = (unsigned char)at[1];
    bool overlong = (first == 0xe0u && second < 0xa0u) || (first == 0xf0u && second < 0x90u);
    bool surrogate = first == 0xedu && second >= 0xa0u;
    bool above = first == 0xf4u && second >= 0x90u;
    return overlong || surrogate || above ? 0 : length;
}

bool escape_is_utf8(const char *text, size_t length)
{
    const char *end = text + length;
    while (text < end) {
        size_t point = escape_utf8_length(text, end);
        if (point == 0) {
            return false;
        }
        text += point;
    }
    return true;
}

static char short_escape(char c)
{
    switch (c) {
    case '"':
    case '\\':
        return c;
    case '\b':
        return 'b';
    case '\f':
        return 'f';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    default:
        return 0;
    }
}

size_t escape_json(const char **at, const char *end, char out[ESCAPE_JSON_MAX])
{
    static const char digits[] = "0123456789abcdef";
    const char *p = *at;
    size_t length = escape_utf8_length(p, end);
    *at = p + (length == 0 ? 1 : length);
    if (length == 0) {
        memcpy(out, "\xef\xbf\xbd", 3);
        return 3;
    }
    char letter = short_escape(*p);
    if (letter != 0) {
        out[0] = '\\';
        out[1] = letter;
        return 2;
    }
    if ((unsigned char)*p < 0x20u) {
        memcpy(out, "\\u00", 4);
        out[4] = digits[(unsigned char)*p >> 4];
        out[5] = digits[(unsigned char)*p & 15u];
        return 6;
    }
    memcpy(out, p, length);
    return length;
}
