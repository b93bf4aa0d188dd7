/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The memory of a batch under construction: a head block (the batch, its positions and columns) and
 * the arena. It begins small, so that a batch of one record does not hold a megabyte until its
 * commit, and grows once to full size by a copy; after a large batch the next begins large. Inside
 * this room only. [worker]
 */
#ifndef BATCH_TIER_H
#define BATCH_TIER_H

#include "batch/layout.h"
#include "batch/writer.h"

#define TIER_MAX_POSITIONS 1024u
#define TIER_SMALL_ROWS    256u
#define TIER_ARENA_MAX     (UINT64_C(1) << 30)

struct tier {
    struct block head; /**< empty = no batch is open */
    struct block arena;
    uint32_t capacity; /**< of the arena, without padding */
    uint32_t max_rows;
    bool large;
    uint32_t column_count;
    const bool *wanted;            /**< the options' */
    struct target_column *columns; /**< the writer's, kept from batch to batch */
    struct target_column *before;  /**< while growing */
    /* In the head block: */
    struct batch *batch;
    struct ph_position *positions; /**< TIER_MAX_POSITIONS */
    struct ph_column *published;
    const uint8_t **buffers; /**< one, the arena, for all view columns */
    int64_t *buffer_sizes;
    uint32_t *partition_ids;
    int64_t *offsets;
    int64_t *timestamps_ms;
    struct batch_origin *origins;
};

__attribute__((warn_unused_result)) bool tier_init(struct tier *t, uint32_t column_count,
                                                   const bool *wanted);
void tier_fini(struct tier *t);

/** Memory for an empty batch with room for at least `wanted` bytes in its arena. False: no room in
 * the reserve. */
__attribute__((warn_unused_result)) bool tier_alloc(struct tier *t,
                                                    const struct batch_writer_options *o,
                                                    bool large, uint64_t wanted);
/** To full size, with the rows and positions so far. False: no room; nothing has changed. */
__attribute__((warn_unused_result)) bool tier_grow(struct tier *t,
                                                   const struct batch_writer_options *o,
                                                   uint32_t rows, uint32_t used,
                                                   uint32_t position_count);
/** Gives the memory back, if there is any. */
void tier_drop(struct tier *t, struct reserve *reserve);
/** The memory becomes a batch with one reference. */
struct batch *tier_publish(struct tier *t, const struct batch_writer_options *o, uint32_t rows,
                           uint32_t used, uint32_t position_count);

/** Bytes of a head block for so many rows. */
size_t tier_head_bytes(const struct ph_schema *schema, uint32_t max_rows);
/** Bytes of the arena that a record of the largest size needs. */
uint64_t tier_largest_bytes(const struct batch_writer_options *o);

#endif
