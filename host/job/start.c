/* SPDX-License-Identifier: Apache-2.0 */
#include "job/start.h"

#include "base/clock.h"
#include "base/log.h"
#include "job/plan.h"
#include "job/positions.h"
#include "job/tasks.h"
#include "job/worker.h"

#include <stdlib.h>

#define TROUBLE_LOG_INTERVAL_NS (10 * CLOCK_NS_PER_S)

static struct sink_settings settings_of(const struct node *n)
{
    const struct manifest *m = n->job->manifest;
    return (struct sink_settings){.keeps_positions =
                                      n->plugin->descriptor.delivery == PH_DELIVERY_TRANSACTIONAL,
                                  .min_delay_ns = m->commit_min_delay_ms * CLOCK_NS_PER_MS,
                                  .interval_ns = m->checkpoint_interval_ms * CLOCK_NS_PER_MS,
                                  .max_rows = (uint64_t)m->commit_max_rows,
                                  .max_batches = PLAN_SINK_BATCHES};
}

static int32_t create_task(struct task *t, struct ph_error *err)
{
    t->object = t->node->plugin->ops.task_create(t->node->op, &t->pub, err);
    if (t->object == NULL) {
        return ph_error_set(err, PH_ERR_FATAL, "%s: the plugin made no task",
                            t->node->manifest->name);
    }
    t->has_object = true;
    switch (node_kind(t->node)) {
    case PH_KIND_SOURCE:
        return source_task_init(t, err);
    case PH_KIND_SINK: {
        struct sink_settings settings = settings_of(t->node);
        return sink_task_init(t, &settings, err);
    }
    default:
        return udf_task_init(t, err);
    }
}

int32_t tasks_create(struct job *job, struct ph_error *err)
{
    for (uint32_t i = 0; i < job->node_count; i++) {
        for (uint32_t lane = 0; lane < job->nodes[i].task_count; lane++) {
            if (create_task(job->nodes[i].tasks[lane], err) != PH_OK) {
                return PH_ERROR;
            }
        }
    }
    return PH_OK;
}

static void destroy_task(struct task *t)
{
    if (t->active) {
        t->node->plugin->ops.deactivate(t->object);
    }
    source_task_fini(t);
    udf_task_fini(t);
    sink_task_fini(t);
    if (t->has_object) {
        t->node->plugin->ops.task_destroy(t->object);
    }
    t->has_object = false;
    t->active = false;
}

void tasks_destroy(struct job *job)
{
    for (uint32_t i = 0; i < job->node_count; i++) {
        struct node *n = &job->nodes[i];
        for (uint32_t lane = 0; n->tasks != NULL && lane < n->task_count; lane++) {
            if (n->tasks[lane] != NULL) {
                destroy_task(n->tasks[lane]);
            }
        }
    }
}

/* ---- one step that may have to be tried again ---- */

typedef int32_t (*start_step)(struct task *t, struct ph_error *err);

struct retry {
    struct backoff backoff;
    int64_t told_ns;
    int64_t since_ns;
};

/* Waits before the next try; false: the job was cancelled. */
static bool back_off(struct task *t, struct retry *r, const struct ph_error *err)
{
    int64_t now_ns = clock_monotonic_ns();
    int64_t wait_ns = backoff_next_ns(&r->backoff, (uint64_t)now_ns);
    r->since_ns = r->since_ns == 0 ? now_ns : r->since_ns;
    if (r->told_ns == 0 || now_ns - r->told_ns >= TROUBLE_LOG_INTERVAL_NS) {
        r->told_ns = now_ns;
        log_write(PH_LOG_WARNING, t->node->manifest->name,
                  "waiting: %s (for %.1f s, next try in %.1f s)", err->text,
                  (double)(now_ns - r->since_ns) / (double)CLOCK_NS_PER_S,
                  (double)wait_ns / (double)CLOCK_NS_PER_S);
    }
    while (!atomic_load(&t->job->cancelled) && clock_monotonic_ns() < now_ns + wait_ns) {
        worker_wait(t->worker, now_ns + wait_ns);
    }
    return !atomic_load(&t->job->cancelled);
}

