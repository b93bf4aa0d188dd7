/* SPDX-License-Identifier: Apache-2.0 */
#include "job/encoding.h"

#include "batch/schema.h"
#include "codec/encode.h"
#include "job/reads.h"

/* How many columns of an operator's output, from the first on, are the source's own. */
static uint32_t count_source_columns(const struct node *n)
{
    const struct output *out = &n->outputs[0];
    uint32_t count =
        node_kind(n) == PH_KIND_SOURCE ? out->schema->field_count : out->draft.inherited;
    for (uint32_t i = 0; i < n->manifest->input_count; i++) {
        uint32_t passed = count_source_columns(node_input(n, i));
        count = passed < count ? passed : count;
    }
    return count;
}

/* The index of the input that has this schema, or input_count. */
static uint32_t find_input(const struct node *n, const struct ph_schema *schema)
{
    uint32_t i = 0;
    while (i < n->manifest->input_count && node_input(n, i)->outputs[0].schema != schema) {
        i++;
    }
    return i;
}

static bool are_columns(const struct ph_encode_options *options, const struct ph_schema *schema)
{
    for (uint32_t i = 0; options->columns != NULL && i < options->column_count; i++) {
        if (options->columns[i] >= schema->field_count) {
            return false;
        }
    }
    return true;
}

static enum encode_timestamps to_timestamps(enum manifest_timestamps timestamps)
{
    switch (timestamps) {
    case MANIFEST_TIMESTAMPS_SQL:
        return ENCODE_SQL;
    case MANIFEST_TIMESTAMPS_UNIX_MS:
        return ENCODE_UNIX_MS;
    default:
        return ENCODE_ISO8601;
    }
}

/* What is encoded is looked at. */
static void say_reads(struct node *n, uint32_t input, const struct ph_schema *schema,
                      const struct encode_options *o)
{
    uint32_t count = o->columns == NULL ? schema->field_count : o->column_count;
    reads_begin(n, input);
    for (uint32_t i = 0; i < count; i++) {
        reads_add(n, input, o->columns == NULL ? i : o->columns[i]);
    }
}

static struct encoder *create(struct node *n, uint32_t input, const struct ph_schema *schema,
                              const struct ph_encode_options *options)
{
    const struct manifest_format *format = n->manifest->format;
    uint32_t added[SCHEMA_MAX_FIELDS];
    struct encode_options o = {.is_splice = options->form == PH_ENCODE_SPLICE,
                               .columns = options->columns,
                               .column_count = options->column_count};
    if (format != NULL) {
        o.timestamps = to_timestamps(format->timestamps);
        o.json_columns =
            format->json_columns == MANIFEST_JSON_STRING ? ENCODE_STRING : ENCODE_NESTED;
    }
    if (o.is_splice && o.columns == NULL) {
        uint32_t first = count_source_columns(node_input(n, input));
        o.columns = added;
        o.column_count = schema->field_count - first;
        for (uint32_t i = 0; i < o.column_count; i++) {
            added[i] = first + i;
        }
    }
    say_reads(n, input, schema, &o);
    return encoder_create(schema, &o);
}

static void *service_create(const struct ph_host *host, const struct ph_schema *schema,
                            const struct ph_encode_options *options, struct ph_error *err)
{
    struct node *n = host->host_data;
    uint32_t input = find_input(n, schema);
    if (input == n->manifest->input_count || options->form > PH_ENCODE_SPLICE ||
        !are_columns(options, schema)) {
        (void)ph_error_set(err, PH_ERR_FATAL,
                           "the plugin asks for an encoder of columns that it does not have");
        return NULL;
    }
    struct encoder *e = create(n, input, schema, options);
    if (e == NULL) {
        (void)ph_error_set(err, PH_ERR_FATAL, "out of memory for an encoder");
        return NULL;
    }
    n->takes_format = true;
    return e;
}

static void service_destroy(void *encoder)
{
    encoder_destroy(encoder);
}

static uint32_t service_row(const void *encoder, const struct ph_batch *batch, uint32_t row,
                            void *out, uint32_t capacity)
{
    return encoder_row(encoder, batch, row, out, capacity);
}

const struct ph_encode encoding_service = {.size = sizeof encoding_service,
                                           .create = service_create,
                                           .destroy = service_destroy,
                                           .row = service_row};

int32_t encoding_check(const struct node *n, struct ph_error *err)
{
    const struct manifest_format *format = n->manifest->format;
    const char *sentence = NULL;
    const char *key = "/format";
    if (format == NULL) {
        return PH_OK;
    }
    if (node_kind(n) == PH_KIND_SOURCE) {
        sentence = format->has_output ? "timestamps and json_columns are for sinks: a source's "
                                        "format says how bytes become columns"
                                      : NULL;
        key = "/format/json";
    } else if (node_kind(n) != PH_KIND_SINK) {
        sentence = "a UDF has no format: leave it out";
    } else if (!n->takes_format) {
        sentence = "this sink writes no text and takes no format: leave it out";
    } else if (format->tombstones != MANIFEST_TOMBSTONES_LETTER) {
        sentence = "tombstones is for sources";
        key = "/format/json/tombstones";
    } else if (format->field_count > 0) {
        sentence = "fields are for sources: a sink's columns are those of its input";
        key = "/format/json/fields";
    }
    if (sentence == NULL) {
        return PH_OK;
    }
    ph_error_set_key(err, key);
    return ph_error_set(err, PH_ERR_CONFIG, "%s", sentence);
}
