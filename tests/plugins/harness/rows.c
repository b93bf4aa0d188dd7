/* SPDX-License-Identifier: Apache-2.0 */
/* Batches of a test, reference-counted like the host's. */
#include "harness.h"

#include <stdlib.h>

#define TEXT_BYTES_FIRST 64

/* A batch and what it owns. Shared columns belong to `parent`, which it holds. */
struct batch {
    struct ph_batch batch; /* first: a ph_batch is cast back */
    int64_t references;    /* atomic */
    const struct ph_batch *parent;
    uint32_t own_from; /* columns below are the parent's */
    struct ph_column *columns;
    uint8_t **texts;     /* one for each column, its only buffer */
    int64_t *text_sizes; /* bytes of each */
    uint32_t *partition_ids;
    int64_t *offsets;
    uint32_t *sub_indexes;
    struct ph_position *positions;
};

static int64_t alive; /* atomic */

int64_t harness_batches_alive(void)
{
    return __atomic_load_n(&alive, __ATOMIC_SEQ_CST);
}

static struct batch *batch_of(const struct ph_batch *b)
{
    return (struct batch *)(uintptr_t)b;
}

void harness_batch_retain(const struct ph_batch *b)
{
    (void)__atomic_add_fetch(&batch_of(b)->references, 1, __ATOMIC_SEQ_CST);
    (void)__atomic_add_fetch(&alive, 1, __ATOMIC_SEQ_CST);
}

void harness_batch_release(const struct ph_batch *shown)
{
    struct batch *b = batch_of(shown);
    (void)__atomic_sub_fetch(&alive, 1, __ATOMIC_SEQ_CST);
    if (__atomic_sub_fetch(&b->references, 1, __ATOMIC_SEQ_CST) > 0) {
        return;
    }
    for (uint32_t c = b->own_from; c < b->batch.column_count; c++) {
        free((void *)(uintptr_t)b->columns[c].validity);
        free((void *)(uintptr_t)b->columns[c].values);
        free(b->texts[c]);
    }
    if (b->parent != NULL) {
        harness_batch_release(b->parent);
    }
    free(b->columns);
    free(b->texts);
    free(b->text_sizes);
    free(b->partition_ids);
    free(b->offsets);
    free(b->sub_indexes);
    free(b->positions);
    free(b);
}

struct ph_schema harness_schema_of(const struct ph_field *fields, uint32_t count)
{
    struct ph_schema s = {(uint32_t)sizeof s, count, fields};
    return s;
}

static void *aligned_room(size_t size)
{
    size_t rounded = (size + 64) & ~(size_t)63;
    void *p = aligned_alloc(64, rounded);
    if (p == NULL) {
        abort();
    }
    memset(p, 0, rounded);
    return p;
}

struct ph_batch *harness_batch_blank(const struct ph_schema *schema, uint32_t first,
                                     uint32_t row_count)
{
    struct batch *b = harness_alloc(sizeof *b);
    uint32_t count = schema->field_count;
    b->references = 1;
    (void)__atomic_add_fetch(&alive, 1, __ATOMIC_SEQ_CST);
    b->own_from = first;
    b->columns = harness_alloc((count + 1) * sizeof *b->columns);
    b->texts = harness_alloc((count + 1) * sizeof *b->texts);
    b->text_sizes = harness_alloc((count + 1) * sizeof *b->text_sizes);
    b->batch.size = (uint32_t)sizeof b->batch;
    b->batch.row_count = row_count;
    b->batch.column_count = count;
    b->batch.schema = schema;
    b->batch.columns = b->columns;
    for (uint32_t c = first; c < count; c++) {
        struct ph_column *column = &b->columns[c];
        uint32_t width = ph_type_width(schema->fields[c].type);
        column->type = schema->fields[c].type;
        column->validity = aligned_room(row_count / 8 + 1);
        column->values = aligned_room(width == 0 ? row_count / 8 + 1 : (size_t)width * row_count);
        column->null_count = row_count;
    }
    return &b->batch;
}

