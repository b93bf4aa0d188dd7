/* SPDX-License-Identifier: Apache-2.0 */
/* UDFs by the config key "mode". Columns of the input: n int64, p int32, t string. */
#include "part.h"

#include <stdlib.h>

#define COLUMN_N 0u

struct udf {
    struct part part;
    int64_t times;      /* of mode flat */
    int64_t draft_rows; /* of mode flat */
};

struct lane {
    struct udf *op;
    const struct ph_task *task;
    uint64_t next_sub;            /* of mode flat: what of the batch is done */
    const struct ph_batch *stash; /* of mode stash: the batch before */
    struct ph_draft *kept;        /* of mode flat: what emit had no room for */
    uint32_t rows[PH_BATCH_ROWS_MAX];
};

static void *create(const struct ph_host *host, struct ph_error *err)
{
    return part_create(sizeof(struct udf), host, err);
}

static int32_t init(void *self, const struct ph_config *config, struct ph_error *err)
{
    struct udf *u = (struct udf *)self;
    u->times = ph_config_integer(config, "times");
    u->draft_rows = ph_config_integer(config, "draft_rows");
    return part_init(&u->part, config, err);
}

static int32_t bind(void *self, struct ph_binding *b, struct ph_error *err)
{
    struct udf *u = (struct udf *)self;
    if (part_at(&u->part, AT_BIND, 0, err) != PH_OK || b->pass(b, 0, 0, err) != PH_OK) {
        return PH_ERROR;
    }
    if (part_is_mode(&u->part, "two-outputs") && b->pass(b, 1, 0, err) != PH_OK) {
        return PH_ERROR;
    }
    bool adds = part_is_mode(&u->part, "add") || part_is_mode(&u->part, "missing");
    return !adds ? PH_OK : b->add(b, 0, "v", PH_TYPE_INT64, PH_FIELD_REQUIRED, err);
}

static void *task_create(void *op, const struct ph_task *task, struct ph_error *err)
{
    struct lane *l = (struct lane *)calloc(1, sizeof *l);
    l->op = (struct udf *)op;
    l->task = task;
    if (part_at(&l->op->part, AT_TASK_CREATE, task->lane, err) != PH_OK) {
        free(l);
        return NULL;
    }
    return l;
}

static void drop_stash(struct lane *l)
{
    if (l->stash != NULL) {
        l->op->part.batches->release(l->stash);
        l->stash = NULL;
    }
}

static void task_destroy(void *self)
{
    struct lane *l = (struct lane *)self;
    (void)part_at(&l->op->part, AT_TASK_DESTROY, l->task->lane, NULL);
    drop_stash(l);
    free(l);
}

static int32_t activate(void *self, struct ph_error *err)
{
    struct lane *l = (struct lane *)self;
    return part_at(&l->op->part, AT_ACTIVATE, l->task->lane, err);
}

static void deactivate(void *self)
{
    struct lane *l = (struct lane *)self;
    (void)part_at(&l->op->part, AT_DEACTIVATE, l->task->lane, NULL);
}

static int64_t n_of(const struct ph_batch *b, uint32_t row)
{
    return ph_column_int64(ph_batch_column(b, COLUMN_N), row);
}

/* ---- one draft a call ---- */

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

static int32_t pass(const struct ph_batch *b, struct ph_out *out)
{
    return send(out, out->derive(out, 0, b));
}

static int32_t add(const struct ph_batch *b, struct ph_out *out, bool leaves_one)
{
    struct ph_draft *d = out->derive(out, 0, b);
    for (uint32_t row = leaves_one ? 1 : 0; d != NULL && row < b->row_count; row++) {
        ph_builder_set_int64(&d->builders[0], row, 2 * n_of(b, row));
    }
    return send(out, d);
}

/* Keeps rows whose n has the rest `rest` by every; rest -1: those that have another than 0. */
static int32_t keep(struct lane *l, const struct ph_batch *b, struct ph_out *out, int64_t rest)
{
    uint32_t count = 0;
    for (uint32_t row = 0; row < b->row_count; row++) {
        int64_t is = n_of(b, row) % l->op->part.every;
        if (rest < 0 ? is != 0 : is == rest) {
            l->rows[count++] = row;
        }
    }
    return count == 0 ? PH_OK : send(out, out->gather(out, 0, b, l->rows, count, true));
}

/* ---- modes that reject ---- */

static int32_t reject(struct lane *l, const struct ph_batch *b, struct ph_out *out, bool keeps)
{
    for (uint32_t row = 0; row < b->row_count; row++) {
        if (n_of(b, row) % l->op->part.every == 0) {
            l->task->reject(l->task, b, row, "stage", "rejected by the UDF");
        }
    }
    return keeps ? pass(b, out) : keep(l, b, out, -1);
}

