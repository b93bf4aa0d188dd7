/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/place.h"

#include "manifest/json_text.h"
#include "manifest/pointer.h"

#include <stdlib.h>
#include <string.h>

/* Whether the key whose opening quote stands at `key` is the pointer's segment at `segment`. */
static bool key_is(const char *key, const char *end, const char *segment)
{
    struct json_bytes bytes = json_bytes_begin(key, end);
    for (;;) {
        int a = json_bytes_next(&bytes);
        int b = pointer_next_byte(&segment);
        if (a != b) {
            return false;
        }
        if (a < 0) {
            return true;
        }
    }
}

/* t stands behind '{' or ','. Moves to the member's value and answers its key, or null at the end.
 */
static const char *next_member(struct json_text *t)
{
    json_text_skip_space(t);
    if (t->at >= t->end || *t->at != '"') {
        return NULL;
    }
    const char *key = t->at;
    json_text_skip_string(t);
    json_text_skip_space(t);
    if (t->at < t->end) {
        t->at++; /* the colon */
    }
    json_text_skip_space(t);
    return key;
}

/* t stands behind a value. Moves behind a comma; false at the end of the object or array. */
static bool next_comma(struct json_text *t)
{
    json_text_skip_space(t);
    if (t->at >= t->end || *t->at != ',') {
        return false;
    }
    t->at++;
    return true;
}

/* Of duplicates the last one counts, as for the parser. */
static bool enter_member(struct json_text *t, const char *segment, const char **key)
{
    struct json_text walk = {t->at + 1, t->end};
    do {
        const char *name = next_member(&walk);
        if (name == NULL) {
            break;
        }
        if (key_is(name, t->end, segment)) {
            *key = name;
            t->at = walk.at;
        }
        json_text_skip_value(&walk);
    } while (next_comma(&walk));
    return *key != NULL;
}

static bool enter_element(struct json_text *t, const char *segment)
{
    char *digits_end;
    unsigned long index = strtoul(segment, &digits_end, 10);
    if (digits_end == segment || (*digits_end != '/' && *digits_end != '\0')) {
        return false;
    }
    struct json_text walk = {t->at + 1, t->end};
    do {
        json_text_skip_space(&walk);
        if (walk.at >= walk.end || *walk.at == ']') {
            return false;
        }
        if (index-- == 0) {
            t->at = walk.at;
            return true;
        }
        json_text_skip_value(&walk);
    } while (next_comma(&walk));
    return false;
}

struct place place_find(const char *text, size_t length, const char *pointer)
{
    struct json_text t = {text, text + length};
    json_text_skip_space(&t);
    struct place place = {(size_t)(t.at - text), (size_t)(t.at - text), true};
    while (*pointer == '/') {
        const char *segment = pointer + 1;
        const char *key = NULL;
        bool inside = t.at < t.end && ((*t.at == '{' && enter_member(&t, segment, &key)) ||
                                       (*t.at == '[' && enter_element(&t, segment)));
        if (!inside) {
            place.found = false;
            return place;
        }
        place.value_offset = (size_t)(t.at - text);
        place.key_offset = key == NULL ? place.value_offset : (size_t)(key - text);
        for (pointer = segment; *pointer != '/' && *pointer != '\0';) {
            pointer++;
        }
    }
    return place;
}

size_t place_token(const char *text, size_t length, size_t offset)
{
    struct json_text t = {text, text + length};
    for (json_text_skip_space(&t); t.at < t.end; json_text_skip_space(&t)) {
        const char *start = t.at;
        if (*t.at == '"') {
            json_text_skip_string(&t);
        } else if (strchr("{}[]:,", *t.at) != NULL) {
            t.at++;
        } else {
            while (t.at < t.end && strchr(" \t\r\n{}[]:,\"", *t.at) == NULL) {
                t.at++;
            }
        }
        if (offset < (size_t)(t.at - text)) {
            return offset < (size_t)(start - text) ? offset : (size_t)(start - text);
        }
    }
    return offset;
}

void place_line_column(const char *text, size_t offset, uint32_t *line, uint32_t *column)
{
    *line = 1;
    *column = 1;
    for (size_t i = 0; i < offset; i++) {
        if (text[i] == '\n') {
            (*line)++;
            *column = 1;
        } else if (((unsigned char)text[i] & 0xc0u) != 0x80u) {
            (*column)++;
        }
    }
}

