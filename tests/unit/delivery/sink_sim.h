/* SPDX-License-Identifier: Apache-2.0 */
/* A sink that fails at every point, loses answers and refuses rows, a simulated clock, processes
 * that are killed at random: all a pure function of a seed. For test_sink_driver.c. */
#ifndef SINK_SIM_H
#define SINK_SIM_H

#include "delivery/sink_driver.h"

#include <check.h>
#include <stdlib.h>

#define SIM_PARTITIONS 3u
#define SIM_OFFSETS    400
#define SIM_BATCH_ROWS 20u
#define SIM_STREAMS    2u /* lanes that meet in the sink: partition p comes through p % 2 */

enum fate { FATE_FINE, FATE_FAIL, FATE_LOST_ANSWER };

struct sim {
    uint64_t random;
    int64_t now_ns;
    bool faults;
    bool unnamed; /* the database refuses rows without naming one */
    bool pending; /* commits answer later */
    bool grows;   /* the last partition is found while the process runs */
    /* The database: survives a kill. */
    uint32_t stored[SIM_PARTITIONS][SIM_OFFSETS];
    int64_t positions[SIM_PARTITIONS];
    uint32_t fingerprints[SIM_PARTITIONS]; /* what came with them */
    uint64_t known_count;                  /* commits of a partition that said one */
    uint32_t dead[SIM_PARTITIONS][SIM_OFFSETS];
    uint64_t fence;
    /* One process. */
    uint64_t my_fence;
    int64_t next[SIM_PARTITIONS]; /* what the simulated source reads next */
    struct stream {
        uint32_t partition; /* the record whose rows did not all fit the last batch */
        uint32_t rows;      /* those of it that are still to come */
        struct ph_position positions[SIM_PARTITIONS]; /* what was read since it began */
        uint32_t position_count;
    } streams[SIM_STREAMS];
    const struct ph_batch *staged[EPOCH_ENTRIES_MAX];
    uint32_t staged_count;
    struct sink_driver *driver;
    struct ph_partition partitions[SIM_PARTITIONS];
    uint32_t alive_batches;
    bool end_given;
    bool waits_for_newcomer; /* the source may not begin with it yet */
    uint64_t commits;
    uint64_t announced; /* commits with PH_EPOCH_MORE */
    bool is_begun;      /* by the last of them, with nothing written since */
    int64_t begun_ns;
};

static uint64_t draw(struct sim *s, uint64_t below)
{
    s->random ^= s->random << 13;
    s->random ^= s->random >> 7;
    s->random ^= s->random << 17;
    return s->random % below;
}

/* Rows that the simulated database refuses at commit, and rows that the sink itself refuses in
 * write. */
static bool is_poison(int64_t offset)
{
    return offset % 53 == 7;
}

static bool is_unfit(int64_t offset)
{
    return offset % 97 == 5;
}

/* A source record becomes one row or several. */
static uint32_t rows_of(int64_t offset)
{
    return offset % 41 == 0 ? 3 * SIM_BATCH_ROWS : 1 + (uint32_t)(offset % 3);
}

/* ---- batches ---- */

struct sim_batch {
    struct ph_batch pub;
    uint32_t partition_ids[SIM_BATCH_ROWS];
    int64_t offsets[SIM_BATCH_ROWS];
    struct ph_position positions[SIM_PARTITIONS];
};

/* For what is asked at each step: an assertion of Check that holds costs a write to a file. */
static void must(bool holds, const char *what)
{
    if (!holds) {
        ck_abort_msg("%s", what);
    }
}

static struct sim_batch *new_batch(struct sim *s)
{
    struct sim_batch *b = calloc(1, sizeof *b);
    must(b != NULL, "out of memory");
    b->pub.size = (uint32_t)sizeof b->pub;
    b->pub.partition_ids = b->partition_ids;
    b->pub.offsets = b->offsets;
    b->pub.positions = b->positions;
    s->alive_batches++;
    return b;
}

static void sim_release(void *arg, const struct ph_batch *batch)
{
    struct sim *s = arg;
    must(s->alive_batches > 0, "a batch is released twice");
    s->alive_batches--;
    free((void *)(uintptr_t)batch);
}

