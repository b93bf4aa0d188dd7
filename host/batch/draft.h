/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Batches that a UDF builds: what stands behind ph_out. A draft and all its columns are memory of
 * one reserve; publishing it makes it a batch without a copy. [worker]
 */
#ifndef BATCH_DRAFT_H
#define BATCH_DRAFT_H

#include "batch/batch.h"
#include "pipehost/udf.h"

/** One output of an operator: the first `inherited` columns of the schema are the input's, in its
 * order; the others are built. */
struct draft_output {
    struct reserve *reserve;
    const struct ph_schema *schema;
    uint32_t inherited;
};

/** Where a flat-map stands: kept by its task for all its drafts of one output, zeroed at first and
 * whenever a source goes back. */
struct draft_run {
    bool flat;             /**< a row was named twice once: sub-rows are numbered by this task */
    uint32_t partition_id; /**< of the record that the last draft ended with */
    int64_t offset;
    uint32_t next_sub; /**< sub-index of that record's next sub-row; 0 = no record yet */
};

/** Null, for these three: no room in the reserve. */
__attribute__((warn_unused_result)) struct ph_draft *draft_derive(const struct draft_output *output,
                                                                  const struct ph_batch *in);
/**
 * As ph_out.gather. The last sub-row of each run gets PH_SUB_LAST; only a run that ends a draft
 * which is not the final one does not, because it may go on. Null also for rows that are not
 * ascending, not in `in`, or more than BATCH_MAX_ROWS.
 */
__attribute__((warn_unused_result)) struct ph_draft *draft_gather(const struct draft_output *output,
                                                                  const struct ph_batch *in,
                                                                  const uint32_t *rows,
                                                                  uint32_t count, bool last,
                                                                  struct draft_run *run);
__attribute__((warn_unused_result)) struct ph_draft *draft_create(const struct draft_output *output,
                                                                  uint32_t row_count);

/** The batch, with one reference for the caller; the draft is gone. positions: it covers what the
 * input covers. Cannot fail. */
__attribute__((warn_unused_result)) struct ph_batch *draft_publish(struct ph_draft *draft,
                                                                   bool positions);
/** Null is ignored. */
void draft_discard(struct ph_draft *draft);

/** Bytes of a draft without its long text, whichever of the three made it. */
size_t draft_head_bytes(const struct draft_output *output, uint32_t rows);

/** The first required column with a null, or -1: a UDF's fault to be told before publishing. */
int32_t draft_find_missing(const struct ph_draft *draft);

#endif
