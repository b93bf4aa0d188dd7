/* SPDX-License-Identifier: Apache-2.0 */
/** Which operators get records of which others. [control] to make, [any] to ask. */
#ifndef JOB_REACH_H
#define JOB_REACH_H

#include "job/job.h"

/** Fills job->reaches; plugins need not be known. */
void reach_init(struct job *job);

/** Whether records of `from` come to `to`; an operator reaches itself. */
static inline bool reach_has(const struct job *job, const struct node *from, const struct node *to)
{
    return ((job->reaches[to->index][from->index / 64] >> (from->index % 64)) & 1u) != 0;
}

/**
 * A source whose records come to n by more than one of its inputs, which *a and *b name then; null:
 * there is none. Such records would arrive twice, and no position would say which of both are done.
 */
const struct node *reach_find_double(const struct node *n, uint32_t *a, uint32_t *b);

#endif
