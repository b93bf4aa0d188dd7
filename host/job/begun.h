/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The partitions that had a position in the sinks once: a file in state_dir, `begun`, which tells a
 * partition that is new from one whose position was lost. Without the file, a partition above all
 * others counts as new. And for each sink one of its own, `SINK.begun`, which tells a sink that is
 * new from one whose positions were all lost; without that file it counts as new.
 */
#ifndef JOB_BEGUN_H
#define JOB_BEGUN_H

#include "job/job.h"

#define BEGUN_SUFFIX ".begun"

/** The path of a sink's file, into PATH_MAX bytes; sink is its name, null = the pipeline's. */
__attribute__((warn_unused_result)) int32_t begun_path(const struct job *job, const char *sink,
                                                       char *path, struct ph_error *err);
/** Reads job->has_begun of every partition that the table has by now, and the operators that are
 * gone; warns of those. [control] */
__attribute__((warn_unused_result)) int32_t begun_load(struct job *job, struct ph_error *err);
/** Makes durable that all partitions of the table have begun; after their first positions are.
 * [control] */
__attribute__((warn_unused_result)) int32_t begun_store(struct job *job, struct ph_error *err);
/** Whether some partition of the same topic and source had begun. */
bool begun_has_topic(const struct job *job, const struct ph_partition *p);
/** Whether this sink had a position of some partition of the same topic and source. */
bool begun_has_topic_in(const struct node *sink, const struct ph_partition *p);

/** Removes the file of a sink, or the pipeline's own where sink is null. */
__attribute__((warn_unused_result)) int32_t begun_forget(const struct job *job,
                                                         const struct node *sink,
                                                         struct ph_error *err);

#endif
