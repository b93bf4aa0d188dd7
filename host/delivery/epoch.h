/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What a sink task has taken and not yet made durable: the batches, in order, the rows of them that
 * were set aside, and where each partition will stand. Owns one reference on each batch. Used by
 * one thread.
 *
 *   entries:   [ bounded .......... ][ waiting .. ]
 *              written, then committed   until a position covers their source records
 *
 * An epoch may be cut: then only its first source records are ready, the rest of the entry that the
 * cut goes through is held back, and the positions to commit are those that fit.
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
    EPOCH_ROW_OUT = 2, /**< it is not in `written` */
    EPOCH_ROW_HELD = 3 /**< it is not in `written` before the part in front of it is durable */
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
    uint32_t bounded; /**< entries whose rows the positions cover */
    uint32_t ready;   /**< entries that the sink gets now: bounded, or fewer where it is cut */
    bool is_cut;
    uint64_t row_count;  /**< of `written` of the ready entries */
    uint64_t dead_count; /**< of them, set aside since the last prune */
    struct ph_position
        positions[PARTITIONS_MAX]; /**< those that moved, in the order of their first move */
    uint32_t position_count;
    int32_t index_of[PARTITIONS_MAX]; /**< partition id → index into positions, or -1 */
};

struct epoch *epoch_create(const struct epoch_memory *memory);
void epoch_destroy(struct epoch *e); /**< accepts null; releases what it holds */

/**
 * Takes the reference, also on failure. Positions that are not above durable[partition id] move
 * nothing. Rows that no position covers yet wait: whole batches, or the last rows of one, whose
 * record goes on in the next. The caller keeps entry_count below half of EPOCH_ENTRIES_MAX.
 * PH_ERROR: out of reserve.
 */
__attribute__((warn_unused_result)) int32_t epoch_add(struct epoch *e, const struct ph_batch *batch,
                                                      const int64_t *durable, struct ph_error *err);
/** Moves a partition's position without a batch. */
void epoch_move(struct epoch *e, struct ph_position position);
/** Leaves the rows below durable[partition id] out of the entries from `first` on. PH_ERROR: out of
 * reserve. */
__attribute__((warn_unused_result)) int32_t epoch_skip(struct epoch *e, uint32_t first,
                                                       const int64_t *durable,
                                                       struct ph_error *err);
/** Nothing follows: what waits is ready. */
void epoch_end_input(struct epoch *e);
/** The entry whose `written` this is, or null. */
struct epoch_entry *epoch_find(struct epoch *e, const struct ph_batch *batch);
/** True where the row of `written` was set aside. */
bool epoch_is_dead(const struct epoch_entry *entry, uint32_t row);
/** Marks a row of `written` as set aside. False: out of memory. */
__attribute__((warn_unused_result)) bool epoch_mark_dead(struct epoch *e, struct epoch_entry *entry,
                                                         uint32_t row);
/**
 * Leaves out of every entry the rows set aside and those below durable[partition id] (-1 = none),
 * and forgets positions that are not above it. Ends a cut. PH_ERROR: out of reserve.
 */
__attribute__((warn_unused_result)) int32_t epoch_prune(struct epoch *e, const int64_t *durable,
                                                        struct ph_error *err);
/** What was ready is durable, durable[] is up to date: forgets it and the positions below.
 * PH_ERROR: out of reserve. */
__attribute__((warn_unused_result)) int32_t epoch_pass(struct epoch *e, const int64_t *durable,
                                                       struct ph_error *err);
/** Nothing is held and no position moved. */
static inline bool epoch_is_empty(const struct epoch *e)
{
    return e->entry_count == 0 && e->position_count == 0;
}

/* ---- cuts: epoch_cut.c ---- */

/** Source records among the ready rows; 0: there are none, UINT64_MAX: rows that stem from no
 * record are among them, so that no cut is possible. */
uint64_t epoch_count_records(const struct epoch *e);
/** Makes only the first `records` source records ready. PH_ERROR: out of reserve. */
__attribute__((warn_unused_result)) int32_t epoch_cut(struct epoch *e, uint64_t records,
                                                      struct ph_error *err);
/** The positions that the ready part reaches, ascending by partition id, into out[PARTITIONS_MAX];
 * answers how many. */
uint32_t epoch_reach(const struct epoch *e, const int64_t *durable, struct ph_position *out);

/** Makes `written` of an entry anew from the rows that are EPOCH_ROW_WRITTEN. For this room. */
__attribute__((warn_unused_result)) int32_t epoch_filter(struct epoch *e, struct epoch_entry *entry,
                                                         struct ph_error *err);
/** Gives the entry a row list unless it has one. For this room. */
__attribute__((warn_unused_result)) int32_t epoch_list_rows(struct epoch_entry *entry,
                                                            struct ph_error *err);
/** Counts row_count and dead_count of the ready entries. For this room. */
void epoch_count(struct epoch *e);

#endif
