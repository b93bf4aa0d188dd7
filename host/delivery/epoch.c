/* SPDX-License-Identifier: Apache-2.0 */
#include "delivery/epoch.h"

#include <assert.h>
#include <stdlib.h>

struct epoch *epoch_create(const struct epoch_memory *memory)
{
    struct epoch *e = calloc(1, sizeof *e);
    if (e != NULL) {
        e->memory = memory;
        memset(e->index_of, 0xff, sizeof e->index_of);
    }
    return e;
}

/* Gives back what is left of the batch, where it is not the batch itself. */
static void drop_rest(struct epoch *e, struct epoch_entry *entry)
{
    if (entry->written != entry->batch) {
        e->memory->release(e->memory->arg, entry->written);
        entry->written = entry->batch;
    }
}

static void drop_entry(struct epoch *e, struct epoch_entry *entry)
{
    drop_rest(e, entry);
    e->memory->release(e->memory->arg, entry->batch);
    free(entry->rows);
    *entry = (struct epoch_entry){0};
}

void epoch_destroy(struct epoch *e)
{
    if (e != NULL) {
        for (uint32_t i = 0; i < e->entry_count; i++) {
            drop_entry(e, &e->entries[i]);
        }
        free(e);
    }
}

/* ---- taking batches ---- */

void epoch_move(struct epoch *e, struct ph_position p)
{
    assert(p.partition_id < PARTITIONS_MAX);
    int32_t index = e->index_of[p.partition_id];
    if (index < 0) {
        e->index_of[p.partition_id] = (int32_t)e->position_count;
        e->positions[e->position_count++] = p;
    } else if (e->positions[index].next_offset < p.next_offset) {
        e->positions[index] = p;
    }
}

void epoch_count(struct epoch *e)
{
    e->row_count = 0;
    e->dead_count = 0;
    for (uint32_t i = 0; i < e->ready; i++) {
        const struct epoch_entry *entry = &e->entries[i];
        e->row_count += entry->written->row_count;
        for (uint32_t row = 0; entry->rows != NULL && row < entry->batch->row_count; row++) {
            e->dead_count += entry->rows[row] == EPOCH_ROW_DEAD;
        }
    }
}

/* The first `count` entries end between source records. */
static void bound(struct epoch *e, uint32_t count)
{
    e->bounded = count;
    if (e->is_cut) {
        return;
    }
    for (; e->ready < e->bounded; e->ready++) {
        e->row_count += e->entries[e->ready].written->row_count;
    }
}

void epoch_end_input(struct epoch *e)
{
    bound(e, e->entry_count);
}

/* ---- rows ---- */

struct epoch_entry *epoch_find(struct epoch *e, const struct ph_batch *batch)
{
    for (uint32_t i = e->entry_count; i-- > 0;) {
        if (e->entries[i].written == batch) {
            return &e->entries[i];
        }
    }
    return NULL;
}

int32_t epoch_list_rows(struct epoch_entry *entry, struct ph_error *err)
{
    if (entry->rows == NULL) {
        entry->rows = calloc(entry->batch->row_count + 1u, 1);
    }
    return entry->rows != NULL
               ? PH_OK
               : ph_error_set(err, PH_ERR_FATAL, "out of memory while rows are written again");
}

/* The place in `batch` of a row of `written`. */
static uint32_t original_row(const struct epoch_entry *entry, uint32_t row)
{
    uint32_t at = 0;
    for (uint32_t seen = 0;; at++) {
        assert(at < entry->batch->row_count);
        if (entry->rows[at] <= EPOCH_ROW_DEAD && seen++ == row) {
            return at;
        }
    }
}

bool epoch_is_dead(const struct epoch_entry *entry, uint32_t row)
{
    return entry->rows != NULL && entry->rows[original_row(entry, row)] == EPOCH_ROW_DEAD;
}

bool epoch_mark_dead(struct epoch *e, struct epoch_entry *entry, uint32_t row)
{
    struct ph_error err;
    assert(row < entry->written->row_count);
    ph_error_clear(&err);
    if (epoch_list_rows(entry, &err) != PH_OK) {
        return false;
    }
    uint8_t *state = &entry->rows[original_row(entry, row)];
    e->dead_count += *state != EPOCH_ROW_DEAD;
    *state = EPOCH_ROW_DEAD;
    return true;
}

