/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Which columns anybody looks at. A plugin says so in its bind; what nobody looks at, here or
 * downstream, a source need not decode: it is null all the way. [control]
 */
#ifndef JOB_READS_H
#define JOB_READS_H

#include "job/job.h"

/** Before the plugin's bind. False: out of memory. */
__attribute__((warn_unused_result)) bool reads_init(struct node *n);
void reads_fini(struct node *n);
/** The node's plugin says what it looks at of an input, which may be nothing. */
void reads_begin(struct node *n, uint32_t input);
/** The node's plugin looks at that column, which exists. */
void reads_add(struct node *n, uint32_t input, uint32_t column);
/** After all binds: marks the fields of the sources' formats that nobody looks at. False: out of
 * memory. */
__attribute__((warn_unused_result)) bool reads_trace(struct job *job);

#endif
