/* SPDX-License-Identifier: Apache-2.0 */
#include "job/udf_out.h"

#include "batch/cover.h"
#include "batch/draft.h"

/* From this many drafts of one input on, parts of them carry positions. */
#define DRAFTS_WITH_POSITIONS 8u
#define MIB                   (UINT64_C(1024) * 1024)

/* ---- what the plugin asks for ---- */

static const struct draft_output *output_of(struct task *t, uint32_t output)
{
    if (output < t->node->output_count) {
        return &t->node->outputs[output].draft;
    }
    (void)ph_error_set(&t->udf->row_error, PH_ERR_FATAL,
                       "the UDF wrote to output %u, which its bind did not describe", output);
    return NULL;
}

/* The output begins with columns of an input: the batch must have them too. */
static bool can_pass(struct task *t, const struct draft_output *o, const struct ph_batch *in)
{
    if (in->schema == t->udf->passable) {
        return true;
    }
    bool fits = o->inherited <= in->column_count;
    for (uint32_t i = 0; fits && i < o->inherited; i++) {
        fits = in->schema->fields[i].type == o->schema->fields[i].type;
    }
    if (!fits) {
        (void)ph_error_set(&t->udf->row_error, PH_ERR_FATAL,
                           "the UDF passed on a batch whose columns are not those that its output "
                           "begins with");
        return false;
    }
    t->udf->passable = in->schema;
    return true;
}

static struct ph_draft *made(struct task *t, struct ph_draft *draft)
{
    t->udf->starved = t->udf->starved || draft == NULL;
    return draft;
}

static struct ph_draft *out_derive(struct ph_out *out, uint32_t output, const struct ph_batch *in)
{
    struct task *t = out->host_data;
    const struct draft_output *o = output_of(t, output);
    if (o == NULL || !can_pass(t, o, in)) {
        return NULL;
    }
    struct ph_draft *draft = made(t, draft_derive(o, in));
    t->udf->gathered = (struct gathered){
        .draft = in->row_count > 0 ? draft : NULL, .in = in, .last_row = in->row_count - 1};
    return draft;
}

/* Whether a draft of these rows was refused for them and not for memory. */
static bool rows_are_wrong(const struct ph_batch *in, const uint32_t *rows, uint32_t count)
{
    for (uint32_t i = 0; i < count && count <= BATCH_MAX_ROWS; i++) {
        if (rows[i] >= in->row_count || (i > 0 && rows[i] < rows[i - 1])) {
            return true;
        }
    }
    return count > BATCH_MAX_ROWS;
}

static struct ph_draft *out_gather(struct ph_out *out, uint32_t output, const struct ph_batch *in,
                                   const uint32_t *rows, uint32_t count, bool last)
{
    struct task *t = out->host_data;
    const struct draft_output *o = output_of(t, output);
    if (o == NULL || !can_pass(t, o, in)) {
        return NULL;
    }
    struct ph_draft *draft = draft_gather(o, in, rows, count, last, &t->udf->run);
    if (draft == NULL && rows_are_wrong(in, rows, count)) {
        (void)ph_error_set(&t->udf->row_error, PH_ERR_FATAL,
                           "the UDF gathered rows that are not ascending, not in the batch or more "
                           "than %u",
                           BATCH_MAX_ROWS);
        return NULL;
    }
    t->udf->gathered = (struct gathered){.draft = count > 0 ? draft : NULL,
                                         .in = in,
                                         .first_row = count > 0 ? rows[0] : 0,
                                         .last_row = count > 0 ? rows[count - 1] : 0};
    return made(t, draft);
}

static struct ph_draft *out_create(struct ph_out *out, uint32_t output, uint32_t row_count)
{
    struct task *t = out->host_data;
    const struct draft_output *o = output_of(t, output);
    if (o != NULL && row_count > BATCH_MAX_ROWS) {
        (void)ph_error_set(&t->udf->row_error, PH_ERR_FATAL,
                           "the UDF created a batch of %u rows, more than %u", row_count,
                           BATCH_MAX_ROWS);
        return NULL;
    }
    return o != NULL ? made(t, draft_create(o, row_count)) : NULL;
}