int32_t epoch_filter(struct epoch *e, struct epoch_entry *entry, struct ph_error *err)
{
    const struct ph_batch *b = entry->batch;
    uint8_t *keep = malloc(b->row_count + 1u);
    if (keep == NULL) {
        return ph_error_set(err, PH_ERR_FATAL, "out of memory while rows are written again");
    }
    bool all = true;
    for (uint32_t row = 0; row < b->row_count; row++) {
        keep[row] = entry->rows[row] == EPOCH_ROW_WRITTEN;
        all = all && keep[row] != 0;
    }
    /* Always from the batch as it came: however often rows are left out, one copy is held. */
    drop_rest(e, entry);
    const struct ph_batch *rest = all ? b : e->memory->filter(e->memory->arg, b, keep);
    free(keep);
    if (rest == NULL) {
        return ph_error_set(err, PH_ERR_FATAL,
                            "the memory reserve is used up while rows are written again");
    }
    entry->written = rest;
    return PH_OK;
}

/* Rows that are dead or durable go out, those held back come in; true where anything changed. */
static bool settle_rows(struct epoch_entry *entry, const int64_t *durable)
{
    const struct ph_batch *b = entry->batch;
    bool changed = false;
    for (uint32_t row = 0; row < b->row_count; row++) {
        bool has = b->offsets != NULL && b->offsets[row] < durable[b->partition_ids[row]];
        uint8_t before = entry->rows[row];
        if (before == EPOCH_ROW_DEAD || (before != EPOCH_ROW_OUT && has)) {
            entry->rows[row] = EPOCH_ROW_OUT;
        } else if (before == EPOCH_ROW_HELD) {
            entry->rows[row] = EPOCH_ROW_WRITTEN;
        }
        changed = changed || entry->rows[row] != before;
    }
    return changed;
}

static int32_t prune_entry(struct epoch *e, struct epoch_entry *entry, const int64_t *durable,
                           struct ph_error *err)
{
    if (epoch_list_rows(entry, err) != PH_OK) {
        return PH_ERROR;
    }
    return settle_rows(entry, durable) ? epoch_filter(e, entry, err) : PH_OK;
}

static bool has_known_rows(const struct ph_batch *b, const int64_t *durable)
{
    for (uint32_t row = 0; b->offsets != NULL && row < b->row_count; row++) {
        if (b->offsets[row] < durable[b->partition_ids[row]]) {
            return true;
        }
    }
    return false;
}

int32_t epoch_skip(struct epoch *e, uint32_t first, const int64_t *durable, struct ph_error *err)
{
    for (uint32_t i = first; i < e->entry_count; i++) {
        struct epoch_entry *entry = &e->entries[i];
        uint64_t before = entry->written->row_count;
        if (!has_known_rows(entry->batch, durable)) {
            continue;
        }
        if (prune_entry(e, entry, durable, err) != PH_OK) {
            return PH_ERROR;
        }
        e->row_count -= i < e->ready ? before - entry->written->row_count : 0;
    }
    return PH_OK;
}

/* ---- adding ---- */

/* A record is done with when its partition's position has passed it. */
static bool is_covered(const struct epoch *e, const int64_t *durable, const struct ph_batch *b,
                       uint32_t row)
{
    int32_t index = e->index_of[b->partition_ids[row]];
    int64_t position =
        index >= 0 ? e->positions[index].next_offset : durable[b->partition_ids[row]];
    return b->offsets[row] < position;
}

/* The first rows of a batch that are covered. Where it came with positions of its own, they cover
 * all of its records but the last one, whose rows may go on: then that one speaks for all. */
static uint32_t covered_rows(const struct epoch *e, const int64_t *durable,
                             const struct ph_batch *b)
{
    uint32_t row = 0;
    if (b->offsets == NULL || b->row_count == 0 ||
        (b->position_count > 0 && is_covered(e, durable, b, b->row_count - 1))) {
        return b->row_count;
    }
    while (row < b->row_count && is_covered(e, durable, b, row)) {
        row++;
    }
    return row;
}

/* The entry's rows from `from` on as a batch of their own. */
static const struct ph_batch *tail_of(struct epoch *e, const struct epoch_entry *entry,
                                      uint32_t from)
{
    const struct ph_batch *b = entry->batch;
    uint8_t *keep = calloc(b->row_count, 1);
    if (keep == NULL) {
        return NULL;
    }
    for (uint32_t row = from; row < b->row_count; row++) {
        keep[row] = entry->rows[row] == EPOCH_ROW_WRITTEN;
    }
    const struct ph_batch *tail = e->memory->filter(e->memory->arg, b, keep);
    free(keep);
    return tail;
}

