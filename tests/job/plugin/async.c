/* SPDX-License-Identifier: Apache-2.0 */
/* An async UDF whose rows are answered out of order, some milliseconds later. */
#include "part.h"

#include <stdlib.h>

#define HOLDS_MAX 64u
#define STEP_NS   INT64_C(200000)

struct async {
    struct part part;
    int64_t hold;
};

struct hold {
    const struct ph_batch *batch;
    int64_t done_ns; /* when the last of its rows is answered */
};

struct lane {
    struct async *op;
    const struct ph_task *task;
    struct hold holds[HOLDS_MAX]; /* oldest first */
    uint32_t count;
    uint32_t half; /* of mode halves: the first half of the oldest was emitted */
    uint64_t random;
    uint32_t rows[PH_BATCH_ROWS_MAX];
};

static void *create(const struct ph_host *host, struct ph_error *err)
{
    return part_create(sizeof(struct async), host, err);
}

static int32_t init(void *self, const struct ph_config *config, struct ph_error *err)
{
    struct async *a = (struct async *)self;
    a->hold = ph_config_integer(config, "hold");
    return part_init(&a->part, config, err);
}

static void *task_create(void *op, const struct ph_task *task, struct ph_error *err)
{
    struct lane *l = (struct lane *)calloc(1, sizeof *l);
    l->op = (struct async *)op;
    l->task = task;
    l->random = 88172645463325252u + task->lane;
    if (part_at(&l->op->part, AT_TASK_CREATE, task->lane, err) != PH_OK) {
        free(l);
        return NULL;
    }
    return l;
}

static const struct ph_batch *pop(struct lane *l)
{
    const struct ph_batch *b = l->holds[0].batch;
    l->count--;
    memmove(l->holds, l->holds + 1, l->count * sizeof l->holds[0]);
    return b;
}

static void deactivate(void *self)
{
    struct lane *l = (struct lane *)self;
    (void)part_at(&l->op->part, AT_DEACTIVATE, l->task->lane, NULL);
    while (l->count > 0) {
        l->op->part.batches->release(pop(l));
    }
}

static void task_destroy(void *self)
{
    struct lane *l = (struct lane *)self;
    (void)part_at(&l->op->part, AT_TASK_DESTROY, l->task->lane, NULL);
    free(l);
}

static int32_t activate(void *self, struct ph_error *err)
{
    struct lane *l = (struct lane *)self;
    return part_at(&l->op->part, AT_ACTIVATE, l->task->lane, err);
}

static int32_t ready(void *self, int fd, uint32_t events, struct ph_error *err)
{
    struct lane *l = (struct lane *)self;
    (void)fd;
    (void)events;
    return part_at(&l->op->part, AT_READY, l->task->lane, err);
}

static uint64_t draw(struct lane *l)
{
    l->random ^= l->random << 13;
    l->random ^= l->random >> 7;
    l->random ^= l->random << 17;
    return l->random;
}

static int64_t now_ns(const struct lane *l)
{
    return l->op->part.clock->monotonic_ns(l->op->part.host);
}

static int32_t offer(void *self, const struct ph_batch *batch, struct ph_error *err)
{
    struct lane *l = (struct lane *)self;
    if (part_at(&l->op->part, AT_OFFER, l->task->lane, err) != PH_OK) {
        return PH_ERROR;
    }
    if (part_is_mode(&l->op->part, "odd-offer")) {
        return PH_IDLE;
    }
    if (l->count == (uint32_t)l->op->hold) {
        return PH_MORE;
    }
    l->op->part.batches->retain(batch);
    l->holds[l->count++] = (struct hold){batch, now_ns(l) + (int64_t)(draw(l) % 10) * STEP_NS};
    uint32_t held = atomic_load(&l->op->part.stage->held);
    atomic_store(&l->op->part.stage->held, l->count > held ? l->count : held);
    return PH_OK;
}

static int64_t n_of(const struct ph_batch *b, uint32_t row)
{
    return ph_column_int64(ph_batch_column(b, 0), row);
}

