/* SPDX-License-Identifier: Apache-2.0 */
/* What somebody does to the positions of a pipeline that stands still: sets them forward or back,
 * as `pipehost positions set` does, or loses them and brings them back when a start was refused. */
#include "sim.h"

static int64_t *position_of(struct sim_world *w, uint32_t sink, uint32_t id)
{
    return &w->stores[sink].positions[id];
}

/* In the sink, and in the ledger where that has the truth. Two owners have no ledgers. */
static void put(struct sim_world *w, uint32_t sink, uint32_t id, int64_t next_offset)
{
    struct sim_store *s = &w->stores[sink];
    s->positions[id] = next_offset;
    if (w->shape.sinks[sink].delivery == PH_DELIVERY_DURABLE) {
        s->ledgers[0][id] = next_offset;
    }
}

/* ---- set ---- */

/* Records that are skipped are due once less, those that are written again once more. */
static void set(struct sim_world *w, uint32_t sink, uint32_t id, int64_t to)
{
    struct sim_store *s = &w->stores[sink];
    int64_t from = *position_of(w, sink, id);
    for (int64_t offset = from; offset < to; offset++) {
        s->due[id][offset]--;
    }
    for (int64_t offset = to; offset < from; offset++) {
        s->due[id][offset]++;
    }
    put(w, sink, id, to);
    s->fingerprints[id] = 0;
    s->fences[id]++;
    s->last[id] = to * (int64_t)SIM_SUBS - 1;
    w->counts.skipped += to > from ? (uint64_t)(to - from) : 0;
    w->counts.rewritten += from > to ? (uint64_t)(from - to) : 0;
}

static void set_some(struct sim_world *w, uint32_t sink)
{
    for (uint32_t id = 0; id < w->shape.partition_count; id++) {
        if (*position_of(w, sink, id) >= 0 && sim_chance(w, 60)) {
            set(w, sink, id, (int64_t)sim_draw(w, (uint64_t)w->shape.end + 1));
        }
    }
}

/* ---- lost ---- */

static void lose(struct sim_world *w, uint32_t sink, uint32_t id)
{
    struct sim_store *s = &w->stores[sink];
    s->lost[id] = *position_of(w, sink, id);
    if (s->lost[id] >= 0) {
        put(w, sink, id, -1);
    }
}

/* One, or all of a sink. While the first positions are being made none can be missed. */
static void lose_some(struct sim_world *w, uint32_t sink)
{
    const struct sim_folder *f = &w->folders[0];
    uint32_t first = (uint32_t)sim_draw(w, w->shape.partition_count);
    bool is_all = sim_chance(w, 40);
    for (uint32_t id = 0; id < w->shape.partition_count && !f->is_seeding; id++) {
        if (f->has_begun[id] && (is_all || id == first)) {
            lose(w, sink, id);
        }
    }
}

bool sim_operator_has_lost(const struct sim_world *w)
{
    for (uint32_t sink = 0; sink < w->shape.sink_count; sink++) {
        for (uint32_t id = 0; id < w->shape.partition_count; id++) {
            if (w->stores[sink].lost[id] >= 0) {
                return true;
            }
        }
    }
    return false;
}

static void bring_back(struct sim_world *w)
{
    for (uint32_t sink = 0; sink < w->shape.sink_count; sink++) {
        struct sim_store *s = &w->stores[sink];
        for (uint32_t id = 0; id < w->shape.partition_count; id++) {
            if (s->lost[id] >= 0) {
                put(w, sink, id, s->lost[id]);
                s->lost[id] = -1;
            }
        }
    }
}

/* ---- between two processes ---- */

void sim_operator_work(struct sim_world *w, bool was_refused)
{
    uint32_t sink = (uint32_t)sim_draw(w, w->shape.sink_count);
    if (sim_operator_has_lost(w)) {
        if (was_refused) {
            bring_back(w);
        }
        return;
    }
    if (!sim_keeps(w, sink) || !sim_chance(w, 25) || w->interventions == SIM_INTERVENTIONS) {
        return;
    }
    w->interventions++;
    sim_store_settle(w, sink); /* the lock waits for what is under way */
    if (w->shape.has_two_owners || sim_chance(w, 60)) {
        set_some(w, sink);
    } else {
        lose_some(w, sink);
    }
}