static const struct ph_batch *sim_filter(void *arg, const struct ph_batch *in, const uint8_t *keep)
{
    struct sim_batch *b = new_batch(arg);
    for (uint32_t row = 0; row < in->row_count; row++) {
        if (keep[row] != 0) {
            b->partition_ids[b->pub.row_count] = in->partition_ids[row];
            b->offsets[b->pub.row_count++] = in->offsets[row];
        }
    }
    memcpy(b->positions, in->positions, in->position_count * sizeof b->positions[0]);
    b->pub.position_count = in->position_count;
    return &b->pub;
}

/* Of the record before an offset. */
static uint32_t print_before(uint32_t id, int64_t next_offset)
{
    return 1 + id + SIM_PARTITIONS * (uint32_t)next_offset;
}

static void cover(struct stream *t, uint32_t id, int64_t next_offset)
{
    uint32_t fingerprint = print_before(id, next_offset);
    for (uint32_t i = 0; i < t->position_count; i++) {
        if (t->positions[i].partition_id == id) {
            t->positions[i].next_offset = next_offset;
            t->positions[i].fingerprint = fingerprint;
            return;
        }
    }
    t->positions[t->position_count++] = (struct ph_position){id, fingerprint, next_offset};
}

/* Rows of the open record, as many as fit; true when all of it is in. */
static bool add_rows(struct sim *s, struct stream *t, struct sim_batch *b)
{
    while (t->rows > 0 && b->pub.row_count < SIM_BATCH_ROWS) {
        b->partition_ids[b->pub.row_count] = t->partition;
        b->offsets[b->pub.row_count++] = s->next[t->partition];
        t->rows--;
    }
    return t->rows == 0;
}

/* Opens the next record of some partition of the stream; false: all are through. */
static bool open_record(struct sim *s, struct stream *t)
{
    uint32_t first = (uint32_t)draw(s, SIM_PARTITIONS);
    for (uint32_t tried = 0; tried < SIM_PARTITIONS; tried++) {
        uint32_t id = (first + tried) % SIM_PARTITIONS;
        if (&s->streams[id % SIM_STREAMS] == t && s->next[id] < SIM_OFFSETS) {
            t->partition = id;
            t->rows = rows_of(s->next[id]);
            return true;
        }
    }
    return false;
}

static bool are_all_read(const struct sim *s)
{
    for (uint32_t id = 0; id < SIM_PARTITIONS; id++) {
        if (s->next[id] < SIM_OFFSETS) {
            return false;
        }
    }
    return true;
}

/* A batch of some records of several partitions. One that ends within a record covers nothing, or
 * what is in front of that record. */
static bool sim_next(void *arg, const struct ph_batch **batch)
{
    struct sim *s = arg;
    struct stream *t = &s->streams[draw(s, SIM_STREAMS)];
    if (draw(s, 3) == 0) {
        return false;
    }
    if (are_all_read(s) && s->waits_for_newcomer) {
        return false;
    }
    if (are_all_read(s)) {
        *batch = NULL;
        s->end_given = true;
        return true;
    }
    if (t->rows == 0) {
        t->position_count = 0;
        if (!open_record(s, t)) {
            return false;
        }
    }
    struct sim_batch *b = new_batch(s);
    uint64_t records = 1 + draw(s, 8);
    while (add_rows(s, t, b)) {
        cover(t, t->partition, ++s->next[t->partition]);
        if (--records == 0 || b->pub.row_count >= SIM_BATCH_ROWS || !open_record(s, t)) {
            break;
        }
    }
    if (t->rows == 0 || draw(s, 2) == 0) {
        memcpy(b->positions, t->positions, sizeof b->positions);
        b->pub.position_count = t->position_count;
    }
    *batch = &b->pub;
    return true;
}

/* ---- the sink ---- */

static enum fate fate_of(struct sim *s)
{
    if (!s->faults || draw(s, 12) != 0) {
        return FATE_FINE;
    }
    return draw(s, 2) == 0 ? FATE_FAIL : FATE_LOST_ANSWER;
}

