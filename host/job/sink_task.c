/* SPDX-License-Identifier: Apache-2.0 */
#include "job/tasks.h"

#include "base/clock.h"
#include "job/preview.h"
#include "job/trouble.h"

#include <pipehost/failpoint.h>
#include <stdlib.h>

struct sink_part {
    struct sink_driver *driver;
    uint64_t set_aside; /* rows since the last commit */
    struct trouble trouble;
    struct preview_sink preview;
};

static int64_t env_now_ns(void *arg)
{
    (void)arg;
    return clock_monotonic_ns();
}

static uint64_t env_random(void *arg)
{
    const struct task *t = arg;
    return (uint64_t)clock_monotonic_ns() * UINT64_C(0x9e3779b97f4a7c15) + t->pub.lane;
}

static bool env_next(void *arg, const struct ph_batch **batch)
{
    struct task *t = arg;
    return preview_take(t, &t->sink->preview, batch);
}

static void env_release(void *arg, const struct ph_batch *batch)
{
    (void)arg;
    batch_release(batch);
}

static const struct ph_batch *env_filter(void *arg, const struct ph_batch *batch,
                                         const uint8_t *keep)
{
    struct task *t = arg;
    uint32_t rows[BATCH_MAX_ROWS];
    uint32_t count = 0;
    for (uint32_t row = 0; row < batch->row_count; row++) {
        if (keep[row] != 0) {
            rows[count++] = row;
        }
    }
    return batch_gather(t->node->reserve, batch, rows, count, true);
}

/* How many rows of the epoch stand before a row of a batch that was written. */
static uint64_t rows_before(const struct epoch *e, const struct ph_batch *batch)
{
    uint64_t rows = 0;
    for (uint32_t i = 0; i < e->entry_count && e->entries[i].written != batch; i++) {
        rows += e->entries[i].written->row_count;
    }
    return rows;
}

static int32_t env_set_aside(void *arg, const struct ph_batch *batch, uint32_t row,
                             const char *code, const char *reason, struct ph_error *err)
{
    struct task *t = arg;
    struct task_row r = task_row_of(t, batch, row);
    const struct epoch *e = t->sink->driver->epoch;
    uint64_t left_out = t->sink->set_aside - e->dead_count; /* they are in the epoch no more */
    breaker_place(&t->breaker, left_out + rows_before(e, batch) + row);
    int32_t rc = task_set_aside(t, &r, code, reason, err);
    t->sink->set_aside += rc == PH_OK;
    return rc;
}

static int32_t env_sync(void *arg, struct ph_error *err)
{
    struct task *t = arg;
    const struct sink_driver *d = t->sink->driver;
    uint64_t running = d->epoch->row_count - d->epoch->dead_count + t->sink->set_aside;
    if (d->input_ended && breaker_end(&t->breaker, running, err) != PH_OK) {
        return PH_ERROR;
    }
    return dead_letters_sync(t->job->dead_letters, err);
}

static void env_committed(void *arg, const struct ph_position *positions, uint32_t count,
                          uint64_t row_count)
{
    struct task *t = arg;
    /* A sink that keeps no positions has none to show. */
    for (uint32_t i = 0; t->node->committed != NULL && i < count; i++) {
        atomic_store_explicit(&t->node->committed[positions[i].partition_id],
                              positions[i].next_offset, memory_order_relaxed);
    }
    count_add(&t->counts.rows_out, row_count);
    breaker_seen(&t->breaker, row_count + t->sink->set_aside);
    t->sink->set_aside = 0;
    preview_written(t, &t->sink->preview);
}

static void env_trouble(void *arg, const struct ph_error *err, int64_t retry_in_ns)
{
    struct task *t = arg;
    if (err == NULL) {
        trouble_end(t, &t->sink->trouble);
    } else {
        trouble_tell(t, &t->sink->trouble, err, retry_in_ns);
    }
}

static int32_t env_load(void *arg, const struct ph_partition *partitions, uint32_t count,
                        struct ph_position *positions, struct ph_error *err)
{
    const struct task *t = arg;
    return ledger_read(t->node->ledger, partitions, count, positions, err);
}

static int32_t env_store(void *arg, const struct ph_position *positions, uint32_t count,
                         struct ph_error *err)
{
    const struct task *t = arg;
    PH_FAILPOINT("ledger.storing");
    int32_t rc = ledger_write(t->node->ledger, &t->job->partitions, positions, count, err);
    PH_FAILPOINT("ledger.stored");
    return rc;
}

int32_t sink_task_init(struct task *t, const struct sink_settings *settings, struct ph_error *err)
{
    struct sink_env env = {.arg = t,
                           .memory = {.arg = t, .release = env_release, .filter = env_filter},
                           .now_ns = env_now_ns,
                           .random = env_random,
                           .next = env_next,
                           .set_aside = env_set_aside,
                           .sync = env_sync,
                           .committed = env_committed,
                           .load = t->node->ledger != NULL ? env_load : NULL,
                           .store = t->node->ledger != NULL ? env_store : NULL,
                           .trouble = env_trouble};
    t->sink = calloc(1, sizeof *t->sink);
    if (t->sink != NULL) {
        t->sink->driver = sink_driver_create(&t->node->plugin->sink, t->object, &env, settings);
    }
    if (t->sink == NULL || t->sink->driver == NULL) {
        return ph_error_set(err, PH_ERR_FATAL, "out of memory for a task");
    }
    return PH_OK;
}

void sink_task_fini(struct task *t)
{
    if (t->sink != NULL) {
        sink_driver_destroy(t->sink->driver);
        preview_fini(&t->sink->preview);
        free(t->sink);
        t->sink = NULL;
    }
}

/* An epoch whose rows were all refused is followed by no commit. */
static enum task_step judge_end(struct task *t)
{
    struct ph_error err;
    ph_error_clear(&err);
    if (breaker_end(&t->breaker, t->sink->set_aside, &err) == PH_OK) {
        return TASK_PROGRESS;
    }
    job_fail(t->job, t, &err);
    return TASK_FAILED;
}

static bool take_offered(struct task *t)
{
    const struct ph_partition *p = atomic_exchange(&t->offered, NULL);
    if (sink_driver_adopt(t->sink->driver, p)) {
        return true;
    }
    struct ph_error err;
    ph_error_clear(&err);
    (void)ph_error_set(&err, PH_ERR_CONFIG, "a sink keeps at most %d partitions", PARTITIONS_MAX);
    job_fail(t->job, t, &err);
    return false;
}

enum task_step sink_task_step(struct task *t)
{
    struct sink_driver *d = t->sink->driver;
    if (atomic_load_explicit(&t->offered, memory_order_relaxed) != NULL && !take_offered(t)) {
        return TASK_FAILED;
    }
    switch (sink_driver_step(d)) {
    case SINK_PROGRESS:
        return TASK_PROGRESS;
    case SINK_IDLE:
        return TASK_IDLE;
    case SINK_DONE:
        t->done = true;
        return judge_end(t);
    default:
        job_fail(t->job, t, &d->error);
        return TASK_FAILED;
    }
}

int64_t sink_task_deadline_ns(const struct task *t)
{
    return t->sink->driver->deadline_ns;
}

bool sink_task_is_held(const struct task *t)
{
    const struct sink_driver *d = t->sink->driver;
    return d->state == SINK_STATE_COMMITTING || d->state == SINK_STATE_RELEASE || d->full_ns != 0 ||
           d->retry_ns > clock_monotonic_ns();
}

struct sink_driver *sink_task_driver(const struct task *t)
{
    return t->sink->driver;
}
