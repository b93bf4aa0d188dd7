/* SPDX-License-Identifier: Apache-2.0 */
/** How the failure that ended a job is told. */
#ifndef JOB_FAILURE_H
#define JOB_FAILURE_H

#include "job/job.h"

/** Logs job->error: wrong settings that only a service could find at their place in the manifest,
 * anything else with its operator. [control] */
void failure_log(const struct job *job);

#endif