/* Rejects one sub-row of each record and keeps its siblings. */
static int32_t reject_sub(struct lane *l, const struct ph_batch *b, struct ph_out *out)
{
    uint32_t count = 0;
    for (uint32_t row = 0; row < b->row_count; row++) {
        if (b->sub_indexes != NULL && (b->sub_indexes[row] & ~PH_SUB_LAST) == 1) {
            l->task->reject(l->task, b, row, "stage", "rejected by the UDF");
        } else {
            l->rows[count++] = row;
        }
    }
    return count == 0 ? PH_OK : send(out, out->gather(out, 0, b, l->rows, count, true));
}

/* ---- modes that emit several drafts a call ---- */

/* Each row `times` times, in drafts of draft_rows. */
static int32_t flat(struct lane *l, const struct ph_batch *b, struct ph_out *out)
{
    uint64_t times = (uint64_t)l->op->times;
    uint64_t total = times * b->row_count;
    while (l->next_sub < total) {
        uint32_t count = 0;
        uint64_t at = l->next_sub;
        while (at < total && count < (uint32_t)l->op->draft_rows) {
            l->rows[count++] = (uint32_t)(at++ / times);
        }
        struct ph_draft *d = l->kept;
        l->kept = NULL;
        d = d != NULL ? d : out->gather(out, 0, b, l->rows, count, at % times == 0);
        if (d == NULL) {
            return PH_MORE;
        }
        if (out->emit(out, d) != PH_OK) {
            l->kept = d; /* with the same batch it may be kept */
            return PH_MORE;
        }
        l->next_sub = at;
    }
    l->next_sub = 0;
    return PH_OK;
}

/* The rows with an even n, then the others: drafts that do not ascend. */
static int32_t split(struct lane *l, const struct ph_batch *b, struct ph_out *out)
{
    for (; l->next_sub < 2; l->next_sub++) {
        uint32_t count = 0;
        for (uint32_t row = 0; row < b->row_count; row++) {
            if ((uint64_t)n_of(b, row) % 2 == l->next_sub) {
                l->rows[count++] = row;
            }
        }
        if (count > 0 && send(out, out->gather(out, 0, b, l->rows, count, true)) != PH_OK) {
            return PH_MORE;
        }
    }
    l->next_sub = 0;
    return PH_OK;
}

/* One row a call, PH_MORE in between. */
static int32_t crawl(struct lane *l, const struct ph_batch *b, struct ph_out *out)
{
    l->rows[0] = (uint32_t)l->next_sub;
    if (send(out, out->gather(out, 0, b, l->rows, 1, true)) != PH_OK) {
        return PH_MORE;
    }
    if (++l->next_sub < b->row_count) {
        return PH_MORE;
    }
    l->next_sub = 0;
    return PH_OK;
}

/* A draft of each row; those that are rejected lie between them. */
static int32_t reject_each(struct lane *l, const struct ph_batch *b, struct ph_out *out)
{
    for (; l->next_sub < b->row_count; l->next_sub++) {
        l->rows[0] = (uint32_t)l->next_sub;
        if (n_of(b, l->rows[0]) % l->op->part.every == 0) {
            l->task->reject(l->task, b, l->rows[0], "stage", "rejected by the UDF");
        } else if (send(out, out->gather(out, 0, b, l->rows, 1, true)) != PH_OK) {
            return PH_MORE;
        }
    }
    l->next_sub = 0;
    return PH_OK;
}

/* What the batch before was; the last one comes with finish. */
static int32_t stash(struct lane *l, const struct ph_batch *b, struct ph_out *out)
{
    if (l->stash != NULL && pass(l->stash, out) != PH_OK) {
        return PH_MORE;
    }
    drop_stash(l);
    l->stash = b;
    l->op->part.batches->retain(b);
    return PH_OK;
}

/* One row that stems from no record for each batch: n is the sum. */
static int32_t sum(const struct ph_batch *b, struct ph_out *out)
{
    struct ph_draft *d = out->create(out, 0, 1);
    int64_t total = 0;
    for (uint32_t row = 0; row < b->row_count; row++) {
        total += n_of(b, row);
    }
    if (d != NULL) {
        ph_builder_set_int64(&d->builders[0], 0, total);
        ph_builder_set_int32(&d->builders[1], 0, 0);
        if (ph_builder_set_bytes(&d->builders[2], 0, "sum", 3) != PH_OK) {
            out->discard(out, d);
            return PH_MORE;
        }
    }
    return send(out, d);
}

