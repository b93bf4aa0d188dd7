/* SPDX-License-Identifier: Apache-2.0 */
/* A process from its start, as host/job/start does it, to its end, which may come at any call. */
#include "sim.h"

#include <stdlib.h>

bool sim_process_call(struct sim_process *p)
{
    if (!p->is_dead && p->calls_to_live-- == 0) {
        p->is_dead = true;
    }
    return !p->is_dead;
}

/* ---- making one ---- */

static uint32_t late_id(const struct sim_world *w)
{
    return w->shape.partition_count - 1;
}

static bool is_owned_at_start(const struct sim_process *p, uint32_t id)
{
    return p->knows_all || id != late_id(p->world);
}

static void create_task(struct sim_process *p, uint32_t sink, uint32_t lane)
{
    struct sim_world *w = p->world;
    const struct sim_sink_shape *shape = &w->shape.sinks[sink];
    struct sim_task *t = &p->tasks[p->task_count++];
    struct sink_settings settings = {.keeps_positions = sim_keeps(w, sink),
                                     .min_delay_ns = 10 * CLOCK_NS_PER_MS,
                                     .interval_ns = 10 * CLOCK_NS_PER_S,
                                     .max_rows = SIM_MAX_ROWS,
                                     .max_batches = SIM_MAX_BATCHES};
    bool is_forgetful = w->shape.sinks[sink].delivery == PH_DELIVERY_TRANSACTIONAL;
    settings.refresh_ns = is_forgetful ? SIM_REFRESH_NS : 0;
    *t = (struct sim_task){.process = p, .sink = sink, .lane = lane};
    t->queue_count = shape->is_single ? w->shape.lanes : 1;
    memset(t->acknowledged, 0xff, sizeof t->acknowledged);
    struct sink_env env = sim_env_of(t);
    t->driver = sink_driver_create(&sim_sink_ops, t, &env, &settings);
    SIM_MUST(t->driver != NULL, "out of memory");
    for (uint32_t id = 0; id < w->shape.partition_count; id++) {
        if (is_owned_at_start(p, id) && sim_task_reads(t, id)) {
            SIM_MUST(sink_driver_own(t->driver, &p->partitions[id]), "too many partitions");
        }
    }
}

/* In calls; some die while they start. */
static uint64_t draw_life(struct sim_world *w)
{
    if (!w->shape.kills || !sim_chance(w, 90)) {
        return UINT64_MAX;
    }
    return 1 + sim_draw(w, sim_chance(w, w->has_begun ? 15 : 60) ? 24 : 600);
}

struct sim_process *sim_process_create(struct sim_world *w, uint32_t machine)
{
    struct sim_process *p = calloc(1, sizeof *p);
    SIM_MUST(p != NULL, "out of memory");
    p->world = w;
    p->machine = machine;
    p->id = ++w->next_process_id;
    p->calls_to_live = draw_life(w);
    p->knows_all = !w->shape.is_late || w->late_exists;
    letter_memory_init(&p->letters);
    memset(p->next, 0xff, sizeof p->next);
    for (uint32_t id = 0; id < w->shape.partition_count; id++) {
        p->partitions[id] = (struct ph_partition){.size = sizeof p->partitions[id],
                                                  .id = id,
                                                  .source = "s",
                                                  .topic = "t",
                                                  .cluster = "",
                                                  .partition = (int32_t)id};
    }
    for (uint32_t sink = 0; sink < w->shape.sink_count; sink++) {
        uint32_t lanes = w->shape.sinks[sink].is_single ? 1 : w->shape.lanes;
        for (uint32_t lane = 0; lane < lanes; lane++) {
            create_task(p, sink, lane);
        }
    }
    return p;
}

static void drain_queues(struct sim_task *t)
{
    for (uint32_t i = 0; i < t->queue_count; i++) {
        struct sim_queue *q = &t->queues[i];
        for (; q->count > 0; q->count--, q->first = (q->first + 1) % SIM_QUEUE) {
            if (q->batches[q->first] != NULL) {
                sim_batch_release(q->batches[q->first]);
            }
        }
    }
}

void sim_process_destroy(struct sim_process *p)
{
    if (p == NULL) {
        return;
    }
    for (uint32_t i = 0; i < p->task_count; i++) {
        sim_sink_die(&p->tasks[i]);
    }
    p->is_dead = true;
    for (uint32_t i = 0; i < p->task_count; i++) {
        sink_driver_destroy(p->tasks[i].driver);
        drain_queues(&p->tasks[i]);
    }
    SIM_MUST(p->alive_batches == 0, "%llu batches are left behind",
             (unsigned long long)p->alive_batches);
    sim_letters_crash(p);
    letter_memory_fini(&p->letters);
    free(p);
}

/* ---- its start ---- */

static bool is_settled(const struct sim_task *t)
{
    return t->driver->state == SINK_STATE_OPEN && sink_driver_is_clean(t->driver);
}

static bool are_settled(const struct sim_process *p)
{
    for (uint32_t i = 0; i < p->task_count; i++) {
        if (!is_settled(&p->tasks[i])) {
            return false;
        }
    }
    return true;
}

