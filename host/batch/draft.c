/* SPDX-License-Identifier: Apache-2.0 */
#include "batch/draft.h"

#include "batch/gather.h"
#include "batch/layout.h"

#include <string.h>

#define MAX_CHUNKS      48u /* text buffers a column */
#define CHUNK_MAX       ((size_t)4 * 1024 * 1024)
#define COLUMN_TEXT_MAX INT32_MAX

/* The text of one added column: chunks that the column's views name by index. */
struct draft_text {
    const uint8_t *buffers[MAX_CHUNKS];
    int64_t sizes[MAX_CHUNKS];
    uint32_t count;
    size_t next_size;
};

/* Stands in the head block of the batch that it becomes, behind the struct batch. */
struct draft {
    struct ph_draft pub; /* first, so that a ph_draft is a draft */
    struct batch *batch;
    struct ph_column *columns; /* all of the output */
    uint32_t inherited;
    struct ph_builder *builders;
    struct draft_text **texts; /* of each builder, null for fixed-width ones */
};

static struct draft *draft_of(const struct ph_draft *pub)
{
    return (struct draft *)(uintptr_t)(const void *)pub;
}

static struct draft_text *text_of(const struct ph_builder *b)
{
    const struct draft *d = b->host_data;
    return d->texts[b - d->builders];
}

static void use_chunk(struct ph_builder *b, uint8_t *data, size_t size)
{
    struct draft_text *t = text_of(b);
    if (t->count > 0) {
        t->sizes[t->count - 1] = b->text_used;
    }
    t->buffers[t->count] = data;
    b->buffer_index = (int32_t)t->count;
    b->text = data;
    b->text_used = 0;
    b->text_capacity = (uint32_t)size;
    t->count++;
}

static int32_t draft_grow(struct ph_builder *b, uint32_t need)
{
    struct draft_text *t = text_of(b);
    struct batch *batch = ((struct draft *)b->host_data)->batch;
    struct block block;
    size_t size = need > t->next_size ? need : t->next_size;
    if (need > COLUMN_TEXT_MAX || t->count == MAX_CHUNKS ||
        batch->block_count == BATCH_MAX_BLOCKS || !reserve_alloc(batch->reserve, size, &block)) {
        return PH_ERROR;
    }
    batch->blocks[batch->block_count++] = block;
    use_chunk(b, block.data, block.size);
    t->next_size = block.size * 2 > CHUNK_MAX ? CHUNK_MAX : block.size * 2;
    return PH_OK;
}

static int32_t draft_no_text(struct ph_builder *b, uint32_t need)
{
    (void)b;
    (void)need;
    return PH_ERROR;
}

/* The builder of column `column` and its memory. */
static void place_builder(struct layout *layout, struct draft *d, uint32_t column, uint32_t type,
                          uint32_t rows)
{
    size_t value_bytes = layout_value_bytes(ph_type_width(type), rows);
    void *values = layout_take(layout, value_bytes);
    uint8_t *validity = layout_take(layout, layout_bitmap_bytes(rows));
    struct draft_text *text = ph_type_is_view(type) ? layout_take(layout, sizeof *text) : NULL;
    if (values == NULL) {
        return;
    }
    /* Values too: rows that are never set are copied by later gathers. */
    memset(values, 0, value_bytes);
    memset(validity, 0, layout_bitmap_bytes(rows));
    uint32_t index = column - d->inherited;
    d->texts[index] = text;
    d->builders[index] = (struct ph_builder){.size = (uint32_t)sizeof(struct ph_builder),
                                             .type = type,
                                             .row_count = rows,
                                             .validity = validity,
                                             .values = values,
                                             .host_data = d,
                                             .grow = text == NULL ? draft_no_text : draft_grow};
    if (text != NULL) {
        text->count = 0;
        text->next_size = POOL_BLOCK_MIN;
    }
}

/* The draft with its builders. */
static struct draft *place_draft(struct layout *layout, const struct draft_output *output,
                                 uint32_t rows)
{
    const struct ph_schema *schema = output->schema;
    uint32_t added = schema->field_count - output->inherited;
    struct draft *d = layout_take(layout, sizeof *d);
    struct ph_builder *builders = layout_take(layout, added * sizeof *builders);
    struct draft_text **texts = layout_take(layout, added * sizeof *texts);
    if (d != NULL) {
        *d = (struct draft){.pub = {.size = (uint32_t)sizeof d->pub,
                                    .row_count = rows,
                                    .builder_count = added,
                                    .builders = builders,
                                    .host_data = d},
                            .inherited = output->inherited,
                            .builders = builders,
                            .texts = texts};
    }
    for (uint32_t i = output->inherited; i < schema->field_count; i++) {
        place_builder(layout, d, i, schema->fields[i].type, rows);
    }
    return d;
}

