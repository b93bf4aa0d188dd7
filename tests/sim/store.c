/* SPDX-License-Identifier: Apache-2.0 */
/* What databases do with transactions: all or nothing, and never against a fence. */
#include "sim.h"

void sim_store_begin(struct sim_store *s)
{
    *s = (struct sim_store){.doubles_allowed = 0};
    memset(s->positions, 0xff, sizeof s->positions);
    memset(s->last, 0xff, sizeof s->last);
    memset(s->ledgers, 0xff, sizeof s->ledgers);
    memset(s->lost, 0xff, sizeof s->lost);
}

void sim_store_row(struct sim_world *w, uint32_t sink, const struct sim_row *row)
{
    struct sim_store *s = &w->stores[sink];
    bool is_exact = w->shape.sinks[sink].delivery == PH_DELIVERY_TRANSACTIONAL;
    uint8_t *there = &s->rows[row->partition][row->offset][row->sub];
    int64_t place = row->offset * (int64_t)SIM_SUBS + row->sub;
    uint32_t due = s->due[row->partition][row->offset];
    SIM_MUST(!is_exact || *there < due, "sink %u has the row %u/%lld.%u more than %u times", sink,
             row->partition, (long long)row->offset, row->sub, due);
    SIM_MUST(place > s->last[row->partition], "sink %u: the row %u/%lld.%u comes out of order",
             sink, row->partition, (long long)row->offset, row->sub);
    s->last[row->partition] = place;
    *there = (uint8_t)(*there + (*there < UINT8_MAX));
    w->counts.rows++;
}

static bool is_fenced(const struct sim_store *s, const struct sim_transaction *t)
{
    for (uint32_t i = 0; i < t->position_count; i++) {
        if (s->fences[t->positions[i].partition_id] != t->fences[i]) {
            return true;
        }
    }
    return false;
}

static void move_position(struct sim_world *w, uint32_t sink, const struct sim_transaction *t,
                          uint32_t i)
{
    struct sim_store *s = &w->stores[sink];
    const struct ph_position *p = &t->positions[i];
    uint32_t id = p->partition_id;
    SIM_MUST(s->positions[id] == t->was[i],
             "sink %u: partition %u stands at %lld, where its owner left %lld", sink, id,
             (long long)s->positions[id], (long long)t->was[i]);
    bool is_again = p->next_offset == s->positions[id]; /* so that it is not forgotten */
    SIM_MUST(p->next_offset > s->positions[id] || is_again,
             "sink %u: the position of %u goes from %lld to %lld", sink, id,
             (long long)s->positions[id], (long long)p->next_offset);
    SIM_MUST(p->fingerprint == 0 || p->fingerprint == sim_fingerprint(w, id, p->next_offset),
             "sink %u: the fingerprint of %u/%lld is another record's", sink, id,
             (long long)p->next_offset);
    w->counts.refreshes += is_again;
    s->positions[id] = p->next_offset;
    s->fingerprints[id] = p->fingerprint;
}

int32_t sim_store_apply(struct sim_world *w, uint32_t sink, struct sim_transaction *t)
{
    struct sim_store *s = &w->stores[sink];
    uint64_t before = w->counts.refreshes;
    t->is_open = false;
    if (w->shape.sinks[sink].delivery == PH_DELIVERY_EPHEMERAL) {
        return PH_OK;
    }
    if (is_fenced(s, t)) {
        return PH_ERROR;
    }
    for (uint32_t i = 0; i < t->row_count; i++) {
        sim_store_row(w, sink, &t->rows[i]);
    }
    for (uint32_t i = 0; i < t->position_count; i++) {
        move_position(w, sink, t, i);
    }
    for (uint32_t i = 0; t->position_count > 0 && i < t->row_count; i++) {
        SIM_MUST(t->rows[i].offset < s->positions[t->rows[i].partition],
                 "sink %u has the row %u/%lld above its position", sink, t->rows[i].partition,
                 (long long)t->rows[i].offset);
    }
    bool has_news = t->row_count > 0 || w->counts.refreshes - before < t->position_count;
    w->counts.epochs += has_news;
    return PH_OK;
}

void sim_store_settle(struct sim_world *w, uint32_t sink)
{
    for (uint32_t machine = 0; machine < SIM_MACHINES; machine++) {
        for (uint32_t lane = 0; lane < SIM_LANES; lane++) {
            struct sim_transaction *t = &w->stores[sink].transactions[machine][lane];
            if (t->is_open && sim_chance(w, 50)) {
                (void)sim_store_apply(w, sink, t); /* fenced: it is rolled back */
            }
            t->is_open = false;
        }
    }
}

void sim_store_allow_doubles(struct sim_task *t)
{
    struct sim_world *w = t->process->world;
    struct sim_store *s = &w->stores[t->sink];
    if (w->shape.sinks[t->sink].delivery == PH_DELIVERY_TRANSACTIONAL) {
        return;
    }
    s->doubles_allowed += s->unstored[t->lane];
    for (uint32_t id = 0; id < w->shape.partition_count; id++) {
        s->last[id] = sim_task_reads(t, id) ? -1 : s->last[id];
    }
}
