/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A batch as the host has it: the public view, its memory and the source records behind its rows.
 * Constant once published; the count of references is the only thing that changes. A batch made
 * from another holds that one, so columns are shared without a copy. [any]
 */
#ifndef BATCH_BATCH_H
#define BATCH_BATCH_H

#include "batch/pool.h"
#include "pipehost/host.h"

#include <stdatomic.h>

#define BATCH_MAX_ROWS   4096u
#define BATCH_MAX_BLOCKS 128u
#define BATCH_NO_KEY     UINT32_MAX

/** Where a row's source record stands in the arena. */
struct batch_origin {
    uint32_t value_offset;
    uint32_t value_length;
    uint32_t key_offset;
    uint32_t key_length; /**< BATCH_NO_KEY = none */
};

struct batch {
    struct ph_batch pub; /**< first, so that a ph_batch is a batch */
    atomic_uint references;
    uint32_t block_count;
    struct reserve *reserve; /**< lent the blocks */
    struct batch *parent;    /**< held for its columns and its arena; null = none */
    const uint8_t *arena;    /**< source records, perhaps of an ancestor; null = no source record */
    const struct batch_origin *origins; /**< of each row, null like the arena */
    const int64_t *timestamps_ms;       /**< the source's time of each row, -1 = none; null too */
    struct block blocks[BATCH_MAX_BLOCKS]; /**< the first one holds this struct */
};

static inline const struct batch *batch_of(const struct ph_batch *pub)
{
    return (const struct batch *)(const void *)pub;
}

void batch_retain(const struct ph_batch *pub);
/** Gives up a reference; the last one returns the memory. Null is ignored. */
void batch_release(const struct ph_batch *pub);
/** pipehost.batches/1 */
extern const struct ph_batches batch_service;

/** The source record's value as it came; data is null where the row stems from no record. */
struct ph_bytes batch_raw(const struct ph_batch *pub, uint32_t row);
/** The source record's key; data is null where there is none or it was not kept. */
struct ph_bytes batch_key(const struct ph_batch *pub, uint32_t row);
/** The source's time of the row, ms since 1970, -1 = none. */
int64_t batch_timestamp_ms(const struct ph_batch *pub, uint32_t row);

/**
 * The rows of `in` named by rows[count], ascending, as a batch of the same schema. Fixed values and
 * views are copied, text is not. positions: it covers what `in` covers. Null: no room in the
 * reserve.
 */
__attribute__((warn_unused_result)) struct ph_batch *batch_gather(struct reserve *reserve,
                                                                  const struct ph_batch *in,
                                                                  const uint32_t *rows,
                                                                  uint32_t count, bool positions);

/** A batch without rows that covers what `in` covers. Null: no room in the reserve. */
__attribute__((warn_unused_result)) struct ph_batch *batch_create_empty(
    struct reserve *reserve, const struct ph_schema *schema, const struct ph_batch *in);

#endif
