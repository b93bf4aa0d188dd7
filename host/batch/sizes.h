/* SPDX-License-Identifier: Apache-2.0 */
/** The most memory that a batch can take, for the start-time sum of reserves. [control] */
#ifndef BATCH_SIZES_H
#define BATCH_SIZES_H

#include "batch/draft.h"
#include "batch/writer.h"

/** A batch of a source in the usual case: no record is larger than a batch. */
uint64_t sizes_source_batch(const struct batch_writer_options *options);
/** The one that holds a single record of the largest size; a source's reserve must allow at least
 * this. */
uint64_t sizes_source_batch_largest(const struct batch_writer_options *options);
/** A draft of BATCH_MAX_ROWS rows whose built columns hold text_bytes_per_row bytes of long text a
 * row, all columns together. */
uint64_t sizes_draft(const struct draft_output *output, uint32_t text_bytes_per_row);

#endif