static void out_discard(struct ph_out *out, struct ph_draft *draft)
{
    (void)out;
    draft_discard(draft);
}

/* ---- what is held ---- */

/* The input that the plugin's next batch is taken to be of. */
static const struct ph_batch *input_of(const struct udf_part *u)
{
    const struct offered *o = &u->offered;
    return o->capacity == 0 ? u->current : o->count > 0 ? o->items[o->head] : NULL;
}

static void hold(struct udf_part *u, struct ph_draft *draft)
{
    bool known = u->gathered.draft == draft;
    const struct ph_batch *in = input_of(u);
    u->held_rows = known ? u->gathered : (struct gathered){.draft = NULL};
    u->held = draft_publish(draft, false);
    u->held_root = in != NULL && cover_stems_from(u->held, in) ? HELD_OF_INPUT
                   : cover_is_rootless(u->held)                ? HELD_ROOTLESS
                                                               : HELD_OF_OTHER;
    u->cleaned = 0;
    u->emitted++;
    u->moved = true;
}

int32_t udf_out_prepare(struct task *t)
{
    struct udf_part *u = t->udf;
    uint32_t rows[BATCH_MAX_ROWS];
    if (u->held == NULL || u->cleaned == u->rejects.count) {
        return PH_OK;
    }
    uint32_t kept = rejects_list_kept(&u->rejects, u->held, u->run.flat, rows);
    if (kept < u->held->row_count) {
        struct ph_batch *rest = batch_gather(t->node->reserve, u->held, rows, kept, true);
        if (rest == NULL) {
            u->starved = true;
            return PH_MORE;
        }
        batch_release(&u->held[0]);
        u->held = rest;
    }
    u->cleaned = u->rejects.count;
    return PH_OK;
}

static void deliver(struct task *t, struct ph_batch *batch)
{
    struct udf_part *u = t->udf;
    u->passed_on = true;
    u->open_bytes = batch->position_count > 0 ? 0 : u->open_bytes + cover_bytes(batch);
    task_deliver(t, batch);
}

static void deliver_held(struct task *t)
{
    struct ph_batch *held = t->udf->held;
    t->udf->held = NULL;
    deliver(t, held);
}

int32_t udf_out_flush(struct task *t)
{
    if (t->udf->held == NULL) {
        return PH_OK;
    }
    if (!task_has_room(t) || udf_out_prepare(t) != PH_OK) {
        return PH_MORE;
    }
    deliver_held(t);
    return PH_OK;
}

int32_t udf_out_complete(struct task *t, const struct ph_batch *in)
{
    struct udf_part *u = t->udf;
    bool covers = in->position_count > 0;
    if (u->held != NULL && (!covers || u->held_root == HELD_OF_OTHER)) {
        if (udf_out_flush(t) != PH_OK) {
            return PH_MORE;
        }
    }
    if (u->held == NULL && !covers) {
        return PH_OK;
    }
    if (!task_has_room(t) || udf_out_prepare(t) != PH_OK) {
        return PH_MORE;
    }
    if (u->held == NULL) {
        u->held = batch_create_empty(t->node->reserve, t->node->outputs[0].schema, in);
        u->starved = u->starved || u->held == NULL;
        if (u->held == NULL) {
            return PH_MORE;
        }
    }
    cover_input(u->held, in);
    deliver_held(t);
    return PH_OK;
}

void udf_out_forget(struct task *t)
{
    struct udf_part *u = t->udf;
    batch_release(u->held);
    u->held = NULL;
    u->rejects.count = 0;
    u->emitted = 0;
    u->covered = 0;
    u->ascends = true;
}