static int32_t broken(struct ph_error *err)
{
    return ph_error_set(err, PH_ERR_RETRIABLE, "the simulated connection broke");
}

static int32_t sim_claim(void *task, const struct ph_partition *partitions, uint32_t count,
                         struct ph_position *positions, struct ph_error *err)
{
    struct sim *s = task;
    ck_assert_uint_eq(s->staged_count, 0);
    ck_assert(!s->is_begun);
    if (fate_of(s) != FATE_FINE) {
        return broken(err);
    }
    if (s->my_fence != 0 && s->my_fence != s->fence) {
        return ph_error_set(err, PH_ERR_FENCED, "taken over");
    }
    s->my_fence = ++s->fence;
    for (uint32_t i = 0; i < count; i++) {
        ck_assert_uint_eq(positions[i].partition_id, partitions[i].id);
        positions[i].next_offset = s->positions[partitions[i].id];
        positions[i].fingerprint = s->fingerprints[partitions[i].id];
    }
    return PH_OK;
}

static int32_t sim_write(void *task, const struct ph_batch *batch, struct ph_error *err)
{
    struct sim *s = task;
    if (fate_of(s) != FATE_FINE) {
        return broken(err);
    }
    if (draw(s, 5) == 0) {
        return PH_MORE;
    }
    for (uint32_t row = 0; row < batch->row_count; row++) {
        if (is_unfit(batch->offsets[row])) {
            sink_driver_reject(s->driver, batch, row, "unfit", "refused by the sink");
        }
    }
    s->staged[s->staged_count++] = batch;
    s->is_begun = false;
    return PH_OK;
}

/* Names one refused row, as a failed COPY does, or none. */
static bool refuse_one(struct sim *s)
{
    for (uint32_t i = 0; i < s->staged_count; i++) {
        for (uint32_t row = 0; row < s->staged[i]->row_count; row++) {
            if (is_poison(s->staged[i]->offsets[row])) {
                if (!s->unnamed) {
                    sink_driver_reject(s->driver, s->staged[i], row, "22001", "too long");
                }
                return true;
            }
        }
    }
    return false;
}

static void apply(struct sim *s, const struct ph_epoch *epoch)
{
    uint64_t rows = 0;
    for (uint32_t i = 0; i < s->staged_count; i++) {
        for (uint32_t row = 0; row < s->staged[i]->row_count; row++) {
            int64_t offset = s->staged[i]->offsets[row];
            rows++;
            must(!is_poison(offset), "a refused row is stored");
            if (!is_unfit(offset)) {
                s->stored[s->staged[i]->partition_ids[row]][offset]++;
            }
        }
    }
    ck_assert_uint_eq(rows, epoch->row_count);
    for (uint32_t i = 0; i < epoch->position_count; i++) {
        const struct ph_position *p = &epoch->positions[i];
        must(i == 0 || epoch->positions[i - 1].partition_id < p->partition_id,
             "positions are out of order");
        must(p->next_offset > s->positions[p->partition_id], "a position does not move on");
        s->positions[p->partition_id] = p->next_offset;
        /* Unknown where an epoch was cut inside a batch; never another record's. */
        must(p->fingerprint == 0 || p->fingerprint == print_before(p->partition_id, p->next_offset),
             "the fingerprint is another record's");
        s->fingerprints[p->partition_id] = p->fingerprint;
        s->known_count += p->fingerprint != 0;
    }
    for (uint32_t i = 0; i < s->staged_count; i++) {
        for (uint32_t row = 0; row < s->staged[i]->row_count; row++) {
            must(s->staged[i]->offsets[row] < s->positions[s->staged[i]->partition_ids[row]],
                 "a row is stored without its position");
        }
    }
}

