/* SPDX-License-Identifier: Apache-2.0 */
/** Columns that stand around a record's JSON: key, headers, offset, and the value as a whole.
 * Inside this room only. */
#ifndef CODEC_METADATA_H
#define CODEC_METADATA_H

#include "codec/walk.h"

/** Writes the columns' values of target's row; a bit in *nulls for each that has none, to be marked
 * by metadata_set_nulls once the whole row is good. value null: a tombstone. */
__attribute__((warn_unused_result)) int32_t metadata_put(const struct decoder *d,
                                                         struct row_target *target,
                                                         const uint8_t *value, uint32_t length,
                                                         uint64_t *nulls, struct row_fault *fault);
void metadata_set_nulls(const struct decoder *d, struct row_target *target, uint64_t nulls);

/** Null: the type fits; else what the type of such a field may be. */
const char *metadata_type_problem(enum decode_metadata kind, uint32_t type);

#endif
