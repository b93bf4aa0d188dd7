/* SPDX-License-Identifier: Apache-2.0 */
#include "delivery/sink_driver.h"

#include "base/error.h"

#include <assert.h>
#include <stdlib.h>

/* Commits take at most about a fifth of a busy sink's time: the next epoch grows for this many
 * times a commit's cost. */
#define COMMIT_COST_FACTOR  4
#define COMMIT_DELAY_MAX_NS (100 * CLOCK_NS_PER_MS)

struct sink_driver *sink_driver_create(const struct ph_sink_ops *ops, void *task,
                                       const struct sink_env *env,
                                       const struct sink_settings *settings)
{
    assert(settings->max_batches <= EPOCH_ENTRIES_MAX);
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

void sink_driver_seed(struct sink_driver *d, const struct ph_position *positions, uint32_t count)
{
    assert(d->state == SINK_STATE_OPEN && d->epoch->entry_count == 0);
    for (uint32_t i = 0; i < count; i++) {
        d->epoch->index_of[positions[i].partition_id] = (int32_t)d->epoch->position_count;
        d->epoch->positions[d->epoch->position_count++] = positions[i];
    }
    d->end_now = count > 0;
}

bool sink_driver_is_clean(const struct sink_driver *d)
{
    return d->state != SINK_STATE_COMMITTING && d->epoch->entry_count == 0 &&
           d->epoch->position_count == 0;
}

static enum sink_step fail(struct sink_driver *d)
{
    d->state = SINK_STATE_FAILED;
    return SINK_FAILED;
}

/* What to do after an operation of the sink has put d->error. */
static enum sink_step recover(struct sink_driver *d)
{
    assert(ph_error_is_set(&d->error));
    d->ops->abort(d->task);
    d->written = 0;
    if ((d->error.flags & PH_ERR_RETRIABLE) == 0) {
        return fail(d);
    }
    int64_t wait_ns = backoff_next_ns(&d->backoff, d->env.random(d->env.arg));
    d->env.trouble(d->env.arg, &d->error, wait_ns);
    d->retry_ns = d->env.now_ns(d->env.arg) + wait_ns;
    d->state = SINK_STATE_CLAIM;
    ph_error_clear(&d->error);
    return SINK_PROGRESS;
}

static void report_recovery(struct sink_driver *d)
{
    if (d->backoff.tries > 0) {
        backoff_reset(&d->backoff);
        d->env.trouble(d->env.arg, NULL, 0);
    }
}

static int32_t read_positions(struct sink_driver *d)
{
    struct ph_partition *list = calloc(d->partition_count + 1u, sizeof *list);
    struct ph_position *positions = calloc(d->partition_count + 1u, sizeof *positions);
    int32_t rc = PH_ERROR;
    if (list == NULL || positions == NULL) {
        (void)ph_error_set(&d->error, PH_ERR_FATAL, "out of memory for positions");
    } else {
        for (uint32_t i = 0; i < d->partition_count; i++) {
            list[i] = *d->partitions[i];
            positions[i] = (struct ph_position){.partition_id = list[i].id, .next_offset = -1};
        }
        rc = d->ops->claim(d->task, list, d->partition_count, positions, &d->error);
    }
    for (uint32_t i = 0; rc == PH_OK && i < d->partition_count; i++) {
        d->durable[d->partitions[i]->id] = positions[i].next_offset;
        d->skipping = d->skipping || positions[i].next_offset > 0;
    }
    if (rc == PH_OK) {
        d->env.committed(d->env.arg, positions, d->partition_count, 0);
    }
    free(list);
    free(positions);
    return rc;
}

static enum sink_step step_claim(struct sink_driver *d)
{
    if (d->env.now_ns(d->env.arg) < d->retry_ns) {
        d->deadline_ns = d->retry_ns;
        return SINK_IDLE;
    }
    if (d->settings.keeps_positions && read_positions(d) != PH_OK) {
        return recover(d);
    }
    d->written = 0;
    if (epoch_prune(d->epoch, d->durable, &d->error) != PH_OK) {
        return fail(d);
    }
    report_recovery(d);
    d->state = SINK_STATE_OPEN;
    return SINK_PROGRESS;
}

/* Rows that the sink has already: this task was started from another sink's lower position. */
static int32_t skip_known_rows(struct sink_driver *d, const struct ph_batch **batch)
{
    const struct ph_batch *b = *batch;
    uint32_t known = 0;
    if (!d->skipping || b->offsets == NULL || b->row_count == 0) {
        return PH_OK;
    }
    uint8_t *keep = malloc(b->row_count);
    if (keep == NULL) {
        return ph_error_set(&d->error, PH_ERR_FATAL, "out of memory for a batch's rows");
    }
    for (uint32_t row = 0; row < b->row_count; row++) {
        keep[row] = b->offsets[row] >= d->durable[b->partition_ids[row]];
        known += keep[row] == 0;
    }
    const struct ph_batch *rest = b;
    if (known > 0) {
        rest = d->env.memory.filter(d->env.memory.arg, b, keep);
        d->env.memory.release(d->env.memory.arg, b);
    }
    free(keep);
    *batch = rest;
    return rest != NULL ? PH_OK
                        : ph_error_set(&d->error, PH_ERR_FATAL, "the memory reserve is used up");
}

static enum sink_step take(struct sink_driver *d)
{
    const struct ph_batch *batch;
    if (!d->env.next(d->env.arg, &batch)) {
        return SINK_IDLE;
    }
    if (batch == NULL) {
        d->input_ended = true;
        return SINK_PROGRESS;
    }
    if (skip_known_rows(d, &batch) != PH_OK) {
        return fail(d);
    }
    if (d->epoch->entry_count == 0) {
        d->opened_ns = d->env.now_ns(d->env.arg);
    }
    epoch_add(d->epoch, batch, d->durable);
    return SINK_PROGRESS;
}

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
           d->epoch->entry_count >= d->settings.max_batches;
}

