/* SPDX-License-Identifier: Apache-2.0 */
#include "json.h"

#include <string.h>

void json_skip_space(struct json *json)
{
    while (json->at < json->end &&
           (*json->at == ' ' || *json->at == '\t' || *json->at == '\n' || *json->at == '\r')) {
        json->at++;
    }
}

bool json_take(struct json *json, char c)
{
    json_skip_space(json);
    if (json->at == json->end || *json->at != (uint8_t)c) {
        return false;
    }
    json->at++;
    return true;
}

bool json_at_end(struct json *json)
{
    json_skip_space(json);
    return json->at == json->end;
}

static bool take_word(struct json *json, const char *word)
{
    size_t length = strlen(word);
    json_skip_space(json);
    if ((size_t)(json->end - json->at) < length || memcmp(json->at, word, length) != 0) {
        return false;
    }
    json->at += length;
    return true;
}

bool json_take_null(struct json *json)
{
    return take_word(json, "null");
}

/* Length of the well-formed UTF-8 sequence at p (The Unicode Standard, table 3-7), or 0. */
static size_t utf8_length(const uint8_t *p, const uint8_t *end)
{
    uint8_t low = 0x80;
    uint8_t high = 0xbf;
    size_t length;
    if (*p < 0x80) {
        return 1;
    }
    if (*p < 0xc2 || *p > 0xf4) {
        return 0;
    }
    length = *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : 4;
    if ((size_t)(end - p) < length) {
        return 0;
    }
    low = *p == 0xe0 ? 0xa0 : *p == 0xf0 ? 0x90 : low;
    high = *p == 0xed ? 0x9f : *p == 0xf4 ? 0x8f : high;
    for (size_t i = 1; i < length; i++) {
        if (p[i] < low || p[i] > high) {
            return 0;
        }
        low = 0x80;
        high = 0xbf;
    }
    return length;
}

/* The number of four hexadecimal digits, or -1. */
static int32_t hex4(const uint8_t *p, const uint8_t *end)
{
    int32_t value = 0;
    if (end - p < 4) {
        return -1;
    }
    for (int i = 0; i < 4; i++) {
        uint8_t lower = (uint8_t)(p[i] | 0x20u);
        if (p[i] >= '0' && p[i] <= '9') {
            value = value * 16 + (p[i] - '0');
        } else if (lower >= 'a' && lower <= 'f') {
            value = value * 16 + (lower - 'a' + 10);
        } else {
            return -1;
        }
    }
    return value;
}

/* The code point of the escape whose backslash p points at; *length is its bytes, 0 if it is none.
 */
static uint32_t escape_value(const uint8_t *p, const uint8_t *end, size_t *length)
{
    static const char letters[] = "\"\\/bfnrt";
    static const char values[] = "\"\\/\b\f\n\r\t";
    const char *letter;
    int32_t unit;
    int32_t second;
    *length = 0;
    if (end - p < 2) {
        return 0;
    }
    if (p[1] != 'u') {
        letter = p[1] == '\0' ? NULL : strchr(letters, p[1]);
        *length = letter == NULL ? 0 : 2;
        return letter == NULL ? 0 : (uint32_t)values[letter - letters];
    }
    unit = hex4(p + 2, end);
    if (unit <= 0 || (unit >= 0xdc00 && unit <= 0xdfff)) {
        return 0;
    }
    if (unit < 0xd800 || unit > 0xdbff) {
        *length = 6;
        return (uint32_t)unit;
    }
    second = end - p >= 12 && p[6] == '\\' && p[7] == 'u' ? hex4(p + 8, end) : -1;
    if (second < 0xdc00 || second > 0xdfff) {
        return 0;
    }
    *length = 12;
    return 0x10000u + (((uint32_t)unit - 0xd800u) << 10) + ((uint32_t)second - 0xdc00u);
}

bool json_take_string(struct json *json, struct json_string *out)
{
    const uint8_t *p;
    if (!json_take(json, '"')) {
        return false;
    }
    p = json->at;
    out->data = p;
    out->has_escapes = false;
    while (p < json->end && *p != '"') {
        size_t length = 0;
        if (*p >= 0x20 && *p < 0x80 && *p != '\\') {
            p++;
            continue;
        }
        if (*p == '\\') {
            out->has_escapes = true;
            (void)escape_value(p, json->end, &length);
        } else if (*p >= 0x20) {
            length = utf8_length(p, json->end);
        }
        if (length == 0) {
            return false;
        }
        p += length;
    }
    if (p == json->end) {
        return false;
    }
    out->length = (size_t)(p - out->data);
    json->at = p + 1;
    return true;
}

