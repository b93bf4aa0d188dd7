/* SPDX-License-Identifier: Apache-2.0 */
#include "job/udf_out.h"

#include "batch/cover.h"

/* Begins anew with the first row of the part that failed. */
static uint32_t take_part_back(struct udf_part *u)
{
    uint32_t rows = u->current->row_count;
    if (u->whole == NULL) {
        u->whole = u->current;
        u->part_end = 0;
    } else {
        batch_release(u->current);
        u->part_end -= rows;
    }
    u->current = NULL;
    return rows;
}

int32_t udf_poison_narrow(struct task *t, struct ph_error *err)
{
    struct udf_part *u = t->udf;
    bool pure = (t->node->plugin->descriptor.flags & PH_PLUGIN_PURE) != 0;
    if (!pure || u->passed_on || u->current->row_count == 0 || u->current->offsets == NULL) {
        return PH_ERROR;
    }
    udf_out_forget(t);
    if (u->current->row_count == 1) {
        udf_task_reject(t, u->current, 0,
                        err->foreign_code[0] != '\0' ? err->foreign_code : "refused", err->text);
        u->processed = true;
        return ph_error_is_set(&u->row_error) ? PH_ERROR : PH_OK;
    }
    u->part_rows = take_part_back(u) / 2;
    return udf_poison_next(t);
}

/* The first row of the record that a row stems from. */
static uint32_t record_begin(const struct ph_batch *b, uint32_t row)
{
    while (row > 0 && b->offsets[row - 1] == b->offsets[row] &&
           b->partition_ids[row - 1] == b->partition_ids[row]) {
        row--;
    }
    return row;
}

bool udf_poison_has_more(const struct udf_part *u)
{
    return u->whole != NULL && u->part_end < u->whole->row_count;
}

int32_t udf_poison_next(struct task *t)
{
    struct udf_part *u = t->udf;
    uint32_t rows[BATCH_MAX_ROWS];
    uint32_t left = u->whole->row_count - u->part_end;
    uint32_t count = u->part_rows < left ? u->part_rows : left;
    for (uint32_t i = 0; i < count; i++) {
        rows[i] = u->part_end + i;
    }
    struct ph_batch *part = batch_gather(t->node->reserve, u->whole, rows, count, count == left);
    if (part == NULL) {
        u->starved = true;
        return PH_MORE;
    }
    u->part_end += count;
    if (count < left && u->whole->position_count > 0) {
        (void)cover_rows(part, u->whole, record_begin(u->whole, u->part_end));
    }
    u->current = part;
    u->part_rows = u->part_rows < BATCH_MAX_ROWS ? u->part_rows * 2 : u->part_rows;
    u->passed_on = false;
    u->emitted = 0;
    u->covered = 0;
    return PH_OK;
}
