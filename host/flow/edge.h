/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A ring between two workers with both wake-ups: a push wakes a consumer that dozes, a pop wakes a
 * producer that found the ring full. wants_room is set by the producer before it looks a second
 * time, and taken by the consumer after it made room, each with a full fence, so that one of the
 * two sees the other.
 */
#ifndef FLOW_EDGE_H
#define FLOW_EDGE_H

#include "flow/ring.h"
#include "flow/waiter.h"

struct edge {
    struct ring ring;
    struct waiter *producer;
    struct waiter *consumer;
    alignas(RING_LINE) _Atomic bool wants_room;
};

/** True where a push will succeed. False: the producer is woken when there is room. [producer] */
static inline bool edge_has_room(struct edge *e)
{
    if (ring_has_room(&e->ring)) {
        return true;
    }
    atomic_store(&e->wants_room, true);
    return ring_has_room(&e->ring);
}

/** There must be room. [producer] */
static inline void edge_push(struct edge *e, struct slot slot)
{
    bool pushed = ring_push(&e->ring, slot);
    (void)pushed;
    waiter_wake_if_dozing(e->consumer);
}

/** False: empty; the consumer is woken when it is not. [consumer] */
static inline bool edge_pop(struct edge *e, struct slot *slot)
{
    if (!ring_pop(&e->ring, slot)) {
        return false;
    }
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load_explicit(&e->wants_room, memory_order_relaxed) &&
        atomic_exchange(&e->wants_room, false)) {
        waiter_wake(e->producer);
    }
    return true;
}

#endif
