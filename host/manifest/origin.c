/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/origin.h"

#include "manifest/memory.h"

#include <stdlib.h>
#include <string.h>

struct mark {
    const struct json_t *node;
    const char *own; /* null without ORIGIN_REPLACED */
    const struct origin_piece *pieces;
    size_t piece_count;
    uint32_t flags;
};

struct set {
    struct set *next;
    const char *pointer;
    const char *shown;
};

struct failed {
    struct failed *next;
    const char *pointer;
};

struct manifest_origin {
    struct mark *marks;
    size_t count;
    size_t capacity;
    bool sorted; /* by node, for the look-ups that follow all marks */
    struct set *sets;
    struct failed *failed;
    struct memory_block *memory;
};

struct manifest_origin *origin_create(void)
{
    return calloc(1, sizeof(struct manifest_origin));
}

void origin_destroy(struct manifest_origin *o)
{
    if (o != NULL) {
        memory_free(&o->memory);
        free(o->marks);
        free(o);
    }
}

static bool add_mark(struct manifest_origin *o, struct mark mark)
{
    if (o->count == o->capacity) {
        size_t capacity = o->capacity == 0 ? 16 : o->capacity * 2;
        struct mark *marks = realloc(o->marks, capacity * sizeof *marks);
        if (marks == NULL) {
            return false;
        }
        o->marks = marks;
        o->capacity = capacity;
    }
    o->marks[o->count++] = mark;
    o->sorted = false;
    return true;
}

bool origin_mark(struct manifest_origin *o, const struct json_t *node, uint32_t flags)
{
    return add_mark(o, (struct mark){.node = node, .flags = flags});
}

bool origin_mark_replaced(struct manifest_origin *o, const struct json_t *node, const char *own,
                          const struct origin_piece *pieces, size_t count)
{
    struct mark mark = {.node = node, .piece_count = count, .flags = ORIGIN_REPLACED};
    struct origin_piece *copies = memory_alloc(&o->memory, count + 1, sizeof *copies);
    mark.own = memory_copy(&o->memory, own, strlen(own));
    if (copies == NULL || mark.own == NULL) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        copies[i] = pieces[i];
    }
    mark.pieces = copies;
    return add_mark(o, mark);
}

static int compare_marks(const void *a, const void *b)
{
    uintptr_t x = (uintptr_t)((const struct mark *)a)->node;
    uintptr_t y = (uintptr_t)((const struct mark *)b)->node;
    return (x > y) - (x < y);
}

/* The first of the node's marks, or null. */
static struct mark *find_first(struct manifest_origin *o, const struct json_t *node)
{
    struct mark wanted = {.node = node};
    if (o->count == 0) {
        return NULL;
    }
    if (!o->sorted) {
        qsort(o->marks, o->count, sizeof *o->marks, compare_marks);
        o->sorted = true;
    }
    struct mark *found = bsearch(&wanted, o->marks, o->count, sizeof *o->marks, compare_marks);
    while (found != NULL && found > o->marks && found[-1].node == node) {
        found--;
    }
    return found;
}

uint32_t origin_flags(struct manifest_origin *o, const struct json_t *node)
{
    uint32_t flags = 0;
    const struct mark *m = find_first(o, node);
    for (; m != NULL && m < o->marks + o->count && m->node == node; m++) {
        flags |= m->flags;
    }
    return flags;
}

/* The mark of a string that held a ${}, or null. */
static const struct mark *find_replaced(struct manifest_origin *o, const struct json_t *node)
{
    const struct mark *m = find_first(o, node);
    for (; m != NULL && m < o->marks + o->count && m->node == node; m++) {
        if (m->own != NULL) {
            return m;
        }
    }
    return NULL;
}

const char *origin_own(struct manifest_origin *o, const struct json_t *node)
{
    const struct mark *m = find_replaced(o, node);
    return m == NULL ? NULL : m->own;
}

const struct origin_piece *origin_pieces(struct manifest_origin *o, const struct json_t *node,
                                         size_t *count)
{
    const struct mark *m = find_replaced(o, node);
    *count = m == NULL ? 0 : m->piece_count;
    return m == NULL ? NULL : m->pieces;
}

bool origin_add_set(struct manifest_origin *o, const char *pointer, const char *shown)
{
    struct set *set = memory_alloc(&o->memory, 1, sizeof *set);
    if (set == NULL) {
        return false;
    }
    set->pointer = memory_copy(&o->memory, pointer, strlen(pointer));
    set->shown = memory_copy(&o->memory, shown, strlen(shown));
    if (set->pointer == NULL || set->shown == NULL) {
        return false;
    }
    set->next = o->sets;
    o->sets = set;
    return true;
}

const char *origin_find_set(const struct manifest_origin *o, const char *pointer)
{
    for (const struct set *s = o == NULL ? NULL : o->sets; s != NULL; s = s->next) {
        size_t length = strlen(s->pointer);
        if (strncmp(s->pointer, pointer, length) == 0 &&
            (pointer[length] == '\0' || pointer[length] == '/')) {
            return s->shown;
        }
    }
    return NULL;
}

const char *origin_find_set_below(const struct manifest_origin *o, const char *pointer)
{
    size_t length = strlen(pointer);
    for (const struct set *s = o == NULL ? NULL : o->sets; s != NULL; s = s->next) {
        if (strncmp(s->pointer, pointer, length) == 0 && s->pointer[length] == '/') {
            return s->shown;
        }
    }
    return NULL;
}

bool origin_add_failed(struct manifest_origin *o, const char *pointer)
{
    struct failed *failed = memory_alloc(&o->memory, 1, sizeof *failed);
    const char *copy = memory_copy(&o->memory, pointer, strlen(pointer));
    if (failed == NULL || copy == NULL) {
        return false;
    }
    *failed = (struct failed){o->failed, copy};
    o->failed = failed;
    return true;
}

bool origin_has_failed(const struct manifest_origin *o, const char *pointer)
{
    const struct failed *f = o == NULL ? NULL : o->failed;
    while (f != NULL && strcmp(f->pointer, pointer) != 0) {
        f = f->next;
    }
    return f != NULL;
}