static bool try_until_done(struct task *t, start_step step)
{
    struct retry r = {0};
    for (;;) {
        struct ph_error err;
        ph_error_clear(&err);
        if (atomic_load(&t->job->cancelled)) {
            return false;
        }
        if (step(t, &err) == PH_OK) {
            return true;
        }
        if ((err.flags & PH_ERR_RETRIABLE) == 0) {
            job_fail(t->job, t, &err);
            return false;
        }
        if (!back_off(t, &r, &err)) {
            return false;
        }
    }
}

static int32_t activate(struct task *t, struct ph_error *err)
{
    t->active = true;
    return t->node->plugin->ops.activate(t->object, err);
}

/* ---- partitions ---- */

struct found {
    struct ph_partition_list pub;
    struct task *task;
    struct ph_error error;
};

static int32_t found_add(struct ph_partition_list *list, const char *topic, int32_t partition,
                         const char *cluster)
{
    struct found *f = list->host_data;
    uint32_t id;
    return partitions_add(&f->task->job->partitions, f->task->node->manifest->name, topic,
                          partition, cluster, &id, &f->error);
}

static int32_t find_partitions(struct task *t, struct ph_error *err)
{
    struct found f = {.pub = {.size = (uint32_t)sizeof f.pub, .add = found_add}, .task = t};
    f.pub.host_data = &f;
    ph_error_clear(&f.error);
    int32_t rc = t->node->plugin->source.partitions(t->object, &f.pub, err);
    if (ph_error_is_set(&f.error)) {
        *err = f.error;
        return PH_ERROR;
    }
    return rc;
}

/* ---- the sinks' side ---- */

/* Steps a sink's driver until it is open and has nothing staged. */
static bool settle_sink(struct task *t)
{
    struct sink_driver *d = sink_task_driver(t);
    while (d->state != SINK_STATE_OPEN || !sink_driver_is_clean(d)) {
        if (atomic_load(&t->job->cancelled)) {
            return false;
        }
        switch (sink_driver_step(d)) {
        case SINK_PROGRESS:
            break;
        case SINK_IDLE:
            worker_wait(t->worker, d->deadline_ns);
            break;
        default:
            job_fail(t->job, t, &d->error);
            return false;
        }
    }
    return true;
}

static bool claim_sinks(struct job *job)
{
    for (uint32_t i = 0; i < job->node_count; i++) {
        struct node *n = &job->nodes[i];
        for (uint32_t lane = 0; node_kind(n) == PH_KIND_SINK && lane < n->task_count; lane++) {
            if (!positions_own(n->tasks[lane]) || !settle_sink(n->tasks[lane])) {
                return false;
            }
        }
    }
    return true;
}

static bool seed_sinks(struct job *job)
{
    for (uint32_t i = 0; i < job->node_count; i++) {
        struct node *n = &job->nodes[i];
        for (uint32_t lane = 0; node_kind(n) == PH_KIND_SINK && lane < n->task_count; lane++) {
            if (positions_seed(n->tasks[lane]) && !settle_sink(n->tasks[lane])) {
                return false;
            }
        }
    }
    return true;
}

/* ---- all of it ---- */

static bool for_each_task(struct job *job, uint32_t kind, bool all_lanes, start_step step)
{
    for (uint32_t i = 0; i < job->node_count; i++) {
        struct node *n = &job->nodes[i];
        uint32_t lanes = all_lanes ? n->task_count : 1;
        for (uint32_t lane = 0; (kind == 0 || node_kind(n) == kind) && lane < lanes; lane++) {
            if (!try_until_done(n->tasks[lane], step)) {
                return false;
            }
        }
    }
    return true;
}

static bool start_workers(struct job *job)
{
    struct ph_error err;
    ph_error_clear(&err);
    for (uint32_t i = 0; i < job->worker_count; i++) {
        if (worker_start(job->workers[i], &err) != PH_OK) {
            job_fail(job, NULL, &err);
            return false;
        }
    }
    return true;
}

bool job_start(struct job *job)
{
    return for_each_task(job, 0, true, activate) &&
           for_each_task(job, PH_KIND_SOURCE, false, find_partitions) && claim_sinks(job) &&
           for_each_task(job, PH_KIND_SOURCE, false, positions_resolve) && seed_sinks(job) &&
           for_each_task(job, PH_KIND_SOURCE, true, positions_start) && start_workers(job);
}