/* The entry keeps the rows below `from`; the others become *tail. */
static int32_t split(struct epoch *e, struct epoch_entry *entry, uint32_t from,
                     struct epoch_entry *tail, struct ph_error *err)
{
    if (epoch_list_rows(entry, err) != PH_OK) {
        return PH_ERROR;
    }
    const struct ph_batch *b = tail_of(e, entry, from);
    if (b == NULL) {
        return ph_error_set(err, PH_ERR_FATAL,
                            "the memory reserve is used up while a batch is parted");
    }
    *tail = (struct epoch_entry){.batch = b, .written = b};
    memset(entry->rows + from, EPOCH_ROW_OUT, entry->batch->row_count - from);
    return epoch_filter(e, entry, err);
}

/* Positions have moved: what they cover of the waiting entries is bounded, the rest waits on behind
 * it. */
static int32_t settle_waiting(struct epoch *e, const int64_t *durable, struct ph_error *err)
{
    struct epoch_entry rest[EPOCH_ENTRIES_MAX];
    uint32_t rest_count = 0;
    uint32_t to = e->bounded;
    int32_t rc = PH_OK;
    for (uint32_t i = e->bounded; i < e->entry_count; i++) {
        struct epoch_entry entry = e->entries[i];
        uint32_t covered = covered_rows(e, durable, entry.batch);
        if (rc != PH_OK || (covered == 0 && entry.batch->row_count > 0)) {
            rest[rest_count++] = entry;
            continue;
        }
        if (covered < entry.batch->row_count) {
            rc = split(e, &entry, covered, &rest[rest_count], err);
            rest_count += rc == PH_OK ? 1 : 0;
        }
        e->entries[to++] = entry;
    }
    memcpy(e->entries + to, rest, rest_count * sizeof rest[0]);
    e->entry_count = to + rest_count;
    bound(e, to);
    return rc;
}

int32_t epoch_add(struct epoch *e, const struct ph_batch *batch, const int64_t *durable,
                  struct ph_error *err)
{
    assert(e->entry_count < EPOCH_ENTRIES_MAX / 2);
    e->entries[e->entry_count++] = (struct epoch_entry){.batch = batch, .written = batch};
    for (uint32_t i = 0; i < batch->position_count; i++) {
        if (batch->positions[i].next_offset > durable[batch->positions[i].partition_id]) {
            epoch_move(e, batch->positions[i]);
        }
    }
    return batch->position_count > 0 ? settle_waiting(e, durable, err) : PH_OK;
}

/* ---- what is durable goes ---- */

static void prune_positions(struct epoch *e, const int64_t *durable)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < e->position_count; i++) {
        struct ph_position p = e->positions[i];
        e->index_of[p.partition_id] = -1;
        if (p.next_offset > durable[p.partition_id]) {
            e->index_of[p.partition_id] = (int32_t)count;
            e->positions[count++] = p;
        }
    }
    e->position_count = count;
}

/* Forgets the first entries. */
static void drop_first(struct epoch *e, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        drop_entry(e, &e->entries[i]);
    }
    memmove(e->entries, e->entries + count, (e->entry_count - count) * sizeof e->entries[0]);
    e->entry_count -= count;
    e->bounded -= count;
}

/* Leading entries of which nothing is left need not be kept: their positions stand in the epoch. */
static void drop_spent(struct epoch *e)
{
    uint32_t spent = 0;
    while (spent < e->bounded && e->entries[spent].written->row_count == 0) {
        spent++;
    }
    drop_first(e, spent);
}

int32_t epoch_prune(struct epoch *e, const int64_t *durable, struct ph_error *err)
{
    int32_t rc = PH_OK;
    for (uint32_t i = 0; i < e->entry_count && rc == PH_OK; i++) {
        rc = prune_entry(e, &e->entries[i], durable, err);
    }
    prune_positions(e, durable);
    e->is_cut = false;
    drop_spent(e);
    e->ready = e->bounded;
    epoch_count(e);
    return rc;
}

/* Of the entry that the cut goes through, only what was held back stays. */
static void pass_ready_rows(struct epoch_entry *entry)
{
    for (uint32_t row = 0; row < entry->batch->row_count; row++) {
        if (entry->rows[row] == EPOCH_ROW_WRITTEN) {
            entry->rows[row] = EPOCH_ROW_DEAD; /* the prune that follows leaves it out */
        }
    }
}

int32_t epoch_pass(struct epoch *e, const int64_t *durable, struct ph_error *err)
{
    if (!e->is_cut) {
        drop_first(e, e->bounded);
        e->ready = 0;
        e->row_count = 0;
        e->dead_count = 0;
        prune_positions(e, durable);
        return PH_OK;
    }
    drop_first(e, e->ready - 1);
    pass_ready_rows(&e->entries[0]);
    return epoch_prune(e, durable, err);
}
