/* SPDX-License-Identifier: Apache-2.0 */
/** Paper skeleton: a flat-map. Each row becomes 1,000 rows numbered in a new column, so that one
 * batch of 4,096 becomes a thousand drafts: what is done of the batch is kept across PH_MORE. */
#include "pipehost/pipehost.h"

#include <stdlib.h>

#define FLAT_MAP_COPIES 1000u

struct flat_map_task {
    uint64_t next; /**< of the running batch: row × copies + copy; 0 between two batches */
    uint32_t rows[PH_BATCH_ROWS_MAX];
};

static int32_t flat_map_bind(void *op, struct ph_binding *binding, struct ph_error *err)
{
    (void)op;
    if (binding->pass(binding, 0, 0, err) != PH_OK) {
        return PH_ERROR;
    }
    return binding->add(binding, 0, "copy", PH_TYPE_INT32, PH_FIELD_REQUIRED, err);
}

static void *flat_map_task_create(void *op, const struct ph_task *task, struct ph_error *err)
{
    struct flat_map_task *t = (struct flat_map_task *)calloc(1, sizeof *t);
    (void)op;
    (void)task;
    if (t == NULL) {
        (void)ph_error_set(err, PH_ERR_FATAL, "out of memory");
    }
    return t;
}

/** Names up to PH_BATCH_ROWS_MAX sub-rows from t->next on; a row's run may go on in the next
 * draft. */
static struct ph_draft *flat_map_draft(struct flat_map_task *t, const struct ph_batch *batch,
                                       struct ph_out *out, uint64_t end, uint32_t *count)
{
    uint64_t left = end - t->next;
    struct ph_draft *draft;
    *count = left < PH_BATCH_ROWS_MAX ? (uint32_t)left : PH_BATCH_ROWS_MAX;
    for (uint32_t i = 0; i < *count; i++) {
        t->rows[i] = (uint32_t)((t->next + i) / FLAT_MAP_COPIES);
    }
    draft = out->gather(out, 0, batch, t->rows, *count, (t->next + *count) % FLAT_MAP_COPIES == 0);
    for (uint32_t i = 0; draft != NULL && i < *count; i++) {
        ph_builder_set_int32(&draft->builders[0], i, (int32_t)((t->next + i) % FLAT_MAP_COPIES));
    }
    return draft;
}

static int32_t flat_map_process(void *self, uint32_t input, const struct ph_batch *batch,
                                struct ph_out *out, struct ph_error *err)
{
    struct flat_map_task *t = (struct flat_map_task *)self;
    uint64_t end = (uint64_t)batch->row_count * FLAT_MAP_COPIES;
    (void)input;
    (void)err;
    while (t->next < end) {
        uint32_t count;
        struct ph_draft *draft = flat_map_draft(t, batch, out, end, &count);
        if (draft == NULL) {
            return PH_MORE;
        }
        if (out->emit(out, draft) != PH_OK) {
            out->discard(out, draft); /* cheaper than to keep it: it is made again from t->next */
            return PH_MORE;
        }
        t->next += count;
    }
    t->next = 0;
    return PH_OK;
}

static const struct ph_operator_ops flat_map_ops = {
    .size = sizeof flat_map_ops,
    .bind = flat_map_bind,
    .task_create = flat_map_task_create,
    .task_destroy = free,
};

static const struct ph_udf_ops flat_map_udf = {.size = sizeof flat_map_udf,
                                               .process = flat_map_process};

static const struct ph_descriptor flat_map_descriptor = {
    .size = sizeof flat_map_descriptor,
    .kind = PH_KIND_UDF,
    .flags = PH_PLUGIN_RELOADABLE,
    .id = "flat-map",
    .version = "1",
    .summary = "makes 1,000 numbered rows of each row",
    .ops = &flat_map_ops,
    .udf = &flat_map_udf,
};

PH_ENTRY(&flat_map_descriptor);
