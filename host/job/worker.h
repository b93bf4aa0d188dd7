/* SPDX-License-Identifier: Apache-2.0 */
/** The thread of a worker: steps its tasks, downstream first, and sleeps when none has anything to
 * do. */
#ifndef JOB_WORKER_H
#define JOB_WORKER_H

#include "job/job.h"

__attribute__((warn_unused_result)) int32_t worker_start(struct worker *w,
                                                         struct ph_error *err); /**< [control] */
void worker_join(struct worker *w);                                             /**< [control] */

/**
 * One sleep of a thread that is not (or not yet) the worker's own: for start-up. Returns at the
 * deadline, a wake, a watched fd. [control]
 */
void worker_wait(struct worker *w, int64_t deadline_ns);

#endif
