/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Of a run that replays dead letters: which rows are let through. A record that a UDF had made into
 * several rows comes whole once more, but only the row that was set aside may pass the operator
 * that set it aside; the others are in the sinks.
 */
#ifndef JOB_REPLAY_H
#define JOB_REPLAY_H

#include "pipehost/batch.h"

struct task;

struct job_replay {
    const char *operator_name; /**< where rows are left out */
    /** By place of the letter in its file, ascending; only letters of one row of several. */
    const int64_t *offsets;
    const uint32_t *sub_indexes;
    uint32_t count;
};

/** The batch itself where all its rows pass, else a new one for it, whose reference is given up.
 * Null: no memory now, the reference stays the caller's. [worker] */
const struct ph_batch *replay_filter(const struct task *t, const struct ph_batch *batch);

#endif
