/* SPDX-License-Identifier: Apache-2.0 */
/** One process for each pipeline and state_dir: a file lock that dies with its process. */
#ifndef JOB_LOCK_H
#define JOB_LOCK_H

#include "job/job.h"

enum lock_result { LOCK_FAILED = -1, LOCK_TAKEN = 0, LOCK_HELD_BY_OTHER = 1 };

/** Makes state_dir (0700) where it is missing and takes the lock in it. HELD: *pid is the owner's,
 * 0 = unknown. [control] */
enum lock_result lock_take(struct job *job, long *pid, struct ph_error *err);

#endif
