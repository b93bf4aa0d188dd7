/* SPDX-License-Identifier: Apache-2.0 */
#include "job/tasks.h"

#include "base/clock.h"
#include "base/error.h"
#include "job/udf_out.h"

#include <stdlib.h>

/* Memory, room and plugins wake the worker; should none of them do, it looks again after this. */
#define LOOK_AGAIN_NS (100 * CLOCK_NS_PER_MS)

int32_t udf_task_init(struct task *t, struct ph_error *err)
{
    t->udf = calloc(1, sizeof *t->udf);
    if (t->udf == NULL) {
        return ph_error_set(err, PH_ERR_FATAL, "out of memory for a task");
    }
    udf_out_init(t);
    return PH_OK;
}

void udf_task_fini(struct task *t)
{
    struct udf_part *u = t->udf;
    if (u == NULL) {
        return;
    }
    udf_out_fini(u);
    batch_release(u->current);
    batch_release(u->whole);
    for (uint32_t i = 0; i < u->offered.count; i++) {
        batch_release(u->offered.items[(u->offered.head + i) & (u->offered.capacity - 1)]);
    }
    free((void *)u->offered.items);
    rejects_fini(&u->rejects);
    letters_fini(&u->letters);
    free(u);
    t->udf = NULL;
}

void udf_task_reject(struct task *t, const struct ph_batch *batch, uint32_t row, const char *code,
                     const char *reason)
{
    struct udf_part *u = t->udf;
    if (ph_error_is_set(&u->row_error)) {
        return; /* the pipeline stops: its next start reads this one again */
    }
    if (row >= batch->row_count || batch->offsets == NULL) {
        (void)ph_error_set(&u->row_error, PH_ERR_FATAL,
                           "a row was rejected that stems from no record (row %u)", row);
        return;
    }
    if (!rejects_add(&u->rejects, batch, row)) {
        (void)ph_error_set(&u->row_error, PH_ERR_FATAL, "out of memory for a rejected row");
        return;
    }
    breaker_place(&t->breaker, row);
    if (letters_add_row(t, &u->letters, batch, row, code, reason, &u->row_error) != PH_OK) {
        return; /* the call that is running looks at row_error */
    }
}

/* ---- common to plain and async ---- */

enum task_step udf_failed(struct task *t, struct ph_error *err)
{
    if (err->flags == 0) {
        (void)ph_error_set(err, PH_ERR_FATAL, "the UDF failed without saying why");
    }
    if ((err->flags & PH_ERR_RETRIABLE) == 0) {
        job_fail(t->job, t, err);
        return TASK_FAILED;
    }
    trouble_begin(t, &t->udf->trouble, err);
    return TASK_IDLE;
}

enum task_step udf_wait(struct task *t)
{
    struct ph_error err;
    ph_error_clear(&err);
    if (udf_out_check_memory(t, &err) != PH_OK) {
        return udf_failed(t, &err);
    }
    t->is_backpressured = true;
    t->udf->look_ns = clock_monotonic_ns() + LOOK_AGAIN_NS;
    return TASK_IDLE;
}

enum task_step udf_may_step(struct task *t)
{
    struct udf_part *u = t->udf;
    struct ph_error err;
    u->look_ns = 0;
    u->starved = false;
    if (u->trouble.retry_ns != 0) {
        if (clock_monotonic_ns() < u->trouble.retry_ns) {
            return TASK_IDLE;
        }
        u->trouble.retry_ns = 0;
    }
    if (!letters_are_waiting(&u->letters)) {
        return TASK_PROGRESS;
    }
    ph_error_clear(&err);
    switch (letters_flush(t, &u->letters, &err)) {
    case PH_OK:
        return TASK_PROGRESS;
    case PH_MORE:
        return TASK_IDLE;
    default:
        return udf_failed(t, &err);
    }
}

bool udf_task_is_saturated(const struct task *t)
{
    return node_kind(t->node) == PH_KIND_ASYNC_UDF && t->udf->current != NULL;
}

int64_t udf_task_deadline_ns(const struct task *t)
{
    const struct udf_part *u = t->udf;
    if (u->trouble.retry_ns != 0) {
        return u->trouble.retry_ns;
    }
    return letters_are_waiting(&u->letters) ? u->letters.trouble.retry_ns : u->look_ns;
}

/* ---- plain ---- */

