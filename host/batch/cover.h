/* SPDX-License-Identifier: Apache-2.0 */
/** Which positions a batch covers, decided after it was published and before anybody else has it:
 * the caller holds the only reference. [worker] */
#ifndef BATCH_COVER_H
#define BATCH_COVER_H

#include "batch/batch.h"

/** b covers what `in` covers. b must stem from `in` or from no batch at all; then it holds it. */
void cover_input(struct ph_batch *b, const struct ph_batch *in);
/**
 * b covers the source records of the first `rows` rows of `in`, as far as `in` covers them: for a
 * part of what a UDF makes of it. b may have rows of the record that follows; they are not covered.
 * False: no room in the reserve, it covers nothing.
 */
bool cover_rows(struct ph_batch *b, const struct ph_batch *in, uint32_t rows);
/** Whether b stems from `in` itself. */
bool cover_stems_from(const struct ph_batch *b, const struct ph_batch *in);
/** Whether b stems from no batch. */
bool cover_is_rootless(const struct ph_batch *b);
/** Memory of b itself, without what it holds of others. */
uint64_t cover_bytes(const struct ph_batch *b);

#endif
