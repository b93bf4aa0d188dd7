/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The first positions of a pipeline: what the startup mode said becomes durable in every sink task
 * before a record is read. A mark in state_dir stands while that is under way, so that a start
 * after a crash in between asks the startup mode again instead of taking the rest for new
 * partitions.
 */
#ifndef JOB_SEEDING_H
#define JOB_SEEDING_H

#include "job/job.h"

/** True where an earlier process did not finish. [control] */
bool seeding_was_interrupted(const struct job *job);
/** Sets the mark. [control] */
__attribute__((warn_unused_result)) int32_t seeding_begin(const struct job *job,
                                                          struct ph_error *err);
/** Every partition has begun: remembers that, and takes the mark away. [control] */
__attribute__((warn_unused_result)) int32_t seeding_end(struct job *job, struct ph_error *err);

#endif
