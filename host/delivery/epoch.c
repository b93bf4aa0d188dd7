/* SPDX-License-Identifier: Apache-2.0 */
#include "delivery/epoch.h"

#include <assert.h>
#include <stdlib.h>

struct epoch *epoch_create(const struct epoch_memory *memory)
{
    struct epoch *e = calloc(1, sizeof *e);
    if (e != NULL) {
        e->memory = memory;
        e->at_boundary = true;
        memset(e->index_of, 0xff, sizeof e->index_of);
    }
    return e;
}

void epoch_destroy(struct epoch *e)
{
    if (e != NULL) {
        epoch_clear(e);
        free(e);
    }
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

static void move_position(struct epoch *e, struct ph_position p)
{
    assert(p.partition_id < PARTITIONS_MAX);
    int32_t index = e->index_of[p.partition_id];
    if (index < 0) {
        e->index_of[p.partition_id] = (int32_t)e->position_count;
        e->positions[e->position_count++] = p;
    } else if (e->positions[index].next_offset < p.next_offset) {
        e->positions[index].next_offset = p.next_offset;
    }
}

void epoch_add(struct epoch *e, const struct ph_batch *batch, const int64_t *durable)
{
    assert(e->entry_count < EPOCH_ENTRIES_MAX);
    e->entries[e->entry_count++] = (struct epoch_entry){.batch = batch, .written = batch};
    e->row_count += batch->row_count;
    e->at_boundary = batch->position_count > 0;
    for (uint32_t i = 0; i < batch->position_count; i++) {
        if (batch->positions[i].next_offset > durable[batch->positions[i].partition_id]) {
            move_position(e, batch->positions[i]);
        }
    }
}

struct epoch_entry *epoch_find(struct epoch *e, const struct ph_batch *batch)
{
    for (uint32_t i = e->entry_count; i-- > 0;) {
        if (e->entries[i].written == batch) {
            return &e->entries[i];
        }
    }
    return NULL;
}

/* The place in `batch` of a row of `written`. */
static uint32_t original_row(const struct epoch_entry *entry, uint32_t row)
{
    uint32_t at = 0;
    for (uint32_t seen = 0;; at++) {
        assert(at < entry->batch->row_count);
        if (entry->rows[at] != EPOCH_ROW_OUT && seen++ == row) {
            return at;
        }
    }
}

bool epoch_mark_dead(struct epoch_entry *entry, uint32_t row, bool *before)
{
    assert(row < entry->written->row_count);
    if (entry->rows == NULL) {
        entry->rows = calloc(entry->batch->row_count, 1);
    }
    if (entry->rows == NULL) {
        return false;
    }
    uint32_t at = original_row(entry, row);
    *before = entry->rows[at] == EPOCH_ROW_DEAD;
    entry->rows[at] = EPOCH_ROW_DEAD;
    return true;
}

/* Moves rows that are dead or durable out; answers how many that are. */
static uint32_t move_out(struct epoch_entry *entry, const int64_t *durable)
{
    const struct ph_batch *b = entry->batch;
    uint32_t moved = 0;
    for (uint32_t row = 0; row < b->row_count; row++) {
        bool has = b->offsets != NULL && b->offsets[row] < durable[b->partition_ids[row]];
        if (entry->rows[row] == EPOCH_ROW_DEAD || (entry->rows[row] == EPOCH_ROW_WRITTEN && has)) {
            entry->rows[row] = EPOCH_ROW_OUT;
            moved++;
        }
    }
    return moved;
}

/* Always from the batch as it came, so that however often rows are left out one copy is held. */
static int32_t prune_entry(struct epoch *e, struct epoch_entry *entry, const int64_t *durable,
                           uint8_t *keep, struct ph_error *err)
{
    if (entry->rows == NULL) {
        entry->rows = calloc(entry->batch->row_count + 1u, 1);
    }
    if (entry->rows == NULL) {
        return ph_error_set(err, PH_ERR_FATAL, "out of memory while rows are written again");
    }
    if (move_out(entry, durable) > 0) {
        for (uint32_t row = 0; row < entry->batch->row_count; row++) {
            keep[row] = entry->rows[row] == EPOCH_ROW_WRITTEN;
        }
        drop_rest(e, entry);
        const struct ph_batch *rest = e->memory->filter(e->memory->arg, entry->batch, keep);
        if (rest == NULL) {
            return ph_error_set(err, PH_ERR_FATAL,
                                "the memory reserve is used up while rows are written again");
        }
        entry->written = rest;
    }
    e->row_count += entry->written->row_count;
    return PH_OK;
}

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

int32_t epoch_prune(struct epoch *e, const int64_t *durable, struct ph_error *err)
{
    uint32_t rows_max = 0;
    for (uint32_t i = 0; i < e->entry_count; i++) {
        uint32_t rows = e->entries[i].batch->row_count;
        rows_max = rows > rows_max ? rows : rows_max;
    }
    uint8_t *keep = malloc(rows_max + 1u);
    if (keep == NULL) {
        return ph_error_set(err, PH_ERR_FATAL, "out of memory while rows are written again");
    }
    int32_t rc = PH_OK;
    e->row_count = 0;
    for (uint32_t i = 0; i < e->entry_count && rc == PH_OK; i++) {
        rc = prune_entry(e, &e->entries[i], durable, keep, err);
    }
    free(keep);
    prune_positions(e, durable);
    return rc;
}

void epoch_clear(struct epoch *e)
{
    for (uint32_t i = 0; i < e->entry_count; i++) {
        drop_entry(e, &e->entries[i]);
    }
    for (uint32_t i = 0; i < e->position_count; i++) {
        e->index_of[e->positions[i].partition_id] = -1;
    }
    e->entry_count = 0;
    e->position_count = 0;
    e->row_count = 0;
    e->at_boundary = true;
}

static int compare_positions(const void *a, const void *b)
{
    const struct ph_position *x = a;
    const struct ph_position *y = b;
    return x->partition_id < y->partition_id ? -1 : x->partition_id > y->partition_id;
}

void epoch_sort_positions(struct epoch *e)
{
    qsort(e->positions, e->position_count, sizeof e->positions[0], compare_positions);
    for (uint32_t i = 0; i < e->position_count; i++) {
        e->index_of[e->positions[i].partition_id] = (int32_t)i;
    }
}