/* True where an epoch that has something should end although the sink would take more. */
static bool epoch_is_due(struct sink_driver *d)
{
    if (d->input_ended || d->end_now || epoch_is_full(d)) {
        return true;
    }
    int64_t due_ns = d->ended_ns + commit_delay_ns(d);
    int64_t last_ns = d->opened_ns + d->settings.interval_ns;
    d->deadline_ns = due_ns < last_ns ? due_ns : last_ns;
    return d->env.now_ns(d->env.arg) >= d->deadline_ns;
}

static enum sink_step committed(struct sink_driver *d)
{
    struct epoch *e = d->epoch;
    for (uint32_t i = 0; i < e->position_count; i++) {
        d->durable[e->positions[i].partition_id] = e->positions[i].next_offset;
    }
    d->env.committed(d->env.arg, e->positions, e->position_count, e->row_count);
    epoch_clear(e);
    d->ended_ns = d->env.now_ns(d->env.arg);
    int64_t took_ns = d->ended_ns - d->commit_ns;
    d->cost_ns += (took_ns - d->cost_ns) / 4;
    d->written = 0;
    d->end_now = false;
    d->epoch_id++;
    d->state = SINK_STATE_OPEN;
    report_recovery(d);
    return SINK_PROGRESS;
}

/* The sink named the bad rows: the epoch is written again without them. */
static enum sink_step write_again(struct sink_driver *d)
{
    if (d->rejected == 0) {
        d->error.flags = PH_ERR_FATAL;
        error_prefix(&d->error, "rows were refused without being named");
        return recover(d);
    }
    ph_error_clear(&d->error);
    d->ops->abort(d->task);
    d->written = 0;
    d->end_now = true;
    d->state = SINK_STATE_OPEN;
    return epoch_prune(d->epoch, d->durable, &d->error) == PH_OK ? SINK_PROGRESS : fail(d);
}

static enum sink_step operation_failed(struct sink_driver *d)
{
    return (d->error.flags & PH_ERR_POISON) != 0 ? write_again(d) : recover(d);
}

