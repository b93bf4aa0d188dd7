/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Where each partition begins. A sink that keeps positions is the truth; a partition that it does
 * not know begins at offset 0 where the sink knows lower ones of the same topic (the partition is
 * new), and where the source's startup mode says where it knows none. The source starts at the
 * least of its sinks, and each sink drops what it has.
 */
#ifndef JOB_POSITIONS_H
#define JOB_POSITIONS_H

#include "job/job.h"

/** Gives the sink task the partitions of its lane whose records can reach it. False: job_fail was
 * called. */
__attribute__((warn_unused_result)) bool positions_own(struct task *sink);
/** Decides the start of all partitions of a source, by asking lane 0's task. After all claims. */
__attribute__((warn_unused_result)) int32_t positions_resolve(struct task *source,
                                                              struct ph_error *err);
/** Stages the decided start for the partitions that this sink has no position of; *count: how many
 * there are. */
__attribute__((warn_unused_result)) int32_t positions_seed(struct task *sink, uint32_t *count,
                                                           struct ph_error *err);
/** Starts the partitions of this source task's lane. */
__attribute__((warn_unused_result)) int32_t positions_start(struct task *source,
                                                            struct ph_error *err);

/* ---- one partition that was found while running: job/discovery ---- */

/** Gives it to the tasks of its lane of every sink that its records reach. [control] */
void positions_offer_sinks(struct job *job, const struct ph_partition *p);
/** Whether each of these sinks has a position of it. [any] */
bool positions_are_durable(const struct job *job, const struct ph_partition *p);
/** The least of these positions; 0 where no sink keeps any. [any] */
int64_t positions_least(const struct job *job, const struct ph_partition *p);
/** Gives it to the source task of its lane, which starts it at job->starts. [control] */
void positions_offer_source(struct job *job, const struct ph_partition *p);
/** Whether that task has started it. [control] */
bool positions_is_started(const struct job *job, const struct ph_partition *p);

#endif
