/* SPDX-License-Identifier: Apache-2.0 */
/** The services that the host offers to plugins, and the frames of ph_host and ph_task around them.
 */
#ifndef JOB_SERVICES_H
#define JOB_SERVICES_H

#include "job/job.h"

void services_init_host(struct node *n);
void services_init_task(struct task *t, uint32_t lane);

#endif
