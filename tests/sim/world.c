/* SPDX-License-Identifier: Apache-2.0 */
/* Chance, records, and the shape of an episode. */
#include "sim.h"

#include <stdlib.h>

uint64_t sim_draw(struct sim_world *w, uint64_t below)
{
    w->random ^= w->random << 13; /* xorshift64 (Marsaglia, 2003) */
    w->random ^= w->random >> 7;
    w->random ^= w->random << 17;
    return w->random % below;
}

bool sim_chance(struct sim_world *w, uint32_t percent)
{
    return sim_draw(w, 100) < percent;
}

uint64_t sim_hash(const struct sim_world *w, uint64_t a, uint64_t b)
{
    uint64_t x = w->seed ^ (a * UINT64_C(0x9e3779b97f4a7c15)) ^ (b << 32 | b >> 32);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9); /* SplitMix64's finalizer (Steele, 2014) */
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

/* ---- records ---- */

enum { SALT_HOLE = 1, SALT_ROWS = 2, SALT_JUDGE = 3 };

static uint64_t record_hash(const struct sim_world *w, uint64_t salt, uint32_t partition,
                            int64_t offset)
{
    return sim_hash(w, salt << 8 | partition, (uint64_t)offset);
}

int64_t sim_begin_of(const struct sim_world *w, uint32_t partition)
{
    return w->shape.is_late && partition == w->shape.partition_count - 1 ? 0 : w->shape.begin;
}

bool sim_is_hole(const struct sim_world *w, uint32_t partition, int64_t offset)
{
    return offset < w->shape.end - 1 && record_hash(w, SALT_HOLE, partition, offset) % 16 == 0;
}

uint32_t sim_rows_of(const struct sim_world *w, uint32_t partition, int64_t offset)
{
    uint64_t h = record_hash(w, SALT_ROWS, partition, offset);
    return h % 40 == 0 ? SIM_SUBS : h % 8 == 1 ? 0u : 1u + (uint32_t)(h >> 8) % 3u;
}

enum sim_verdict sim_judge(const struct sim_world *w, uint32_t sink, const struct sim_row *row)
{
    uint64_t h = record_hash(w, SALT_JUDGE + sink, row->partition,
                             row->offset * (int64_t)SIM_SUBS + (int64_t)row->sub);
    if (!w->shape.sinks[sink].has_bad_rows) {
        return SIM_FINE;
    }
    return h % 67 == 0 ? SIM_POISON : h % 131 == 1 ? SIM_UNFIT : SIM_FINE;
}

bool sim_has_bad_row(const struct sim_world *w, uint32_t sink, const struct sim_row *row)
{
    struct sim_row r = *row;
    for (r.sub = 0; r.sub < sim_rows_of(w, row->partition, row->offset); r.sub++) {
        if (sim_judge(w, sink, &r) != SIM_FINE) {
            return true;
        }
    }
    return false;
}

uint32_t sim_fingerprint(const struct sim_world *w, uint32_t partition, int64_t next_offset)
{
    bool is_known = next_offset > 0 && !sim_is_hole(w, partition, next_offset - 1);
    return is_known ? 1u + partition + SIM_PARTITIONS * (uint32_t)next_offset : 0u;
}

/* ---- the shape ---- */

static struct sim_sink_shape draw_sink(struct sim_world *w)
{
    /* At-least-once keeps its positions with the machine: another owner begins anew. */
    uint64_t kind = w->shape.has_two_owners ? 0 : sim_draw(w, 5);
    struct sim_sink_shape s = {.delivery = kind < 3    ? PH_DELIVERY_TRANSACTIONAL
                                           : kind == 3 ? PH_DELIVERY_DURABLE
                                                       : PH_DELIVERY_EPHEMERAL,
                               .is_single = sim_chance(w, 30),
                               .answers_later = sim_chance(w, 40),
                               .has_bad_rows = sim_chance(w, 60),
                               .naming = (enum sim_naming)sim_draw(w, 3)};
    s.is_leaky = s.delivery == PH_DELIVERY_DURABLE && sim_chance(w, 50);
    return s;
}

static void draw_shape(struct sim_world *w)
{
    w->shape = (struct sim_shape){.partition_count = 1 + (uint32_t)sim_draw(w, SIM_PARTITIONS),
                                  .lanes = 1 + (uint32_t)sim_draw(w, SIM_LANES),
                                  .sink_count = 1 + (uint32_t)sim_draw(w, SIM_SINKS),
                                  .begin = sim_chance(w, 50) ? 0 : (int64_t)sim_draw(w, 30),
                                  .end = 60 + (int64_t)sim_draw(w, SIM_OFFSETS - 59),
                                  .kills = sim_chance(w, 70),
                                  .has_two_owners = sim_chance(w, 30),
                                  .is_late = sim_chance(w, 30)};
    static const uint32_t percents[] = {0, 2, 8, 20};
    w->shape.fault_percent = percents[sim_draw(w, 4)];
    for (uint32_t i = 0; i < w->shape.sink_count; i++) {
        w->shape.sinks[i] = draw_sink(w);
    }
}

static void make_due(const struct sim_world *w, struct sim_store *s)
{
    for (uint32_t id = 0; id < w->shape.partition_count; id++) {
        for (int64_t offset = sim_begin_of(w, id); offset < w->shape.end; offset++) {
            s->due[id][offset] = 1;
        }
    }
}

void sim_world_begin(struct sim_world *w, uint64_t seed)
{
    w->seed = seed;
    w->random = sim_hash(w, 77, seed) | 1;
    w->now_ns = CLOCK_NS_PER_S;
    memset(w->folders, 0, sizeof w->folders);
    w->late_exists = false;
    w->has_begun = false;
    w->interventions = 0;
    w->takeovers = 0;
    draw_shape(w);
    for (uint32_t i = 0; i < SIM_SINKS; i++) {
        sim_store_begin(&w->stores[i]);
        make_due(w, &w->stores[i]);
    }
}

void sim_world_end(struct sim_world *w)
{
    for (uint32_t i = 0; i < SIM_MACHINES; i++) {
        free(w->boxes[i].letters);
        w->boxes[i] = (struct sim_box){.letters = NULL};
    }
}