static int32_t sim_commit(void *task, const struct ph_epoch *epoch, struct ph_error *err)
{
    struct sim *s = task;
    ck_assert_uint_eq(s->my_fence, s->fence);
    enum fate fate = fate_of(s);
    if (fate == FATE_FAIL) {
        return broken(err);
    }
    s->now_ns += 2 * CLOCK_NS_PER_MS;
    s->commits++;
    if (refuse_one(s)) {
        return ph_error_set(err, PH_ERR_POISON, "a row was refused");
    }
    apply(s, epoch);
    s->staged_count = 0;
    s->is_begun = (epoch->flags & PH_EPOCH_MORE) != 0;
    ck_assert(!s->is_begun || (epoch->flags & PH_EPOCH_FINAL) == 0);
    s->announced += s->is_begun;
    s->begun_ns = s->now_ns;
    return fate == FATE_LOST_ANSWER ? broken(err) : PH_OK;
}

/* The same, but the answer comes through pipehost.epochs/1 while the call runs, or is PH_OK. */
static int32_t sim_commit_later(void *task, const struct ph_epoch *epoch, struct ph_error *err)
{
    struct sim *s = task;
    struct ph_error own;
    ph_error_clear(&own);
    if (!s->pending) {
        return sim_commit(task, epoch, err);
    }
    int32_t rc = sim_commit(task, epoch, &own);
    sink_driver_epoch_done(s->driver, epoch->id, rc == PH_OK ? NULL : &own);
    sink_driver_epoch_done(s->driver, epoch->id, NULL); /* a second answer is none */
    return PH_PENDING;
}

static int32_t sim_release_positions(void *task, struct ph_error *err)
{
    (void)task;
    (void)err;
    return PH_OK;
}

static void sim_abort(void *task)
{
    ((struct sim *)task)->staged_count = 0;
    ((struct sim *)task)->is_begun = false;
}

/* Nothing stays begun in an idle sink. */
static void check_idle(const struct sim *s)
{
    const struct sink_driver *d = s->driver;
    bool has_rows = d->written < d->epoch->ready; /* but the sink has no room */
    must(!s->is_begun || has_rows || s->now_ns - s->begun_ns < 100 * CLOCK_NS_PER_MS,
         "what is begun stays so");
}

/* ---- the driver's surroundings ---- */

static int64_t sim_now_ns(void *arg)
{
    return ((struct sim *)arg)->now_ns;
}

static uint64_t sim_random(void *arg)
{
    return draw(arg, UINT64_MAX);
}

static int32_t sim_set_aside(void *arg, const struct ph_batch *batch, uint32_t row,
                             const char *code, const char *reason, struct ph_error *err)
{
    struct sim *s = arg;
    int64_t offset = batch->offsets[row];
    ck_assert(strcmp(code, "unfit") == 0 ? is_unfit(offset) : is_poison(offset));
    ck_assert_str_eq(reason, strcmp(code, "unfit") == 0 ? "refused by the sink"
                             : s->unnamed               ? "a row was refused"
                                                        : "too long");
    ck_assert_str_eq(code, is_unfit(offset) ? "unfit" : s->unnamed ? "refused" : "22001");
    if (fate_of(s) == FATE_FAIL) {
        return ph_error_set(err, PH_ERR_RETRIABLE, "the simulated disk is full");
    }
    s->dead[batch->partition_ids[row]][offset]++;
    return PH_OK;
}

static int32_t sim_sync(void *arg, struct ph_error *err)
{
    return fate_of(arg) == FATE_FAIL ? broken(err) : PH_OK;
}

static void sim_committed(void *arg, const struct ph_position *positions, uint32_t count,
                          uint64_t rows)
{
    struct sim *s = arg;
    (void)rows;
    for (uint32_t i = 0; i < count; i++) {
        must(positions[i].next_offset == s->positions[positions[i].partition_id],
             "told of another position");
    }
}

static void sim_trouble(void *arg, const struct ph_error *err, int64_t retry_in_ns)
{
    (void)arg;
    must(err == NULL || (err->flags & PH_ERR_RETRIABLE) != 0, "no trouble but an end");
    must(err == NULL || (retry_in_ns > 0 && retry_in_ns <= BACKOFF_LAST_NS), "no time to wait");
}

static const struct ph_sink_ops sim_ops = {.size = sizeof sim_ops,
                                           .claim = sim_claim,
                                           .release = sim_release_positions,
                                           .write = sim_write,
                                           .commit = sim_commit_later,
                                           .abort = sim_abort};

#endif
