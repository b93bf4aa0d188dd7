/* SPDX-License-Identifier: Apache-2.0 */
#include "arena.h"

#include <assert.h>
#include <stdlib.h>

void arena_init(struct arena *a, uint64_t limit_bytes)
{
    *a = (struct arena){.limit_bytes = limit_bytes};
}

static void free_list(struct chunk *c)
{
    while (c != NULL) {
        struct chunk *next = c->next;
        free(c);
        c = next;
    }
}

void arena_fini(struct arena *a)
{
    free_list(a->used);
    free_list(a->free);
    arena_init(a, a->limit_bytes);
}

static void unlink_used(struct arena *a, struct chunk *c)
{
    if (c->previous != NULL) {
        c->previous->next = c->next;
    } else {
        a->used = c->next;
    }
    if (c->next != NULL) {
        c->next->previous = c->previous;
    }
    a->held_bytes -= c->capacity;
}

static void link_used(struct arena *a, struct chunk *c)
{
    c->previous = NULL;
    c->next = a->used;
    if (a->used != NULL) {
        a->used->previous = c;
    }
    a->used = c;
    a->held_bytes += c->capacity;
}

/* Chunks of the usual size are kept, as many as the limit allows; larger ones go. */
static void recycle(struct arena *a, struct chunk *c)
{
    unlink_used(a, c);
    if (c->capacity != ARENA_CHUNK_BYTES || a->free_bytes + c->capacity > a->limit_bytes) {
        free(c);
        return;
    }
    c->next = a->free;
    a->free = c;
    a->free_bytes += c->capacity;
}

static void close_open(struct arena *a)
{
    struct chunk *c = a->open;
    a->open = NULL;
    if (c != NULL) {
        c->is_open = false;
        if (c->unreported == 0) {
            recycle(a, c);
        }
    }
}

static struct chunk *find_chunk(struct arena *a, uint32_t bytes)
{
    struct chunk *c = a->free;
    if (bytes <= ARENA_CHUNK_BYTES && c != NULL) {
        a->free = c->next;
        a->free_bytes -= c->capacity;
        return c;
    }
    uint32_t capacity = bytes < ARENA_CHUNK_BYTES ? ARENA_CHUNK_BYTES : bytes;
    c = malloc(sizeof *c + capacity);
    if (c != NULL) {
        c->capacity = capacity;
    }
    return c;
}

char *arena_room(const struct arena *a, uint32_t *capacity)
{
    *capacity = a->open == NULL ? 0 : a->open->capacity - a->open->used;
    return a->open == NULL ? NULL : a->open->data + a->open->used;
}

int32_t arena_open(struct arena *a, uint32_t bytes)
{
    uint32_t capacity = bytes < ARENA_CHUNK_BYTES ? ARENA_CHUNK_BYTES : bytes;
    /* A value that is larger than the limit goes alone. */
    if (a->held_bytes > 0 && a->held_bytes + capacity > a->limit_bytes &&
        (a->used->next != NULL || a->used->unreported > 0)) {
        return PH_MORE;
    }
    close_open(a);
    struct chunk *c = find_chunk(a, bytes);
    if (c == NULL) {
        return PH_ERROR;
    }
    c->used = 0;
    c->unreported = 0;
    c->is_open = true;
    link_used(a, c);
    a->open = c;
    return PH_OK;
}

struct chunk *arena_take(struct arena *a, uint32_t bytes)
{
    struct chunk *c = a->open;
    assert(c != NULL && bytes <= c->capacity - c->used);
    c->used += bytes;
    c->unreported++;
    return c;
}

void arena_report(struct arena *a, struct chunk *chunk)
{
    assert(chunk->unreported > 0);
    if (--chunk->unreported > 0) {
        return;
    }
    if (chunk->is_open) {
        chunk->used = 0;
    } else {
        recycle(a, chunk);
    }
}
