/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The ph_out of a UDF's task. A plain UDF's last draft is held back until process is done with its
 * batch, because only then is it known which one is the last: that one carries the batch's
 * positions, so that no epoch ends in between. An async UDF emits one batch for each that it took:
 * it goes at once, with the positions. [worker]
 */
#ifndef JOB_UDF_OUT_H
#define JOB_UDF_OUT_H

#include "delivery/backoff.h"
#include "job/job.h"

struct udf_part {
    struct ph_out out;
    const struct ph_batch *current; /**< in work, one reference */
    uint32_t input;                 /**< that it came from */
    struct ph_draft *held;          /**< plain: emitted, not yet delivered */
    const struct ph_draft *partial; /**< async: gathered without `last`, so without positions */
    struct draft_run run;
    bool processed; /**< the plugin is done with `current`, its last draft is to be delivered */
    bool ended;     /**< all inputs have ended */
    bool finished;  /**< finish is done */
    bool moved;     /**< the running call emitted something */
    struct rejected_row *rejected;
    uint32_t rejected_count;
    uint32_t rejected_capacity;
    struct ph_error row_error; /**< of reject, whose caller cannot fail */
    struct backoff backoff;
    int64_t retry_ns;
};

void udf_out_init(struct task *t);
void udf_out_fini(struct udf_part *u);
/** Delivers the held draft, or an empty batch, with the positions of `current`. PH_MORE: no memory
 * now. There must be room. */
__attribute__((warn_unused_result)) int32_t udf_out_complete(struct task *t);
bool udf_out_has_held(const struct udf_part *u);
/** Delivers the held draft without positions. There must be room. */
void udf_out_flush(struct task *t);

#endif
