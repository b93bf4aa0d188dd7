/* SPDX-License-Identifier: Apache-2.0 */
/** One scalar UDF of scalars.c in the fake host, with its input. */
#ifndef SDK_TESTS_SCALAR_H
#define SDK_TESTS_SCALAR_H

#include "harness.h"

struct scalar {
    struct harness *harness;
    struct harness_task *task;
    struct harness_out out;
    struct ph_schema schema;
};

/** Opens the UDF, which reads `count` columns and adds "result" unless as is null. The input has
 * the columns of the fields. */
void scalar_open(struct scalar *s, const char *id, const struct ph_field *fields, uint32_t count,
                 const char *as);
/** As scalar_open with these settings; what init or bind answers. */
int32_t scalar_try(struct scalar *s, const char *id, const struct ph_field *fields, uint32_t count,
                   const struct harness_setting *settings, uint32_t setting_count);
void scalar_close(struct scalar *s);

/** Hands a batch of the cells over once; releases it. What process answers. */
int32_t scalar_process(struct scalar *s, const struct harness_cell *cells, uint32_t rows);

/** The one batch that was emitted. */
const struct ph_batch *scalar_emitted(const struct scalar *s);
/** Column "result" of the one batch that was emitted. */
const struct ph_column *scalar_result(const struct scalar *s);
/** "a,b,-,…": a text column of the one batch that was emitted, "-" for a null. */
const char *scalar_texts(const struct scalar *s, const char *column);

#endif
