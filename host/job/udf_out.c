/* SPDX-License-Identifier: Apache-2.0 */
#include "job/udf_out.h"

#include "job/tasks.h"

static const struct draft_output *output_of(const struct task *t, uint32_t output)
{
    return output < t->node->output_count ? &t->node->outputs[output].draft : NULL;
}

static struct ph_draft *out_derive(struct ph_out *out, uint32_t output, const struct ph_batch *in)
{
    struct task *t = out->host_data;
    const struct draft_output *o = output_of(t, output);
    return o != NULL ? draft_derive(o, in) : NULL;
}

static struct ph_draft *out_gather(struct ph_out *out, uint32_t output, const struct ph_batch *in,
                                   const uint32_t *rows, uint32_t count, bool last)
{
    struct task *t = out->host_data;
    const struct draft_output *o = output_of(t, output);
    struct ph_draft *draft =
        o != NULL ? draft_gather(o, in, rows, count, last, &t->udf->run) : NULL;
    t->udf->partial = last ? NULL : draft;
    return draft;
}

static struct ph_draft *out_create(struct ph_out *out, uint32_t output, uint32_t row_count)
{
    const struct draft_output *o = output_of(out->host_data, output);
    return o != NULL ? draft_create(o, row_count) : NULL;
}

static bool is_rejected(const struct udf_part *u, const struct ph_batch *b, uint32_t row)
{
    for (uint32_t i = 0; i < u->rejected_count; i++) {
        if (u->rejected[i].offset == b->offsets[row] &&
            u->rejected[i].partition_id == b->partition_ids[row]) {
            return true;
        }
    }
    return false;
}

/* Takes rejected rows out of a batch that a UDF made all the same. Null: no memory now. */
static const struct ph_batch *without_rejected(struct task *t, const struct ph_batch *batch)
{
    uint32_t rows[BATCH_MAX_ROWS];
    uint32_t kept = 0;
    if (t->udf->rejected_count == 0 || batch->offsets == NULL) {
        return batch;
    }
    for (uint32_t row = 0; row < batch->row_count; row++) {
        if (!is_rejected(t->udf, batch, row)) {
            rows[kept++] = row;
        }
    }
    if (kept == batch->row_count) {
        return batch;
    }
    const struct ph_batch *rest = batch_gather(t->node->reserve, batch, rows, kept, true);
    batch_release(batch);
    return rest;
}

static int32_t check_draft(struct task *t, const struct ph_draft *draft)
{
    int32_t missing = draft_find_missing(draft);
    if (missing < 0) {
        return PH_OK;
    }
    return ph_error_set(&t->udf->row_error, PH_ERR_FATAL,
                        "the UDF left a required column null (column %d of its output)", missing);
}

static int32_t deliver(struct task *t, struct ph_draft *draft, bool positions)
{
    const struct ph_batch *batch = without_rejected(t, draft_publish(draft, positions));
    if (batch == NULL) {
        return ph_error_set(&t->udf->row_error, PH_ERR_FATAL,
                            "the memory reserve is used up while rejected rows are taken out");
    }
    task_deliver(t, batch);
    return PH_OK;
}

void udf_out_flush(struct task *t)
{
    struct ph_draft *held = t->udf->held;
    t->udf->held = NULL;
    (void)deliver(t, held, false);
}

static int32_t out_emit(struct ph_out *out, struct ph_draft *draft)
{
    struct task *t = out->host_data;
    struct udf_part *u = t->udf;
    if (check_draft(t, draft) != PH_OK) {
        draft_discard(draft);
        return PH_OK; /* taken: the end of the call tells the error */
    }
    if (u->held != NULL) {
        if (!task_has_room(t)) {
            return PH_MORE;
        }
        udf_out_flush(t);
    }
    u->held = draft;
    u->moved = true;
    return PH_OK;
}

static int32_t out_emit_async(struct ph_out *out, struct ph_draft *draft)
{
    struct task *t = out->host_data;
    if (check_draft(t, draft) != PH_OK) {
        draft_discard(draft);
        return PH_OK;
    }
    if (!task_has_room(t)) {
        return PH_MORE;
    }
    bool positions = draft != t->udf->partial;
    t->udf->partial = NULL;
    (void)deliver(t, draft, positions);
    return PH_OK;
}

static void out_discard(struct ph_out *out, struct ph_draft *draft)
{
    (void)out;
    draft_discard(draft);
}

void udf_out_init(struct task *t)
{
    bool async = node_kind(t->node) == PH_KIND_ASYNC_UDF;
    ph_error_clear(&t->udf->row_error);
    t->udf->out = (struct ph_out){.size = (uint32_t)sizeof t->udf->out,
                                  .host_data = t,
                                  .derive = out_derive,
                                  .gather = out_gather,
                                  .create = out_create,
                                  .emit = async ? out_emit_async : out_emit,
                                  .discard = out_discard};
}

void udf_out_fini(struct udf_part *u)
{
    draft_discard(u->held);
    u->held = NULL;
}

bool udf_out_has_held(const struct udf_part *u)
{
    return u->held != NULL;
}

int32_t udf_out_complete(struct task *t)
{
    struct udf_part *u = t->udf;
    if (u->held != NULL) {
        struct ph_draft *held = u->held;
        u->held = NULL;
        return deliver(t, held, true);
    }
    const struct ph_batch *empty =
        batch_create_empty(t->node->reserve, t->node->outputs[0].schema, u->current);
    if (empty == NULL) {
        return PH_MORE;
    }
    task_deliver(t, empty);
    return PH_OK;
}
