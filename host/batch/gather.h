/* SPDX-License-Identifier: Apache-2.0 */
/** Rows of one batch placed into another: inside this room only. Functions that take a layout place
 * nothing and answer null while it measures. */
#ifndef BATCH_GATHER_H
#define BATCH_GATHER_H

#include "batch/batch.h"
#include "batch/draft.h"
#include "batch/layout.h"

struct gather_rows {
    const struct ph_batch *in;
    const uint32_t *rows; /**< ascending */
    uint32_t count;
};

/** Fills in what every new batch has in common: one reference, no parent, no source records. */
void batch_init(struct batch *b, struct reserve *reserve, struct block head,
                const struct ph_schema *schema, uint32_t row_count);
/** Makes b hold `in` and share its arena and flags. */
void batch_adopt(struct batch *b, const struct ph_batch *in);
/** Makes b cover the positions of `in`, which it must hold. */
void batch_cover(struct batch *b, const struct ph_batch *in);

/** An array of total columns, the first `inherited` of which hold the rows. */
struct ph_column *gather_columns(struct layout *layout, const struct gather_rows *g,
                                 uint32_t inherited, uint32_t total);

/** Partition ids, offsets, times and origins of the rows for b. Answers room for sub-indexes where
 * numbered. */
uint32_t *gather_system(struct layout *layout, struct batch *b, const struct gather_rows *g,
                        bool numbered);

/**
 * Fills sub-indexes. run null: rows keep their numbers; else the sub-rows of a record are numbered
 * anew, going on where run stands. last: no later draft goes on with the final row's record.
 */
void gather_number(const struct gather_rows *g, bool last, struct draft_run *run,
                   uint32_t *numbers);

#endif
