/* SPDX-License-Identifier: Apache-2.0 */
/** Schemas on the heap. One must outlive every batch that has it. [control] */
#ifndef BATCH_SCHEMA_H
#define BATCH_SCHEMA_H

#include "pipehost/schema.h"

#define SCHEMA_MAX_FIELDS 1024u

/** Copies fields and names. Null: no memory, or more than SCHEMA_MAX_FIELDS. */
__attribute__((warn_unused_result)) struct ph_schema *schema_create(const struct ph_field *fields,
                                                                    uint32_t count);
void schema_destroy(struct ph_schema *schema);

#endif
