/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/interpolate.h"

#include "base/escape.h"
#include "manifest/file.h"
#include "manifest/origin.h"
#include "manifest/reference.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct work {
    struct reader *r;
    const struct environment *e;
    size_t total;
    struct buf out;    /* the string that is being made */
    struct buf own;    /* what of it stands in the text */
    struct buf pieces; /* origin_piece after origin_piece: what of it ${} gave */
    bool replaced;
};

/* What stands between "${" and "}". */
struct inside {
    const char *at;
    const char *end;
};

static bool fail(struct work *w, const char *sentence)
{
    reader_fail(w->r, NULL, "%s", sentence);
    return false;
}

static bool fail_unset(struct work *w, const char *name)
{
    struct nearest n;
    char hint[NEAREST_HINT_SIZE];
    nearest_init(&n, name);
    environment_offer(w->e, &n);
    (void)nearest_hint(&n, hint);
    reader_fail(w->r, NULL,
                "variable %s is not set%s %s it, put it into a file for --env-file, or give a "
                "default: ${%s:-...}",
                name, hint[0] == '\0' ? ";" : hint, hint[0] == '\0' ? "set" : "Set", name);
    return false;
}

static bool append_file(struct work *w, const char *start, size_t length)
{
    char path[4096];
    char why[FILE_WHY_SIZE];
    if (length == 0 || length >= sizeof path) {
        return fail(w, "${file:...} needs the path of a file");
    }
    memcpy(path, start, length);
    path[length] = '\0';
    int dir = open(w->r->m->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct buf content;
    buf_init(&content, INTERPOLATE_FILE_MAX);
    bool ok = file_read(dir, path, &content, why);
    if (!ok) {
        reader_fail(w->r, NULL, "cannot read the file \"%.400s\": %s", path, why);
    } else if (memchr(content.data, '\0', content.length) != NULL) {
        reader_fail(w->r, NULL, "the file \"%.400s\" holds a NUL byte", path);
        ok = false;
    } else {
        size_t used = content.length;
        used -= used > 0 && content.data[used - 1] == '\n';
        used -= used > 0 && content.data[used - 1] == '\r';
        buf_append(&w->out, content.data, used);
    }
    buf_fini(&content);
    if (dir >= 0) {
        (void)close(dir);
    }
    return ok;
}

/* A default may hold $$ for a dollar, but no ${} of its own. */
static bool append_default(struct work *w, struct inside in)
{
    while (in.at < in.end) {
        if (in.end - in.at > 1 && in.at[0] == '$' && in.at[1] == '{') {
            return fail(w, "a default must not hold another ${}");
        }
        buf_append(&w->out, in.at, 1);
        in.at += in.end - in.at > 1 && in.at[0] == '$' && in.at[1] == '$' ? 2 : 1;
    }
    return true;
}

static bool append_variable(struct work *w, struct inside in)
{
    char name[NEAREST_LENGTH_MAX * 4];
    size_t length = environment_name_length(in.at, in.end);
    const char *rest = in.at + length;
    bool has_default = in.end - rest >= 2 && memcmp(rest, ":-", 2) == 0;
    bool has_message = in.end - rest >= 2 && memcmp(rest, ":?", 2) == 0;
    if (length == 0 || length >= sizeof name || (rest != in.end && !has_default && !has_message)) {
        return fail(w, "${} must be ${NAME}, ${NAME:-default}, ${NAME:?message} or ${file:PATH}; "
                       "write $$ for a dollar sign");
    }
    memcpy(name, in.at, length);
    name[length] = '\0';
    const char *value = environment_get(w->e, name, length);
    bool empty = value == NULL || value[0] == '\0';
    if (has_default && empty) {
        return append_default(w, (struct inside){rest + 2, in.end});
    }
    if (has_message && empty) {
        struct inside message = {rest + 2, in.end};
        static const char none[] = "it needs a value";
        if (message.at == message.end) {
            message = (struct inside){none, none + sizeof none - 1};
        }
        reader_fail(w->r, NULL, "variable %s is not set: %.*s", name,
                    (int)(message.end - message.at), message.at);
        return false;
    }
    if (value == NULL) {
        return fail_unset(w, name);
    }
    buf_append_text(&w->out, value);
    return true;
}

/* at stands behind "${". Moves it behind the closing brace. */
static bool append_replacement(struct work *w, const char **at, const char *end)
{
    const char *close = memchr(*at, '}', (size_t)(end - *at));
    if (close == NULL) {
        return fail(w, "\"${\" has no closing brace; write $$ for a dollar sign");
    }
    struct inside in = {*at, close};
    *at = close + 1;
    w->replaced = true;
    struct origin_piece piece = {.start = w->out.length};
    bool is_file = close - in.at >= 5 && memcmp(in.at, "file:", 5) == 0;
    bool ok =
        is_file ? append_file(w, in.at + 5, (size_t)(close - in.at) - 5) : append_variable(w, in);
    piece.length = w->out.length - piece.start;
    buf_append(&w->pieces, &piece, sizeof piece);
    return ok;
}

static bool expand(struct work *w, const char *at, const char *end)
{
    while (at < end && w->out.length <= INTERPOLATE_VALUE_MAX) {
        const char *dollar = memchr(at, '$', (size_t)(end - at));
        const char *stop = dollar == NULL ? end : dollar;
        buf_append(&w->out, at, (size_t)(stop - at));
        at = stop;
        if (end - at < 2) {
            buf_append(&w->out, at, (size_t)(end - at));
            break;
        }
        if (at[1] == '{') {
            at += 2;
            if (!append_replacement(w, &at, end)) {
                return false;
            }
        } else {
            buf_append(&w->out, at, 1);
            at += at[1] == '$' ? 2 : 1;
        }
    }
    return true;
}

/* The node keeps its address: that is how its origin is known. */
static bool store(struct work *w, json_t *node)
{
    w->total += w->out.length;
    if (w->out.length > INTERPOLATE_VALUE_MAX || w->total > INTERPOLATE_TOTAL_MAX) {
        return fail(w, "the text that variables and files give is too long (128 KiB for one value, "
                       "4 MiB for all)");
    }
    if (!w->out.failed && !escape_is_utf8(w->out.data, w->out.length)) {
        return fail(w, "the text that a variable or file gives is not UTF-8");
    }
    if (w->out.failed || json_string_setn_nocheck(node, w->out.data, w->out.length) != 0 ||
        (w->replaced &&
         (w->own.failed || w->pieces.failed ||
          !origin_mark_replaced(w->r->m->origin, node, w->own.data,
                                (const struct origin_piece *)(const void *)w->pieces.data,
                                w->pieces.length / sizeof(struct origin_piece))))) {
        return reader_no_memory(w->r);
    }
    return true;
}

static void replace_string(struct work *w, json_t *node)
{
    const char *text = json_string_value(node);
    if (strchr(text, '$') == NULL) {
        return;
    }
    buf_clear(&w->out);
    buf_append(&w->out, "", 0);
    w->replaced = false;
    buf_clear(&w->own);
    buf_clear(&w->pieces);
    reference_reduce(text, json_string_length(node), &w->own);
    bool ok = expand(w, text, text + json_string_length(node)) && store(w, node);
    /* Errors that find no room are only counted: these few marks are enough. */
    if (!ok && w->r->errs->errors.dropped == 0 &&
        !origin_add_failed(w->r->m->origin, w->r->at.text)) {
        (void)reader_no_memory(w->r);
    }
}

static void replace_value(struct work *w, json_t *node)
{
    if (json_is_string(node)) {
        replace_string(w, node);
    } else if (json_is_object(node)) {
        const char *key;
        json_t *value;
        json_object_foreach(node, key, value)
        {
            pointer_push_text(&w->r->at, key);
            replace_value(w, value);
            pointer_pop(&w->r->at);
        }
    } else if (json_is_array(node)) {
        size_t index;
        json_t *value;
        json_array_foreach(node, index, value)
        {
            pointer_push_index(&w->r->at, index);
            replace_value(w, value);
            pointer_pop(&w->r->at);
        }
    }
}

void interpolate_tree(struct reader *r, const struct environment *e)
{
    struct work w = {.r = r, .e = e};
    /* Room for the one append that crosses the limit, so that store can tell it from no memory. */
    buf_init(&w.out, INTERPOLATE_VALUE_MAX + ENVIRONMENT_FILE_MAX + MANIFEST_TEXT_MAX);
    buf_init(&w.own, MANIFEST_TEXT_MAX);
    buf_init(&w.pieces, MANIFEST_TEXT_MAX * sizeof(struct origin_piece));
    replace_value(&w, r->m->root);
    buf_fini(&w.pieces);
    buf_fini(&w.own);
    buf_fini(&w.out);
}