static int32_t send(struct ph_out *out, struct ph_draft *draft)
{
    if (draft == NULL) {
        return PH_MORE;
    }
    if (out->emit(out, draft) != PH_OK) {
        out->discard(out, draft);
        return PH_MORE;
    }
    return PH_OK;
}

static void reject_some(struct lane *l, const struct ph_batch *b)
{
    for (uint32_t row = 0; row < b->row_count; row++) {
        if (n_of(b, row) % l->op->part.every == 0) {
            l->task->reject(l->task, b, row, "stage", "rejected by the async UDF");
        }
    }
}

/* Keeps every every-th row. Where none is left it emits nothing at all. */
static int32_t filter(struct lane *l, const struct ph_batch *b, struct ph_out *out)
{
    uint32_t count = 0;
    for (uint32_t row = 0; row < b->row_count; row++) {
        if (n_of(b, row) % l->op->part.every == 0) {
            l->rows[count++] = row;
        }
    }
    return count == 0 ? PH_OK : send(out, out->gather(out, 0, b, l->rows, count, true));
}

/* Two drafts for a batch: the rows of the first half, then the others. */
static int32_t halves(struct lane *l, const struct ph_batch *b, struct ph_out *out)
{
    for (; l->half < 2; l->half++) {
        uint32_t from = l->half == 0 ? 0 : b->row_count / 2;
        uint32_t to = l->half == 0 ? b->row_count / 2 : b->row_count;
        for (uint32_t row = from; row < to; row++) {
            l->rows[row - from] = row;
        }
        if (to > from && send(out, out->gather(out, 0, b, l->rows, to - from, true)) != PH_OK) {
            return PH_MORE;
        }
    }
    l->half = 0;
    return PH_OK;
}

static int32_t emit(struct lane *l, const struct ph_batch *b, struct ph_out *out)
{
    const struct part *p = &l->op->part;
    if (part_is_mode(p, "filter")) {
        return filter(l, b, out);
    }
    if (part_is_mode(p, "halves")) {
        return halves(l, b, out);
    }
    if (part_is_mode(p, "reject")) {
        reject_some(l, b);
    }
    return send(out, out->derive(out, 0, b));
}

static int32_t next(void *self, struct ph_out *out, struct ph_error *err)
{
    struct lane *l = (struct lane *)self;
    if (part_at(&l->op->part, AT_NEXT, l->task->lane, err) != PH_OK) {
        return PH_ERROR;
    }
    if (l->count == 0) {
        return PH_END;
    }
    if (part_is_mode(&l->op->part, "odd-next")) {
        return PH_CANCELLED;
    }
    if (now_ns(l) < l->holds[0].done_ns) {
        l->op->part.wait->deadline(l->task, l->holds[0].done_ns);
        return PH_IDLE;
    }
    if (emit(l, l->holds[0].batch, out) != PH_OK) {
        return PH_MORE;
    }
    l->op->part.batches->release(pop(l));
    return PH_OK;
}

static const struct ph_config_key keys[] = {PART_KEYS, PART_INT("hold", "8")};

static const struct ph_operator_ops ops = {.size = sizeof ops,
                                           .create = create,
                                           .destroy = part_destroy,
                                           .init = init,
                                           .task_create = task_create,
                                           .task_destroy = task_destroy,
                                           .activate = activate,
                                           .deactivate = deactivate,
                                           .ready = ready};

static const struct ph_async_udf_ops async_ops = {
    .size = sizeof async_ops, .offer = offer, .next = next};

const struct ph_descriptor async_descriptor = {.size = sizeof async_descriptor,
                                               .kind = PH_KIND_ASYNC_UDF,
                                               .flags = PH_PLUGIN_WAITS,
                                               .id = "async",
                                               .version = "1",
                                               .summary = "answers later",
                                               .config = keys,
                                               .config_count = sizeof keys / sizeof keys[0],
                                               .ops = &ops,
                                               .async_udf = &async_ops};
