/* SPDX-License-Identifier: Apache-2.0 */
#include "delivery/sink_driver.h"

#include <assert.h>
#include <stdlib.h>

/* Commits take at most about a fifth of a busy sink's time: the next epoch grows for this many
 * times a commit's cost. */
#define COMMIT_COST_FACTOR  4
#define COMMIT_DELAY_MAX_NS (100 * CLOCK_NS_PER_MS)
/* A sink without room is asked again after this, doubling. */
#define FULL_FIRST_NS (1 * CLOCK_NS_PER_MS)
#define FULL_LAST_NS  (100 * CLOCK_NS_PER_MS)
/* Batches whose records' positions are still to come. Their memory bounds them before, as a rule.
 */
#define WAITING_MAX (EPOCH_ENTRIES_MAX / 2 - 1)

struct sink_driver *sink_driver_create(const struct ph_sink_ops *ops, void *task,
                                       const struct sink_env *env,
                                       const struct sink_settings *settings)
{
    assert(settings->max_batches > 0 && settings->max_batches <= EPOCH_ENTRIES_MAX / 2);
    struct sink_driver *d = calloc(1, sizeof *d);
    if (d == NULL) {
        return NULL;
    }
    d->ops = ops;
    d->task = task;
    d->env = *env;
    d->settings = *settings;
    d->epoch_id = 1;
    memset(d->durable, 0xff, sizeof d->durable);
    ph_error_clear(&d->error);
    d->epoch = epoch_create(&d->env.memory);
    d->partitions = calloc(PARTITIONS_MAX, sizeof *d->partitions);
    if (d->epoch == NULL || d->partitions == NULL) {
        sink_driver_destroy(d);
        return NULL;
    }
    return d;
}

void sink_driver_destroy(struct sink_driver *d)
{
    if (d != NULL) {
        epoch_destroy(d->epoch);
        free(d->partitions);
        free(d);
    }
}

bool sink_driver_own(struct sink_driver *d, const struct ph_partition *partition)
{
    if (d->partition_count == PARTITIONS_MAX) {
        return false;
    }
    d->partitions[d->partition_count++] = partition;
    return true;
}

bool sink_driver_adopt(struct sink_driver *d, const struct ph_partition *partition)
{
    if (!sink_driver_own(d, partition)) {
        return false;
    }
    d->newcomer = d->settings.keeps_positions ? partition : NULL;
    return true;
}

void sink_driver_seed(struct sink_driver *d, const struct ph_position *positions, uint32_t count)
{
    assert(d->state == SINK_STATE_OPEN && d->epoch->entry_count == 0);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t id = positions[i].partition_id;
        epoch_move(d->epoch, positions[i]);
        if (positions[i].next_offset > 0 && !d->skips[id]) {
            d->skips[id] = true;
            d->skip_count++;
        }
    }
    d->end_now = count > 0;
}

bool sink_driver_is_clean(const struct sink_driver *d)
{
    return d->state != SINK_STATE_COMMITTING && epoch_is_empty(d->epoch);
}

/* ---- what went wrong ---- */

enum sink_step sink_fail(struct sink_driver *d)
{
    d->state = SINK_STATE_FAILED;
    return SINK_FAILED;
}

/* Says what is wrong; answers when to try again. */
static int64_t back_off_ns(struct sink_driver *d)
{
    int64_t wait_ns = backoff_next_ns(&d->backoff, d->env.random(d->env.arg));
    d->env.trouble(d->env.arg, &d->error, wait_ns);
    ph_error_clear(&d->error);
    return d->env.now_ns(d->env.arg) + wait_ns;
}

enum sink_step sink_recover(struct sink_driver *d)
{
    assert(ph_error_is_set(&d->error));
    d->ops->abort(d->task);
    d->written = 0;
    d->has_announced = false;
    if ((d->error.flags & PH_ERR_RETRIABLE) == 0) {
        return sink_fail(d);
    }
    d->retry_ns = back_off_ns(d);
    d->state = SINK_STATE_CLAIM;
    return SINK_PROGRESS;
}

void sink_works_again(struct sink_driver *d)
{
    if (d->backoff.tries > 0) {
        backoff_reset(&d->backoff);
        d->env.trouble(d->env.arg, NULL, 0);
    }
}

static enum sink_step operation_failed(struct sink_driver *d)
{
    return (d->error.flags & PH_ERR_POISON) != 0 ? sink_poison_handle(d) : sink_recover(d);
}

/* ---- input ---- */

