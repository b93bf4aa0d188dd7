/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/reference.h"

#include "manifest/environment.h"

#include <string.h>

/* What comes next in a text: some of its own, or a ${} with its default. */
struct piece {
    const char *text;
    size_t length;
    bool is_reference;
};

static struct piece read_reference(const char **at, const char *end)
{
    const char *name = *at + 2;
    const char *close = memchr(name, '}', (size_t)(end - name));
    if (close == NULL) {
        struct piece rest = {*at, (size_t)(end - *at), false};
        *at = end;
        return rest;
    }
    const char *behind = name + environment_name_length(name, close);
    bool has_default = close - behind >= 2 && memcmp(behind, ":-", 2) == 0;
    *at = close + 1;
    return (struct piece){behind + 2, has_default ? (size_t)(close - behind) - 2 : 0, true};
}

/* *at < end */
static struct piece next_piece(const char **at, const char *end)
{
    const char *start = *at;
    if (*start == '$' && end - start > 1) {
        if (start[1] == '{') {
            return read_reference(at, end);
        }
        *at += start[1] == '$' ? 2 : 1;
        return (struct piece){start, 1, false};
    }
    const char *dollar = memchr(start + 1, '$', (size_t)(end - start) - 1);
    *at = dollar == NULL ? end : dollar;
    return (struct piece){start, (size_t)(*at - start), false};
}

void reference_reduce(const char *text, size_t length, struct buf *out)
{
    static const char mark = REFERENCE_MARK;
    for (const char *at = text; at < text + length;) {
        struct piece p = next_piece(&at, text + length);
        bool empty = p.is_reference && p.length == 0;
        buf_append(out, empty ? &mark : p.text, empty ? 1 : p.length);
    }
}

bool reference_is_all(const char *text, size_t length)
{
    for (const char *at = text; at < text + length;) {
        struct piece p = next_piece(&at, text + length);
        if (!p.is_reference || p.length > 0) {
            return false;
        }
    }
    return length > 0;
}

bool reference_has_literal(const char *reduced, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (reduced[i] != REFERENCE_MARK) {
            return true;
        }
    }
    return false;
}
