/* SPDX-License-Identifier: Apache-2.0 */
/** Takes the snapshot of a running job from what its workers count. It reads relaxed atomics, so
 * that it costs the workers nothing. [control] */
#ifndef JOB_MEASURE_H
#define JOB_MEASURE_H

#include "job/job.h"

/** With everything that does not change; null = out of memory. For stats_destroy. The job must
 * outlive it. */
struct stats *measure_create(const struct job *job);
/** All but rates, sums and state. */
void measure_take(struct job *job, struct stats *s);

#endif