/* ---- emit ---- */

static bool is_complete(struct task *t, const struct ph_draft *draft)
{
    int32_t missing = draft_find_missing(draft);
    if (missing >= 0) {
        const struct ph_schema *schema = t->node->outputs[0].schema;
        (void)ph_error_set(&t->udf->row_error, PH_ERR_FATAL,
                           "the UDF left its required column \"%s\" null",
                           schema->fields[missing].name);
    }
    return missing < 0;
}

static bool same_record(const struct ph_batch *b, uint32_t row, uint32_t other)
{
    return b->offsets[row] == b->offsets[other] && b->partition_ids[row] == b->partition_ids[other];
}

/*
 * The held batch is one of many of its input, and what follows goes on behind it: the source
 * records in front of the one that comes next are done with. Answers how many rows of the input
 * that are.
 */
static uint32_t rows_done(const struct udf_part *u, const struct gathered *next)
{
    const struct ph_batch *in = u->current;
    /* The input of an async UDF's draft is not `current`, nor is that of one made of an older
     * batch. */
    if (in == NULL || next->draft == NULL || next->in != in || u->held_root != HELD_OF_INPUT ||
        in->position_count == 0 || in->offsets == NULL || !u->ascends ||
        u->emitted < DRAFTS_WITH_POSITIONS) {
        return 0;
    }
    if (letters_are_waiting(&u->letters)) {
        return 0; /* a record in front may be set aside only in memory: a commit must not pass it */
    }
    uint32_t row = next->first_row;
    while (row > 0 && same_record(in, row - 1, next->first_row)) {
        row--;
    }
    return row;
}

static int32_t out_emit(struct ph_out *out, struct ph_draft *draft)
{
    struct task *t = out->host_data;
    struct udf_part *u = t->udf;
    const struct gathered unknown = {.draft = NULL};
    const struct gathered *next = u->gathered.draft == draft ? &u->gathered : &unknown;
    if (!is_complete(t, draft)) {
        draft_discard(draft);
        return PH_OK; /* taken: the end of the call tells the error */
    }
    if (u->held != NULL) {
        if (!task_has_room(t) || udf_out_prepare(t) != PH_OK) {
            return PH_MORE;
        }
        u->ascends = u->ascends && u->held_rows.draft != NULL && next->draft != NULL &&
                     next->first_row >= u->held_rows.last_row;
        uint32_t done = rows_done(u, next);
        if (done > u->covered && cover_rows(u->held, u->current, done)) {
            u->covered = done; /* without memory it just carries no positions */
        }
        deliver_held(t);
    }
    hold(u, draft);
    return PH_OK;
}

/* Deadlock: only rows that no commit may end within hold the memory. By far the usual refusal is
 * another one, and a batch that comes back ends it. */
int32_t udf_out_check_memory(struct task *t, struct ph_error *err)
{
    uint64_t limit = reserve_get_stats(t->node->reserve).limit_bytes;
    uint64_t share = limit / t->node->task_count;
    if (!t->udf->starved || t->udf->open_bytes <= share / 2) {
        return PH_OK;
    }
    return ph_error_set(err, PH_ERR_FATAL,
                        "what it makes of one source record, or of one batch, takes more than %llu "
                        "MiB, and all of it must wait for the end: raise memory.limit_mib",
                        (unsigned long long)(share / 2 / MIB));
}

void udf_out_init(struct task *t)
{
    ph_error_clear(&t->udf->row_error);
    t->udf->ascends = true;
    t->udf->out = (struct ph_out){.size = (uint32_t)sizeof t->udf->out,
                                  .host_data = t,
                                  .derive = out_derive,
                                  .gather = out_gather,
                                  .create = out_create,
                                  .emit = out_emit,
                                  .discard = out_discard};
}

void udf_out_fini(struct udf_part *u)
{
    batch_release(u->held);
    u->held = NULL;
}