static enum sink_step write_next(struct sink_driver *d)
{
    const struct ph_batch *batch = d->epoch->entries[d->written].written;
    int32_t rc = PH_OK;
    d->rejected = 0;
    if (batch->row_count > 0) {
        rc = d->ops->write(d->task, batch, &d->error);
    }
    if (ph_error_is_set(&d->error)) {
        return operation_failed(d);
    }
    d->written += rc == PH_OK ? 1 : 0;
    return SINK_PROGRESS;
}

static enum sink_step commit(struct sink_driver *d)
{
    struct epoch *e = d->epoch;
    epoch_sort_positions(e);
    struct ph_epoch epoch = {.size = (uint32_t)sizeof epoch,
                             .flags = d->input_ended ? (uint32_t)PH_EPOCH_FINAL : 0u,
                             .id = d->epoch_id,
                             .row_count = e->row_count,
                             .positions = e->positions,
                             .position_count = e->position_count};
    if (d->env.sync(d->env.arg, &d->error) != PH_OK) {
        return recover(d);
    }
    d->rejected = 0;
    d->commit_ns = d->env.now_ns(d->env.arg);
    d->state = SINK_STATE_COMMITTING;
    int32_t rc = d->ops->commit(d->task, &epoch, &d->error);
    if (ph_error_is_set(&d->error)) {
        return operation_failed(d);
    }
    return rc == PH_PENDING ? SINK_PROGRESS : committed(d);
}

static enum sink_step step_open(struct sink_driver *d)
{
    struct epoch *e = d->epoch;
    bool empty = e->row_count == 0 && e->position_count == 0;
    d->deadline_ns = 0;
    if (d->written < e->entry_count) {
        return write_next(d);
    }
    if (empty && e->entry_count > 0) { /* all of it was durable already */
        epoch_clear(e);
        d->written = 0;
        return SINK_PROGRESS;
    }
    if (!empty && e->at_boundary && (epoch_is_full(d) || d->end_now || d->input_ended)) {
        return commit(d);
    }
    if (empty && d->input_ended) {
        d->state = SINK_STATE_RELEASE;
        return SINK_PROGRESS;
    }
    enum sink_step taken = take(d);
    if (taken == SINK_IDLE && !empty && e->at_boundary && epoch_is_due(d)) {
        return commit(d);
    }
    return taken;
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
        return step_claim(d);
    case SINK_STATE_OPEN:
        return step_open(d);
    case SINK_STATE_COMMITTING:
        d->deadline_ns = 0;
        return SINK_IDLE;
    case SINK_STATE_RELEASE:
        return step_release(d);
    case SINK_STATE_DONE:
        return SINK_DONE;
    default:
        return SINK_FAILED;
    }
}

void sink_driver_reject(struct sink_driver *d, const struct ph_batch *batch, uint32_t row,
                        const char *code, const char *reason)
{
    struct epoch_entry *entry = epoch_find(d->epoch, batch);
    if (entry == NULL || row >= batch->row_count) {
        (void)ph_error_set(&d->error, PH_ERR_FATAL,
                           "a row was rejected that is not in the open epoch (row %u)", row);
        return;
    }
    bool before = false;
    if (!epoch_mark_dead(entry, row, &before)) {
        (void)ph_error_set(&d->error, PH_ERR_FATAL, "out of memory for a rejected row");
        return;
    }
    d->rejected++;
    if (before) {
        return;
    }
    (void)d->env.set_aside(d->env.arg, batch, row, code, reason, &d->error);
}

void sink_driver_epoch_done(struct sink_driver *d, uint64_t epoch_id, const struct ph_error *err)
{
    if (d->state != SINK_STATE_COMMITTING || epoch_id != d->epoch_id) {
        return; /* an answer for an epoch that was aborted */
    }
    if (err == NULL) {
        (void)committed(d);
        return;
    }
    d->error = *err;
    (void)operation_failed(d);
}
