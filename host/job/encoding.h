/* SPDX-License-Identifier: Apache-2.0 */
/** pipehost.encode/1: an operator's rows as text, by its `format`. [control] */
#ifndef JOB_ENCODING_H
#define JOB_ENCODING_H

#include "job/job.h"

extern const struct ph_encode encoding_service;

/** After bind: refuses a `format`, or a part of one, that the operator makes no use of. The error's
 * key is a pointer below the operator. */
__attribute__((warn_unused_result)) int32_t encoding_check(const struct node *n,
                                                           struct ph_error *err);

#endif
