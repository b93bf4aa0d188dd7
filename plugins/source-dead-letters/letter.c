/* SPDX-License-Identifier: Apache-2.0 */
#include "letter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- the time ---- */

#define US_PER_S INT64_C(1000000)

static int64_t seconds_of(const char text[20])
{
    struct tm tm = {.tm_isdst = 0};
    int used = 0;
    int read = sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
                      &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &used);
    if (read != 6 || used != 19 || tm.tm_year < 1970 || tm.tm_mon < 1 || tm.tm_mon > 12) {
        return -1;
    }
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    return timegm(&tm);
}

int64_t letter_time_us(const char *line, size_t length)
{
    static const char begin[] = "{\"time\":\"";
    char text[20];
    const size_t ahead = sizeof begin - 1;
    size_t at = ahead + sizeof text - 1;
    if (length <= at || memcmp(line, begin, ahead) != 0) {
        return -1;
    }
    memcpy(text, line + ahead, sizeof text - 1);
    text[sizeof text - 1] = '\0';
    int64_t seconds = seconds_of(text);
    int64_t fraction_us = 0;
    int64_t unit_us = US_PER_S / 10;
    for (at += line[at] == '.'; at < length && line[at] >= '0' && line[at] <= '9'; at++) {
        fraction_us += (line[at] - '0') * unit_us;
        unit_us /= 10;
    }
    bool is_whole = seconds >= 0 && at + 1 < length && line[at] == 'Z' && line[at + 1] == '"';
    return is_whole ? seconds * US_PER_S + fraction_us : -1;
}

/* ---- JSON ---- */

/* What is left of the line. The text below `at` is decoded already. */
struct cursor {
    char *at;
    char *end;
};

static void pass_blanks(struct cursor *c)
{
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\t' || *c->at == '\r')) {
        c->at++;
    }
}

static bool take(struct cursor *c, char wanted)
{
    pass_blanks(c);
    if (c->at == c->end || *c->at != wanted) {
        return false;
    }
    c->at++;
    return true;
}

static bool read_hex(struct cursor *c, uint32_t *code)
{
    *code = 0;
    if (c->end - c->at < 4) {
        return false;
    }
    for (int i = 0; i < 4; i++) {
        char d = *c->at++;
        uint32_t value = d >= '0' && d <= '9'   ? (uint32_t)(d - '0')
                         : d >= 'a' && d <= 'f' ? (uint32_t)(d - 'a' + 10)
                         : d >= 'A' && d <= 'F' ? (uint32_t)(d - 'A' + 10)
                                                : 16u;
        if (value == 16) {
            return false;
        }
        *code = *code << 4 | value;
    }
    return true;
}

/* At most as long as the escape that it comes from. */
static char *write_utf8(char *out, uint32_t code)
{
    if (code < 0x80) {
        *out++ = (char)code;
        return out;
    }
    if (code >= 0x10000) {
        *out++ = (char)(0xF0u | code >> 18);
        *out++ = (char)(0x80u | (code >> 12 & 0x3Fu));
    } else if (code >= 0x800) {
        *out++ = (char)(0xE0u | code >> 12);
    } else {
        *out++ = (char)(0xC0u | code >> 6);
        *out++ = (char)(0x80u | (code & 0x3Fu));
        return out;
    }
    *out++ = (char)(0x80u | (code >> 6 & 0x3Fu));
    *out++ = (char)(0x80u | (code & 0x3Fu));
    return out;
}

/* Behind "\u". */
static bool read_code_point(struct cursor *c, uint32_t *code)
{
    uint32_t low;
    if (!read_hex(c, code)) {
        return false;
    }
    if (*code < 0xD800 || *code > 0xDFFF) {
        return true;
    }
    if (*code > 0xDBFF || c->end - c->at < 6 || c->at[0] != '\\' || c->at[1] != 'u') {
        return false;
    }
    c->at += 2;
    if (!read_hex(c, &low) || low < 0xDC00 || low > 0xDFFF) {
        return false;
    }
    *code = 0x10000 + ((*code - 0xD800) << 10) + (low - 0xDC00);
    return true;
}

static bool read_escape(struct cursor *c, char **out)
{
    static const char letters[] = "\"\\/bfnrt";
    static const char meant[] = "\"\\/\b\f\n\r\t";
    if (c->at == c->end) {
        return false;
    }
    char letter = *c->at++;
    if (letter == 'u') {
        uint32_t code;
        if (!read_code_point(c, &code)) {
            return false;
        }
        *out = write_utf8(*out, code);
        return true;
    }
    const char *found = letter == '\0' ? NULL : strchr(letters, letter);
    if (found == NULL) {
        return false;
    }
    *(*out)++ = meant[found - letters];
    return true;
}