/* Rows that the sink has already: the source began at another sink's lower position. */
static int32_t skip_known_rows(struct sink_driver *d, const struct ph_batch *batch, uint32_t first)
{
    if (epoch_skip(d->epoch, first, d->durable, &d->error) != PH_OK) {
        return PH_ERROR;
    }
    for (uint32_t i = 0; i < batch->position_count; i++) {
        uint32_t id = batch->positions[i].partition_id;
        if (d->skips[id] && batch->positions[i].next_offset >= d->durable[id]) {
            d->skips[id] = false;
            d->skip_count--;
        }
    }
    return PH_OK;
}

static enum sink_step take(struct sink_driver *d)
{
    const struct ph_batch *batch;
    if (!d->env.next(d->env.arg, &batch)) {
        return SINK_IDLE;
    }
    if (batch == NULL) {
        d->input_ended = true;
        epoch_end_input(d->epoch);
        return SINK_PROGRESS;
    }
    if (epoch_is_empty(d->epoch)) {
        d->opened_ns = d->env.now_ns(d->env.arg);
    }
    uint32_t first = d->epoch->bounded; /* what is added may come in front of what waits */
    if (epoch_add(d->epoch, batch, d->durable, &d->error) != PH_OK ||
        (d->skip_count > 0 && skip_known_rows(d, batch, first) != PH_OK)) {
        return sink_fail(d);
    }
    return SINK_PROGRESS;
}

/* As many batches wait as may, and no position has come that covers any of them. */
static enum sink_step record_too_large(struct sink_driver *d)
{
    const struct ph_batch *b = d->epoch->entries[0].batch;
    const struct ph_partition *p = NULL;
    for (uint32_t i = 0; b->offsets != NULL && b->row_count > 0 && i < d->partition_count; i++) {
        p = d->partitions[i]->id == b->partition_ids[0] ? d->partitions[i] : p;
    }
    (void)ph_error_set(&d->error, PH_ERR_FATAL,
                       "the rows that stem from one source record (%s/%d offset %lld) or from one "
                       "batch of it fill more than the %u batches that a commit can hold",
                       p != NULL ? p->topic : "-", p != NULL ? p->partition : -1,
                       p != NULL ? (long long)b->offsets[0] : -1LL, WAITING_MAX);
    d->ops->abort(d->task);
    return sink_fail(d);
}

/* ---- when an epoch ends ---- */

static int64_t commit_delay_ns(const struct sink_driver *d)
{
    int64_t least = d->settings.min_delay_ns;
    if (least == 0) {
        return 0;
    }
    int64_t wanted = COMMIT_COST_FACTOR * d->cost_ns;
    if (wanted > COMMIT_DELAY_MAX_NS) {
        wanted = COMMIT_DELAY_MAX_NS;
    }
    return wanted > least ? wanted : least;
}

static bool epoch_is_full(const struct sink_driver *d)
{
    return d->epoch->row_count >= d->settings.max_rows ||
           d->epoch->bounded >= d->settings.max_batches;
}

/* True where an epoch that has something should end although the sink would take more. */
static bool epoch_is_due(struct sink_driver *d)
{
    int64_t due_ns = d->ended_ns + commit_delay_ns(d);
    int64_t last_ns = d->opened_ns + d->settings.interval_ns;
    d->deadline_ns = due_ns < last_ns ? due_ns : last_ns;
    return d->env.now_ns(d->env.arg) >= d->deadline_ns;
}

/* ---- the sink's operations ---- */

/* An answer that the sink may not give stops the pipeline: nothing is known then. */
static void check_answer(struct sink_driver *d, const char *operation, int32_t rc, int32_t other)
{
    if (rc == PH_ERROR) {
        (void)ph_error_set(&d->error, PH_ERR_FATAL, "%s failed without saying why", operation);
    } else if (rc != PH_OK && rc != other) {
        (void)ph_error_set(&d->error, PH_ERR_FATAL, "%s gave an answer that it does not have: %d",
                           operation, (int)rc);
    }
}

static enum sink_step wait_for_sink(struct sink_driver *d)
{
    d->full_ns = d->full_ns == 0 ? FULL_FIRST_NS : d->full_ns * 2;
    d->full_ns = d->full_ns > FULL_LAST_NS ? FULL_LAST_NS : d->full_ns;
    d->deadline_ns = d->env.now_ns(d->env.arg) + d->full_ns;
    return SINK_IDLE;
}

static enum sink_step write_next(struct sink_driver *d)
{
    const struct ph_batch *batch = d->epoch->entries[d->written].written;
    int32_t rc = PH_OK;
    d->rejected = 0;
    if (batch->row_count > 0) {
        rc = d->ops->write(d->task, batch, &d->error);
        check_answer(d, "write", rc, PH_MORE);
    }
    if (ph_error_is_set(&d->error)) {
        return operation_failed(d);
    }
    if (rc == PH_MORE) {
        return wait_for_sink(d);
    }
    d->full_ns = 0;
    d->written++;
    d->has_announced = d->has_announced && batch->row_count == 0;
    return SINK_PROGRESS;
}

