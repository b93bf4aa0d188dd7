/* SPDX-License-Identifier: Apache-2.0 */
#include "batch/arrow.h"

#include "batch/batch.h"

#include <stdlib.h>
#include <string.h>

static const char *format_of(uint32_t type)
{
    switch (type) {
    case PH_TYPE_BOOL:
        return "b";
    case PH_TYPE_INT32:
        return "i";
    case PH_TYPE_INT64:
        return "l";
    case PH_TYPE_FLOAT64:
        return "g";
    case PH_TYPE_BYTES:
        return "vz";
    case PH_TYPE_TIMESTAMP_MS:
        return "tsm:UTC";
    case PH_TYPE_TIMESTAMP_US:
        return "tsu:UTC";
    default:
        return "vu";
    }
}

/* A consumer may move a child away and release it later than its parent: each child frees itself.
 */
static void release_schema(struct ArrowSchema *s)
{
    for (int64_t i = 0; i < s->n_children; i++) {
        if (s->children[i]->release != NULL) {
            s->children[i]->release(s->children[i]);
        }
        free(s->children[i]);
    }
    free(s->children);
    free(s->private_data);
    s->release = NULL;
}

static int32_t export_field(const struct ph_field *field, struct ArrowSchema *out)
{
    char *name = strdup(field->name);
    if (name == NULL) {
        return PH_ERROR;
    }
    *out = (struct ArrowSchema){
        .format = format_of(field->type),
        .name = name,
        .flags = (field->flags & PH_FIELD_REQUIRED) != 0 ? 0 : ARROW_FLAG_NULLABLE,
        .release = release_schema,
        .private_data = name};
    return PH_OK;
}

int32_t arrow_export_schema(const struct ph_schema *schema, struct ArrowSchema *out)
{
    *out = (struct ArrowSchema){.format = "+s", .name = "", .release = release_schema};
    out->children = calloc(schema->field_count + 1, sizeof *out->children);
    for (uint32_t i = 0; out->children != NULL && i < schema->field_count; i++) {
        struct ArrowSchema *child = calloc(1, sizeof *child);
        if (child == NULL || export_field(&schema->fields[i], child) != PH_OK) {
            free(child);
            out->release(out);
            return PH_ERROR;
        }
        out->children[out->n_children++] = child;
    }
    if (out->children == NULL) {
        out->release = NULL;
        return PH_ERROR;
    }
    return PH_OK;
}

static void release_array(struct ArrowArray *a)
{
    for (int64_t i = 0; i < a->n_children; i++) {
        if (a->children[i]->release != NULL) {
            a->children[i]->release(a->children[i]);
        }
        free(a->children[i]);
    }
    free(a->children);
    free(a->buffers);
    batch_release(a->private_data);
    a->release = NULL;
}

/* buffers: validity, values, and for views each text buffer and the list of their sizes. */
static int32_t export_column(const struct ph_batch *batch, const struct ph_column *c,
                             struct ArrowArray *out)
{
    bool view = ph_type_is_view(c->type);
    uint32_t count = view ? 3 + c->buffer_count : 2;
    const void **buffers = calloc(count, sizeof *buffers);
    if (buffers == NULL) {
        return PH_ERROR;
    }
    buffers[0] = c->validity;
    buffers[1] = c->values;
    if (view) {
        for (uint32_t i = 0; i < c->buffer_count; i++) {
            buffers[2 + i] = c->buffers[i];
        }
        buffers[count - 1] = c->buffer_sizes;
    }
    batch_retain(batch);
    *out = (struct ArrowArray){.length = batch->row_count,
                               .null_count = c->null_count,
                               .n_buffers = count,
                               .buffers = buffers,
                               .release = release_array,
                               .private_data = (void *)(uintptr_t)(const void *)batch};
    return PH_OK;
}

static int32_t export_columns(const struct ph_batch *batch, struct ArrowArray *out)
{
    for (uint32_t i = 0; i < batch->column_count; i++) {
        struct ArrowArray *child = calloc(1, sizeof *child);
        if (child == NULL || export_column(batch, &batch->columns[i], child) != PH_OK) {
            free(child);
            return PH_ERROR;
        }
        out->children[out->n_children++] = child;
    }
    return PH_OK;
}

int32_t arrow_export_batch(const struct ph_batch *batch, struct ArrowArray *out)
{
    *out =
        (struct ArrowArray){.length = batch->row_count, .n_buffers = 1, .release = release_array};
    out->buffers = calloc(1, sizeof *out->buffers);
    out->children = calloc(batch->column_count + 1, sizeof *out->children);
    if (out->buffers == NULL || out->children == NULL || export_columns(batch, out) != PH_OK) {
        out->release(out);
        return PH_ERROR;
    }
    return PH_OK;
}
