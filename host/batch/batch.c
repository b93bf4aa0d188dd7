/* SPDX-License-Identifier: Apache-2.0 */
#include "batch/batch.h"

#include "batch/gather.h"
#include "batch/layout.h"

static struct batch *batch_mutable(const struct ph_batch *pub)
{
    return (struct batch *)(uintptr_t)(const void *)pub;
}

void batch_retain(const struct ph_batch *pub)
{
    atomic_fetch_add_explicit(&batch_mutable(pub)->references, 1, memory_order_relaxed);
}

static void batch_free(struct batch *b)
{
    struct reserve *reserve = b->reserve;
    struct block head = b->blocks[0];
    for (uint32_t i = 1; i < b->block_count; i++) {
        reserve_free(reserve, b->blocks[i]);
    }
    reserve_free(reserve, head);
}

/* A loop, not a recursion: the chain of parents is as long as the graph is deep. */
void batch_release(const struct ph_batch *pub)
{
    struct batch *b = pub == NULL ? NULL : batch_mutable(pub);
    while (b != NULL && atomic_fetch_sub_explicit(&b->references, 1, memory_order_acq_rel) == 1) {
        struct batch *parent = b->parent;
        batch_free(b);
        b = parent;
    }
}

const struct ph_batches batch_service = {
    .size = sizeof(struct ph_batches), .retain = batch_retain, .release = batch_release};

struct ph_bytes batch_raw(const struct ph_batch *pub, uint32_t row)
{
    const struct batch *b = batch_of(pub);
    if (b->origins == NULL) {
        return (struct ph_bytes){NULL, 0};
    }
    const struct batch_origin *o = &b->origins[row];
    return (struct ph_bytes){b->arena + o->value_offset, o->value_length};
}

struct ph_bytes batch_key(const struct ph_batch *pub, uint32_t row)
{
    const struct batch *b = batch_of(pub);
    if (b->origins == NULL || b->origins[row].key_length == BATCH_NO_KEY) {
        return (struct ph_bytes){NULL, 0};
    }
    const struct batch_origin *o = &b->origins[row];
    return (struct ph_bytes){b->arena + o->key_offset, o->key_length};
}

int64_t batch_timestamp_ms(const struct ph_batch *pub, uint32_t row)
{
    const struct batch *b = batch_of(pub);
    return b->timestamps_ms == NULL ? -1 : b->timestamps_ms[row];
}

void batch_init(struct batch *b, struct reserve *reserve, struct block head,
                const struct ph_schema *schema, uint32_t row_count)
{
    b->pub = (struct ph_batch){.size = (uint32_t)sizeof b->pub,
                               .row_count = row_count,
                               .column_count = schema->field_count,
                               .schema = schema};
    atomic_init(&b->references, 1);
    b->block_count = 1;
    b->reserve = reserve;
    b->parent = NULL;
    b->arena = NULL;
    b->origins = NULL;
    b->timestamps_ms = NULL;
    b->blocks[0] = head;
}

void batch_adopt(struct batch *b, const struct ph_batch *in)
{
    batch_retain(in);
    b->parent = batch_mutable(in);
    b->arena = batch_of(in)->arena;
    b->pub.flags = in->flags;
}

void batch_cover(struct batch *b, const struct ph_batch *in)
{
    b->pub.positions = in->positions;
    b->pub.position_count = in->position_count;
}

struct ph_batch *batch_create_empty(struct reserve *reserve, const struct ph_schema *schema,
                                    const struct ph_batch *in)
{
    struct block head;
    struct layout layout = {NULL, 0};
    if (!reserve_alloc(reserve,
                       layout_round(sizeof(struct batch)) +
                           schema->field_count * sizeof(struct ph_column),
                       &head)) {
        return NULL;
    }
    layout.data = head.data;
    struct batch *b = layout_take(&layout, sizeof *b);
    struct ph_column *columns = layout_take(&layout, schema->field_count * sizeof *columns);
    batch_init(b, reserve, head, schema, 0);
    for (uint32_t i = 0; i < schema->field_count; i++) {
        columns[i] = (struct ph_column){.type = schema->fields[i].type, .values = head.data};
    }
    b->pub.columns = columns;
    batch_adopt(b, in);
    batch_cover(b, in);
    return &b->pub;
}

struct ph_batch *batch_gather(struct reserve *reserve, const struct ph_batch *in,
                              const uint32_t *rows, uint32_t count, bool positions)
{
    const struct gather_rows g = {in, rows, count};
    bool numbered = in->sub_indexes != NULL;
    struct block head;
    struct layout layout = {NULL, 0};
    (void)layout_take(&layout, sizeof(struct batch));
    (void)gather_columns(&layout, &g, in->column_count, in->column_count);
    (void)gather_system(&layout, NULL, &g, numbered);
    if (!reserve_alloc(reserve, layout.used, &head)) {
        return NULL;
    }
    layout = (struct layout){head.data, 0};
    struct batch *b = layout_take(&layout, sizeof *b);
    batch_init(b, reserve, head, in->schema, count);
    batch_adopt(b, in);
    b->pub.columns = gather_columns(&layout, &g, in->column_count, in->column_count);
    uint32_t *numbers = gather_system(&layout, b, &g, numbered);
    if (numbered) {
        gather_number(&g, true, NULL, numbers);
    }
    if (positions) {
        batch_cover(b, in);
    }
    return &b->pub;
}
