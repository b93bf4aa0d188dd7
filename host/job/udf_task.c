/* SPDX-License-Identifier: Apache-2.0 */
#include "job/tasks.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "delivery/backoff.h"
#include "job/udf_out.h"

#include <stdlib.h>

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
    if (t->udf != NULL) {
        udf_out_fini(t->udf);
        batch_release(t->udf->current);
        free(t->udf->rejected);
        free(t->udf);
        t->udf = NULL;
    }
}

void udf_task_reject(struct task *t, const struct ph_batch *batch, uint32_t row, const char *code,
                     const char *reason)
{
    struct udf_part *u = t->udf;
    if (row >= batch->row_count || batch->offsets == NULL) {
        (void)ph_error_set(&u->row_error, PH_ERR_FATAL,
                           "a row was rejected that stems from no record (row %u)", row);
        return;
    }
    if (u->rejected_count == u->rejected_capacity) {
        uint32_t capacity = u->rejected_capacity == 0 ? 64 : u->rejected_capacity * 2;
        struct rejected_row *rows = realloc(u->rejected, capacity * sizeof *rows);
        if (rows == NULL) {
            (void)ph_error_set(&u->row_error, PH_ERR_FATAL, "out of memory for a rejected row");
            return;
        }
        u->rejected = rows;
        u->rejected_capacity = capacity;
    }
    u->rejected[u->rejected_count++] = (struct rejected_row){
        .partition_id = batch->partition_ids[row], .offset = batch->offsets[row]};
    if (task_set_row_aside(t, batch, row, code, reason, &u->row_error) != PH_OK) {
        return; /* the call that is running looks at row_error */
    }
}

static enum task_step failed(struct task *t, struct ph_error *err)
{
    struct udf_part *u = t->udf;
    if ((err->flags & PH_ERR_RETRIABLE) == 0) {
        job_fail(t->job, t, err);
        return TASK_FAILED;
    }
    int64_t now_ns = clock_monotonic_ns();
    int64_t wait_ns = backoff_next_ns(&u->backoff, (uint64_t)now_ns);
    u->retry_ns = now_ns + wait_ns;
    log_write(PH_LOG_WARNING, t->node->manifest->name, "%s; next try in %.1f s", err->text,
              (double)wait_ns / (double)CLOCK_NS_PER_S);
    return TASK_IDLE;
}

static void drop_current(struct udf_part *u)
{
    batch_release(u->current);
    u->current = NULL;
    u->rejected_count = 0;
    u->processed = false;
    u->run = (struct draft_run){0};
    backoff_reset(&u->backoff);
}

/* The plugin is done with the batch: what it emitted last carries the positions. */
static enum task_step complete(struct task *t)
{
    struct udf_part *u = t->udf;
    if (!task_has_room(t)) {
        return TASK_IDLE;
    }
    switch (udf_out_complete(t)) {
    case PH_OK:
        if (u->current->row_count > u->rejected_count) {
            breaker_good(&t->breaker, u->current->row_count - u->rejected_count);
        }
        drop_current(u);
        return TASK_PROGRESS;
    case PH_MORE:
        return TASK_IDLE; /* the reserve wakes this worker */
    default:
        return failed(t, &u->row_error);
    }
}

static enum task_step process(struct task *t)
{
    struct udf_part *u = t->udf;
    struct ph_error err;
    int32_t rc = PH_OK;
    ph_error_clear(&err);
    if (u->current->row_count > 0) {
        u->moved = false;
        rc = t->node->plugin->udf.process(t->object, u->input, u->current, &u->out, &err);
    }
    if (ph_error_is_set(&u->row_error)) {
        return failed(t, &u->row_error);
    }
    if (rc == PH_ERROR) {
        return failed(t, &err);
    }
    if (rc == PH_MORE) {
        return u->moved ? TASK_PROGRESS : TASK_IDLE;
    }
    u->processed = true;
    return complete(t);
}

static enum task_step finish(struct task *t)
{
    struct udf_part *u = t->udf;
    struct ph_error err;
    ph_error_clear(&err);
    if (!u->finished) {
        int32_t rc = t->node->plugin->udf.finish(t->object, &u->out, &err);
        if (rc == PH_ERROR) {
            return failed(t, &err);
        }
        if (rc == PH_MORE) {
            return TASK_PROGRESS;
        }
        u->finished = true;
    }
    if (!task_has_room(t)) {
        return TASK_IDLE;
    }
    if (udf_out_has_held(u)) {
        udf_out_flush(t);
        return TASK_PROGRESS;
    }
    task_end(t);
    return TASK_PROGRESS;
}

enum task_step udf_task_step(struct task *t)
{
    struct udf_part *u = t->udf;
    if (u->retry_ns != 0 && clock_monotonic_ns() < u->retry_ns) {
        return TASK_IDLE;
    }
    u->retry_ns = 0;
    if (u->processed) {
        return complete(t);
    }
    if (!task_has_room(t)) {
        return TASK_IDLE;
    }
    if (u->ended) {
        return finish(t);
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

/* ---- async ---- */

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
    int32_t rc = t->node->plugin->async_udf.offer(t->object, u->current, &err);
    if (rc == PH_ERROR) {
        return failed(t, &err);
    }
    if (rc == PH_MORE) {
        return TASK_IDLE;
    }
    breaker_good(&t->breaker, u->current->row_count);
    drop_current(u);
    return TASK_PROGRESS;
}

static enum task_step next(struct task *t)
{
    struct udf_part *u = t->udf;
    struct ph_error err;
    ph_error_clear(&err);
    int32_t rc = t->node->plugin->async_udf.next(t->object, &u->out, &err);
    if (ph_error_is_set(&u->row_error)) {
        return failed(t, &u->row_error);
    }
    u->rejected_count = 0;
    switch (rc) {
    case PH_OK:
        return TASK_PROGRESS;
    case PH_ERROR:
        return failed(t, &err);
    case PH_END:
        if (u->ended && u->current == NULL) {
            task_end(t);
            return TASK_PROGRESS;
        }
        return TASK_IDLE;
    default:
        return TASK_IDLE;
    }
}

enum task_step async_task_step(struct task *t)
{
    struct udf_part *u = t->udf;
    if (u->retry_ns != 0 && clock_monotonic_ns() < u->retry_ns) {
        return TASK_IDLE;
    }
    u->retry_ns = 0;
    enum task_step offered = u->ended ? TASK_IDLE : offer(t);
    if (offered == TASK_FAILED || !task_has_room(t)) {
        return offered;
    }
    enum task_step emitted = next(t);
    return emitted == TASK_IDLE ? offered : emitted;
}

int64_t udf_task_deadline_ns(const struct task *t)
{
    return t->udf->retry_ns;
}
