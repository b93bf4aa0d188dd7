/* SPDX-License-Identifier: Apache-2.0 */
/* How a process starts: host/job/positions.c decides, about a job that has no more than it looks
 * at. What it calls of the rest of host/job is here. */
#include "sim.h"

#include "base/log.h"
#include "job/begun.h"
#include "job/kept.h"
#include "job/positions.h"
#include "job/tasks.h"

#define NODES (1u + SIM_SINKS)

static struct job job; /* of the process that starts now */
static struct node nodes[NODES];
static struct task tasks[NODES][SIM_LANES];
static struct task *task_lists[NODES][SIM_LANES];
static _Atomic int64_t committed[NODES][SIM_PARTITIONS];
static bool sink_has_begun[NODES][SIM_PARTITIONS];
static struct manifest manifest = {.path = "sim.json"};
static struct manifest_operator operators[NODES] = {
    {.name = "s"}, {.name = "k0"}, {.name = "k1"}, {.name = "k2"}};

/* ---- what host/job/positions.c calls ---- */

struct sink_driver *sink_task_driver(const struct task *t)
{
    return ((struct sim_task *)t->object)->driver;
}

int32_t source_task_start(struct task *t, const struct ph_partition *p, struct ph_error *err)
{
    struct sim_process *process = t->object;
    const struct ph_position *from = &process->starts[p->id];
    (void)err;
    SIM_MUST(from->next_offset >= 0, "partition %u begins nowhere", p->id);
    SIM_MUST(from->fingerprint == 0 ||
                 from->fingerprint == sim_fingerprint(process->world, p->id, from->next_offset),
             "partition %u begins at %lld with another record's fingerprint", p->id,
             (long long)from->next_offset);
    process->next[p->id] = from->next_offset;
    return PH_OK;
}

static int32_t resolve(void *task, const struct ph_partition *partitions, uint32_t count,
                       int64_t *next_offsets, struct ph_error *err)
{
    const struct sim_process *p = task;
    (void)err;
    for (uint32_t i = 0; i < count; i++) {
        next_offsets[i] = sim_begin_of(p->world, partitions[i].id);
    }
    return PH_OK;
}

bool kept_feeds(const struct node *sink, const struct ph_partition *p)
{
    (void)p;
    return sink->has_begun != NULL;
}

void waiter_wake(struct waiter *w)
{
    (void)w;
}

void job_fail(struct job *failed, const struct task *task, const struct ph_error *err)
{
    (void)failed;
    (void)task;
    SIM_MUST(false, "the job failed: %s", err->text);
}

/* ---- the job ---- */

static struct plugin source_plugin = {.descriptor = {.kind = PH_KIND_SOURCE},
                                      .source = {.resolve = resolve}};
static struct plugin sink_plugin = {.descriptor = {.kind = PH_KIND_SINK}};

static void make_node(uint32_t i, bool keeps)
{
    nodes[i] = (struct node){.job = &job,
                             .manifest = &operators[i],
                             .index = i,
                             .plugin = i == 0 ? &source_plugin : &sink_plugin,
                             .tasks = task_lists[i],
                             .committed = i == 0 ? NULL : committed[i],
                             .has_begun = i == 0 ? NULL : sink_has_begun[i],
                             .keeps_positions = keeps};
    job.reaches[i][0] = 1u | UINT64_C(1) << i;
    for (uint32_t id = 0; id < SIM_PARTITIONS; id++) {
        atomic_store_explicit(&committed[i][id], -1, memory_order_relaxed);
    }
}

static void add_task(uint32_t i, uint32_t lane, void *object)
{
    tasks[i][lane] =
        (struct task){.pub = {.lane = lane}, .node = &nodes[i], .job = &job, .object = object};
    task_lists[i][lane] = &tasks[i][lane];
    nodes[i].task_count++;
}

static void add_sink_task(struct sim_task *t, uint32_t partitions)
{
    uint32_t i = 1 + t->sink;
    add_task(i, t->lane, t);
    for (uint32_t id = 0; id < partitions; id++) {
        if (sim_task_reads(t, id)) {
            atomic_store_explicit(&committed[i][id], t->driver->durable[id], memory_order_relaxed);
        }
    }
}

/* The process as its host sees it, with so many partitions found. */
static void make_job(struct sim_process *p, uint32_t partitions)
{
    const struct sim_world *w = p->world;
    const struct sim_folder *f = &w->folders[p->machine];
    job.manifest = &manifest;
    job.nodes = nodes;
    job.node_count = 1 + w->shape.sink_count;
    job.seeding_was_interrupted = f->is_seeding;
    make_node(0, false);
    for (uint32_t lane = 0; lane < w->shape.lanes; lane++) {
        add_task(0, lane, p);
    }
    for (uint32_t sink = 0; sink < w->shape.sink_count; sink++) {
        make_node(1 + sink, sim_keeps(w, sink));
        memcpy(sink_has_begun[1 + sink], f->sink_has_begun[sink], sizeof sink_has_begun[0]);
    }
    for (uint32_t i = 0; i < p->task_count; i++) {
        add_sink_task(&p->tasks[i], partitions);
    }
    memcpy(job.has_begun, f->has_begun, sizeof f->has_begun);
    memcpy(job.starts, p->starts, sizeof p->starts);
    atomic_store(&job.partitions.count, partitions);
    for (uint32_t id = 0; id < partitions; id++) {
        job.partitions.items[id] = &p->partitions[id];
    }
}

