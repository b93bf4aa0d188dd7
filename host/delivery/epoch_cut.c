/* SPDX-License-Identifier: Apache-2.0 */
#include "delivery/epoch.h"

#include <assert.h>
#include <stdlib.h>

/* Walks over source records: which one the last row stemmed from. */
struct walk {
    bool any;
    uint32_t partition_id;
    int64_t offset;
    uint64_t records;
};

/* Counts the record of a row that is in the epoch; true where it is another one than before. */
static bool step_over(struct walk *w, const struct ph_batch *b, uint32_t row)
{
    if (w->any && w->partition_id == b->partition_ids[row] && w->offset == b->offsets[row]) {
        return false;
    }
    w->any = true;
    w->partition_id = b->partition_ids[row];
    w->offset = b->offsets[row];
    w->records++;
    return true;
}

static bool is_in(const struct epoch_entry *entry, uint32_t row)
{
    return entry->rows == NULL || entry->rows[row] <= EPOCH_ROW_DEAD;
}

uint64_t epoch_count_records(const struct epoch *e)
{
    struct walk w = {.any = false};
    for (uint32_t i = 0; i < e->ready; i++) {
        const struct epoch_entry *entry = &e->entries[i];
        if (entry->batch->offsets == NULL && entry->batch->row_count > 0) {
            return UINT64_MAX;
        }
        for (uint32_t row = 0; row < entry->batch->row_count; row++) {
            if (is_in(entry, row)) {
                (void)step_over(&w, entry->batch, row);
            }
        }
    }
    return w.records;
}

/* The row from which on the entry's rows are beyond the first `records` records. */
static uint32_t find_cut(const struct epoch_entry *entry, struct walk *w, uint64_t records)
{
    uint32_t row = 0;
    for (; row < entry->batch->row_count; row++) {
        struct walk before = *w;
        if (is_in(entry, row) && step_over(w, entry->batch, row) && w->records > records) {
            *w = before;
            return row;
        }
    }
    return row;
}

static int32_t hold_from(struct epoch *e, struct epoch_entry *entry, uint32_t cut,
                         struct ph_error *err)
{
    if (epoch_list_rows(entry, err) != PH_OK) {
        return PH_ERROR;
    }
    for (uint32_t row = cut; row < entry->batch->row_count; row++) {
        if (entry->rows[row] == EPOCH_ROW_WRITTEN) {
            entry->rows[row] = EPOCH_ROW_HELD;
        }
    }
    return epoch_filter(e, entry, err);
}

int32_t epoch_cut(struct epoch *e, uint64_t records, struct ph_error *err)
{
    struct walk w = {.any = false};
    assert(!e->is_cut && records > 0);
    for (uint32_t i = 0; i < e->ready; i++) {
        struct epoch_entry *entry = &e->entries[i];
        uint32_t cut = find_cut(entry, &w, records);
        if (cut == entry->batch->row_count) {
            continue;
        }
        e->is_cut = true;
        e->ready = i + 1;
        int32_t rc = hold_from(e, entry, cut, err);
        epoch_count(e);
        return rc;
    }
    return PH_OK; /* there are no more than that */
}

static int compare_positions(const void *a, const void *b)
{
    const struct ph_position *x = a;
    const struct ph_position *y = b;
    return x->partition_id < y->partition_id ? -1 : x->partition_id > y->partition_id;
}

/* No position may pass a row that is not ready. */
static void pull_back(const struct epoch *e, const struct epoch_entry *entry,
                      struct ph_position *out)
{
    const struct ph_batch *b = entry->batch;
    for (uint32_t row = 0; row < b->row_count; row++) {
        bool is_left = entry->rows == NULL || entry->rows[row] == EPOCH_ROW_WRITTEN ||
                       entry->rows[row] == EPOCH_ROW_HELD;
        bool is_ready = entry < &e->entries[e->ready] &&
                        (entry->rows == NULL || entry->rows[row] != EPOCH_ROW_HELD);
        int32_t index = b->offsets == NULL ? -1 : e->index_of[b->partition_ids[row]];
        if (is_left && !is_ready && index >= 0 && b->offsets[row] < out[index].next_offset) {
            out[index].next_offset = b->offsets[row];
            out[index].fingerprint = 0; /* what stands before that row is not known here */
        }
    }
}

uint32_t epoch_reach(const struct epoch *e, const int64_t *durable, struct ph_position *out)
{
    uint32_t count = 0;
    memcpy(out, e->positions, e->position_count * sizeof *out);
    for (uint32_t i = e->is_cut ? e->ready - 1 : e->ready; i < e->entry_count; i++) {
        pull_back(e, &e->entries[i], out);
    }
    for (uint32_t i = 0; i < e->position_count; i++) {
        if (out[i].next_offset > durable[out[i].partition_id]) {
            out[count++] = out[i];
        }
    }
    qsort(out, count, sizeof *out, compare_positions);
    return count;
}
