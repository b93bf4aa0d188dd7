/* SPDX-License-Identifier: Apache-2.0 */
#include "job/start.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "job/begun.h"
#include "job/guarantee.h"
#include "job/plan.h"
#include "job/positions.h"
#include "job/seeding.h"
#include "job/tasks.h"
#include "job/trouble.h"
#include "job/worker.h"

#include <pipehost/failpoint.h>
#include <stdlib.h>

#define SERVE_INTERVAL_NS (100 * CLOCK_NS_PER_MS)

/* Kafka forgets offsets that nobody commits; a ledger of ours forgets nothing. */
#define REFRESH_NS (24 * INT64_C(3600) * CLOCK_NS_PER_S)

static int64_t at_least(int64_t ns, int64_t least_ns)
{
    return ns > least_ns ? ns : least_ns;
}

/* One that says of its commits that they cost much takes what its epoch holds. */
static uint64_t max_rows(const struct node *n)
{
    int64_t rows = n->job->manifest->commit_max_rows;
    return rows != 0 ? (uint64_t)rows : n->pace_ns > 0 ? UINT64_MAX : PLAN_COMMIT_ROWS;
}

static struct sink_settings settings_of(const struct node *n)
{
    const struct manifest *m = n->job->manifest;
    return (struct sink_settings){
        .keeps_positions = n->keeps_positions,
        .min_delay_ns = at_least(m->commit_min_delay_ms * CLOCK_NS_PER_MS, n->pace_ns),
        .interval_ns = at_least(m->checkpoint_interval_ms * CLOCK_NS_PER_MS, n->pace_ns),
        .max_rows = max_rows(n),
        .max_batches = n->epoch_batches,
        .refresh_ns = n->ledger == NULL ? REFRESH_NS : 0};
}