static int32_t builder_grow(struct ph_builder *b, uint32_t need)
{
    uint64_t wanted = ((uint64_t)b->text_used + need) * 2 + 64;
    if (wanted > INT32_MAX) {
        return PH_ERROR;
    }
    uint8_t *text = realloc(b->text, (size_t)wanted);
    if (text == NULL) {
        abort();
    }
    b->text = text;
    b->text_capacity = (uint32_t)wanted;
    return PH_OK;
}

void harness_batch_builder(struct ph_batch *shown, uint32_t column, struct ph_builder *out)
{
    struct batch *b = batch_of(shown);
    uint8_t *text = harness_alloc(TEXT_BYTES_FIRST);
    *out = (struct ph_builder){.size = (uint32_t)sizeof *out,
                               .type = b->columns[column].type,
                               .row_count = shown->row_count,
                               .validity = (uint8_t *)(uintptr_t)b->columns[column].validity,
                               .values = (void *)(uintptr_t)b->columns[column].values,
                               .text = text,
                               .text_capacity = TEXT_BYTES_FIRST,
                               .grow = builder_grow};
}

void harness_batch_seal(struct ph_batch *shown, uint32_t column, struct ph_builder *built)
{
    struct batch *b = batch_of(shown);
    struct ph_column *c = &b->columns[column];
    b->texts[column] = built->text;
    b->text_sizes[column] = built->text_used;
    built->text = NULL;
    c->buffers = (const uint8_t *const *)&b->texts[column];
    c->buffer_sizes = &b->text_sizes[column];
    c->buffer_count = 1;
    c->null_count = 0;
    for (uint32_t row = 0; row < shown->row_count; row++) {
        c->null_count += ph_column_is_null(c, row);
    }
    /* The host leaves the bitmap out where it says nothing; plugins must bear that. */
    if (c->null_count == 0) {
        free((void *)(uintptr_t)c->validity);
        c->validity = NULL;
    }
}

void harness_batch_share(struct ph_batch *shown, const struct ph_batch *from, uint32_t columns)
{
    struct batch *b = batch_of(shown);
    for (uint32_t c = 0; c < columns; c++) {
        b->columns[c] = from->columns[c];
    }
    b->parent = from;
    harness_batch_retain(from);
}

static void cell_set(struct ph_builder *b, uint32_t row, const struct harness_cell *cell)
{
    if (cell->kind == HARNESS_NULL) {
        return;
    }
    switch (b->type) {
    case PH_TYPE_BOOL:
        ph_builder_set_bool(b, row, cell->integer != 0);
        break;
    case PH_TYPE_INT32:
        ph_builder_set_int32(b, row, (int32_t)cell->integer);
        break;
    case PH_TYPE_INT64:
    case PH_TYPE_TIMESTAMP_MS:
    case PH_TYPE_TIMESTAMP_US:
        ph_builder_set_int64(b, row, cell->integer);
        break;
    case PH_TYPE_FLOAT64:
        ph_builder_set_float64(b, row, cell->real);
        break;
    default:
        if (ph_builder_set_bytes(b, row, cell->data, cell->length) != PH_OK) {
            abort();
        }
        break;
    }
}

static void cell_get(const struct ph_column *c, uint32_t row, struct harness_cell *cell)
{
    memset(cell, 0, sizeof *cell);
    if (ph_column_is_null(c, row)) {
        return;
    }
    cell->kind = HARNESS_INTEGER;
    if (ph_type_is_view(c->type)) {
        struct ph_bytes bytes = ph_column_bytes(c, row);
        cell->data = bytes.data;
        cell->length = bytes.length;
    } else if (c->type == PH_TYPE_BOOL) {
        cell->integer = ph_column_bool(c, row);
    } else if (c->type == PH_TYPE_INT32) {
        cell->integer = ph_column_int32(c, row);
    } else if (c->type == PH_TYPE_FLOAT64) {
        cell->real = ph_column_float64(c, row);
    } else {
        cell->integer = ph_column_int64(c, row);
    }
}

