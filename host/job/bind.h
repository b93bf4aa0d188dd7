/* SPDX-License-Identifier: Apache-2.0 */
/** Schemas along the graph: a source's from its format, a UDF's from its bind. [control] */
#ifndef JOB_BIND_H
#define JOB_BIND_H

#include "job/job.h"

/** Inputs must be bound already. The error's config_key is set where a key is to blame. */
__attribute__((warn_unused_result)) int32_t node_bind(struct node *n, struct ph_error *err);
/** A decoder for a source's format. Null: err. */
struct decoder *node_decoder_create(const struct node *n, struct ph_error *err);
/** What its decoder needs of a source's writer. */
void node_decoder_describe(const struct node *n, struct decoder *d,
                           struct batch_writer_options *options);
void node_unbind(struct node *n);

#endif