uint32_t place_depth(const char *text, size_t length)
{
    struct json_text t = {text, text + length};
    uint32_t depth = 0;
    uint32_t deepest = 0;
    while (t.at < t.end) {
        if (*t.at == '"') {
            json_text_skip_string(&t);
            continue;
        }
        if (*t.at == '{' || *t.at == '[') {
            depth++;
            deepest = depth > deepest ? depth : deepest;
        } else if ((*t.at == '}' || *t.at == ']') && depth > 0) {
            depth--;
        }
        t.at++;
    }
    return deepest;
}

struct walk {
    const char *text;
    const char *end;
    place_duplicate duplicate;
    void *context;
    struct pointer at;
};

/* A name within its object. The end of the text travels along because qsort has no context. */
struct name {
    const char *key;
    const char *end;
};

struct names {
    struct name *items;
    size_t count;
    size_t capacity;
};

static int compare_names(const void *a, const void *b)
{
    const struct name *x = a;
    const struct name *y = b;
    int order = json_text_compare(x->key, y->key, x->end);
    return order != 0 ? order : (x->key > y->key) - (x->key < y->key);
}

static bool names_add(struct names *names, const char *key, const char *end)
{
    if (names->count == names->capacity) {
        size_t capacity = names->capacity == 0 ? 16 : names->capacity * 2;
        struct name *items = realloc(names->items, capacity * sizeof *items);
        if (items == NULL) {
            return false;
        }
        names->items = items;
        names->capacity = capacity;
    }
    names->items[names->count++] = (struct name){key, end};
    return true;
}

static void push_key(struct pointer *p, const char *key, const char *end)
{
    char name[256];
    size_t length = 0;
    struct json_bytes bytes = json_bytes_begin(key, end);
    for (int c; length < sizeof name && (c = json_bytes_next(&bytes)) >= 0;) {
        name[length++] = (char)c;
    }
    pointer_push(p, name, length);
}

/* Sorted, equal names are neighbours, the first of them the first in the text. */
static void names_report(struct walk *w, struct names *names)
{
    if (names->count < 2) {
        return;
    }
    qsort(names->items, names->count, sizeof *names->items, compare_names);
    size_t first = 0;
    for (size_t i = 1; i < names->count; i++) {
        const char *key = names->items[i].key;
        if (json_text_compare(names->items[first].key, key, w->end) != 0) {
            first = i;
            continue;
        }
        push_key(&w->at, key, w->end);
        w->duplicate(w->context, &w->at, (size_t)(key - w->text),
                     (size_t)(names->items[first].key - w->text));
        pointer_pop(&w->at);
    }
}

static bool walk_value(struct walk *w, struct json_text *t);

static bool walk_object(struct walk *w, struct json_text *t)
{
    struct names names = {0};
    bool ok = true;
    t->at++;
    do {
        const char *key = next_member(t);
        if (key == NULL) {
            break;
        }
        push_key(&w->at, key, w->end);
        ok = names_add(&names, key, w->end) && walk_value(w, t);
        pointer_pop(&w->at);
    } while (ok && next_comma(t));
    if (ok) {
        names_report(w, &names);
        t->at += t->at < t->end;
    }
    free(names.items);
    return ok;
}

static bool walk_array(struct walk *w, struct json_text *t)
{
    size_t index = 0;
    bool ok = true;
    t->at++;
    do {
        json_text_skip_space(t);
        if (t->at >= t->end || *t->at == ']') {
            break;
        }
        pointer_push_index(&w->at, index++);
        ok = walk_value(w, t);
        pointer_pop(&w->at);
    } while (ok && next_comma(t));
    t->at += t->at < t->end;
    return ok;
}

static bool walk_value(struct walk *w, struct json_text *t)
{
    if (t->at < t->end && *t->at == '{') {
        return walk_object(w, t);
    }
    if (t->at < t->end && *t->at == '[') {
        return walk_array(w, t);
    }
    json_text_skip_value(t);
    return true;
}

bool place_duplicates(const char *text, size_t length, place_duplicate duplicate, void *context)
{
    struct walk w = {
        .text = text, .end = text + length, .duplicate = duplicate, .context = context};
    struct json_text t = {text, text + length};
    pointer_init(&w.at);
    json_text_skip_space(&t);
    return walk_value(&w, &t);
}