enum sink_step sink_committed(struct sink_driver *d)
{
    struct epoch *e = d->epoch;
    uint64_t rows = e->row_count - e->dead_count;
    for (uint32_t i = 0; i < d->reach_count; i++) {
        d->durable[d->reach[i].partition_id] = d->reach[i].next_offset;
        d->fingerprints[d->reach[i].partition_id] = d->reach[i].fingerprint;
    }
    d->env.committed(d->env.arg, d->reach, d->reach_count, rows);
    d->ended_ns = d->env.now_ns(d->env.arg);
    d->opened_ns = d->ended_ns;
    d->written = 0;
    d->in_doubt = false;
    d->epoch_id++;
    d->state = SINK_STATE_OPEN;
    if (epoch_pass(e, d->durable, &d->error) != PH_OK) {
        return sink_fail(d);
    }
    sink_poison_committed(d);
    sink_works_again(d);
    return SINK_PROGRESS;
}

/* What is written stays written; what the sink has begun for rows to come does not. */
static enum sink_step wait_for_disk(struct sink_driver *d)
{
    d->retry_ns = back_off_ns(d);
    d->deadline_ns = d->retry_ns;
    if (d->has_announced) {
        (void)sink_more_take_back(d);
    }
    return SINK_IDLE;
}

/* The rows are durable; until their positions are too, a crash has them written again. */
static enum sink_step store_positions(struct sink_driver *d)
{
    if (d->env.now_ns(d->env.arg) < d->retry_ns) {
        d->deadline_ns = d->retry_ns;
        return SINK_IDLE;
    }
    if (d->env.store(d->env.arg, d->reach, d->reach_count, &d->error) == PH_OK) {
        return sink_committed(d);
    }
    if ((d->error.flags & PH_ERR_RETRIABLE) == 0) {
        return sink_fail(d);
    }
    return wait_for_disk(d);
}

/* The running commit's answer: durable, failed, or none yet. */
static enum sink_step step_committing(struct sink_driver *d)
{
    d->deadline_ns = 0;
    if (d->answer == SINK_ANSWER_NONE) {
        return SINK_IDLE;
    }
    if (ph_error_is_set(&d->error)) {
        if (d->answer == SINK_ANSWER_DURABLE) {
            d->error.flags = PH_ERR_FATAL; /* durable without the row that was to be set aside */
        }
        return operation_failed(d);
    }
    if (d->env.store != NULL) {
        return store_positions(d);
    }
    int64_t took_ns = d->env.now_ns(d->env.arg) - d->commit_ns;
    d->cost_ns += (took_ns - d->cost_ns) / 4;
    sink_refresh_done(d);
    return sink_committed(d);
}

static enum sink_step commit(struct sink_driver *d)
{
    struct epoch *e = d->epoch;
    if (d->env.now_ns(d->env.arg) < d->retry_ns) {
        d->deadline_ns = d->retry_ns;
        return SINK_IDLE;
    }
    if (d->env.sync(d->env.arg, &d->error) != PH_OK) {
        if ((d->error.flags & PH_ERR_RETRIABLE) == 0) {
            return sink_recover(d);
        }
        return wait_for_disk(d);
    }
    d->reach_count = epoch_reach(e, d->durable, d->reach);
    sink_refresh_add(d);
    struct ph_epoch epoch = {.size = (uint32_t)sizeof epoch,
                             .flags = sink_more_flags(d),
                             .id = d->epoch_id,
                             .row_count = e->row_count,
                             .positions = d->reach,
                             .position_count = d->reach_count};
    d->rejected = 0;
    d->has_announced = (epoch.flags & PH_EPOCH_MORE) != 0;
    d->commit_ns = d->env.now_ns(d->env.arg);
    d->answer = SINK_ANSWER_NONE;
    d->in_doubt = true;
    d->state = SINK_STATE_COMMITTING;
    int32_t rc = d->ops->commit(d->task, &epoch, &d->error);
    check_answer(d, "commit", rc, PH_PENDING);
    if (rc != PH_PENDING) {
        d->answer = rc == PH_OK ? SINK_ANSWER_DURABLE : SINK_ANSWER_FAILED;
    }
    return d->answer == SINK_ANSWER_NONE ? SINK_PROGRESS : step_committing(d);
}

/* ---- states ---- */