static int32_t create_task(struct task *t, struct ph_error *err)
{
    t->object = t->node->plugin->ops.task_create(t->node->op, &t->pub, err);
    if (t->object == NULL) {
        return ph_error_set(err, PH_ERR_FATAL, "the plugin made no task");
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

int32_t tasks_create(struct node *n, struct ph_error *err)
{
    for (uint32_t lane = 0; lane < n->task_count; lane++) {
        if (create_task(n->tasks[lane], err) != PH_OK) {
            return PH_ERROR;
        }
    }
    return PH_OK;
}

/* In the order of the graph: a source stops before what it feeds. */
static void deactivate_all(struct job *job)
{
    for (uint32_t i = 0; i < job->node_count; i++) {
        struct node *n = &job->nodes[job->manifest->order[i]];
        for (uint32_t lane = 0; n->tasks != NULL && lane < n->task_count; lane++) {
            struct task *t = n->tasks[lane];
            if (t != NULL && t->active) {
                t->node->plugin->ops.deactivate(t->object);
                t->active = false;
            }
        }
    }
}

static void destroy_task(struct task *t)
{
    source_task_fini(t);
    udf_task_fini(t);
    sink_task_fini(t);
    if (t->has_object) {
        t->node->plugin->ops.task_destroy(t->object);
    }
    t->has_object = false;
}

void tasks_destroy(struct job *job)
{
    deactivate_all(job);
    for (uint32_t i = job->node_count; i-- > 0;) {
        struct node *n = &job->nodes[job->manifest->order[i]];
        for (uint32_t lane = n->tasks != NULL ? n->task_count : 0; lane-- > 0;) {
            if (n->tasks[lane] != NULL) {
                destroy_task(n->tasks[lane]);
            }
        }
    }
}

/* ---- one step that may have to be tried again ---- */

typedef int32_t (*start_step)(struct task *t, struct ph_error *err);

/* Libraries behind sources that are connected already must be served while others are waited for.
 */
static void serve_sources(struct job *job)
{
    for (uint32_t i = 0; i < job->node_count; i++) {
        struct node *n = &job->nodes[i];
        for (uint32_t lane = 0; node_kind(n) == PH_KIND_SOURCE && lane < n->task_count; lane++) {
            if (n->tasks[lane]->connected) {
                source_task_serve(n->tasks[lane]);
            }
        }
    }
}

/* One sleep of a task's worker, whose thread does not run yet, until at_ns (0 = none) at the
 * latest.
 */
static void doze(struct task *t, int64_t at_ns)
{
    int64_t serve_ns = clock_monotonic_ns() + SERVE_INTERVAL_NS;
    worker_wait(t->worker, at_ns != 0 && at_ns < serve_ns ? at_ns : serve_ns);
    serve_sources(t->job);
}

static bool try_until_done(struct task *t, start_step step)
{
    struct trouble r = {.retry_ns = 0};
    atomic_store(&t->job->starting, t);
    while (!atomic_load(&t->job->cancelled)) {
        struct ph_error err;
        ph_error_clear(&err);
        if (clock_monotonic_ns() < r.retry_ns) {
            doze(t, r.retry_ns);
            continue;
        }
        if (step(t, &err) == PH_OK) {
            trouble_end(t, &r);
            return true;
        }
        if ((err.flags & PH_ERR_RETRIABLE) == 0) {
            job_fail(t->job, t, &err);
            return false;
        }
        trouble_begin(t, &r, &err);
    }
    return false;
}

static int32_t activate(struct task *t, struct ph_error *err)
{
    t->active = true;
    int32_t rc = t->node->plugin->ops.activate(t->object, err);
    t->connected = rc == PH_OK;
    return rc;
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

/* Steps a sink until it is open and has nothing staged. */
static bool settle_sink(struct task *t)
{
    struct sink_driver *d = sink_task_driver(t);
    atomic_store(&t->job->starting, t);
    while (d->state != SINK_STATE_OPEN || !sink_driver_is_clean(d)) {
        if (atomic_load(&t->job->cancelled)) {
            return false;
        }
        switch (task_step(t)) {
        case TASK_PROGRESS:
            break;
        case TASK_IDLE:
            doze(t, task_deadline_ns(t));
            break;
        default:
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

static int32_t seed(struct task *t, struct ph_error *err)
{
    uint32_t count;
    if (positions_seed(t, &count, err) != PH_OK) {
        return PH_ERROR;
    }
    return count > 0 ? seeding_begin(t->job, err) : PH_OK;
}

static int32_t load_begun(struct task *t, struct ph_error *err)
{
    return t->job->is_preview ? PH_OK : begun_load(t->job, err);
}

static int32_t end_seeding(struct task *t, struct ph_error *err)
{
    return t->job->is_preview ? PH_OK : seeding_end(t->job, err);
}

static bool seed_sinks(struct job *job)
{
    struct task *any = job->nodes[0].tasks[0];
    for (uint32_t i = 0; i < job->node_count; i++) {
        struct node *n = &job->nodes[i];
        for (uint32_t lane = 0; node_kind(n) == PH_KIND_SINK && lane < n->task_count; lane++) {
            if (!try_until_done(n->tasks[lane], seed) || !settle_sink(n->tasks[lane])) {
                return false;
            }
        }
    }
    return try_until_done(any, end_seeding);
}

/* ---- dead letters ---- */

/* Records behind the positions are read again: those that are in the dead-letter file stay there
 * once. */
static int32_t recall_letters(struct task *any, struct ph_error *err)
{
    struct job *job = any->job;
    struct dead_letters_recalled recalled;
    if (job->is_preview) {
        return PH_OK;
    }
    for (uint32_t id = 0; id < job->partitions.count; id++) {
        if (dead_letters_begin_at(job->dead_letters, job->partitions.items[id],
                                  job->starts[id].next_offset, err) != PH_OK) {
            return PH_ERROR;
        }
    }
    if (dead_letters_recall(job->dead_letters, &recalled, err) != PH_OK) {
        return PH_ERROR;
    }
    if (recalled.count > 0) {
        log_write(PH_LOG_INFO, NULL,
                  "dead letters of records that are read again: %llu; none is written twice",
                  (unsigned long long)recalled.count);
    }
    if (recalled.forgotten > 0) {
        log_write(PH_LOG_WARNING, NULL,
                  "more of them are there than can be remembered: %llu may be written twice",
                  (unsigned long long)recalled.forgotten);
    }
    return PH_OK;
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
    guarantee_tell(job);
    job->seeding_was_interrupted = !job->is_preview && seeding_was_interrupted(job);
    if (!for_each_task(job, 0, true, activate) ||
        !for_each_task(job, PH_KIND_SOURCE, false, find_partitions) ||
        !try_until_done(job->nodes[0].tasks[0], load_begun) || !claim_sinks(job)) {
        return false;
    }
    PH_FAILPOINT("start.claimed");
    if (!for_each_task(job, PH_KIND_SOURCE, false, positions_resolve) || !seed_sinks(job)) {
        return false;
    }
    PH_FAILPOINT("start.seeded");
    return try_until_done(job->nodes[0].tasks[0], recall_letters) &&
           for_each_task(job, PH_KIND_SOURCE, true, positions_start) && start_workers(job);
}