static void start_source(struct sim_process *p)
{
    struct sim_world *w = p->world;
    sim_start_finish(p);
    if (p->is_dead) {
        return;
    }
    for (uint32_t id = 0; id < w->shape.partition_count; id++) {
        SIM_MUST(p->next[id] >= 0 || !is_owned_at_start(p, id), "partition %u was not started", id);
    }
    if (!p->knows_all) {
        p->late_ns = w->now_ns + (int64_t)sim_draw(w, 2000) * CLOCK_NS_PER_MS;
    }
    SIM_MUST(sim_letters_recall(p), "out of memory for letters");
}

static bool advance_phase(struct sim_process *p)
{
    if (p->phase == SIM_RUNS || p->is_refused || !are_settled(p)) {
        return false;
    }
    if (p->phase == SIM_CLAIMS) {
        sim_start_decide(p);
    } else {
        start_source(p);
    }
    p->phase++;
    return true;
}

/* ---- a partition that is found while it runs ---- */

static void find_late(struct sim_process *p)
{
    struct sim_world *w = p->world;
    uint32_t id = late_id(w);
    if (p->phase != SIM_RUNS || p->late_ns == 0 || w->now_ns < p->late_ns || p->next[id] >= 0) {
        return;
    }
    for (uint32_t i = 0; !p->late_is_offered && i < p->task_count; i++) {
        if (sim_task_reads(&p->tasks[i], id)) {
            SIM_MUST(sink_driver_adopt(p->tasks[i].driver, &p->partitions[id]), "too many");
            p->tasks[i].is_resting = false;
        }
    }
    p->late_is_offered = true;
    w->late_exists = true;
    (void)sim_start_late(p, id);
}

/* ---- steps ---- */

static bool can_step(const struct sim_task *t)
{
    const struct sim_world *w = t->process->world;
    if (t->is_done || t->is_fenced || (t->process->phase != SIM_RUNS && is_settled(t))) {
        return false;
    }
    bool is_due = t->driver->deadline_ns != 0 && t->driver->deadline_ns <= w->now_ns;
    bool has_answer = t->waits_for_answer && t->answer_ns <= w->now_ns;
    return !t->is_resting || is_due || has_answer;
}

static void check_rest(const struct sim_task *t)
{
    const struct sink_driver *d = t->driver;
    bool has_rows = d->written < d->epoch->ready; /* but the sink has no room */
    SIM_MUST(!t->is_begun || has_rows || t->waits_for_answer ||
                 t->process->world->now_ns - t->begun_ns < 100 * CLOCK_NS_PER_MS,
             "sink %u rests with an epoch begun", t->sink);
}

static void check_failure(struct sim_task *t)
{
    const struct ph_error *e = &t->driver->error;
    if (t->process->is_dead) {
        return;
    }
    SIM_MUST((e->flags & PH_ERR_FENCED) != 0 && t->is_fenced, "sink %u failed: %s", t->sink,
             e->text);
    SIM_MUST(t->process->world->takeovers > 0, "sink %u is fenced and nobody came", t->sink);
}

static void step_task(struct sim_task *t)
{
    sim_sink_answer(t);
    enum sink_step step = sink_driver_step(t->driver);
    t->is_resting = false;
    if (t->process->is_dead) {
        return;
    }
    sim_accounts_check(t);
    switch (step) {
    case SINK_DONE:
        SIM_MUST(!t->is_begun && sink_driver_is_clean(t->driver), "sink %u ends with rows",
                 t->sink);
        t->is_done = true;
        break;
    case SINK_IDLE:
        t->is_resting = true;
        check_rest(t);
        break;
    case SINK_PROGRESS:
        break;
    default:
        check_failure(t);
        break;
    }
}

bool sim_process_step(struct sim_process *p)
{
    struct sim_world *w = p->world;
    uint32_t parts = p->task_count + w->shape.lanes;
    uint32_t first = (uint32_t)sim_draw(w, parts);
    if (advance_phase(p)) {
        return true;
    }
    find_late(p);
    for (uint32_t i = 0; i < parts; i++) {
        uint32_t part = (first + i) % parts;
        if (part >= p->task_count) {
            if (sim_source_step(p, part - p->task_count)) {
                return true;
            }
        } else if (can_step(&p->tasks[part])) {
            step_task(&p->tasks[part]);
            return true;
        }
    }
    return false;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t sim_process_due_ns(const struct sim_process *p)
{
    int64_t due_ns = INT64_MAX;
    for (uint32_t i = 0; i < p->task_count; i++) {
        const struct sim_task *t = &p->tasks[i];
        bool is_over = t->is_done || t->is_fenced || (p->phase != SIM_RUNS && is_settled(t));
        if (!is_over && t->driver->deadline_ns != 0) {
            due_ns = earlier(due_ns, t->driver->deadline_ns);
        }
        due_ns = t->waits_for_answer ? earlier(due_ns, t->answer_ns) : due_ns;
    }
    for (uint32_t lane = 0; lane < p->world->shape.lanes; lane++) {
        due_ns = earlier(due_ns, sim_source_due_ns(p, lane));
    }
    bool awaits_late = p->late_ns > p->world->now_ns && !p->late_is_offered;
    return awaits_late ? earlier(due_ns, p->late_ns) : due_ns;
}

bool sim_process_is_done(const struct sim_process *p)
{
    for (uint32_t i = 0; i < p->task_count; i++) {
        if (!p->tasks[i].is_done) {
            return false;
        }
    }
    return true;
}

bool sim_process_is_fenced(const struct sim_process *p)
{
    for (uint32_t i = 0; i < p->task_count; i++) {
        if (p->tasks[i].is_fenced) {
            return true;
        }
    }
    return false;
}