/* What is left of the head block is the first text of the added columns, in equal parts. */
static void share_rest(struct draft *d, uint8_t *rest, size_t size)
{
    uint32_t texts = 0;
    for (uint32_t i = 0; i < d->pub.builder_count; i++) {
        texts += d->texts[i] != NULL ? 1 : 0;
    }
    size_t share = texts == 0 ? 0 : size / texts / LAYOUT_ALIGN * LAYOUT_ALIGN;
    if (share == 0) {
        return;
    }
    for (uint32_t i = 0; i < d->pub.builder_count; i++) {
        if (d->texts[i] != NULL) {
            use_chunk(&d->builders[i], rest, share);
            rest += share;
        }
    }
}

static struct draft *finish_draft(struct layout *layout, struct draft *d, struct batch *b,
                                  struct ph_column *columns)
{
    d->batch = b;
    d->columns = columns;
    b->pub.columns = columns;
    share_rest(d, layout->data + layout->used, b->blocks[0].size - layout->used);
    return d;
}

struct ph_draft *draft_derive(const struct draft_output *output, const struct ph_batch *in)
{
    uint32_t total = output->schema->field_count;
    struct layout layout = {NULL, 0};
    struct block head;
    (void)layout_take(&layout, sizeof(struct batch));
    (void)layout_take(&layout, total * sizeof(struct ph_column));
    (void)place_draft(&layout, output, in->row_count);
    if (!reserve_alloc(output->reserve, layout.used, &head)) {
        return NULL;
    }
    layout = (struct layout){head.data, 0};
    struct batch *b = layout_take(&layout, sizeof *b);
    struct ph_column *columns = layout_take(&layout, total * sizeof *columns);
    struct draft *d = place_draft(&layout, output, in->row_count);
    batch_init(b, output->reserve, head, output->schema, in->row_count);
    batch_adopt(b, in);
    if (output->inherited > 0) {
        memcpy(columns, in->columns, output->inherited * sizeof *columns);
    }
    b->pub.partition_ids = in->partition_ids;
    b->pub.offsets = in->offsets;
    b->pub.sub_indexes = in->sub_indexes;
    b->timestamps_ms = batch_of(in)->timestamps_ms;
    b->origins = batch_of(in)->origins;
    return &finish_draft(&layout, d, b, columns)->pub;
}

/* False where a row is not ascending or not in the batch; *repeats: one is named twice. */
static bool check_rows(const struct gather_rows *g, bool *repeats)
{
    *repeats = false;
    if (g->count > BATCH_MAX_ROWS) {
        return false;
    }
    for (uint32_t i = 0; i < g->count; i++) {
        if (g->rows[i] >= g->in->row_count || (i > 0 && g->rows[i] < g->rows[i - 1])) {
            return false;
        }
        *repeats = *repeats || (i > 0 && g->rows[i] == g->rows[i - 1]);
    }
    return true;
}

struct ph_draft *draft_gather(const struct draft_output *output, const struct ph_batch *in,
                              const uint32_t *rows, uint32_t count, bool last,
                              struct draft_run *run)
{
    const struct gather_rows g = {in, rows, count};
    uint32_t total = output->schema->field_count;
    struct layout layout = {NULL, 0};
    struct block head;
    bool repeats;
    if (!check_rows(&g, &repeats)) {
        return NULL;
    }
    bool flat = run->flat || repeats || !last;
    bool numbered = in->partition_ids != NULL && (flat || in->sub_indexes != NULL);
    (void)layout_take(&layout, sizeof(struct batch));
    (void)gather_columns(&layout, &g, output->inherited, total);
    (void)gather_system(&layout, NULL, &g, numbered);
    (void)place_draft(&layout, output, count);
    if (!reserve_alloc(output->reserve, layout.used, &head)) {
        return NULL;
    }
    layout = (struct layout){head.data, 0};
    struct batch *b = layout_take(&layout, sizeof *b);
    batch_init(b, output->reserve, head, output->schema, count);
    batch_adopt(b, in);
    struct ph_column *columns = gather_columns(&layout, &g, output->inherited, total);
    uint32_t *numbers = gather_system(&layout, b, &g, numbered);
    struct draft *d = place_draft(&layout, output, count);
    run->flat = flat;
    if (numbered) {
        gather_number(&g, last, flat ? run : NULL, numbers);
    }
    return &finish_draft(&layout, d, b, columns)->pub;
}