static uint32_t known_at_start(const struct sim_process *p)
{
    return p->world->shape.partition_count - (p->knows_all ? 0u : 1u);
}

/* ---- the steps of a start ---- */

/* The mark of host/job/seeding.c is there before the first seed. */
static bool seed(struct sim_process *p)
{
    struct ph_error err;
    for (uint32_t i = 0; i < p->task_count; i++) {
        struct sim_task *t = &p->tasks[i];
        uint32_t count;
        ph_error_clear(&err);
        SIM_MUST(positions_seed(task_lists[1 + t->sink][t->lane], &count, &err) == PH_OK, "%s",
                 err.text);
        if (count > 0) {
            if (!sim_process_call(p)) {
                return false;
            }
            p->world->folders[p->machine].is_seeding = true;
            t->is_resting = false;
        }
    }
    return true;
}

/* Where the source has to begin, and no lower: at the least of the positions that its sinks keep,
 * or are to get. */
static int64_t least_of(const struct sim_process *p, uint32_t id)
{
    int64_t least = INT64_MAX;
    for (uint32_t i = 0; i < p->task_count; i++) {
        const struct sim_task *t = &p->tasks[i];
        if (sim_keeps(p->world, t->sink) && sim_task_reads(t, id)) {
            int64_t at = t->driver->durable[id];
            at = at < 0 ? sim_begin_of(p->world, id) : at;
            least = at < least ? at : least;
        }
    }
    return least == INT64_MAX ? sim_begin_of(p->world, id) : least;
}

static void check_starts(const struct sim_process *p)
{
    for (uint32_t id = 0; id < known_at_start(p); id++) {
        SIM_MUST(job.starts[id].next_offset == least_of(p, id),
                 "partition %u begins at %lld, and its sinks need it from %lld", id,
                 (long long)job.starts[id].next_offset, (long long)least_of(p, id));
    }
}

void sim_start_decide(struct sim_process *p)
{
    struct ph_error err;
    struct sim_world *w = p->world;
    ph_error_clear(&err);
    make_job(p, known_at_start(p));
    int32_t rc = positions_resolve(task_lists[0][0], &err);
    bool is_lost = sim_operator_has_lost(w);
    SIM_MUST(rc == PH_OK || is_lost, "nothing is lost, but refused: %s", err.text);
    SIM_MUST(rc != PH_OK || !is_lost, "a position is lost, and that is no reason to stop");
    p->is_refused = rc != PH_OK;
    w->counts.refusals += p->is_refused;
    if (!p->is_refused) {
        check_starts(p);
        memcpy(p->starts, job.starts, sizeof p->starts);
        (void)seed(p);
    }
}

/* host/job/begun.c: what is written behind the first positions. */
static void store_begun(struct sim_process *p, uint32_t partitions)
{
    struct sim_folder *f = &p->world->folders[p->machine];
    for (uint32_t id = 0; id < partitions; id++) {
        f->has_begun[id] = true;
        for (uint32_t sink = 0; sink < p->world->shape.sink_count; sink++) {
            f->sink_has_begun[sink][id] = sim_keeps(p->world, sink);
        }
    }
}

void sim_start_finish(struct sim_process *p)
{
    struct sim_world *w = p->world;
    struct ph_error err;
    ph_error_clear(&err);
    if (!sim_process_call(p)) {
        return;
    }
    store_begun(p, known_at_start(p));
    if (!sim_process_call(p)) {
        return;
    }
    w->folders[p->machine].is_seeding = false;
    w->has_begun = true;
    make_job(p, known_at_start(p));
    for (uint32_t lane = 0; lane < w->shape.lanes; lane++) {
        SIM_MUST(positions_start(task_lists[0][lane], &err) == PH_OK, "%s", err.text);
    }
}

bool sim_start_late(struct sim_process *p, uint32_t id)
{
    make_job(p, id + 1);
    if (!positions_are_durable(&job, &p->partitions[id]) || !sim_process_call(p)) {
        return false;
    }
    store_begun(p, id + 1);
    p->starts[id] = (struct ph_position){.partition_id = id,
                                         .next_offset = positions_least(&job, &p->partitions[id])};
    p->next[id] = p->starts[id].next_offset;
    return true;
}
