/* SPDX-License-Identifier: Apache-2.0 */
#include "job/rejects.h"

#include <stdlib.h>

void rejects_fini(struct rejects *r)
{
    free(r->rows);
    *r = (struct rejects){0};
}

static struct rejected_row key_of(const struct ph_batch *b, uint32_t row)
{
    return (struct rejected_row){
        .partition_id = b->partition_ids[row],
        .offset = b->offsets[row],
        .sub_index = b->sub_indexes == NULL ? REJECTS_WHOLE : b->sub_indexes[row] & ~PH_SUB_LAST};
}

bool rejects_add(struct rejects *r, const struct ph_batch *batch, uint32_t row)
{
    if (r->count == r->capacity) {
        uint32_t capacity = r->capacity == 0 ? 64 : r->capacity * 2;
        struct rejected_row *rows = realloc(r->rows, capacity * sizeof *rows);
        if (rows == NULL) {
            return false;
        }
        r->rows = rows;
        r->capacity = capacity;
    }
    r->rows[r->count++] = key_of(batch, row);
    r->is_sorted = false;
    return true;
}

static int compare_records(const struct rejected_row *x, const struct rejected_row *y)
{
    if (x->partition_id != y->partition_id) {
        return x->partition_id < y->partition_id ? -1 : 1;
    }
    return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static int compare(const void *a, const void *b)
{
    const struct rejected_row *x = a;
    const struct rejected_row *y = b;
    int order = compare_records(x, y);
    return order != 0 ? order : (x->sub_index < y->sub_index ? -1 : x->sub_index > y->sub_index);
}

static void sort(struct rejects *r)
{
    if (!r->is_sorted) {
        qsort(r->rows, r->count, sizeof r->rows[0], compare);
        r->is_sorted = true;
    }
}

/* The first rejected row that is not below key, or the end. */
static const struct rejected_row *lower_bound(const struct rejects *r,
                                              const struct rejected_row *key)
{
    uint32_t low = 0;
    uint32_t high = r->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (compare(&r->rows[middle], key) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return r->rows + low;
}

static bool has(const struct rejects *r, const struct rejected_row *key)
{
    const struct rejected_row *at = lower_bound(r, key);
    return at < r->rows + r->count && compare(at, key) == 0;
}

static bool is_rejected(const struct rejects *r, const struct ph_batch *b, uint32_t row,
                        bool renumbered)
{
    struct rejected_row key = key_of(b, row);
    if (!renumbered && has(r, &key)) {
        return true;
    }
    key.sub_index = REJECTS_WHOLE;
    return has(r, &key);
}

uint32_t rejects_list_kept(struct rejects *r, const struct ph_batch *batch, bool renumbered,
                           uint32_t *rows)
{
    uint32_t kept = 0;
    sort(r);
    for (uint32_t row = 0; row < batch->row_count; row++) {
        if (batch->offsets == NULL || !is_rejected(r, batch, row, renumbered)) {
            rows[kept++] = row;
        }
    }
    return kept;
}

void rejects_forget(struct rejects *r, const struct ph_batch *input)
{
    sort(r);
    for (uint32_t row = 0; r->count > 0 && input->offsets != NULL && row < input->row_count;
         row++) {
        struct rejected_row key = key_of(input, row);
        if (has(r, &key)) {
            /* Doubles go with the first: all that equal the key. */
            uint32_t at = (uint32_t)(lower_bound(r, &key) - r->rows);
            uint32_t end = at;
            while (end < r->count && compare(&r->rows[end], &key) == 0) {
                end++;
            }
            memmove(r->rows + at, r->rows + end, (r->count - end) * sizeof r->rows[0]);
            r->count -= end - at;
        }
    }
}
