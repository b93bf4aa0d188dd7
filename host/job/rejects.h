/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The rows that a UDF rejected and whose batch is still in its hands: the host takes them out of
 * whatever the UDF makes of that batch. [worker]
 */
#ifndef JOB_REJECTS_H
#define JOB_REJECTS_H

#include "batch/batch.h"

struct rejected_row {
    uint32_t partition_id;
    uint32_t sub_index; /**< REJECTS_WHOLE: the row was the only one of its record */
    int64_t offset;
};

#define REJECTS_WHOLE UINT32_MAX

struct rejects {
    struct rejected_row *rows;
    uint32_t count;
    uint32_t capacity;
    bool is_sorted;
};

void rejects_fini(struct rejects *r);
/** The batch must have offsets. False: out of memory. */
__attribute__((warn_unused_result)) bool rejects_add(struct rejects *r,
                                                     const struct ph_batch *batch, uint32_t row);
/**
 * Lists the rows of a batch that the UDF made, without those that stem from a rejected one, into
 * rows[BATCH_MAX_ROWS]; answers how many. renumbered: its sub-indexes are the UDF's own, so that a
 * single sub-row of the input cannot be found again: then what the UDF emitted stays.
 */
uint32_t rejects_list_kept(struct rejects *r, const struct ph_batch *batch, bool renumbered,
                           uint32_t *rows);
/** Forgets the rows of an input batch that the UDF is done with. */
void rejects_forget(struct rejects *r, const struct ph_batch *input);

#endif
