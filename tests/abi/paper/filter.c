/* SPDX-License-Identifier: Apache-2.0 */
/** Paper skeleton: a filter. Rows whose amount is missing, not a number or below a limit go no
 * further. */
#include "pipehost/pipehost.h"

#include <stdlib.h>

struct filter {
    double minimum;
    uint32_t column;
};

struct filter_task {
    const struct filter *op;
    uint32_t rows[PH_BATCH_ROWS_MAX];
};

static void *filter_create(const struct ph_host *host, struct ph_error *err)
{
    struct filter *op = (struct filter *)calloc(1, sizeof *op);
    (void)host;
    if (op == NULL) {
        (void)ph_error_set(err, PH_ERR_FATAL, "out of memory");
    }
    return op;
}

static int32_t filter_init(void *self, const struct ph_config *config, struct ph_error *err)
{
    struct filter *op = (struct filter *)self;
    const struct ph_value *minimum = config->get(config, "minimum");
    (void)err;
    op->minimum = minimum->real;
    return PH_OK;
}

static int32_t filter_bind(void *self, struct ph_binding *binding, struct ph_error *err)
{
    struct filter *op = (struct filter *)self;
    const struct ph_schema *in = binding->inputs[0];
    int32_t column = ph_schema_find(in, "amount");
    if (column < 0 || in->fields[column].type != PH_TYPE_FLOAT64) {
        return ph_error_set(err, PH_ERR_CONFIG, "the input has no float64 column \"amount\"");
    }
    op->column = (uint32_t)column;
    return binding->pass(binding, 0, 0, err);
}

static void *filter_task_create(void *self, const struct ph_task *task, struct ph_error *err)
{
    struct filter_task *t = (struct filter_task *)calloc(1, sizeof *t);
    (void)task;
    if (t == NULL) {
        (void)ph_error_set(err, PH_ERR_FATAL, "out of memory");
        return NULL;
    }
    t->op = (const struct filter *)self;
    return t;
}

static int32_t filter_process(void *self, uint32_t input, const struct ph_batch *batch,
                              struct ph_out *out, struct ph_error *err)
{
    struct filter_task *t = (struct filter_task *)self;
    const struct ph_column *amounts = ph_batch_column(batch, t->op->column);
    uint32_t count = 0;
    struct ph_draft *draft;
    (void)input;
    (void)err;
    for (uint32_t row = 0; row < batch->row_count; row++) {
        if (!ph_column_is_null(amounts, row) && ph_column_float64(amounts, row) >= t->op->minimum) {
            t->rows[count++] = row;
        }
    }
    if (count == 0) {
        return PH_OK;
    }
    draft = out->gather(out, 0, batch, t->rows, count, true);
    if (draft == NULL) {
        return PH_MORE; /* nothing was kept: the same batch is judged again from its start */
    }
    return out->emit(out, draft); /* the first of a call: always taken */
}

static const struct ph_operator_ops filter_ops = {
    .size = sizeof filter_ops,
    .create = filter_create,
    .destroy = free,
    .init = filter_init,
    .bind = filter_bind,
    .task_create = filter_task_create,
    .task_destroy = free,
};

static const struct ph_udf_ops filter_udf = {.size = sizeof filter_udf, .process = filter_process};

static const struct ph_config_key filter_keys[] = {
    {.size = sizeof filter_keys[0],
     .type = PH_CONFIG_FLOAT,
     .name = "minimum",
     .doc = "the least amount that goes through",
     .default_text = "0"},
};

static const struct ph_descriptor filter_descriptor = {
    .size = sizeof filter_descriptor,
    .kind = PH_KIND_UDF,
    .flags = PH_PLUGIN_PURE | PH_PLUGIN_RELOADABLE,
    .id = "filter",
    .version = "1",
    .summary = "keeps rows whose amount reaches a minimum",
    .config = filter_keys,
    .config_count = 1,
    .ops = &filter_ops,
    .udf = &filter_udf,
};

PH_ENTRY(&filter_descriptor);