struct ph_draft *draft_create(const struct draft_output *output, uint32_t row_count)
{
    struct draft_output all = *output;
    struct layout layout = {NULL, 0};
    struct block head;
    all.inherited = 0;
    if (row_count > BATCH_MAX_ROWS) {
        return NULL;
    }
    (void)layout_take(&layout, sizeof(struct batch));
    (void)layout_take(&layout, all.schema->field_count * sizeof(struct ph_column));
    (void)place_draft(&layout, &all, row_count);
    if (!reserve_alloc(all.reserve, layout.used, &head)) {
        return NULL;
    }
    layout = (struct layout){head.data, 0};
    struct batch *b = layout_take(&layout, sizeof *b);
    struct ph_column *columns = layout_take(&layout, all.schema->field_count * sizeof *columns);
    struct draft *d = place_draft(&layout, &all, row_count);
    batch_init(b, all.reserve, head, all.schema, row_count);
    return &finish_draft(&layout, d, b, columns)->pub;
}

/* Rows that no one has set. Bits behind the last row do not count. */
static uint32_t count_nulls(const struct ph_builder *b)
{
    uint32_t present = 0;
    for (uint32_t base = 0; base < b->row_count; base += 64) {
        uint64_t word;
        memcpy(&word, b->validity + base / 8, sizeof word);
        if (b->row_count - base < 64) {
            word &= (UINT64_C(1) << (b->row_count - base)) - 1;
        }
        present += (uint32_t)__builtin_popcountll(word);
    }
    return b->row_count - present;
}

static void publish_column(struct ph_column *c, const struct ph_builder *b, struct draft_text *t)
{
    uint32_t nulls = count_nulls(b);
    *c = (struct ph_column){.type = b->type,
                            .null_count = nulls,
                            .validity = nulls == 0 ? NULL : b->validity,
                            .values = b->values};
    if (t != NULL && t->count > 0) {
        t->sizes[t->count - 1] = b->text_used;
        c->buffers = t->buffers;
        c->buffer_sizes = t->sizes;
        c->buffer_count = t->count;
    }
}

struct ph_batch *draft_publish(struct ph_draft *draft, bool positions)
{
    struct draft *d = draft_of(draft);
    struct batch *b = d->batch;
    for (uint32_t i = 0; i < d->pub.builder_count; i++) {
        publish_column(&d->columns[d->inherited + i], &d->builders[i], d->texts[i]);
    }
    if (positions && b->parent != NULL) {
        batch_cover(b, &b->parent->pub);
    }
    return &b->pub;
}

void draft_discard(struct ph_draft *draft)
{
    if (draft != NULL) {
        batch_release(&draft_of(draft)->batch->pub);
    }
}

int32_t draft_find_missing(const struct ph_draft *draft)
{
    const struct draft *d = draft_of(draft);
    const struct ph_schema *schema = d->batch->pub.schema;
    for (uint32_t i = 0; i < d->pub.builder_count; i++) {
        uint32_t column = d->inherited + i;
        if ((schema->fields[column].flags & PH_FIELD_REQUIRED) != 0 &&
            count_nulls(&d->builders[i]) > 0) {
            return (int32_t)column;
        }
    }
    return -1;
}

size_t draft_head_bytes(const struct draft_output *output, uint32_t rows)
{
    struct layout layout = {NULL, 0};
    (void)layout_take(&layout, sizeof(struct batch));
    (void)layout_take(&layout, output->schema->field_count * sizeof(struct ph_column));
    (void)place_draft(&layout, output, rows);
    for (uint32_t i = 0; i < output->inherited; i++) {
        uint32_t width = ph_type_width(output->schema->fields[i].type);
        (void)layout_take(&layout, layout_value_bytes(width, rows));
        (void)layout_take(&layout, layout_bitmap_bytes(rows));
    }
    (void)layout_take(&layout, rows * sizeof(uint32_t)); /* partition ids */
    (void)layout_take(&layout, rows * sizeof(int64_t));  /* offsets */
    (void)layout_take(&layout, rows * sizeof(int64_t));  /* times */
    (void)layout_take(&layout, rows * sizeof(struct batch_origin));
    (void)layout_take(&layout, rows * sizeof(uint32_t)); /* sub-indexes */
    return layout.used;
}
