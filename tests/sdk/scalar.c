/* SPDX-License-Identifier: Apache-2.0 */
#include "scalar.h"

#include <check.h>
#include <stdio.h>

int32_t scalar_try(struct scalar *s, const char *id, const struct ph_field *fields, uint32_t count,
                   const struct harness_setting *settings, uint32_t setting_count)
{
    const struct ph_schema *inputs[1] = {&s->schema};
    memset(s, 0, sizeof *s);
    s->schema = harness_schema_of(fields, count);
    s->harness = harness_open(SCALARS_SO, id, "pipeline", "operator");
    ck_assert_ptr_nonnull(s->harness);
    if (harness_init(s->harness, settings, setting_count) != PH_OK) {
        return PH_ERROR;
    }
    return harness_bind(s->harness, inputs, 1);
}

void scalar_open(struct scalar *s, const char *id, const struct ph_field *fields, uint32_t count,
                 const char *as)
{
    struct harness_item items[PH_BATCH_ROWS_MAX / 256];
    struct harness_setting settings[2] = {{"columns", NULL, items, count}, {"as", as, NULL, 0}};
    for (uint32_t i = 0; i < count; i++) {
        items[i] = (struct harness_item){NULL, fields[i].name};
    }
    ck_assert_msg(scalar_try(s, id, fields, count, settings, as == NULL ? 1 : 2) == PH_OK, "%s",
                  s->harness->error.text);
    s->task = harness_task_create(s->harness, 0);
    ck_assert_ptr_nonnull(s->task);
    harness_out_init(&s->out, s->harness);
}

void scalar_close(struct scalar *s)
{
    harness_out_clear(&s->out);
    harness_task_destroy(s->task);
    harness_close(s->harness);
    ck_assert_int_eq(harness_batches_alive(), 0);
}

int32_t scalar_process(struct scalar *s, const struct harness_cell *cells, uint32_t rows)
{
    struct ph_batch *batch = harness_batch(&s->schema, cells, rows);
    int32_t result = s->harness->descriptor->udf->process(s->task->self, 0, batch, &s->out.out,
                                                          harness_error(s->harness));
    harness_batch_release(batch);
    return result;
}

const struct ph_batch *scalar_emitted(const struct scalar *s)
{
    ck_assert_uint_eq(s->out.emitted_count, 1);
    return s->out.emitted[0];
}

static const struct ph_column *column_of(const struct ph_batch *batch, const char *name)
{
    int32_t column = ph_schema_find(batch->schema, name);
    ck_assert_int_ge(column, 0);
    return ph_batch_column(batch, (uint32_t)column);
}

const struct ph_column *scalar_result(const struct scalar *s)
{
    return column_of(scalar_emitted(s), "result");
}

const char *scalar_texts(const struct scalar *s, const char *column)
{
    static char text[4096];
    const struct ph_batch *batch = scalar_emitted(s);
    const struct ph_column *c = column_of(batch, column);
    size_t used = 0;
    text[0] = '\0';
    for (uint32_t row = 0; row < batch->row_count; row++) {
        struct ph_bytes bytes = {(const uint8_t *)"-", 1};
        if (!ph_column_is_null(c, row)) {
            bytes = ph_column_bytes(c, row);
        }
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%.*s", row == 0 ? "" : ",",
                                 (int)bytes.length, (const char *)bytes.data);
        ck_assert_uint_lt(used, sizeof text);
    }
    return text;
}