/* Claiming is possible between two epochs only: the open one ends without waiting for more. */
static bool is_to_claim(struct sink_driver *d)
{
    if (d->newcomer == NULL) {
        return false;
    }
    d->end_now = true;
    return d->written == 0 && d->full_ns == 0;
}

static enum sink_step rest(struct sink_driver *d)
{
    sink_refresh_rest(d);
    return sink_more_rest(d);
}

static enum sink_step step_open(struct sink_driver *d)
{
    struct epoch *e = d->epoch;
    d->deadline_ns = 0;
    if (is_to_claim(d)) {
        if (d->has_announced) {
            return sink_more_take_back(d); /* what the sink has begun is in the way */
        }
        d->state = SINK_STATE_CLAIM;
        return SINK_PROGRESS;
    }
    if (d->window > 0 && d->written == 0 && !e->is_cut &&
        epoch_cut(e, d->window, &d->error) != PH_OK) {
        return sink_fail(d);
    }
    if (d->written < e->ready) {
        return write_next(d);
    }
    bool empty = e->row_count == 0 && e->position_count == 0;
    if (empty && e->ready > 0) { /* all of it was durable already, or set aside */
        d->written = 0;
        return epoch_pass(e, d->durable, &d->error) == PH_OK ? SINK_PROGRESS : sink_fail(d);
    }
    if (!empty && (epoch_is_full(d) || d->end_now || d->input_ended)) {
        return commit(d);
    }
    if (e->entry_count >= WAITING_MAX) {
        return empty ? record_too_large(d) : commit(d);
    }
    if (empty && d->input_ended) {
        d->state = d->has_announced ? d->state : SINK_STATE_RELEASE;
        return d->has_announced ? sink_more_take_back(d) : SINK_PROGRESS;
    }
    enum sink_step taken = take(d);
    if (taken == SINK_IDLE && (empty ? sink_refresh_is_due(d) : epoch_is_due(d))) {
        return commit(d);
    }
    return taken == SINK_IDLE ? rest(d) : taken;
}

static enum sink_step step_release(struct sink_driver *d)
{
    if (d->settings.keeps_positions && d->ops->release(d->task, &d->error) != PH_OK) {
        /* Everything is durable: the next owner's claim shuts this one out anyway. */
        ph_error_clear(&d->error);
    }
    d->state = SINK_STATE_DONE;
    return SINK_PROGRESS;
}

enum sink_step sink_driver_step(struct sink_driver *d)
{
    switch (d->state) {
    case SINK_STATE_CLAIM:
        return sink_claim_step(d);
    case SINK_STATE_OPEN:
        return step_open(d);
    case SINK_STATE_COMMITTING:
        return step_committing(d);
    case SINK_STATE_RELEASE:
        return step_release(d);
    case SINK_STATE_DONE:
        return SINK_DONE;
    default:
        return SINK_FAILED;
    }
}

/* ---- what the sink says while it works ---- */

void sink_driver_reject(struct sink_driver *d, const struct ph_batch *batch, uint32_t row,
                        const char *code, const char *reason)
{
    if ((d->error.flags & PH_ERR_FATAL) != 0) {
        return; /* the pipeline stops: its next start reads this one again */
    }
    struct epoch_entry *entry = epoch_find(d->epoch, batch);
    if (entry == NULL || row >= batch->row_count) {
        (void)ph_error_set(&d->error, PH_ERR_FATAL,
                           "a row was rejected that is not in the open epoch (row %u)", row);
        return;
    }
    if (epoch_is_dead(entry, row)) {
        d->rejected++;
        return;
    }
    /* A row that could not be set aside stays among the living, to be refused again. */
    if (d->env.set_aside(d->env.arg, batch, row, code, reason, &d->error) != PH_OK) {
        return;
    }
    if (!epoch_mark_dead(d->epoch, entry, row)) {
        (void)ph_error_set(&d->error, PH_ERR_FATAL, "out of memory for a rejected row");
        return;
    }
    d->rejected++;
}

void sink_driver_epoch_done(struct sink_driver *d, uint64_t epoch_id, const struct ph_error *err)
{
    if (d->state != SINK_STATE_COMMITTING || epoch_id != d->epoch_id ||
        d->answer != SINK_ANSWER_NONE) {
        return; /* an answer for an epoch that was aborted */
    }
    d->answer = err == NULL ? SINK_ANSWER_DURABLE : SINK_ANSWER_FAILED;
    if (err != NULL && !ph_error_is_set(&d->error)) {
        d->error = *err;
        if (d->error.flags == 0) {
            (void)ph_error_set(&d->error, PH_ERR_FATAL, "commit failed without saying why");
        }
    }
}
