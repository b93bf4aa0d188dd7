/* SPDX-License-Identifier: Apache-2.0 */
#include "job/tasks.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"

#include <stdio.h>

/* ---- input ---- */

static bool take_pending(struct task *t, const struct ph_batch **batch)
{
    if (t->pending != NULL) {
        *batch = t->pending;
        t->pending = NULL;
        return true;
    }
    *batch = NULL;
    return t->pending_end;
}

static bool take_from_edges(struct task *t, const struct ph_batch **batch, uint32_t *input)
{
    for (uint32_t tried = 0; tried < t->edge_count; tried++) {
        uint32_t i = t->next_edge;
        struct slot slot;
        t->next_edge = i + 1 == t->edge_count ? 0 : i + 1;
        if (t->edge_ended[i] || !edge_pop(t->edges[i], &slot)) {
            continue;
        }
        if (slot.kind == SLOT_END) {
            t->edge_ended[i] = true;
            t->ended_edges++;
            continue;
        }
        *batch = slot.batch;
        *input = t->edge_inputs[i];
        return true;
    }
    *batch = NULL;
    return t->ended_edges == t->edge_count;
}

/* The next batch as it came, then as a replay lets it through. */
static bool take_filtered(struct task *t, const struct ph_batch **batch, uint32_t *input)
{
    *input = t->unfiltered_input;
    *batch = t->unfiltered;
    if (t->unfiltered == NULL) {
        *input = 0;
        bool taken = t->edge_count > 0 ? take_from_edges(t, batch, input) : take_pending(t, batch);
        if (!taken || *batch == NULL) {
            return taken;
        }
    }
    t->unfiltered = *batch;
    t->unfiltered_input = *input;
    *batch = replay_filter(t, t->unfiltered);
    t->unfiltered = *batch == NULL ? t->unfiltered : NULL;
    return *batch != NULL;
}

bool task_take(struct task *t, const struct ph_batch **batch, uint32_t *input)
{
    bool taken = take_filtered(t, batch, input);
    if (taken && *batch != NULL) {
        count_add(&t->counts.rows_in, (*batch)->row_count);
        count_add(&t->counts.batches, 1);
    }
    return taken;
}

/* ---- output ---- */

bool task_has_room(struct task *t)
{
    for (uint32_t i = 0; i < t->link_count; i++) {
        struct link *l = &t->links[i];
        bool room = l->edge != NULL ? edge_has_room(l->edge) : l->to->pending == NULL;
        if (!room) {
            t->is_backpressured = true;
            return false;
        }
    }
    return true;
}

static void hand_over(struct link *l, const struct ph_batch *batch)
{
    if (l->edge != NULL) {
        edge_push(l->edge,
                  (struct slot){.kind = batch != NULL ? SLOT_BATCH : SLOT_END, .batch = batch});
    } else if (batch != NULL) {
        l->to->pending = batch;
    } else {
        l->to->pending_end = true;
    }
}

void task_deliver(struct task *t, const struct ph_batch *batch)
{
    count_add(&t->counts.rows_out, batch->row_count);
    for (uint32_t i = 1; i < t->link_count; i++) {
        batch_retain(batch);
    }
    for (uint32_t i = 0; i < t->link_count; i++) {
        hand_over(&t->links[i], batch);
    }
    if (t->link_count == 0) {
        batch_release(batch);
    }
}

void task_end(struct task *t)
{
    for (uint32_t i = 0; i < t->link_count; i++) {
        hand_over(&t->links[i], NULL);
    }
    t->end_sent = true;
    t->done = true;
}

/* ---- rows that cannot go on ---- */

struct task_row task_row_of(const struct task *t, const struct ph_batch *batch, uint32_t row)
{
    struct task_row r = {.offset = -1,
                         .timestamp_ms = batch_timestamp_ms(batch, row),
                         .key = batch_key(batch, row),
                         .value = batch_raw(batch, row)};
    if (batch->offsets != NULL) {
        r.partition = t->job->partitions.items[batch->partition_ids[row]];
        r.offset = batch->offsets[row];
        r.has_sub_index = batch->sub_indexes != NULL;
        r.sub_index = r.has_sub_index ? batch->sub_indexes[row] & ~PH_SUB_LAST : 0;
    }
    return r;
}

void task_reject(const struct ph_task *pub, const struct ph_batch *batch, uint32_t row,
                 const char *code, const char *reason)
{
    struct task *t = pub->host_data;
    if (t->sink != NULL) {
        sink_driver_reject(sink_task_driver(t), batch, row, code, reason);
    } else if (t->udf != NULL) {
        udf_task_reject(t, batch, row, code, reason);
    }
}

/* ---- step ---- */

bool task_ready(struct task *t, int fd, uint32_t events)
{
    struct ph_error err;
    ph_error_clear(&err);
    if (t->node->plugin->ops.ready(t->object, fd, events, &err) != PH_ERROR) {
        return true;
    }
    if ((err.flags & PH_ERR_RETRIABLE) != 0) {
        log_write(PH_LOG_WARNING, t->node->manifest->name, "%s", err.text);
        return true;
    }
    job_fail(t->job, t, &err);
    return false;
}

/* A deadline that has passed and a wake both end in the plugin's ready. */
static bool tell_time(struct task *t)
{
    bool due = t->deadline_ns != 0 && clock_monotonic_ns() >= t->deadline_ns;
    bool woken =
        atomic_load_explicit(&t->woken, memory_order_relaxed) && atomic_exchange(&t->woken, false);
    if (!due && !woken) {
        return true;
    }
    t->deadline_ns = due ? 0 : t->deadline_ns;
    return task_ready(t, -1, 0);
}

static enum task_step step_kind(struct task *t)
{
    switch (node_kind(t->node)) {
    case PH_KIND_SOURCE:
        return source_task_step(t);
    case PH_KIND_UDF:
        return udf_task_step(t);
    case PH_KIND_ASYNC_UDF:
        return async_task_step(t);
    default:
        return sink_task_step(t);
    }
}

enum task_step task_step(struct task *t)
{
    if (t->done) {
        return TASK_IDLE;
    }
    if ((t->deadline_ns != 0 || atomic_load_explicit(&t->woken, memory_order_relaxed)) &&
        !tell_time(t)) {
        return TASK_FAILED;
    }
    t->is_backpressured = false;
    return step_kind(t);
}

enum task_rest task_rest(const struct task *t)
{
    if (t->done) {
        return TASK_RESTS_IDLE;
    }
    if (t->is_backpressured || (t->sink != NULL && sink_task_is_held(t))) {
        return TASK_RESTS_BACKPRESSURED;
    }
    return t->udf != NULL && udf_task_is_saturated(t) ? TASK_RESTS_BUSY : TASK_RESTS_IDLE;
}

int64_t task_deadline_ns(const struct task *t)
{
    if (t->done) {
        return 0;
    }
    int64_t own = 0;
    switch (node_kind(t->node)) {
    case PH_KIND_SOURCE:
        own = source_task_deadline_ns(t);
        break;
    case PH_KIND_SINK:
        own = sink_task_deadline_ns(t);
        break;
    default:
        own = udf_task_deadline_ns(t);
        break;
    }
    if (t->deadline_ns != 0 && (own == 0 || t->deadline_ns < own)) {
        own = t->deadline_ns;
    }
    return own;
}
