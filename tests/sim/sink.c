/* SPDX-License-Identifier: Apache-2.0 */
/* A sink's plugin: its calls fail, lose answers, answer late, refuse rows; and it watches that the
 * driver calls it by the rules of pipehost/sink.h. */
#include "sim.h"

/* What becomes of a call. */
enum fate {
    FATE_FINE,
    FATE_FAIL,
    FATE_LOST_ANSWER, /* it is done, but nobody hears of it */
    FATE_LATE         /* it is on its way when the connection breaks: it lands later, or never */
};

static struct sim_world *world_of(const struct sim_task *t)
{
    return t->process->world;
}

static const struct sim_sink_shape *shape_of(const struct sim_task *t)
{
    return &world_of(t)->shape.sinks[t->sink];
}

static bool is_transactional(const struct sim_task *t)
{
    return shape_of(t)->delivery == PH_DELIVERY_TRANSACTIONAL;
}

static enum fate draw_fate(struct sim_task *t)
{
    struct sim_world *w = world_of(t);
    if (!sim_process_call(t->process)) {
        return FATE_FAIL;
    }
    if (!sim_chance(w, w->shape.fault_percent)) {
        return FATE_FINE;
    }
    w->counts.faults++;
    return (enum fate)(1 + sim_draw(w, 3));
}

static int32_t broken(struct sim_task *t, struct ph_error *err)
{
    t->must_abort = true;
    return ph_error_set(err, PH_ERR_RETRIABLE, "the simulated connection broke");
}

static int32_t fenced(struct sim_task *t, struct ph_error *err)
{
    t->must_abort = true;
    t->is_fenced = true;
    return ph_error_set(err, PH_ERR_FENCED, "taken over");
}

/* No call but abort after a failure, none at all after a take-over, none while an answer is due. */
static void check_call(const struct sim_task *t, const char *name)
{
    SIM_MUST(!t->must_abort, "sink %u: %s after a failure without abort", t->sink, name);
    SIM_MUST(!t->is_fenced, "sink %u: %s after another owner came", t->sink, name);
    SIM_MUST(!t->waits_for_answer, "sink %u: %s while a commit is not answered", t->sink, name);
    SIM_MUST(!t->is_done, "sink %u: %s after release", t->sink, name);
}

/* ---- claim ---- */

static bool may_claim(const struct sim_task *t, uint32_t id)
{
    const struct sim_store *s = &world_of(t)->stores[t->sink];
    return !t->holds[id] || s->fences[id] == t->my_fences[id] || s->owners[id] == t->process->id;
}

static void take(struct sim_task *t, uint32_t id)
{
    struct sim_store *s = &world_of(t)->stores[t->sink];
    if (s->owners[id] != 0 && s->owners[id] != t->process->id) {
        world_of(t)->takeovers++;
    }
    s->owners[id] = t->process->id;
    t->my_fences[id] = ++s->fences[id];
    t->holds[id] = true;
}

