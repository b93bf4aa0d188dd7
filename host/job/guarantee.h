/* SPDX-License-Identifier: Apache-2.0 */
/** What the manifest's "exactly_once" asks of each operator: who is refused, and who keeps the
 * positions. [control] */
#ifndef JOB_GUARANTEE_H
#define JOB_GUARANTEE_H

#include "job/job.h"

/** Refuses an operator that breaks what the manifest asks for. */
void guarantee_check(struct node *n, struct manifest_errors *errs);
/** Says of a sink whether it is asked where to begin, and makes its ledger where the host keeps its
 * positions. */
__attribute__((warn_unused_result)) int32_t guarantee_init(struct node *n, struct ph_error *err);
/** Where exactly-once was given up: what that costs and saves, for the log of a start. */
void guarantee_tell(const struct job *job);

#endif
