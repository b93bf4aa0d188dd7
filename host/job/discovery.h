/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Partitions that a source finds while the pipeline runs. Each goes its way before the next one
 * does:
 *
 *   found ──▶ waiting ──▶ table ──▶ sinks of its lane ──────────▶ begun ──▶ source task of its lane
 *   (plugin)                        claim it, make its beginning            starts it
 *                                   durable
 *
 * One at a time and lower numbers first, so that wherever a crash comes the partitions that have no
 * position are those above all others: the next start takes them for new. The others go on
 * meanwhile.
 */
#ifndef JOB_DISCOVERY_H
#define JOB_DISCOVERY_H

#include "job/job.h"

/** Null: out of memory. [control] */
__attribute__((warn_unused_result)) struct discovery *discovery_create(struct job *job);
void discovery_destroy(struct discovery *d); /**< accepts null */

/** ph_partitions.found. [worker] */
__attribute__((warn_unused_result)) int32_t discovery_found(struct task *source, const char *topic,
                                                            int32_t partition, const char *cluster,
                                                            struct ph_error *err);
/** While workers run: does what can be done now. Answers when to call again, monotonic ns; 0 = when
 * job->event_fd says so. [control] */
int64_t discovery_step(struct discovery *d);

#endif