static int32_t sink_claim(void *task, const struct ph_partition *partitions, uint32_t count,
                          struct ph_position *positions, struct ph_error *err)
{
    struct sim_task *t = task;
    const struct sim_store *s = &world_of(t)->stores[t->sink];
    check_call(t, "claim");
    SIM_MUST(sim_keeps(world_of(t), t->sink), "sink %u is claimed, but keeps nothing", t->sink);
    SIM_MUST(t->staged_count == 0 && !t->is_begun, "sink %u: claim in the middle of an epoch",
             t->sink);
    enum fate fate = draw_fate(t);
    if (fate == FATE_FAIL) {
        return broken(t, err);
    }
    if (!is_transactional(t)) {
        return fate == FATE_FINE ? PH_OK : broken(t, err);
    }
    sim_store_settle(world_of(t), t->sink); /* the lock waits for what is under way */
    for (uint32_t i = 0; i < count; i++) {
        if (!may_claim(t, partitions[i].id)) {
            return fenced(t, err);
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t id = partitions[i].id;
        SIM_MUST(positions[i].partition_id == id, "sink %u: claim's lists do not fit", t->sink);
        take(t, id);
        positions[i].next_offset = s->positions[id];
        positions[i].fingerprint = s->fingerprints[id];
    }
    t->has_claimed = true;
    return fate == FATE_FINE ? PH_OK : broken(t, err);
}

static int32_t sink_release(void *task, struct ph_error *err)
{
    struct sim_task *t = task;
    check_call(t, "release");
    SIM_MUST(t->staged_count == 0 && !t->is_begun, "sink %u: release in the middle of an epoch",
             t->sink);
    return draw_fate(t) == FATE_FINE ? PH_OK : ph_error_set(err, PH_ERR_RETRIABLE, "it broke");
}

/* ---- rows ---- */

static void leak(struct sim_task *t, const struct ph_batch *batch)
{
    for (uint32_t row = 0; row < batch->row_count; row++) {
        struct sim_row r = sim_batch_row(batch, row);
        if (sim_judge(world_of(t), t->sink, &r) == SIM_FINE) {
            sim_store_row(world_of(t), t->sink, &r);
            world_of(t)->stores[t->sink].unstored[t->lane]++;
        }
    }
}

static int32_t sink_write(void *task, const struct ph_batch *batch, struct ph_error *err)
{
    struct sim_task *t = task;
    struct sim_world *w = world_of(t);
    check_call(t, "write");
    SIM_MUST(batch->row_count > 0, "sink %u: a batch without rows is written", t->sink);
    SIM_MUST(t->has_claimed || !is_transactional(t), "sink %u: write before claim", t->sink);
    if (draw_fate(t) != FATE_FINE) {
        return broken(t, err);
    }
    if (sim_draw(w, 8) == 0) {
        return PH_MORE;
    }
    t->staged[t->staged_count++] = batch;
    t->is_begun = false;
    for (uint32_t row = 0; row < batch->row_count; row++) {
        struct sim_row r = sim_batch_row(batch, row);
        if (sim_judge(w, t->sink, &r) == SIM_UNFIT) {
            sink_driver_reject(t->driver, batch, row, "unfit", "refused by the sink");
        }
    }
    if (shape_of(t)->is_leaky) {
        leak(t, batch);
    }
    return PH_OK;
}

static void sink_abort(void *task)
{
    struct sim_task *t = task;
    SIM_MUST(!t->waits_for_answer, "sink %u: abort while a commit is not answered", t->sink);
    t->must_abort = false;
    t->staged_count = 0;
    t->is_begun = false;
    if (!t->process->is_dead) {
        sim_store_allow_doubles(t);
    }
}

/* ---- commit ---- */

static void begin_transaction(struct sim_task *t, const struct ph_epoch *e,
                              struct sim_transaction *x)
{
    struct sim_world *w = world_of(t);
    const struct sim_store *s = &w->stores[t->sink];
    uint64_t rows = 0;
    x->process_id = t->process->id;
    x->row_count = 0;
    x->position_count = is_transactional(t) ? e->position_count : 0;
    for (uint32_t i = 0; i < t->staged_count; i++) {
        rows += t->staged[i]->row_count;
        for (uint32_t row = 0; row < t->staged[i]->row_count; row++) {
            struct sim_row r = sim_batch_row(t->staged[i], row);
            SIM_MUST(x->row_count < SIM_TRANSACTION, "an epoch is too large");
            if (!shape_of(t)->is_leaky && sim_judge(w, t->sink, &r) == SIM_FINE) {
                x->rows[x->row_count++] = r;
            }
        }
    }
    SIM_MUST(rows == e->row_count, "sink %u: an epoch of %llu rows is told as %llu", t->sink,
             (unsigned long long)rows, (unsigned long long)e->row_count);
    for (uint32_t i = 0; i < e->position_count; i++) {
        uint32_t id = e->positions[i].partition_id;
        SIM_MUST(i == 0 || e->positions[i - 1].partition_id < id, "positions do not ascend");
        x->positions[i] = e->positions[i];
        x->was[i] = s->positions[id];
        x->fences[i] = t->my_fences[id];
    }
}

static bool names_one(struct sim_task *t)
{
    enum sim_naming naming = shape_of(t)->naming;
    return naming == SIM_NAMED || (naming == SIM_NAMED_SOMETIMES && sim_chance(world_of(t), 50));
}

/* Names a refused row or some, as a failed COPY does, or none. */
static bool refuse(struct sim_task *t)
{
    uint64_t named = names_one(t) ? 1 + sim_draw(world_of(t), 3) : 0;
    bool is_refused = false;
    for (uint32_t i = 0; i < t->staged_count; i++) {
        for (uint32_t row = 0; row < t->staged[i]->row_count; row++) {
            struct sim_row r = sim_batch_row(t->staged[i], row);
            if (sim_judge(world_of(t), t->sink, &r) != SIM_POISON) {
                continue;
            }
            is_refused = true;
            if (named > 0) {
                named--;
                sink_driver_reject(t->driver, t->staged[i], row, "22001", "too long");
            }
        }
    }
    return is_refused;
}

static int32_t lands(struct sim_task *t, struct sim_transaction *x, struct ph_error *err)
{
    struct sim_world *w = world_of(t);
    if (sim_store_apply(w, t->sink, x) != PH_OK) {
        return fenced(t, err);
    }
    w->stores[t->sink].unstored[t->lane] += is_transactional(t) ? 0 : x->row_count;
    return PH_OK;
}

/* The server's part of a commit. */
static int32_t finish_commit(struct sim_task *t, const struct ph_epoch *e, struct ph_error *err)
{
    struct sim_world *w = world_of(t);
    struct sim_transaction *x = &w->stores[t->sink].transactions[t->process->machine][t->lane];
    enum fate fate = draw_fate(t);
    w->now_ns += (int64_t)(1 + sim_draw(w, 2500)) * 1000;
    if (fate == FATE_FAIL) {
        return broken(t, err);
    }
    if (refuse(t)) {
        t->must_abort = true;
        return ph_error_set(err, PH_ERR_POISON, "a row was refused");
    }
    begin_transaction(t, e, x);
    sim_letters_check_synced(t, x);
    if (fate == FATE_LATE && is_transactional(t)) {
        x->is_open = true;
        return broken(t, err);
    }
    if (lands(t, x, err) != PH_OK) {
        return PH_ERROR;
    }
    if (fate != FATE_FINE) {
        return broken(t, err);
    }
    t->staged_count = 0;
    t->is_begun = (e->flags & PH_EPOCH_MORE) != 0;
    t->begun_ns = w->now_ns;
    SIM_MUST(!t->is_begun || (e->flags & PH_EPOCH_FINAL) == 0, "more comes after the last epoch");
    return PH_OK;
}

void sim_sink_answer(struct sim_task *t)
{
    struct ph_error err;
    if (!t->waits_for_answer || world_of(t)->now_ns < t->answer_ns) {
        return;
    }
    ph_error_clear(&err);
    t->waits_for_answer = false;
    t->is_resting = false;
    int32_t rc = finish_commit(t, &t->pending, &err);
    sink_driver_epoch_done(t->driver, t->pending.id, rc == PH_OK ? NULL : &err);
    sink_driver_epoch_done(t->driver, t->pending.id, NULL); /* a second answer is none */
}

static bool has_poison(const struct sim_task *t)
{
    for (uint32_t i = 0; i < t->staged_count; i++) {
        for (uint32_t row = 0; row < t->staged[i]->row_count; row++) {
            struct sim_row r = sim_batch_row(t->staged[i], row);
            if (sim_judge(world_of(t), t->sink, &r) == SIM_POISON) {
                return true;
            }
        }
    }
    return false;
}

void sim_sink_die(struct sim_task *t)
{
    struct sim_store *s = &world_of(t)->stores[t->sink];
    if (t->waits_for_answer && !t->is_fenced && is_transactional(t) && !has_poison(t) &&
        sim_chance(world_of(t), 50)) {
        struct sim_transaction *x = &s->transactions[t->process->machine][t->lane];
        begin_transaction(t, &t->pending, x);
        sim_letters_check_synced(t, x);
        x->is_open = true;
    }
    sim_store_allow_doubles(t);
}

static int32_t sink_commit(void *task, const struct ph_epoch *e, struct ph_error *err)
{
    struct sim_task *t = task;
    struct sim_world *w = world_of(t);
    check_call(t, "commit");
    SIM_MUST(e->id >= t->epoch_id, "sink %u: an epoch's id goes back", t->sink);
    SIM_MUST(e->row_count > 0 || e->position_count > 0, "sink %u: an empty epoch", t->sink);
    t->epoch_id = e->id;
    if (!shape_of(t)->answers_later) {
        return finish_commit(t, e, err);
    }
    t->pending = *e;
    memcpy(t->pending_positions, e->positions, e->position_count * sizeof *e->positions);
    t->pending.positions = t->pending_positions;
    t->waits_for_answer = true;
    t->answer_ns = w->now_ns + (sim_chance(w, 30) ? 0 : (int64_t)sim_draw(w, 20000) * 1000);
    sim_sink_answer(t);
    return PH_PENDING;
}

const struct ph_sink_ops sim_sink_ops = {.size = sizeof sim_sink_ops,
                                         .claim = sink_claim,
                                         .release = sink_release,
                                         .write = sink_write,
                                         .commit = sink_commit,
                                         .abort = sink_abort};