static size_t skip_digits(struct json *json)
{
    const uint8_t *first = json->at;
    while (json->at < json->end && *json->at >= '0' && *json->at <= '9') {
        json->at++;
    }
    return (size_t)(json->at - first);
}

static bool skip_one_of(struct json *json, const char *set)
{
    if (json->at == json->end || *json->at == '\0' || strchr(set, *json->at) == NULL) {
        return false;
    }
    json->at++;
    return true;
}

static bool skip_number(struct json *json)
{
    const uint8_t *first;
    size_t digits;
    (void)skip_one_of(json, "-");
    first = json->at;
    digits = skip_digits(json);
    if (digits == 0 || (digits > 1 && *first == '0')) {
        return false;
    }
    if (skip_one_of(json, ".") && skip_digits(json) == 0) {
        return false;
    }
    if (skip_one_of(json, "eE")) {
        (void)skip_one_of(json, "+-");
        return skip_digits(json) > 0;
    }
    return true;
}

/* The rest of an array or object whose opening bracket was taken. */
static bool skip_members(struct json *json, char close, bool named, uint32_t depth)
{
    struct json_string name;
    if (depth == 0) {
        return false;
    }
    if (json_take(json, close)) {
        return true;
    }
    do {
        if (named && (!json_take_string(json, &name) || !json_take(json, ':'))) {
            return false;
        }
        if (!json_skip_value(json, depth - 1)) {
            return false;
        }
    } while (json_take(json, ','));
    return json_take(json, close);
}

bool json_skip_value(struct json *json, uint32_t depth)
{
    struct json_string string;
    json_skip_space(json);
    if (json->at == json->end) {
        return false;
    }
    switch (*json->at) {
    case '"':
        return json_take_string(json, &string);
    case '{':
        json->at++;
        return skip_members(json, '}', true, depth);
    case '[':
        json->at++;
        return skip_members(json, ']', false, depth);
    case 't':
        return take_word(json, "true");
    case 'f':
        return take_word(json, "false");
    case 'n':
        return json_take_null(json);
    default:
        return skip_number(json);
    }
}

void json_write(struct json_output *out, const char *data, size_t length)
{
    if (length > out->capacity - out->used) {
        out->too_long = true;
        return;
    }
    if (length > 0) {
        memcpy(out->data + out->used, data, length);
        out->used += length;
    }
}

static void write_utf8(struct json_output *out, uint32_t c)
{
    char bytes[4];
    size_t length = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const uint8_t marks[] = {0x00, 0x00, 0xc0, 0xe0, 0xf0};
    for (size_t i = length - 1; i > 0; i--) {
        bytes[i] = (char)(0x80u | (c & 0x3fu));
        c >>= 6;
    }
    bytes[0] = (char)(marks[length] | c);
    json_write(out, bytes, length);
}

static void write_code_point(struct json_output *out, uint32_t c)
{
    static const char digits[] = "0123456789abcdef";
    static const char short_names[] = "btn_fr"; /* U+0008 .. U+000D */
    char escape[6] = {'\\', 'u', '0', '0', '0', '0'};
    if (c == '"' || c == '\\') {
        escape[1] = (char)c;
        json_write(out, escape, 2);
    } else if (c >= 0x20) {
        write_utf8(out, c);
    } else if (c >= 0x08 && c <= 0x0d && c != 0x0b) {
        escape[1] = short_names[c - 0x08];
        json_write(out, escape, 2);
    } else {
        escape[4] = digits[c >> 4];
        escape[5] = digits[c & 0xfu];
        json_write(out, escape, 6);
    }
}

void json_write_string(struct json_output *out, const struct json_string *string)
{
    const uint8_t *p = string->data;
    const uint8_t *end = p + string->length;
    if (!string->has_escapes) {
        json_write(out, (const char *)p, string->length);
        return;
    }
    while (p < end) {
        size_t length = 1;
        if (*p == '\\') {
            write_code_point(out, escape_value(p, end, &length));
        } else {
            json_write(out, (const char *)p, 1);
        }
        p += length;
    }
}

bool json_string_is(const struct json_string *string, const char *text)
{
    char copy[64];
    struct json_output out = {copy, sizeof copy, 0, false};
    size_t length = strlen(text);
    if (!string->has_escapes) {
        return string->length == length && memcmp(string->data, text, length) == 0;
    }
    json_write_string(&out, string);
    return !out.too_long && out.used == length && memcmp(copy, text, length) == 0;
}
