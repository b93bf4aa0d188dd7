/* SPDX-License-Identifier: Apache-2.0 */
/* What plugins write into: a UDF's output, a source's partitions and records. */
#include "harness.h"

#include <stdlib.h>

struct draft {
    struct ph_draft draft; /* first: a ph_draft is cast back */
    struct ph_batch *batch;
    uint32_t output;
    uint32_t first; /* the builders are of the columns from here on */
};

static struct ph_draft *draft_create(struct ph_batch *batch, uint32_t output, uint32_t first)
{
    struct draft *d = harness_alloc(sizeof *d);
    uint32_t count = batch->column_count - first;
    d->batch = batch;
    d->output = output;
    d->first = first;
    d->draft.size = (uint32_t)sizeof d->draft;
    d->draft.row_count = batch->row_count;
    d->draft.builder_count = count;
    d->draft.builders = harness_alloc((count + 1) * sizeof *d->draft.builders);
    d->draft.host_data = d;
    for (uint32_t i = 0; i < count; i++) {
        harness_batch_builder(batch, first + i, &d->draft.builders[i]);
    }
    return &d->draft;
}

static const struct harness_schema *out_schema(const struct ph_out *out, uint32_t output)
{
    const struct harness_out *o = (const struct harness_out *)out->host_data;
    if (output >= o->owner->output_count) {
        abort();
    }
    return &o->owner->outputs[output];
}

static struct ph_draft *out_derive(struct ph_out *out, uint32_t output, const struct ph_batch *in)
{
    const struct harness_schema *s = out_schema(out, output);
    struct ph_batch *b = harness_batch_blank(&s->schema, s->passed, in->row_count);
    harness_batch_share(b, in, s->passed);
    if (in->partition_ids != NULL) {
        harness_batch_system(b, in, NULL, true);
    }
    return draft_create(b, output, s->passed);
}

static struct ph_draft *out_gather(struct ph_out *out, uint32_t output, const struct ph_batch *in,
                                   const uint32_t *rows, uint32_t count, bool last)
{
    const struct harness_schema *s = out_schema(out, output);
    if (count > 4096) {
        abort();
    }
    struct ph_batch *b = harness_batch_blank(&s->schema, 0, count);
    harness_batch_gather(b, in, s->passed, rows);
    if (in->partition_ids != NULL) {
        harness_batch_system(b, in, rows, last);
    }
    return draft_create(b, output, s->passed);
}

static struct ph_draft *out_create(struct ph_out *out, uint32_t output, uint32_t row_count)
{
    return draft_create(harness_batch_blank(&out_schema(out, output)->schema, 0, row_count), output,
                        0);
}

static void draft_free(struct draft *d)
{
    free(d->draft.builders);
    free(d);
}

static void draft_seal(struct draft *d)
{
    for (uint32_t i = 0; i < d->draft.builder_count; i++) {
        harness_batch_seal(d->batch, d->first + i, &d->draft.builders[i]);
    }
}

static int32_t out_emit(struct ph_out *out, struct ph_draft *draft)
{
    struct harness_out *o = (struct harness_out *)out->host_data;
    struct draft *d = (struct draft *)draft->host_data;
    if (o->refusals > 0) {
        o->refusals--;
        return PH_MORE;
    }
    draft_seal(d);
    o->emitted = harness_grow(o->emitted, o->emitted_count, sizeof(struct ph_batch *));
    o->outputs = harness_grow(o->outputs, o->emitted_count, sizeof *o->outputs);
    o->outputs[o->emitted_count] = d->output;
    o->emitted[o->emitted_count++] = d->batch;
    draft_free(d);
    return PH_OK;
}

static void out_discard(struct ph_out *out, struct ph_draft *draft)
{
    struct draft *d = (struct draft *)draft->host_data;
    (void)out;
    draft_seal(d);
    harness_batch_release(d->batch);
    draft_free(d);
}

