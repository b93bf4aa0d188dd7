/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/origin.h"

#include "manifest/memory.h"

#include <stdlib.h>
#include <string.h>

struct mark {
    const struct json_t *node;
    uint32_t flags;
};

struct set {
    struct set *next;
    const char *pointer;
    const char *shown;
};

struct manifest_origin {
    struct mark *marks;
    size_t count;
    size_t capacity;
    bool sorted; /* by node, for the look-ups that follow all marks */
    struct set *sets;
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

bool origin_mark(struct manifest_origin *o, const struct json_t *node, uint32_t flags)
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
    o->marks[o->count++] = (struct mark){node, flags};
    o->sorted = false;
    return true;
}

static int compare_marks(const void *a, const void *b)
{
    uintptr_t x = (uintptr_t)((const struct mark *)a)->node;
    uintptr_t y = (uintptr_t)((const struct mark *)b)->node;
    return (x > y) - (x < y);
}

uint32_t origin_flags(struct manifest_origin *o, const struct json_t *node)
{
    struct mark wanted = {node, 0};
    if (o->count == 0) {
        return 0;
    }
    if (!o->sorted) {
        qsort(o->marks, o->count, sizeof *o->marks, compare_marks);
        o->sorted = true;
    }
    struct mark *found = bsearch(&wanted, o->marks, o->count, sizeof *o->marks, compare_marks);
    if (found == NULL) {
        return 0;
    }
    uint32_t flags = 0;
    while (found > o->marks && found[-1].node == node) {
        found--;
    }
    for (; found < o->marks + o->count && found->node == node; found++) {
        flags |= found->flags;
    }
    return flags;
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
