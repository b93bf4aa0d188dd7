/* SPDX-License-Identifier: Apache-2.0 */
#include "batch/tier.h"

#include "batch/gather.h"

#include <stdlib.h>
#include <string.h>

/* What a column that is null in every row shares with all others; never written. */
static _Alignas(LAYOUT_ALIGN) uint8_t nothing[BATCH_MAX_ROWS * sizeof(struct ph_view)];

bool tier_init(struct tier *t, uint32_t column_count, const bool *wanted)
{
    *t = (struct tier){.column_count = column_count, .wanted = wanted};
    t->columns = calloc(column_count + 1, sizeof *t->columns);
    t->before = calloc(column_count + 1, sizeof *t->before);
    return t->columns != NULL && t->before != NULL;
}

void tier_fini(struct tier *t)
{
    free(t->columns);
    free(t->before);
}

/* Measures, or places the parts of a head block. */
static void place_head(struct tier *t, struct layout *layout, const struct ph_schema *schema,
                       uint32_t rows)
{
    t->batch = layout_take(layout, sizeof *t->batch);
    t->positions = layout_take(layout, TIER_MAX_POSITIONS * sizeof *t->positions);
    t->published = layout_take(layout, schema->field_count * sizeof *t->published);
    t->buffers = layout_take(layout, sizeof *t->buffers);
    t->buffer_sizes = layout_take(layout, sizeof *t->buffer_sizes);
    t->partition_ids = layout_take(layout, rows * sizeof *t->partition_ids);
    t->offsets = layout_take(layout, rows * sizeof *t->offsets);
    t->timestamps_ms = layout_take(layout, rows * sizeof *t->timestamps_ms);
    t->origins = layout_take(layout, rows * sizeof *t->origins);
    for (uint32_t i = 0; i < schema->field_count; i++) {
        uint32_t type = schema->fields[i].type;
        void *values = layout_take(layout, layout_value_bytes(ph_type_width(type), rows));
        uint8_t *validity = layout_take(layout, layout_bitmap_bytes(rows));
        if (values != NULL && t->wanted != NULL && !t->wanted[i]) {
            t->columns[i] =
                (struct target_column){.values = nothing, .validity = nothing, .type = type};
        } else if (values != NULL) {
            memset(validity, 0xff, layout_bitmap_bytes(rows));
            t->columns[i] =
                (struct target_column){.values = values, .validity = validity, .type = type};
        }
    }
}

size_t tier_head_bytes(const struct ph_schema *schema, uint32_t max_rows)
{
    struct tier nowhere = {.large = false};
    struct layout layout = {NULL, 0};
    place_head(&nowhere, &layout, schema, max_rows);
    return layout.used;
}

uint64_t tier_largest_bytes(const struct batch_writer_options *o)
{
    return (uint64_t)o->record_max_bytes * (1 + (uint64_t)o->spare) + 1 + o->extra + TARGET_PADDING;
}

bool tier_alloc(struct tier *t, const struct batch_writer_options *o, bool large, uint64_t wanted)
{
    uint64_t bytes = large ? o->max_bytes : POOL_BLOCK_MIN;
    uint32_t rows = large ? o->max_rows : TIER_SMALL_ROWS;
    if (bytes > o->max_bytes) {
        bytes = o->max_bytes;
    }
    if (bytes < wanted + TARGET_PADDING) {
        bytes = wanted + TARGET_PADDING;
    }
    if (rows > o->max_rows) {
        rows = o->max_rows;
    }
    if (!reserve_alloc(o->reserve, tier_head_bytes(o->schema, rows), &t->head)) {
        return false;
    }
    if (!reserve_alloc(o->reserve, bytes, &t->arena)) {
        tier_drop(t, o->reserve);
        return false;
    }
    struct layout layout = {t->head.data, 0};
    place_head(t, &layout, o->schema, rows);
    t->capacity = (uint32_t)(bytes - TARGET_PADDING);
    t->max_rows = rows;
    t->large = large || bytes >= o->max_bytes;
    return true;
}

/* What the small tier holds goes into the large one, which *t describes already. */
static void copy_rows(struct tier *t, const struct tier *from, uint32_t rows, uint32_t used,
                      uint32_t position_count)
{
    memcpy(t->positions, from->positions, position_count * sizeof *t->positions);
    memcpy(t->partition_ids, from->partition_ids, rows * sizeof *t->partition_ids);
    memcpy(t->offsets, from->offsets, rows * sizeof *t->offsets);
    memcpy(t->timestamps_ms, from->timestamps_ms, rows * sizeof *t->timestamps_ms);
    memcpy(t->origins, from->origins, rows * sizeof *t->origins);
    memcpy(t->arena.data, from->arena.data, used);
    for (uint32_t i = 0; i < t->column_count; i++) {
        struct target_column *to = &t->columns[i];
        const struct target_column *old = &from->before[i];
        if (to->values == nothing) {
            continue;
        }
        memcpy(to->values, old->values, layout_value_bytes(ph_type_width(to->type), rows));
        memcpy(to->validity, old->validity, layout_bitmap_bytes(rows));
        to->null_count = old->null_count;
    }
}

bool tier_grow(struct tier *t, const struct batch_writer_options *o, uint32_t rows, uint32_t used,
               uint32_t position_count)
{
    struct tier small = *t;
    memcpy(t->before, t->columns, t->column_count * sizeof *t->columns);
    if (!tier_alloc(t, o, true, 0)) {
        *t = small;
        return false;
    }
    copy_rows(t, &small, rows, used, position_count);
    reserve_free(o->reserve, small.arena);
    reserve_free(o->reserve, small.head);
    return true;
}

void tier_drop(struct tier *t, struct reserve *reserve)
{
    reserve_free(reserve, t->arena);
    reserve_free(reserve, t->head);
    t->arena = (struct block){NULL, 0};
    t->head = (struct block){NULL, 0};
}

static void publish_columns(struct tier *t, uint32_t rows, uint32_t used)
{
    t->buffers[0] = t->arena.data;
    t->buffer_sizes[0] = used;
    for (uint32_t i = 0; i < t->column_count; i++) {
        const struct target_column *c = &t->columns[i];
        uint32_t nulls = c->values == nothing ? rows : c->null_count;
        t->published[i] = (struct ph_column){.type = c->type,
                                             .null_count = nulls,
                                             .validity = nulls == 0 ? NULL : c->validity,
                                             .values = c->values};
        if (ph_type_is_view(c->type)) {
            t->published[i].buffers = t->buffers;
            t->published[i].buffer_sizes = t->buffer_sizes;
            t->published[i].buffer_count = 1;
        }
    }
}

struct batch *tier_publish(struct tier *t, const struct batch_writer_options *o, uint32_t rows,
                           uint32_t used, uint32_t position_count)
{
    struct batch *b = t->batch;
    batch_init(b, o->reserve, t->head, o->schema, rows);
    publish_columns(t, rows, used);
    b->pub.columns = t->published;
    b->pub.partition_ids = t->partition_ids;
    b->pub.offsets = t->offsets;
    b->pub.positions = t->positions;
    b->pub.position_count = position_count;
    b->arena = t->arena.data;
    b->origins = t->origins;
    b->timestamps_ms = t->timestamps_ms;
    b->blocks[1] = t->arena;
    b->block_count = 2;
    t->arena = (struct block){NULL, 0};
    t->head = (struct block){NULL, 0};
    return b;
}
