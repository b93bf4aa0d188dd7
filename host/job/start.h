/* SPDX-License-Identifier: Apache-2.0 */
/**
 * From prepared operators to running workers: task objects, connections, partitions, claims, start
 * offsets. Runs on the control thread's behalf before any worker runs, so it may call what is
 * tagged [worker].
 */
#ifndef JOB_START_H
#define JOB_START_H

#include "job/job.h"

/** Makes the plugin's task objects of one operator. [control] */
__attribute__((warn_unused_result)) int32_t tasks_create(struct node *n, struct ph_error *err);
/** Deactivates what job_start activated, in the order of the graph, and destroys what tasks_create
 * made, in the reverse order; no worker may run. [control] */
void tasks_destroy(struct job *job);

/**
 * Connects everything, claims the sinks, decides where each partition begins, starts the workers.
 * Retriable errors are tried again until they pass or the job is cancelled. A failure is kept by
 * job_fail. False: it did not come to running.
 */
bool job_start(struct job *job);

#endif