static int32_t poison(struct lane *l, const struct ph_batch *b, struct ph_out *out,
                      struct ph_error *err)
{
    for (uint32_t row = 0; row < b->row_count; row++) {
        if (n_of(b, row) % l->op->part.every == 0) {
            (void)ph_error_set(err, PH_ERR_POISON, "one of these rows is poison");
            ph_error_set_foreign(err, "E42");
            return PH_ERROR;
        }
    }
    return pass(b, out);
}

/* Emits, then fails: what it emitted must not come twice. */
static int32_t stumble(struct lane *l, const struct ph_batch *b, struct ph_out *out,
                       struct ph_error *err)
{
    int32_t rc = pass(b, out);
    return rc != PH_OK ? rc : part_at(&l->op->part, AT_FINISH, l->task->lane, err);
}

static int32_t wrong_rows(struct lane *l, const struct ph_batch *b, struct ph_out *out)
{
    l->rows[0] = b->row_count;
    return send(out, out->gather(out, 0, b, l->rows, 1, true));
}

static int32_t process(void *self, uint32_t input, const struct ph_batch *b, struct ph_out *out,
                       struct ph_error *err)
{
    struct lane *l = (struct lane *)self;
    const struct part *p = &l->op->part;
    (void)input;
    if (part_at(&l->op->part, AT_PROCESS, l->task->lane, err) != PH_OK) {
        return PH_ERROR;
    }
    return part_is_mode(p, "add")            ? add(b, out, false)
           : part_is_mode(p, "missing")      ? add(b, out, true)
           : part_is_mode(p, "filter")       ? keep(l, b, out, 0)
           : part_is_mode(p, "none")         ? PH_OK
           : part_is_mode(p, "reject")       ? reject(l, b, out, false)
           : part_is_mode(p, "reject-keep")  ? reject(l, b, out, true)
           : part_is_mode(p, "reject-sub")   ? reject_sub(l, b, out)
           : part_is_mode(p, "reject-each")  ? reject_each(l, b, out)
           : part_is_mode(p, "flat")         ? flat(l, b, out)
           : part_is_mode(p, "split")        ? split(l, b, out)
           : part_is_mode(p, "crawl")        ? crawl(l, b, out)
           : part_is_mode(p, "stash")        ? stash(l, b, out)
           : part_is_mode(p, "sum")          ? sum(b, out)
           : part_is_mode(p, "poison")       ? poison(l, b, out, err)
           : part_is_mode(p, "stumble")      ? stumble(l, b, out, err)
           : part_is_mode(p, "more")         ? PH_MORE
           : part_is_mode(p, "idle")         ? PH_IDLE
           : part_is_mode(p, "wrong-rows")   ? wrong_rows(l, b, out)
           : part_is_mode(p, "wrong-output") ? send(out, out->derive(out, 1, b))
                                             : pass(b, out);
}

static int32_t finish(void *self, struct ph_out *out, struct ph_error *err)
{
    struct lane *l = (struct lane *)self;
    if (!part_is_mode(&l->op->part, "stumble") &&
        part_at(&l->op->part, AT_FINISH, l->task->lane, err) != PH_OK) {
        return PH_ERROR;
    }
    if (l->stash == NULL) {
        return PH_OK;
    }
    if (pass(l->stash, out) != PH_OK) {
        return PH_MORE;
    }
    drop_stash(l);
    return PH_OK;
}

static const struct ph_config_key keys[] = {PART_KEYS, PART_INT("times", "10"),
                                            PART_INT("draft_rows", "4096")};

static const struct ph_operator_ops ops = {.size = sizeof ops,
                                           .create = create,
                                           .destroy = part_destroy,
                                           .init = init,
                                           .bind = bind,
                                           .task_create = task_create,
                                           .task_destroy = task_destroy,
                                           .activate = activate,
                                           .deactivate = deactivate};

static const struct ph_udf_ops udf_ops = {
    .size = sizeof udf_ops, .process = process, .finish = finish};

#define UDF(VARIABLE, ID, FLAGS)                                                                   \
    const struct ph_descriptor VARIABLE = {.size = sizeof VARIABLE,                                \
                                           .kind = PH_KIND_UDF,                                    \
                                           .flags = FLAGS,                                         \
                                           .id = ID,                                               \
                                           .version = "1",                                         \
                                           .summary = "what mode says",                            \
                                           .config = keys,                                         \
                                           .config_count = sizeof keys / sizeof keys[0],           \
                                           .ops = &ops,                                            \
                                           .udf = &udf_ops}

UDF(udf_descriptor, "udf", 0);
UDF(pure_descriptor, "pure", PH_PLUGIN_PURE);
UDF(waits_descriptor, "waits", PH_PLUGIN_WAITS);
UDF(stateful_descriptor, "stateful", PH_PLUGIN_STATEFUL);
