/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A run that shows rows on the terminal and leaves no trace: every sink is replaced by
 * sink-terminal, no position and no dead letter is kept, state_dir is not touched.
 */
#ifndef JOB_PREVIEW_H
#define JOB_PREVIEW_H

#include "job/job.h"

/** One sink's share of the limit. [worker] */
struct preview_sink {
    const struct ph_batch *held; /**< taken, and longer than what may still be shown */
    uint64_t taken;              /**< rows */
    bool is_full;                /**< and all of them are written */
};

/** Puts sink-terminal in a sink's place. [control] */
__attribute__((warn_unused_result)) int32_t preview_replace(struct node *sink,
                                                            struct ph_error *err);

/** task_take, with no more rows in all than job->row_limit: what comes behind them is dropped. */
bool preview_take(struct task *sink, struct preview_sink *p, const struct ph_batch **batch);
/** Rows were written; the job ends when every sink has written as many as it may. */
void preview_written(struct task *sink, struct preview_sink *p);
void preview_fini(struct preview_sink *p);

/** Says of a record that it would be set aside. [worker] */
void preview_tell(struct task *t, const char *place, const char *code, const char *reason);

#endif
