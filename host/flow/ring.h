/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A ring of slots from one producer thread to one consumer thread.
 *
 *        head: next slot to read           tail: next slot to write
 *          v                                 v
 *    ... [ ][#][#][#][#][#][#][#][#][#][#][#][ ][ ] ...      tail - head <= capacity
 *          written by the consumer           written by the producer
 *
 * Both indices run freely over 64 bits and never wrap in practice; a slot's place is index &
 * (capacity - 1). The producer's release store of tail publishes the slot's content; the consumer's
 * release store of head hands the place back. Each side keeps a cached copy of the other's index on
 * its own cache line and reads the other line only when the cache says "full" or "empty".
 */
#ifndef FLOW_RING_H
#define FLOW_RING_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ph_batch;

enum slot_kind {
    SLOT_BATCH = 1, /**< batch: one reference goes with the slot */
    SLOT_END = 2    /**< nothing follows */
};

struct slot {
    enum slot_kind kind;
    const struct ph_batch *batch;
};

#define RING_LINE 64

struct ring {
    alignas(RING_LINE) _Atomic uint64_t tail; /**< producer's line */
    uint64_t cached_head;
    alignas(RING_LINE) _Atomic uint64_t head; /**< consumer's line */
    uint64_t cached_tail;
    alignas(RING_LINE) struct slot *slots; /**< constant after init, as is mask */
    uint64_t mask;
};

/** capacity: a power of two, 2 .. 65,536. False: out of memory. [control] */
__attribute__((warn_unused_result)) bool ring_init(struct ring *r, uint32_t capacity);
/** The ring must be empty: slots own references that the ring cannot drop. [control] */
void ring_fini(struct ring *r);

/** True where a push will succeed; stays true until the producer pushes. [producer] */
bool ring_has_room(struct ring *r);
/** False: full, nothing happened. [producer] */
__attribute__((warn_unused_result)) bool ring_push(struct ring *r, struct slot slot);
/** False: empty. [consumer] */
__attribute__((warn_unused_result)) bool ring_pop(struct ring *r, struct slot *slot);
/** True where a pop will succeed. [consumer] */
bool ring_has_slot(struct ring *r);
/** Slots in the ring, for statistics only. [any] */
uint32_t ring_depth(struct ring *r);

#endif