static bool read_string(struct cursor *c, struct letter_text *text)
{
    if (!take(c, '"')) {
        return false;
    }
    char *out = c->at;
    text->data = c->at;
    for (;;) {
        char *stop = c->at;
        while (stop < c->end && *stop != '"' && *stop != '\\') {
            stop++;
        }
        size_t plain = (size_t)(stop - c->at);
        memmove(out, c->at, plain);
        out += plain;
        c->at = stop + 1;
        if (stop >= c->end) {
            return false;
        }
        if (*stop == '"') {
            text->length = (size_t)(out - text->data);
            return true;
        }
        if (!read_escape(c, &out)) {
            return false;
        }
    }
}

/* A number, a literal, or anything in brackets: up to the comma or bracket behind it. */
static bool pass_other(struct cursor *c)
{
    uint32_t depth = 0;
    const char *begin = c->at;
    while (c->at < c->end) {
        struct letter_text text;
        char b = *c->at;
        if (b == '"') {
            if (!read_string(c, &text)) {
                return false;
            }
            continue;
        }
        if (depth == 0 && (b == ',' || b == '}')) {
            return c->at > begin;
        }
        depth += b == '{' || b == '[';
        depth -= b == '}' || b == ']';
        c->at++;
    }
    return false;
}

/* ---- members ---- */

static bool read_text(struct cursor *c, struct letter_text *text)
{
    pass_blanks(c);
    if (c->end - c->at >= 4 && memcmp(c->at, "null", 4) == 0) {
        c->at += 4;
        return true;
    }
    return read_string(c, text);
}

static int digit_of(char b)
{
    return b >= 'A' && b <= 'Z'   ? b - 'A'
           : b >= 'a' && b <= 'z' ? b - 'a' + 26
           : b >= '0' && b <= '9' ? b - '0' + 52
           : b == '+'             ? 62
           : b == '/'             ? 63
                                  : -1;
}

/* RFC 4648, 4, in place. */
static bool decode_base64(struct letter_text *text)
{
    char *out = text->data;
    uint32_t bits = 0;
    uint32_t count = 0;
    if (text->length % 4 != 0) {
        return false;
    }
    size_t length = text->length;
    while (length > 0 && text->length - length < 2 && text->data[length - 1] == '=') {
        length--;
    }
    for (size_t i = 0; i < length; i++) {
        int digit = digit_of(text->data[i]);
        if (digit < 0) {
            return false;
        }
        bits = bits << 6 | (uint32_t)digit;
        count += 6;
        if (count >= 8) {
            count -= 8;
            *out++ = (char)(bits >> count);
        }
    }
    text->length = (size_t)(out - text->data);
    return true;
}

static bool read_number(struct cursor *c, int64_t *number)
{
    char text[24];
    size_t length = 0;
    char *stop;
    pass_blanks(c);
    while (c->at < c->end && length < sizeof text - 1 &&
           (*c->at == '-' || (*c->at >= '0' && *c->at <= '9'))) {
        text[length++] = *c->at++;
    }
    text[length] = '\0';
    *number = strtoll(text, &stop, 10);
    return length > 0 && *stop == '\0';
}

static bool read_member(struct cursor *c, const struct letter_text *name, struct letter *l)
{
    const struct {
        const char *name;
        struct letter_text *text;
        bool is_base64;
    } texts[] = {{"pipeline", &l->pipeline, false}, {"operator", &l->operator_name, false},
                 {"source", &l->source, false},     {"key", &l->key, false},
                 {"key_base64", &l->key, true},     {"value", &l->value, false},
                 {"value_base64", &l->value, true}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (letter_text_is(name, texts[i].name, strlen(texts[i].name))) {
            l->has_value = l->has_value || texts[i].text == &l->value;
            return read_text(c, texts[i].text) &&
                   (!texts[i].is_base64 || decode_base64(texts[i].text));
        }
    }
    if (letter_text_is(name, "timestamp_ms", 12)) {
        return read_number(c, &l->timestamp_ms);
    }
    l->is_cut = l->is_cut || letter_text_is(name, "value_bytes", 11);
    pass_blanks(c);
    return pass_other(c);
}

bool letter_read(char *line, size_t length, struct letter *out)
{
    struct cursor c = {line, line + length};
    *out = (struct letter){.timestamp_ms = -1};
    if (!take(&c, '{')) {
        return false;
    }
    do {
        struct letter_text name = {NULL, 0};
        if (!read_string(&c, &name) || !take(&c, ':') || !read_member(&c, &name, out)) {
            return false;
        }
    } while (take(&c, ','));
    bool is_closed = take(&c, '}');
    pass_blanks(&c);
    return is_closed && c.at == c.end && out->has_value && out->operator_name.data != NULL;
}