void harness_out_init(struct harness_out *o, struct harness *h)
{
    memset(o, 0, sizeof *o);
    o->owner = h;
    o->out.size = (uint32_t)sizeof o->out;
    o->out.host_data = o;
    o->out.derive = out_derive;
    o->out.gather = out_gather;
    o->out.create = out_create;
    o->out.emit = out_emit;
    o->out.discard = out_discard;
}

void harness_out_clear(struct harness_out *o)
{
    for (uint32_t i = 0; i < o->emitted_count; i++) {
        harness_batch_release(o->emitted[i]);
    }
    free((void *)o->emitted);
    free(o->outputs);
    o->emitted = NULL;
    o->outputs = NULL;
    o->emitted_count = 0;
}

static int32_t partitions_add(struct ph_partition_list *list, const char *topic, int32_t partition,
                              const char *cluster)
{
    struct harness_partitions *p = (struct harness_partitions *)list->host_data;
    p->items = harness_grow(p->items, p->count, sizeof *p->items);
    p->items[p->count] = (struct ph_partition){.size = (uint32_t)sizeof p->items[0],
                                               .id = p->count,
                                               .source = "source",
                                               .topic = harness_copy(topic),
                                               .cluster = harness_copy(cluster),
                                               .partition = partition};
    p->count++;
    return PH_OK;
}

void harness_partitions_init(struct harness_partitions *p)
{
    memset(p, 0, sizeof *p);
    p->list.size = (uint32_t)sizeof p->list;
    p->list.host_data = p;
    p->list.add = partitions_add;
}

void harness_partitions_fini(struct harness_partitions *p)
{
    for (uint32_t i = 0; i < p->count; i++) {
        free((void *)(uintptr_t)p->items[i].topic);
        free((void *)(uintptr_t)p->items[i].cluster);
    }
    free(p->items);
    p->items = NULL;
    p->count = 0;
}

/* Copies one of a record's texts behind *end; null stays null. */
static const void *record_take(uint8_t **end, const void *data, uint32_t length)
{
    uint8_t *at = *end;
    if (data == NULL) {
        return NULL;
    }
    if (length > 0) {
        memcpy(at, data, length);
    }
    *end += length;
    return at;
}

static int32_t writer_append(struct ph_writer *writer, const struct ph_record *record)
{
    struct harness_writer *w = (struct harness_writer *)writer->host_data;
    if (w->capacity != 0 && w->count >= w->capacity) {
        return PH_MORE;
    }
    w->records = harness_grow(w->records, w->count, sizeof *w->records);
    struct harness_record *r = &w->records[w->count++];
    size_t length = (size_t)record->key_length + record->value_length + record->headers_length + 1;
    r->copy = harness_alloc(length);
    r->record = *record;
    uint8_t *end = r->copy;
    r->record.key = record_take(&end, record->key, record->key_length);
    r->record.value = record_take(&end, record->value, record->value_length);
    r->record.headers = record_take(&end, record->headers, record->headers_length);
    return PH_OK;
}

static void writer_advance(struct ph_writer *writer, uint32_t partition_id, int64_t next_offset)
{
    struct harness_writer *w = (struct harness_writer *)writer->host_data;
    w->advances = harness_grow(w->advances, w->advance_count, sizeof *w->advances);
    w->advances[w->advance_count++] = (struct ph_position){partition_id, 0, next_offset};
}

void harness_writer_init(struct harness_writer *w)
{
    memset(w, 0, sizeof *w);
    w->writer.size = (uint32_t)sizeof w->writer;
    w->writer.host_data = w;
    w->writer.append = writer_append;
    w->writer.advance = writer_advance;
    w->writer.pass_hole = writer_advance;
}

void harness_writer_clear(struct harness_writer *w)
{
    for (uint32_t i = 0; i < w->count; i++) {
        free(w->records[i].copy);
    }
    free(w->records);
    free(w->advances);
    w->records = NULL;
    w->advances = NULL;
    w->count = 0;
    w->advance_count = 0;
}
