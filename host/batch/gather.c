/* SPDX-License-Identifier: Apache-2.0 */
#include "batch/gather.h"

#include <string.h>

static uint32_t bit_at(const uint8_t *bits, uint32_t i)
{
    return ((uint32_t)bits[i >> 3] >> (i & 7u)) & 1u;
}

static void gather_bits(const uint8_t *from, uint8_t *to, const struct gather_rows *g)
{
    memset(to, 0, layout_bitmap_bytes(g->count));
    for (uint32_t i = 0; i < g->count; i++) {
        to[i >> 3] = (uint8_t)(to[i >> 3] | bit_at(from, g->rows[i]) << (i & 7u));
    }
}

static void gather_values(const void *from, void *to, uint32_t width, const struct gather_rows *g)
{
    const uint32_t *rows = g->rows;
    switch (width) {
    case 0:
        gather_bits(from, to, g);
        return;
    case 4:
        for (uint32_t i = 0; i < g->count; i++) {
            ((uint32_t *)to)[i] = ((const uint32_t *)from)[rows[i]];
        }
        return;
    case 8:
        for (uint32_t i = 0; i < g->count; i++) {
            ((uint64_t *)to)[i] = ((const uint64_t *)from)[rows[i]];
        }
        return;
    default:
        for (uint32_t i = 0; i < g->count; i++) {
            ((struct ph_view *)to)[i] = ((const struct ph_view *)from)[rows[i]];
        }
        return;
    }
}

static uint32_t count_nulls(const uint8_t *validity, uint32_t rows)
{
    uint32_t present = 0;
    for (uint32_t i = 0; i < rows; i++) {
        present += bit_at(validity, i);
    }
    return rows - present;
}

static void gather_column(struct layout *layout, const struct ph_column *from, struct ph_column *to,
                          const struct gather_rows *g)
{
    uint32_t width = ph_type_width(from->type);
    void *values = layout_take(layout, layout_value_bytes(width, g->count));
    uint8_t *validity =
        from->validity == NULL ? NULL : layout_take(layout, layout_bitmap_bytes(g->count));
    if (to == NULL || values == NULL) {
        return;
    }
    *to = *from;
    gather_values(from->values, values, width, g);
    to->values = values;
    if (validity != NULL) {
        gather_bits(from->validity, validity, g);
        to->null_count = count_nulls(validity, g->count);
        to->validity = to->null_count == 0 ? NULL : validity;
    }
}

struct ph_column *gather_columns(struct layout *layout, const struct gather_rows *g,
                                 uint32_t inherited, uint32_t total)
{
    struct ph_column *columns = layout_take(layout, total * sizeof *columns);
    for (uint32_t i = 0; i < inherited; i++) {
        gather_column(layout, &g->in->columns[i], columns == NULL ? NULL : &columns[i], g);
    }
    return columns;
}

uint32_t *gather_system(struct layout *layout, struct batch *b, const struct gather_rows *g,
                        bool numbered)
{
    const struct batch *in = batch_of(g->in);
    if (in->pub.partition_ids == NULL) {
        return NULL;
    }
    uint32_t *partition_ids = layout_take(layout, g->count * sizeof *partition_ids);
    int64_t *offsets = layout_take(layout, g->count * sizeof *offsets);
    int64_t *times =
        in->timestamps_ms == NULL ? NULL : layout_take(layout, g->count * sizeof *times);
    struct batch_origin *origins =
        in->origins == NULL ? NULL : layout_take(layout, g->count * sizeof *origins);
    uint32_t *numbers = numbered ? layout_take(layout, g->count * sizeof *numbers) : NULL;
    if (b == NULL) {
        return NULL;
    }
    gather_values(in->pub.partition_ids, partition_ids, 4, g);
    gather_values(in->pub.offsets, offsets, 8, g);
    if (times != NULL) {
        gather_values(in->timestamps_ms, times, 8, g);
    }
    if (origins != NULL) {
        _Static_assert(sizeof(struct batch_origin) == sizeof(struct ph_view), "copied alike");
        for (uint32_t i = 0; i < g->count; i++) {
            origins[i] = in->origins[g->rows[i]];
        }
    }
    b->pub.partition_ids = partition_ids;
    b->pub.offsets = offsets;
    b->pub.sub_indexes = numbers;
    b->timestamps_ms = times;
    b->origins = origins;
    return numbers;
}

static bool same_record(const struct ph_batch *in, uint32_t a, uint32_t b)
{
    return in->offsets[a] == in->offsets[b] && in->partition_ids[a] == in->partition_ids[b];
}

/* Whether `in` ends the record that row stems from, or a later batch goes on with it. */
static bool record_ends(const struct ph_batch *in, uint32_t row)
{
    if (in->sub_indexes == NULL) {
        return true;
    }
    while (row + 1 < in->row_count && same_record(in, row, row + 1)) {
        row++;
    }
    return (in->sub_indexes[row] & PH_SUB_LAST) != 0;
}

static bool continues(const struct draft_run *run, const struct ph_batch *in, uint32_t row)
{
    return run->next_sub > 0 && run->offset == in->offsets[row] &&
           run->partition_id == in->partition_ids[row];
}

void gather_number(const struct gather_rows *g, bool last, struct draft_run *run, uint32_t *numbers)
{
    const struct ph_batch *in = g->in;
    uint32_t next = 0;
    for (uint32_t i = 0; i < g->count; i++) {
        uint32_t row = g->rows[i];
        if (run == NULL) {
            numbers[i] = in->sub_indexes[row] & ~PH_SUB_LAST;
        } else {
            if (i == 0) {
                next = continues(run, in, row) ? run->next_sub : 0;
            } else if (!same_record(in, g->rows[i - 1], row)) {
                next = 0;
            }
            numbers[i] = next++;
        }
        bool run_ends = i + 1 == g->count ? last : !same_record(in, row, g->rows[i + 1]);
        if (run_ends && record_ends(in, row)) {
            numbers[i] |= PH_SUB_LAST;
        }
    }
    if (run != NULL && g->count > 0) {
        run->partition_id = in->partition_ids[g->rows[g->count - 1]];
        run->offset = in->offsets[g->rows[g->count - 1]];
        run->next_sub = next;
    }
}
