/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/snippet.h"

#include "base/escape.h"
#include "manifest/json_text.h"
#include "manifest/nesting.h"
#include "manifest/reference.h"
#include "manifest/secret.h"

#include <string.h>

#define INDENT "    "

/* Walks strings from the text's beginning, because what stands on a line may be the value of a key
 * on an earlier one. */
struct shown {
    struct buf line;   /* the line as it will be shown, whole */
    const char *from;  /* of the line */
    const char *to;    /* its end, without the line break */
    const char *mark;  /* where the caret belongs */
    size_t mark_bytes; /* the same within line.data */
    bool marked;
    struct nesting nesting;
    bool secret_next; /* the last string is a key named like a secret */
};

static void note_mark(struct shown *s, const char *at)
{
    if (!s->marked && at >= s->mark) {
        s->mark_bytes = s->line.length;
        s->marked = true;
    }
}

static void show_plain(struct shown *s, char c)
{
    bool control = (unsigned char)c < 0x20u || c == 0x7f;
    buf_append(&s->line, control ? " " : &c, 1);
}

/* A string from its opening quote, as far as it stands on the line. */
static void show_string(struct shown *s, const char *start, const char *end, bool is_key)
{
    bool in_map = nesting_in_config_map(&s->nesting) && !is_key;
    bool hidden = (s->secret_next || in_map) && end - start > 2 &&
                  !reference_is_all(start + 1, (size_t)(end - start) - 2);
    note_mark(s, start);
    if (hidden) {
        buf_append_text(&s->line, "\"" SECRET_MASK "\"");
        return;
    }
    size_t before = s->line.length;
    const char *from = start < s->from ? s->from : start;
    const char *to = end > s->to ? s->to : end;
    if (from >= to) {
        return;
    }
    (void)secret_mask_dsn(from, (size_t)(to - from), &s->line);
    for (size_t i = before; i < s->line.length; i++) {
        if ((unsigned char)s->line.data[i] < 0x20u || s->line.data[i] == 0x7f) {
            s->line.data[i] = ' ';
        }
    }
    if (s->mark > start && s->mark < to) {
        s->mark_bytes = before + (size_t)(s->mark - from);
        s->mark_bytes = s->mark_bytes > s->line.length ? s->line.length : s->mark_bytes;
    }
}

/* A number, a word or garbage where a secret belongs. */
static void show_hidden_word(struct shown *s, struct json_text *t)
{
    if (t->at >= s->from) {
        note_mark(s, t->at);
        buf_append_text(&s->line, SECRET_MASK);
    }
    while (t->at < s->to && strchr(" \t\r\n,]}", *t->at) == NULL) {
        t->at++;
    }
    s->secret_next = false;
}

static void show_other(struct shown *s, struct json_text *t)
{
    bool between = strchr(" \t\r\n:", *t->at) != NULL;
    bool number_in_map = nesting_in_config_map(&s->nesting) && *t->at != '\0' &&
                         strchr("-0123456789", *t->at) != NULL;
    if ((s->secret_next || number_in_map) && !between && strchr("{[,]}", *t->at) == NULL) {
        show_hidden_word(s, t);
        return;
    }
    nesting_step(&s->nesting, *t->at);
    if (t->at >= s->from) {
        note_mark(s, t->at);
        show_plain(s, *t->at);
    }
    s->secret_next = s->secret_next && between;
    t->at++;
}

static void show_line(struct shown *s, const char *text, const char *text_end)
{
    struct json_text t = {text, text_end};
    while (t.at < s->to) {
        const char *start = t.at;
        if (*start != '"') {
            show_other(s, &t);
            continue;
        }
        json_text_skip_string(&t);
        size_t inside = t.at - start >= 2 ? (size_t)(t.at - start) - 2 : 0;
        bool is_key = nesting_string(&s->nesting, start + 1, inside);
        if (t.at > s->from) {
            show_string(s, start, t.at, is_key);
        }
        s->secret_next = !s->secret_next && secret_is_name(start + 1, inside);
    }
    note_mark(s, s->mark);
}

static size_t count_columns(const char *text, size_t bytes)
{
    size_t columns = 0;
    for (size_t i = 0; i < bytes; i++) {
        columns += ((unsigned char)text[i] & 0xc0u) != 0x80u;
    }
    return columns;
}

/* Copies the code points first..last of the line; bytes that are not UTF-8 become '?'. */
static void append_columns(struct buf *out, const struct buf *line, size_t first, size_t last)
{
    size_t column = 0;
    const char *end = line->data + line->length;
    for (const char *at = line->data; at < end && column < last; column++) {
        size_t length = escape_utf8_length(at, end);
        if (column >= first) {
            buf_append(out, length == 0 ? "?" : at, length == 0 ? 1 : length);
        }
        at += length == 0 ? 1 : length;
    }
}

/* A long line is shown around the mark. */
static void append_window(struct buf *out, const struct buf *line, size_t mark)
{
    size_t columns = count_columns(line->data, line->length);
    size_t first = mark > SNIPPET_WIDTH * 2 / 3 ? mark - SNIPPET_WIDTH / 2 : 0;
    size_t last = columns - first > SNIPPET_WIDTH ? first + SNIPPET_WIDTH : columns;
    size_t caret = mark - first;
    buf_append_text(out, "\n" INDENT);
    if (first > 0) {
        buf_append_text(out, "...");
        caret += 3;
    }
    append_columns(out, line, first, last);
    buf_append_text(out, last < columns ? "..." : "");
    buf_append_format(out, "\n" INDENT "%*s^", (int)caret, "");
}

void snippet_append(struct buf *out, const char *text, size_t length, size_t offset)
{
    const char *text_end = text + length;
    const char *mark = text + (offset > length ? length : offset);
    struct shown s = {.from = mark, .to = mark, .mark = mark};
    while (s.from > text && s.from[-1] != '\n') {
        s.from--;
    }
    while (s.to < text_end && *s.to != '\n') {
        s.to++;
    }
    while (s.from < s.to && s.from < mark && (*s.from == ' ' || *s.from == '\t')) {
        s.from++;
    }
    buf_init(&s.line, 8 * length + 64);
    show_line(&s, text, text_end);
    if (!s.line.failed && s.line.length > 0) {
        append_window(out, &s.line, count_columns(s.line.data, s.mark_bytes));
    }
    buf_fini(&s.line);
}
