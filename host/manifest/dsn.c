/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/dsn.h"

#include "manifest/secret.h"

#include <string.h>

struct finder {
    const char *text;
    size_t length;
    struct dsn_range *ranges;
    uint32_t count;
};

static void add_range(struct finder *f, size_t start, size_t end)
{
    if (end <= start) {
        return;
    }
    if (f->count == DSN_RANGES_MAX) {
        struct dsn_range *last = &f->ranges[DSN_RANGES_MAX - 1];
        last->length = f->length - last->start;
        return;
    }
    f->ranges[f->count++] = (struct dsn_range){start, end - start};
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
}

/* The user part's end: the last '@' before a '?', or the last at all, since a raw password may hold
 * any of "/?#@". Answers 0 where there is none. */
static size_t find_at_sign(const struct finder *f, size_t from)
{
    size_t before_query = 0;
    size_t any = 0;
    bool query = false;
    for (size_t i = from; i < f->length && !is_space(f->text[i]); i++) {
        query = query || f->text[i] == '?';
        if (f->text[i] == '@') {
            any = i;
            before_query = query ? before_query : i;
        }
    }
    return before_query != 0 ? before_query : any;
}

/* from stands behind "://". Answers where to go on. */
static size_t find_in_authority(struct finder *f, size_t from)
{
    size_t at = find_at_sign(f, from);
    if (at == 0) {
        return from;
    }
    const char *colon = memchr(f->text + from, ':', at - from);
    if (colon != NULL) {
        add_range(f, (size_t)(colon - f->text) + 1, at);
    }
    return at;
}

/* A value behind '=': quoted, or up to a space, or in a URI's query up to '&' or '#'. Answers its
 * end. */
static size_t value_end(const struct finder *f, size_t from, bool in_query)
{
    char quote = from < f->length ? f->text[from] : '\0';
    if (quote != '\'' && quote != '"') {
        size_t end = from;
        while (end < f->length && !is_space(f->text[end]) &&
               !(in_query && (f->text[end] == '&' || f->text[end] == '#'))) {
            end++;
        }
        return end;
    }
    for (size_t i = from + 1; i < f->length; i++) {
        if (f->text[i] == '\\') {
            i++;
        } else if (f->text[i] == quote) {
            return i + 1;
        }
    }
    return f->length;
}

/* name_start..i is a name. Hides the value behind its '='. Answers where to go on. */
static size_t find_in_pair(struct finder *f, size_t name_start, size_t i, bool in_query)
{
    size_t name_length = i - name_start;
    size_t at = i;
    while (at < f->length && is_space(f->text[at])) {
        at++;
    }
    if (at >= f->length || f->text[at] != '=') {
        return i;
    }
    at++;
    while (!in_query && at < f->length && is_space(f->text[at])) {
        at++;
    }
    if (!secret_is_name(f->text + name_start, name_length)) {
        return at;
    }
    size_t end = value_end(f, at, in_query);
    bool quoted = end - at >= 2 && (f->text[at] == '\'' || f->text[at] == '"');
    bool closed = quoted && f->text[end - 1] == f->text[at];
    add_range(f, at + (quoted ? 1 : 0), end - (closed ? 1 : 0));
    return end;
}

uint32_t dsn_find(const char *text, size_t length, struct dsn_range ranges[DSN_RANGES_MAX])
{
    struct finder f = {text, length, ranges, 0};
    bool in_query = false;
    for (size_t i = 0; i < length;) {
        if (length - i >= 3 && memcmp(text + i, "://", 3) == 0) {
            i = find_in_authority(&f, i + 3);
            in_query = true;
        } else if (is_name_byte(text[i])) {
            size_t start = i;
            while (i < length && is_name_byte(text[i])) {
                i++;
            }
            i = find_in_pair(&f, start, i, in_query);
        } else {
            in_query = in_query && !is_space(text[i]);
            i++;
        }
    }
    return f.count;
}
