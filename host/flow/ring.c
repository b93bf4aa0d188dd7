/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/ring.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define RING_CAPACITY_MAX 65536u

bool ring_init(struct ring *r, uint32_t capacity)
{
    assert(capacity >= 2 && capacity <= RING_CAPACITY_MAX && (capacity & (capacity - 1)) == 0);
    memset(r, 0, sizeof *r);
    r->slots = calloc(capacity, sizeof *r->slots);
    r->mask = capacity - 1;
    return r->slots != NULL;
}

void ring_fini(struct ring *r)
{
    assert(r->slots == NULL || ring_depth(r) == 0);
    free(r->slots);
    r->slots = NULL;
}

bool ring_has_room(struct ring *r)
{
    uint64_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
    if (tail - r->cached_head <= r->mask) {
        return true;
    }
    r->cached_head = atomic_load_explicit(&r->head, memory_order_acquire);
    return tail - r->cached_head <= r->mask;
}

bool ring_push(struct ring *r, struct slot slot)
{
    if (!ring_has_room(r)) {
        return false;
    }
    uint64_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
    r->slots[tail & r->mask] = slot;
    atomic_store_explicit(&r->tail, tail + 1, memory_order_release);
    return true;
}

bool ring_has_slot(struct ring *r)
{
    uint64_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
    if (head != r->cached_tail) {
        return true;
    }
    r->cached_tail = atomic_load_explicit(&r->tail, memory_order_acquire);
    return head != r->cached_tail;
}

bool ring_pop(struct ring *r, struct slot *slot)
{
    if (!ring_has_slot(r)) {
        return false;
    }
    uint64_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
    *slot = r->slots[head & r->mask];
    atomic_store_explicit(&r->head, head + 1, memory_order_release);
    return true;
}

uint32_t ring_depth(struct ring *r)
{
    uint64_t head = atomic_load_explicit(&r->head, memory_order_acquire);
    uint64_t tail = atomic_load_explicit(&r->tail, memory_order_acquire);
    return (uint32_t)(tail - head);
}
