#include "unescape.h"

#include <stdint.h>
#include <string.h>

static bool read_hex(const char *at, const char *end, uint32_t *value)
{
    uint32_t sum = 0;
    if (end - at < 4) {
        return false;
    }
    for (int i = 0; i < 4; i++) {
        unsigned char c = (unsigned char)at[i];
        if (c >= '0' && c <= '9') {
            sum = sum * 16 + c - '0';
        } else if ((c | 32) >= 'a' && (c | 32) <= 'f') {
            sum = sum * 16 + (c | 32u) - 'a' + 10;
        } else {
            return false;
        }
    }
    *value = sum;
    return true;
}

/* Reads what follows \u, both halves of a pair: the place behind it, or null. */
static const char *read_code_point(const char *at, const char *end, uint32_t *code)
{
    uint32_t low;
    if (!read_hex(at, end, code) || (*code >= 0xdc00 && *code <= 0xdfff)) {
        return NULL;
    }
    at += 4;
    if (*code < 0xd800 || *code > 0xdbff) {
        return at;
    }
    if (end - at < 6 || at[0] != '\\' || at[1] != 'u' || !read_hex(at + 2, end, &low) ||
        low < 0xdc00 || low > 0xdfff) {
        return NULL;
    }
    *code = 0x10000 + ((*code - 0xd800) << 10) + (low - 0xdc00);
    return at + 6;
}

static char *put_utf8(char *to, uint32_t code)
{
    if (code < 0x80) {
        *to++ = (char)code;
        return to;
    }
    int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    static const uint8_t first[] = {0, 0xc0, 0xe0, 0xf0};
    *to++ = (char)(first[more] | code >> (6 * more));
    for (int i = more - 1; i >= 0; i--) {
        *to++ = (char)(0x80 | ((code >> (6 * i)) & 0x3f));
    }
    return to;
}

bool unescape(const char *spelling, size_t spelling_len, char *to, size_t *len)
{
    static const char from[] = "\"\\/bfnrt";
    static const char into[] = "\"\\/\b\f\n\r\t";
    const char *at = spelling;
    const char *end = spelling + spelling_len;
    char *start = to;
    while (at < end) {
        const char *slash = memchr(at, '\\', (size_t)(end - at));
        size_t plain = (size_t)((slash ? slash : end) - at);
        memcpy(to, at, plain);
        to += plain;
        at += plain;
        if (!slash) {
            break;
        }
        if (end - at < 2) {
            return false;
        }
        const char *known = at[1] ? strchr(from, at[1]) : NULL;
        uint32_t code;
        if (known) {
            *to++ = into[known - from];
            at += 2;
        } else if (at[1] == 'u' && (at = read_code_point(at + 2, end, &code)) != NULL) {
            to = put_utf8(to, code);
        } else {
            return false;
        }
    }
    *len = (size_t)(to - start);
    return true;
}
