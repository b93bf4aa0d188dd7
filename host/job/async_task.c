/* SPDX-License-Identifier: Apache-2.0 */
#include "job/udf_out.h"

#include <stdlib.h>

/*
 * An async UDF gives its batches back in the order in which it was offered them. The host keeps
 * that order too, so that the positions of a batch travel whatever the plugin makes of it: one
 * batch, several or none.
 */

static const struct ph_batch *oldest(const struct offered *o)
{
    return o->items[o->head];
}

/* Room for one more, before the plugin takes it. */
static bool grow(struct offered *o)
{
    if (o->count < o->capacity) {
        return true;
    }
    uint32_t capacity = o->capacity == 0 ? 64 : o->capacity * 2;
    const struct ph_batch **items = calloc(capacity, sizeof *items);
    if (items == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < o->count; i++) {
        items[i] = o->items[(o->head + i) & (o->capacity - 1)];
    }
    free((void *)o->items);
    *o = (struct offered){.items = items, .count = o->count, .capacity = capacity};
    return true;
}

static void push(struct offered *o, const struct ph_batch *batch)
{
    o->items[(o->head + o->count) & (o->capacity - 1)] = batch;
    o->count++;
}

static void pop(struct offered *o)
{
    batch_release(oldest(o));
    o->head = (o->head + 1) & (o->capacity - 1);
    o->count--;
}

/* With PH_ERROR err is the plugin's. Any other answer would leave open whose the batch is. */
static enum task_step failed(struct task *t, const char *function, int32_t rc, struct ph_error *err)
{
    if (rc != PH_ERROR) {
        (void)ph_error_set(err, PH_ERR_FATAL, "%s gave an answer that it does not have: %d",
                           function, (int)rc);
    }
    return udf_failed(t, err);
}

static enum task_step offer(struct task *t)
{
    struct udf_part *u = t->udf;
    struct ph_error err;
    ph_error_clear(&err);
    if (u->current == NULL && !task_take(t, &u->current, &u->input)) {
        return TASK_IDLE;
    }
    if (u->current == NULL) {
        u->ended = true;
        return TASK_PROGRESS;
    }
    if (!grow(&u->offered)) {
        (void)ph_error_set(&err, PH_ERR_RETRIABLE, "out of memory for one more batch");
        return udf_failed(t, &err);
    }
    int32_t rc = t->node->plugin->async_udf.offer(t->object, u->current, &err);
    if (ph_error_is_set(&u->row_error)) {
        return udf_failed(t, &u->row_error);
    }
    if (rc == PH_MORE) {
        return TASK_IDLE;
    }
    if (rc != PH_OK) {
        return failed(t, "offer", rc, &err);
    }
    push(&u->offered, u->current);
    u->current = NULL;
    trouble_end(t, &u->trouble);
    return TASK_PROGRESS;
}

/* The plugin is done with the oldest batch. */
static enum task_step complete(struct task *t)
{
    struct udf_part *u = t->udf;
    if (letters_are_waiting(&u->letters)) {
        return TASK_PROGRESS; /* the next step writes them first */
    }
    if (udf_out_complete(t, oldest(&u->offered)) != PH_OK) {
        return udf_wait(t);
    }
    if (u->rejects.count > 0) {
        rejects_forget(&u->rejects, oldest(&u->offered));
    }
    breaker_seen(&t->breaker, oldest(&u->offered)->row_count);
    pop(&u->offered);
    u->completing = false;
    trouble_end(t, &u->trouble);
    return TASK_PROGRESS;
}

/* Nothing is held by the plugin: what it was offered and did not give back it has left out. */
static enum task_step drained(struct task *t)
{
    struct udf_part *u = t->udf;
    if (u->offered.count > 0) {
        u->completing = true;
        return complete(t);
    }
    if (u->held != NULL) {
        return udf_out_flush(t) == PH_OK ? TASK_PROGRESS : udf_wait(t);
    }
    if (!u->ended || u->current != NULL) {
        return TASK_IDLE;
    }
    struct ph_error err;
    ph_error_clear(&err);
    if (breaker_end(&t->breaker, 0, &err) != PH_OK) {
        return udf_failed(t, &err);
    }
    task_end(t);
    return TASK_PROGRESS;
}

static enum task_step next(struct task *t)
{
    struct udf_part *u = t->udf;
    struct ph_error err;
    ph_error_clear(&err);
    if (udf_out_prepare(t) != PH_OK) {
        return udf_wait(t);
    }
    u->moved = false;
    int32_t rc = t->node->plugin->async_udf.next(t->object, &u->out, &err);
    if (ph_error_is_set(&u->row_error)) {
        return udf_failed(t, &u->row_error);
    }
    switch (rc) {
    case PH_OK:
        u->completing = u->offered.count > 0;
        return u->completing ? complete(t) : TASK_PROGRESS;
    case PH_END:
        return drained(t);
    case PH_MORE:
        return u->moved ? TASK_PROGRESS : udf_wait(t);
    case PH_IDLE:
        return u->moved ? TASK_PROGRESS : TASK_IDLE;
    default:
        return failed(t, "next", rc, &err);
    }
}

enum task_step async_task_step(struct task *t)
{
    struct udf_part *u = t->udf;
    enum task_step may = udf_may_step(t);
    if (may != TASK_PROGRESS) {
        return may;
    }
    if (u->completing) {
        return complete(t);
    }
    enum task_step offered = u->ended ? TASK_IDLE : offer(t);
    if (offered == TASK_FAILED || !task_has_room(t)) {
        return offered;
    }
    enum task_step emitted = next(t);
    return emitted == TASK_IDLE ? offered : emitted;
}
