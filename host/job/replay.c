/* SPDX-License-Identifier: Apache-2.0 */
#include "job/replay.h"

#include "job/tasks.h"

/* The row that the letter of an offset is about, -1 = the whole record. */
static int64_t wanted_row(const struct job_replay *r, int64_t offset)
{
    uint32_t low = 0;
    uint32_t high = r->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (r->offsets[middle] < offset) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < r->count && r->offsets[low] == offset ? (int64_t)r->sub_indexes[low] : -1;
}

static bool passes(const struct job_replay *r, const struct ph_batch *batch, uint32_t row)
{
    int64_t wanted = wanted_row(r, batch->offsets[row]);
    uint32_t own = batch->sub_indexes == NULL ? 0 : batch->sub_indexes[row] & ~PH_SUB_LAST;
    return wanted < 0 || wanted == (int64_t)own;
}

const struct ph_batch *replay_filter(const struct task *t, const struct ph_batch *batch)
{
    const struct job_replay *r = t->job->replay;
    uint32_t rows[BATCH_MAX_ROWS];
    uint32_t count = 0;
    if (r == NULL || r->count == 0 || batch->offsets == NULL ||
        strcmp(t->node->manifest->name, r->operator_name) != 0) {
        return batch;
    }
    for (uint32_t row = 0; row < batch->row_count; row++) {
        if (passes(r, batch, row)) {
            rows[count++] = row;
        }
    }
    if (count == batch->row_count) {
        return batch;
    }
    const struct ph_batch *left = batch_gather(t->node->reserve, batch, rows, count, true);
    if (left != NULL) {
        batch_release(batch);
    }
    return left;
}