/* Done with what process was called with; a part of a refused batch is followed by the next. */
static enum task_step drop_current(struct task *t)
{
    struct udf_part *u = t->udf;
    batch_release(u->current);
    u->current = NULL;
    u->rejects.count = 0;
    u->processed = false;
    u->passed_on = false;
    u->emitted = 0;
    u->covered = 0;
    u->ascends = true;
    trouble_end(t, &u->trouble);
    if (u->whole != NULL && !udf_poison_has_more(u)) {
        batch_release(u->whole);
        u->whole = NULL;
    }
    return TASK_PROGRESS;
}

/* What the plugin emitted last carries the positions. */
static enum task_step complete(struct task *t)
{
    struct udf_part *u = t->udf;
    if (udf_out_complete(t, u->current) == PH_OK) {
        breaker_seen(&t->breaker, u->current->row_count);
        return drop_current(t);
    }
    return udf_wait(t);
}

/* Rows that were passed on cannot be taken back: the call must not be made again then. */
static enum task_step process_failed(struct task *t, struct ph_error *err)
{
    struct udf_part *u = t->udf;
    if ((err->flags & PH_ERR_POISON) != 0) {
        int32_t rc = udf_poison_narrow(t, err);
        if (rc != PH_ERROR) {
            return rc == PH_OK ? TASK_PROGRESS : udf_wait(t);
        }
        if (ph_error_is_set(&u->row_error)) {
            return udf_failed(t, &u->row_error);
        }
    }
    if ((err->flags & PH_ERR_RETRIABLE) != 0 && u->passed_on) {
        err->flags = PH_ERR_FATAL;
        error_prefix(err, "failed after it had passed a part of the batch on");
    } else if ((err->flags & PH_ERR_RETRIABLE) != 0) {
        udf_out_forget(t);
    }
    return udf_failed(t, err);
}

static enum task_step process(struct task *t)
{
    struct udf_part *u = t->udf;
    struct ph_error err;
    int32_t rc = PH_OK;
    ph_error_clear(&err);
    if (udf_out_prepare(t) != PH_OK) {
        return udf_wait(t);
    }
    u->moved = false;
    if (u->current->row_count > 0) {
        rc = t->node->plugin->udf.process(t->object, u->input, u->current, &u->out, &err);
    }
    if (ph_error_is_set(&u->row_error)) {
        return udf_failed(t, &u->row_error);
    }
    switch (rc) {
    case PH_OK:
        u->processed = true;
        return letters_are_waiting(&u->letters) ? TASK_PROGRESS : complete(t);
    case PH_MORE:
        return u->moved ? TASK_PROGRESS : udf_wait(t);
    case PH_ERROR:
        return process_failed(t, &err);
    default:
        (void)ph_error_set(&err, PH_ERR_FATAL, "process gave an answer that it does not have: %d",
                           (int)rc);
        return udf_failed(t, &err);
    }
}

static enum task_step finish(struct task *t)
{
    struct udf_part *u = t->udf;
    struct ph_error err;
    ph_error_clear(&err);
    u->moved = false;
    if (!u->finished) {
        int32_t rc = t->node->plugin->udf.finish(t->object, &u->out, &err);
        if (ph_error_is_set(&u->row_error)) {
            return udf_failed(t, &u->row_error);
        }
        if (rc == PH_ERROR) {
            return udf_failed(t, &err);
        }
        if (rc == PH_MORE) {
            return u->moved ? TASK_PROGRESS : udf_wait(t);
        }
        if (breaker_end(&t->breaker, 0, &err) != PH_OK) {
            return udf_failed(t, &err);
        }
        u->finished = true;
    }
    if (udf_out_flush(t) != PH_OK) {
        return udf_wait(t);
    }
    if (!task_has_room(t)) {
        return TASK_IDLE;
    }
    task_end(t);
    return TASK_PROGRESS;
}

enum task_step udf_task_step(struct task *t)
{
    struct udf_part *u = t->udf;
    enum task_step may = udf_may_step(t);
    if (may != TASK_PROGRESS) {
        return may;
    }
    if (u->processed) {
        return complete(t);
    }
    if (!task_has_room(t)) {
        return TASK_IDLE;
    }
    if (u->ended) {
        return finish(t);
    }
    if (u->current == NULL && u->whole != NULL) {
        return udf_poison_next(t) == PH_OK ? TASK_PROGRESS : udf_wait(t);
    }
    if (u->current == NULL && !task_take(t, &u->current, &u->input)) {
        return TASK_IDLE;
    }
    if (u->current == NULL) {
        u->ended = true;
        return TASK_PROGRESS;
    }
    return process(t);
}
