/* SPDX-License-Identifier: Apache-2.0 */
/* A source's lanes: records become rows, some none, some more than a batch holds. */
#include "sim.h"

static bool is_of_lane(const struct sim_world *w, uint32_t partition, uint32_t lane)
{
    return partition % w->shape.lanes == lane;
}

static void cover(const struct sim_world *w, struct sim_lane *l, uint32_t id, int64_t next_offset)
{
    struct ph_position p = {id, sim_fingerprint(w, id, next_offset), next_offset};
    for (uint32_t i = 0; i < l->position_count; i++) {
        if (l->positions[i].partition_id == id) {
            l->positions[i] = p;
            return;
        }
    }
    l->positions[l->position_count++] = p;
}

/* The next record of some partition of the lane; false: all are through. */
static bool open_record(struct sim_process *p, struct sim_lane *l, uint32_t lane)
{
    struct sim_world *w = p->world;
    uint32_t first = (uint32_t)sim_draw(w, SIM_PARTITIONS);
    for (uint32_t tried = 0; tried < SIM_PARTITIONS; tried++) {
        uint32_t id = (first + tried) % SIM_PARTITIONS;
        if (!is_of_lane(w, id, lane) || p->next[id] < 0 || p->next[id] >= w->shape.end) {
            continue;
        }
        while (sim_is_hole(w, id, p->next[id])) {
            p->next[id]++;
        }
        l->is_open = true;
        l->row = (struct sim_row){.partition = id, .offset = p->next[id]};
        l->left = sim_rows_of(w, id, p->next[id]);
        return true;
    }
    return false;
}

/* Rows of the open record, as many as fit; true when all of it is in. */
static bool add_rows(struct sim_lane *l, struct sim_batch *b)
{
    while (l->left > 0 && b->pub.row_count < SIM_BATCH_ROWS) {
        b->partition_ids[b->pub.row_count] = l->row.partition;
        b->sub_indexes[b->pub.row_count] = l->row.sub++;
        b->offsets[b->pub.row_count++] = l->row.offset;
        l->left--;
    }
    return l->left == 0;
}

/* Records up to a batch that is full, or to where the draw ends it. One that ends within a record
 * covers nothing, or what is in front of that record. */
static struct sim_batch *read_batch(struct sim_process *p, struct sim_lane *l, uint32_t lane)
{
    struct sim_world *w = p->world;
    struct sim_batch *b = sim_batch_create(&p->alive_batches);
    uint64_t records = 1 + sim_draw(w, 8);
    while (add_rows(l, b)) {
        cover(w, l, l->row.partition, ++p->next[l->row.partition]);
        l->is_open = false;
        if (--records == 0 || b->pub.row_count >= SIM_BATCH_ROWS || !open_record(p, l, lane)) {
            break;
        }
    }
    if (!l->is_open || sim_chance(w, 50)) {
        memcpy(b->positions, l->positions, sizeof b->positions);
        b->pub.position_count = l->position_count;
    }
    return b;
}

/* ---- queues ---- */

/* The queue of a task that a lane feeds, or null. */
static struct sim_queue *queue_of(struct sim_task *t, uint32_t lane)
{
    if (t->queue_count > 1) {
        return &t->queues[lane];
    }
    return t->lane == lane ? &t->queues[0] : NULL;
}

static bool has_room(struct sim_process *p, uint32_t lane)
{
    for (uint32_t i = 0; i < p->task_count; i++) {
        const struct sim_queue *q = queue_of(&p->tasks[i], lane);
        if (q != NULL && q->count == SIM_QUEUE) {
            return false;
        }
    }
    return true;
}

/* To every sink; null = the end. */
static void push(struct sim_process *p, uint32_t lane, const struct ph_batch *batch)
{
    for (uint32_t i = 0; i < p->task_count; i++) {
        struct sim_queue *q = queue_of(&p->tasks[i], lane);
        if (q != NULL) {
            if (batch != NULL) {
                sim_batch_retain(batch);
            }
            q->batches[(q->first + q->count++) % SIM_QUEUE] = batch;
            p->tasks[i].is_resting = false;
        }
    }
}

bool sim_queue_take(struct sim_task *t, const struct ph_batch **batch)
{
    uint32_t first = (uint32_t)sim_draw(t->process->world, t->queue_count);
    uint32_t ended = 0;
    for (uint32_t i = 0; i < t->queue_count; i++) {
        struct sim_queue *q = &t->queues[(first + i) % t->queue_count];
        if (q->count > 0) {
            *batch = q->batches[q->first];
            q->first = (q->first + 1) % SIM_QUEUE;
            q->count--;
            if (*batch != NULL) {
                return true;
            }
            q->has_ended = true;
        }
        ended += q->has_ended;
    }
    *batch = NULL;
    return ended == t->queue_count;
}

/* ---- steps ---- */

static bool waits_for_late(const struct sim_process *p)
{
    const struct sim_world *w = p->world;
    return w->shape.is_late && p->next[w->shape.partition_count - 1] < 0;
}

static bool can_step(struct sim_process *p, uint32_t lane)
{
    return p->phase == SIM_RUNS && !p->lanes[lane].has_ended && has_room(p, lane);
}

bool sim_source_step(struct sim_process *p, uint32_t lane)
{
    struct sim_lane *l = &p->lanes[lane];
    if (!can_step(p, lane) || l->pause_until_ns > p->world->now_ns) {
        return false;
    }
    if (!l->is_open) {
        l->position_count = 0;
        if (!open_record(p, l, lane)) {
            if (waits_for_late(p)) {
                return false;
            }
            l->has_ended = true;
            push(p, lane, NULL);
            return true;
        }
    }
    struct sim_batch *b = read_batch(p, l, lane);
    push(p, lane, &b->pub);
    sim_batch_release(&b->pub);
    if (sim_chance(p->world, 15)) {
        l->pause_until_ns = p->world->now_ns + (int64_t)sim_draw(p->world, 300) * CLOCK_NS_PER_MS;
    }
    return true;
}

int64_t sim_source_due_ns(const struct sim_process *p, uint32_t lane)
{
    const struct sim_lane *l = &p->lanes[lane];
    bool is_paused = p->phase == SIM_RUNS && !l->has_ended && l->pause_until_ns > p->world->now_ns;
    return is_paused ? l->pause_until_ns : INT64_MAX;
}
