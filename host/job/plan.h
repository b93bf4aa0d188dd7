/* SPDX-License-Identifier: Apache-2.0 */
/** Tasks, edges and workers of a bound graph, and the memory that they need. [control] */
#ifndef JOB_PLAN_H
#define JOB_PLAN_H

#include "job/job.h"

#define PLAN_RING_SLOTS    8u    /**< batches between two workers */
#define PLAN_FAN_SLOTS     4096u /**< the most between two workers, one of whose neighbours waits */
#define PLAN_SINK_BATCHES  32u   /**< that an epoch holds at most */
#define PLAN_PACED_BATCHES 64u   /**< the same where commits cost much, if memory allows */
#define PLAN_ASYNC_HELD    16u   /**< batches that an async UDF may hold */

/** More rows than this are not committed at once, where the manifest does not say. */
#define PLAN_COMMIT_ROWS 50000

/** How many tasks each node has; before the operators are created. */
void plan_lanes(struct job *job);
/** Whether the node's tasks run in the workers of what they read. */
bool plan_is_chained(const struct node *n);
/** Makes the reserves, and says how deep rings are. The error names the sum needed where
 * memory.limit_mib is too small. */
__attribute__((warn_unused_result)) int32_t plan_memory(struct job *job, struct ph_error *err);
/** Makes tasks (without the plugins' task objects), links, edges and workers. */
__attribute__((warn_unused_result)) int32_t plan_tasks(struct job *job, struct ph_error *err);
/** Frees what the above made; plugins' task objects are gone already. */
void plan_fini(struct job *job);
/** The longest record of a source. A letter may hold a whole record, each byte of it escaped. */
static inline uint32_t plan_record_max_bytes(const struct node *n)
{
    uint64_t bytes = n->job->manifest->record_max_bytes;
    bytes = n->manifest->is_of_letters ? 6 * bytes + (64u << 10) : bytes;
    return bytes > (64u << 20) ? 64u << 20 : (uint32_t)bytes;
}

#endif
