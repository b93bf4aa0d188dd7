/* SPDX-License-Identifier: Apache-2.0 */
/* pipehost.encode/1 of the fake host: whatever the format, with the SDK's own writer. A row stems
 * from the record that its column "raw" holds. */
#include "harness.h"

#include "pipehost/json_writer.h"

#include <stdlib.h>

struct encoder {
    uint32_t form;
    uint32_t column_count;
    uint32_t columns[HARNESS_FIELDS];
};

static void *create(const struct ph_host *host, const struct ph_schema *schema,
                    const struct ph_encode_options *options, struct ph_error *err)
{
    struct encoder *e = harness_alloc(sizeof *e);
    (void)host;
    (void)err;
    *e = (struct encoder){.form = options->form};
    for (uint32_t i = 0; options->columns != NULL && i < options->column_count; i++) {
        e->columns[e->column_count++] = options->columns[i];
    }
    for (uint32_t i = 0; options->columns == NULL && i < schema->field_count; i++) {
        if (options->form == PH_ENCODE_ROW || strcmp(schema->fields[i].name, "raw") != 0) {
            e->columns[e->column_count++] = i;
        }
    }
    return e;
}

static void destroy(void *encoder)
{
    free(encoder);
}

static bool begin(const struct encoder *e, const struct ph_batch *batch, uint32_t row,
                  struct ph_json *w)
{
    int32_t raw = ph_schema_find(batch->schema, "raw");
    if (e->form == PH_ENCODE_ROW) {
        ph_json_begin(w, '{');
        return true;
    }
    if (raw < 0 || ph_column_is_null(&batch->columns[raw], row)) {
        return false;
    }
    struct ph_bytes text = ph_column_bytes(&batch->columns[raw], row);
    ph_json_raw(w, text.data, text.length - 1);
    w->needs_comma = text.length > 2;
    return true;
}

static uint32_t encode(const void *encoder, const struct ph_batch *batch, uint32_t row, void *out,
                       uint32_t capacity)
{
    const struct encoder *e = encoder;
    struct ph_json w;
    ph_json_init(&w, out, capacity);
    if (!begin(e, batch, row, &w)) {
        return 0;
    }
    for (uint32_t i = 0; i < e->column_count; i++) {
        ph_json_key(&w, batch->schema->fields[e->columns[i]].name);
        ph_json_cell(&w, &batch->columns[e->columns[i]], row);
    }
    ph_json_end(&w, '}');
    return w.is_full ? capacity * 2 + 64 : (uint32_t)w.length;
}

const struct ph_encode harness_encode = {sizeof harness_encode, 0, create, destroy, encode};