void harness_batch_gather(struct ph_batch *b, const struct ph_batch *from, uint32_t columns,
                          const uint32_t *rows)
{
    for (uint32_t c = 0; c < columns; c++) {
        struct ph_builder builder;
        harness_batch_builder(b, c, &builder);
        for (uint32_t row = 0; row < b->row_count; row++) {
            struct harness_cell cell;
            cell_get(&from->columns[c], rows[row], &cell);
            cell_set(&builder, row, &cell);
        }
        harness_batch_seal(b, c, &builder);
    }
}

/* rows null: row i stems from row i. Sub-rows of one row are numbered; `last` ends the last run. */
void harness_batch_system(struct ph_batch *shown, const struct ph_batch *from, const uint32_t *rows,
                          bool last)
{
    struct batch *b = batch_of(shown);
    uint32_t count = shown->row_count;
    b->partition_ids = harness_alloc((count + 1) * sizeof *b->partition_ids);
    b->offsets = harness_alloc((count + 1) * sizeof *b->offsets);
    b->sub_indexes = harness_alloc((count + 1) * sizeof *b->sub_indexes);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = rows == NULL ? i : rows[i];
        bool is_same = i > 0 && rows != NULL && rows[i - 1] == row;
        bool is_last = i + 1 == count ? last : rows == NULL || rows[i + 1] != row;
        uint32_t index = is_same ? (b->sub_indexes[i - 1] & ~PH_SUB_LAST) + 1 : 0;
        b->partition_ids[i] = from->partition_ids[row];
        b->offsets[i] = from->offsets[row];
        b->sub_indexes[i] = index | (is_last ? PH_SUB_LAST : 0);
    }
    b->positions = harness_alloc((from->position_count + 1) * sizeof *b->positions);
    if (from->position_count > 0) {
        memcpy(b->positions, from->positions, from->position_count * sizeof *b->positions);
    }
    shown->partition_ids = b->partition_ids;
    shown->offsets = b->offsets;
    shown->sub_indexes = b->sub_indexes;
    shown->positions = b->positions;
    shown->position_count = from->position_count;
}

void harness_batch_place(struct ph_batch *shown, uint32_t partition_id, int64_t first_offset)
{
    struct batch *b = batch_of(shown);
    for (uint32_t row = 0; row < shown->row_count; row++) {
        b->partition_ids[row] = partition_id;
        b->offsets[row] = first_offset + row;
    }
    b->positions[0] = (struct ph_position){partition_id, 0, first_offset + shown->row_count};
}

struct ph_batch *harness_batch(const struct ph_schema *schema, const struct harness_cell *cells,
                               uint32_t row_count)
{
    struct ph_batch *shown = harness_batch_blank(schema, 0, row_count);
    struct batch *b = batch_of(shown);
    uint32_t columns = schema->field_count;
    for (uint32_t c = 0; c < columns; c++) {
        struct ph_builder builder;
        harness_batch_builder(shown, c, &builder);
        for (uint32_t row = 0; row < row_count; row++) {
            cell_set(&builder, row, &cells[(size_t)row * columns + c]);
        }
        harness_batch_seal(shown, c, &builder);
    }
    b->partition_ids = harness_alloc((row_count + 1) * sizeof *b->partition_ids);
    b->offsets = harness_alloc((row_count + 1) * sizeof *b->offsets);
    b->positions = harness_alloc(sizeof *b->positions);
    shown->partition_ids = b->partition_ids;
    shown->offsets = b->offsets;
    shown->positions = b->positions;
    shown->position_count = 1;
    harness_batch_place(shown, 0, 0);
    return shown;
}

bool harness_text_is(const struct ph_batch *b, const char *column, uint32_t row, const char *text)
{
    int32_t index = ph_schema_find(b->schema, column);
    if (index < 0 || row >= b->row_count || ph_column_is_null(&b->columns[index], row)) {
        return false;
    }
    struct ph_bytes bytes = ph_column_bytes(&b->columns[index], row);
    return bytes.length == strlen(text) && memcmp(bytes.data, text, bytes.length) == 0;
}
