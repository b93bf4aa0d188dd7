/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What a sink task has taken and not yet made durable: the batches, in order, the rows of them that
 * were set aside, and where each partition will stand. Owns one reference on each batch. Used by
 * one thread.
 */
#ifndef DELIVERY_EPOCH_H
#define DELIVERY_EPOCH_H

#include "delivery/partitions.h"

/** A batch must be retained and released through these, so that the room knows nothing of batch
 * memory. */
struct epoch_memory {
    void *arg;
    void (*release)(void *arg, const struct ph_batch *batch);
    /** A new batch of the rows that keep says (one byte a row), with the same positions and flags;
     * null: out of reserve. */
    const struct ph_batch *(*filter)(void *arg, const struct ph_batch *batch, const uint8_t *keep);
};

#define EPOCH_ENTRIES_MAX 1024

/** What becomes of a row of an entry's batch. */
enum epoch_row {
    EPOCH_ROW_WRITTEN = 0, /**< it is in `written` */
    EPOCH_ROW_DEAD =
        1, /**< it is in `written` too, but was set aside: left out from the next prune on */
    EPOCH_ROW_OUT = 2 /**< it is not in `written` */
};

struct epoch_entry {
    const struct ph_batch *batch;   /**< as it came */
    const struct ph_batch *written; /**< what the sink gets: batch, or what is left of it */
    uint8_t *rows;                  /**< enum epoch_row of each row of batch; null = all written */
};

struct epoch {
    const struct epoch_memory *memory;
    struct epoch_entry entries[EPOCH_ENTRIES_MAX];
    uint32_t entry_count;
    uint64_t row_count;
    bool at_boundary; /**< the last batch ends between source records: the epoch may end here */
    struct ph_position
        positions[PARTITIONS_MAX]; /**< those that moved, in the order of their first move */
    uint32_t position_count;
    int32_t index_of[PARTITIONS_MAX]; /**< partition id → index into positions, or -1 */
};

struct epoch *epoch_create(const struct epoch_memory *memory);
void epoch_destroy(struct epoch *e); /**< accepts null; releases what it holds */

/** Takes the reference. Positions that are not above durable[partition id] move nothing. The caller
 * checks EPOCH_ENTRIES_MAX before. */
void epoch_add(struct epoch *e, const struct ph_batch *batch, const int64_t *durable);
/** The entry whose `written` this is, or null. */
struct epoch_entry *epoch_find(struct epoch *e, const struct ph_batch *batch);
/** Marks a row of `written` as set aside. *before: it was already. False: out of memory. */
__attribute__((warn_unused_result)) bool epoch_mark_dead(struct epoch_entry *entry, uint32_t row,
                                                         bool *before);
/**
 * Leaves out of every entry the rows set aside and those below durable[partition id] (-1 = none),
 * and forgets positions that are not above it. PH_ERROR: out of reserve.
 */
__attribute__((warn_unused_result)) int32_t epoch_prune(struct epoch *e, const int64_t *durable,
                                                        struct ph_error *err);
/** Releases all batches and forgets all positions. */
void epoch_clear(struct epoch *e);
/** Sorts the positions by partition id, as ph_epoch wants them. */
void epoch_sort_positions(struct epoch *e);

#endif
