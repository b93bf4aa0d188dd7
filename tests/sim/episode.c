/* SPDX-License-Identifier: Apache-2.0 */
/* One pipeline until all of its records are through: who lives when, and what must be there then.
 */
#include "sim.h"

#include <stdlib.h>

/* Where every fifth call fails an epoch that needs many of them takes long, and others refresh
 * meanwhile: some 400,000 steps were seen. */
#define STEPS_MAX 4000000u

struct episode {
    struct sim_world *world;
    struct sim_process *processes[SIM_MACHINES];
    bool was_refused; /* a start of the last ones, because a position is lost */
    int64_t other_ns; /* when another owner starts beside the first; 0 = never */
};

/* ---- the outcome ---- */

static uint32_t letters_of(const struct sim_world *w, uint32_t sink, const struct sim_row *row)
{
    uint32_t count = 0;
    for (uint32_t machine = 0; machine < SIM_MACHINES; machine++) {
        uint32_t own = sim_letters_count(&w->boxes[machine], sink, row);
        SIM_MUST(own <= 1, "sink %u: %u/%lld.%u has %u dead letters", sink, row->partition,
                 (long long)row->offset, row->sub, own);
        count += own;
    }
    return count;
}

/* A row is there as often as it is due, or a letter is; both only where a fellow of a refused row
 * was set aside unnamed and, after a crash, another row of its record was named. Letters of a
 * record that was skipped are from before. */
static uint64_t check_row(const struct sim_world *w, uint32_t sink, const struct sim_row *row)
{
    const struct sim_sink_shape *shape = &w->shape.sinks[sink];
    uint32_t there = w->stores[sink].rows[row->partition][row->offset][row->sub];
    uint32_t letters = letters_of(w, sink, row);
    bool is_bad = sim_judge(w, sink, row) != SIM_FINE;
    bool may_be_both = shape->naming != SIM_NAMED && sim_has_bad_row(w, sink, row);
    uint32_t due = w->stores[sink].due[row->partition][row->offset];
    bool is_right = is_bad        ? there == 0 && (letters > 0 || due == 0)
                    : may_be_both ? there > 0 || letters > 0 || due == 0
                                  : there >= due && letters == 0;
    SIM_MUST(is_right, "sink %u has the %s row %u/%lld.%u %u times for %u, and %u letters of it",
             sink, is_bad ? "bad" : "good", row->partition, (long long)row->offset, row->sub, there,
             due, letters);
    return there > due ? there - due : 0;
}

static uint64_t check_partition(const struct sim_world *w, uint32_t sink, uint32_t id)
{
    uint64_t doubles = 0;
    SIM_MUST(w->stores[sink].positions[id] == w->shape.end, "sink %u: partition %u ends at %lld",
             sink, id, (long long)w->stores[sink].positions[id]);
    for (int64_t offset = 0; offset < w->shape.end; offset++) {
        uint32_t rows = sim_is_hole(w, id, offset) ? 0 : sim_rows_of(w, id, offset);
        for (uint32_t sub = 0; sub < rows; sub++) {
            doubles += check_row(w, sink, &(struct sim_row){id, sub, offset});
        }
    }
    return doubles;
}

static void check_outcome(struct sim_world *w)
{
    for (uint32_t sink = 0; sink < w->shape.sink_count; sink++) {
        uint64_t doubles = 0;
        for (uint32_t id = 0; sim_keeps(w, sink) && id < w->shape.partition_count; id++) {
            doubles += check_partition(w, sink, id);
        }
        SIM_MUST(doubles <= w->stores[sink].doubles_allowed,
                 "sink %u has %llu rows too often, and crashes explain %llu", sink,
                 (unsigned long long)doubles, (unsigned long long)w->stores[sink].doubles_allowed);
        w->counts.doubles += doubles;
    }
}

/* ---- who lives when ---- */

static void launch(struct episode *e, uint32_t machine)
{
    struct sim_world *w = e->world;
    e->processes[machine] = sim_process_create(w, machine);
    e->other_ns = w->shape.has_two_owners && sim_chance(w, 60)
                      ? w->now_ns + (int64_t)sim_draw(w, 3000) * CLOCK_NS_PER_MS
                      : 0;
}

static void end_process(struct episode *e, uint32_t machine)
{
    sim_process_destroy(e->processes[machine]);
    e->processes[machine] = NULL;
}

static uint32_t count_alive(const struct episode *e)
{
    return (e->processes[0] != NULL) + (uint32_t)(e->processes[1] != NULL);
}

/* Who comes before all first positions are there takes a start that is half made on the other
 * machine for lost positions: state_dir, which knows better, is there. */
static uint32_t draw_machine(struct sim_world *w)
{
    return w->shape.has_two_owners && w->has_begun ? (uint32_t)sim_draw(w, SIM_MACHINES) : 0;
}

/* Another owner comes while the first works, or is stopped for a while and wakes up later. */
static void launch_other(struct episode *e)
{
    struct sim_world *w = e->world;
    if (e->other_ns == 0 || w->now_ns < e->other_ns || count_alive(e) != 1 || !w->has_begun) {
        return;
    }
    uint32_t machine = e->processes[0] == NULL ? 0 : 1;
    struct sim_process *first = e->processes[1 - machine];
    if (sim_chance(w, 60)) {
        first->frozen_until_ns = w->now_ns + (int64_t)sim_draw(w, 5000) * CLOCK_NS_PER_MS;
    }
    w->counts.takeovers++;
    launch(e, machine);
    e->other_ns = 0;
}

static bool is_frozen(const struct sim_process *p)
{
    return p->frozen_until_ns > p->world->now_ns;
}

/* A few steps of one of them; false: nobody can go on now. */
static bool step_any(struct episode *e)
{
    struct sim_world *w = e->world;
    uint32_t first = (uint32_t)sim_draw(w, SIM_MACHINES);
    for (uint32_t i = 0; i < SIM_MACHINES; i++) {
        struct sim_process *p = e->processes[(first + i) % SIM_MACHINES];
        if (p != NULL && !is_frozen(p) && sim_process_step(p)) {
            w->now_ns += (int64_t)sim_draw(w, 40) * 1000;
            w->counts.steps++;
            return true;
        }
    }
    return false;
}

static void let_time_pass(struct episode *e)
{
    struct sim_world *w = e->world;
    int64_t due_ns = INT64_MAX;
    for (uint32_t i = 0; i < SIM_MACHINES; i++) {
        const struct sim_process *p = e->processes[i];
        if (p != NULL) {
            int64_t own_ns = is_frozen(p) ? p->frozen_until_ns : sim_process_due_ns(p);
            due_ns = own_ns < due_ns ? own_ns : due_ns;
        }
    }
    SIM_MUST(due_ns != INT64_MAX, "everybody waits, and nothing will ever wake them");
    w->now_ns = due_ns > w->now_ns ? due_ns : w->now_ns + 1000;
}

/* Processes that died or were fenced go; true when one has ended in order and is alone. */
static bool bury(struct episode *e)
{
    bool is_over = false;
    for (uint32_t i = 0; i < SIM_MACHINES; i++) {
        struct sim_process *p = e->processes[i];
        e->was_refused = e->was_refused || (p != NULL && p->is_refused);
        bool is_done = p != NULL && !p->is_dead && sim_process_is_done(p);
        if (p != NULL && (p->is_dead || is_done || p->is_refused || sim_process_is_fenced(p))) {
            e->world->counts.kills += p->is_dead;
            end_process(e, i);
            is_over = is_over || is_done;
        }
    }
    /* What is left when one is through has been shut out: it will see that, or has nothing to do.
     */
    return is_over && count_alive(e) == 0;
}

static bool all_is_durable(const struct sim_world *w)
{
    for (uint32_t sink = 0; sink < w->shape.sink_count; sink++) {
        for (uint32_t id = 0; sim_keeps(w, sink) && id < w->shape.partition_count; id++) {
            if (w->stores[sink].positions[id] != w->shape.end) {
                return false;
            }
        }
    }
    return true;
}

void sim_episode(struct sim_world *w, uint64_t seed)
{
    struct episode e = {.world = w};
    uint64_t steps = 0;
    sim_world_begin(w, seed);
    do {
        e.was_refused = false;
        launch(&e, draw_machine(w));
        bool is_over = false;
        while (count_alive(&e) > 0 && !is_over) {
            SIM_MUST(++steps < STEPS_MAX, "the episode does not come to an end");
            launch_other(&e);
            if (!step_any(&e)) {
                let_time_pass(&e);
            }
            is_over = bury(&e);
        }
        sim_operator_work(w, e.was_refused);
    } while (!all_is_durable(w));
    check_outcome(w);
    w->counts.episodes++;
    sim_world_end(w);
}
