/* SPDX-License-Identifier: Apache-2.0 */
#include "job/bind.h"

#include "batch/schema.h"
#include "job/reads.h"

#include <stdlib.h>

/* An output while the plugin's bind describes it. Names live in `names` until the schema has copies
 * of them. */
struct draft_schema {
    struct ph_field fields[SCHEMA_MAX_FIELDS];
    char *names[SCHEMA_MAX_FIELDS];
    uint32_t field_count;
    uint32_t inherited;
};

struct binding {
    struct ph_binding pub;
    struct node *node;
    struct draft_schema *outputs[JOB_OUTPUTS_MAX];
};

static enum decode_parse to_decode_parse(enum manifest_parse parse)
{
    switch (parse) {
    case MANIFEST_PARSE_UNIX_S:
        return DECODE_UNIX_S;
    case MANIFEST_PARSE_UNIX_MS:
        return DECODE_UNIX_MS;
    case MANIFEST_PARSE_STRPTIME:
        return DECODE_PATTERN;
    default:
        return DECODE_ISO8601;
    }
}

static int32_t make_schema(struct output *o, const struct ph_field *fields, uint32_t count,
                           uint32_t inherited, struct ph_error *err)
{
    o->schema = schema_create(fields, count);
    if (o->schema == NULL) {
        return ph_error_set(err, PH_ERR_FATAL, "out of memory for a schema of %u columns", count);
    }
    o->draft.schema = o->schema;
    o->draft.inherited = inherited;
    return PH_OK;
}

static int32_t bind_source(struct node *n, struct ph_error *err)
{
    const struct manifest_format *format = n->manifest->format;
    if (format == NULL || format->field_count == 0) {
        ph_error_set_key(err, "");
        return ph_error_set(err, PH_ERR_CONFIG,
                            "a source needs \"format\": {\"json\": {\"fields\": {...}}}");
    }
    struct ph_field *columns = calloc(format->field_count, sizeof *columns);
    n->fields = calloc(format->field_count, sizeof *n->fields);
    int32_t rc = PH_ERROR;
    if (columns == NULL || n->fields == NULL) {
        (void)ph_error_set(err, PH_ERR_FATAL, "out of memory for a format");
    } else {
        for (uint32_t i = 0; i < format->field_count; i++) {
            const struct manifest_field *f = &format->fields[i];
            n->fields[i] = (struct decode_field){.metadata = (enum decode_metadata)f->metadata,
                                                 .name = f->name,
                                                 .type = f->type,
                                                 .required = f->required,
                                                 .parse = to_decode_parse(f->parse),
                                                 .pattern = f->parse_pattern,
                                                 .path = f->path,
                                                 .path_length = f->path_count};
        }
        decoder_list_columns(n->fields, format->field_count, columns);
        rc = make_schema(&n->outputs[0], columns, format->field_count, 0, err);
        n->output_count = 1;
    }
    free(columns);
    return rc;
}

/* The manifest's names stand in the decoder's order. */
_Static_assert((int)MANIFEST_TOPIC == (int)DECODE_TOPIC && (int)MANIFEST_KEY == (int)DECODE_KEY &&
                   (int)MANIFEST_TIMESTAMP == (int)DECODE_TIMESTAMP,
               "one order of metadata fields");

void node_decoder_describe(const struct node *n, struct decoder *d,
                           struct batch_writer_options *options)
{
    struct decoder_needs needs = decoder_needs(d);
    enum manifest_tombstones tombstones = n->manifest->format->tombstones;
    options->decoder = d;
    options->decode = decoder_function(d);
    options->spare = decoder_spare(d);
    options->extra = needs.extra;
    options->keep_keys = needs.keys;
    options->keep_headers = needs.headers;
    options->skip_tombstones = tombstones == MANIFEST_TOMBSTONES_SKIP;
    options->decode_tombstone = tombstones == MANIFEST_TOMBSTONES_NULL ? decoder_tombstone : NULL;
}

struct decoder *node_decoder_create(const struct node *n, struct ph_error *err)
{
    return decoder_create(n->fields, n->manifest->format->field_count, err);
}

static struct draft_schema *draft_output(struct binding *b, uint32_t output, struct ph_error *err)
{
    if (output >= JOB_OUTPUTS_MAX) {
        (void)ph_error_set(err, PH_ERR_FATAL, "a plugin has at most %u outputs", JOB_OUTPUTS_MAX);
        return NULL;
    }
    if (b->outputs[output] == NULL) {
        b->outputs[output] = calloc(1, sizeof *b->outputs[output]);
    }
    if (b->outputs[output] == NULL) {
        (void)ph_error_set(err, PH_ERR_FATAL, "out of memory for a schema");
    }
    return b->outputs[output];
}

static int32_t append_field(struct draft_schema *d, const char *name, uint32_t type, uint32_t flags,
                            struct ph_error *err)
{
    for (uint32_t i = 0; i < d->field_count; i++) {
        if (strcmp(d->names[i], name) == 0) {
            return ph_error_set(err, PH_ERR_CONFIG, "column \"%s\" exists already", name);
        }
    }
    if (d->field_count == SCHEMA_MAX_FIELDS) {
        return ph_error_set(err, PH_ERR_CONFIG, "a schema has at most %u columns",
                            SCHEMA_MAX_FIELDS);
    }
    char *copy = strdup(name);
    if (copy == NULL) {
        return ph_error_set(err, PH_ERR_FATAL, "out of memory for a column's name");
    }
    d->names[d->field_count] = copy;
    d->fields[d->field_count++] = (struct ph_field){.name = copy, .type = type, .flags = flags};
    return PH_OK;
}

static int32_t binding_pass(struct ph_binding *pub, uint32_t output, uint32_t input,
                            struct ph_error *err)
{
    struct binding *b = pub->host_data;
    struct draft_schema *d = draft_output(b, output, err);
    if (d == NULL) {
        return PH_ERROR;
    }
    if (d->field_count > 0 || input >= pub->input_count) {
        return ph_error_set(err, PH_ERR_FATAL, "pass must be the first call for an output");
    }
    const struct ph_schema *in = pub->inputs[input];
    int32_t rc = PH_OK;
    for (uint32_t i = 0; i < in->field_count && rc == PH_OK; i++) {
        rc = append_field(d, in->fields[i].name, in->fields[i].type, in->fields[i].flags, err);
    }
    d->inherited = d->field_count;
    return rc;
}

static int32_t binding_add(struct ph_binding *pub, uint32_t output, const char *name, uint32_t type,
                           uint32_t flags, struct ph_error *err)
{
    struct draft_schema *d = draft_output(pub->host_data, output, err);
    return d == NULL ? PH_ERROR : append_field(d, name, type, flags, err);
}

static void binding_reads(struct ph_binding *pub, uint32_t input, uint32_t column)
{
    struct binding *b = pub->host_data;
    if (input < pub->input_count && column < pub->inputs[input]->field_count) {
        reads_add(b->node, input, column);
    }
}

static void free_drafts(struct binding *b)
{
    for (uint32_t i = 0; i < JOB_OUTPUTS_MAX; i++) {
        struct draft_schema *d = b->outputs[i];
        for (uint32_t f = 0; d != NULL && f < d->field_count; f++) {
            free(d->names[f]);
        }
        free(d);
    }
}

/* Turns what bind described into outputs. A UDF that described none passes its first input through.
 */
static int32_t take_outputs(struct binding *b, struct ph_error *err)
{
    struct node *n = b->node;
    int32_t rc = PH_OK;
    if (node_kind(n) == PH_KIND_SINK) {
        return PH_OK;
    }
    for (uint32_t i = 1; i < JOB_OUTPUTS_MAX; i++) {
        if (b->outputs[i] != NULL) {
            return ph_error_set(
                err, PH_ERR_CONFIG,
                "the plugin has more than one output, and an \"input\" can name only "
                "an operator's first");
        }
    }
    if (b->outputs[0] == NULL) {
        rc = binding_pass(&b->pub, 0, 0, err);
    }
    for (uint32_t i = 0; rc == PH_OK && i < JOB_OUTPUTS_MAX && b->outputs[i] != NULL; i++) {
        struct draft_schema *d = b->outputs[i];
        rc = make_schema(&n->outputs[i], d->fields, d->field_count, d->inherited, err);
        n->output_count = i + 1;
    }
    return rc;
}

static int32_t bind_plugin(struct node *n, struct ph_error *err)
{
    const struct ph_schema **inputs = calloc(n->manifest->input_count + 1u, sizeof *inputs);
    if (inputs == NULL) {
        return ph_error_set(err, PH_ERR_FATAL, "out of memory for schemas");
    }
    for (uint32_t i = 0; i < n->manifest->input_count; i++) {
        inputs[i] = node_input(n, i)->outputs[0].schema;
    }
    struct binding b = {.node = n,
                        .pub = {.size = (uint32_t)sizeof b.pub,
                                .input_count = n->manifest->input_count,
                                .inputs = inputs,
                                .pass = binding_pass,
                                .add = binding_add,
                                .reads = binding_reads}};
    b.pub.host_data = &b;
    if (!reads_init(n)) {
        free(inputs);
        return ph_error_set(err, PH_ERR_FATAL, "out of memory for schemas");
    }
    int32_t rc = n->plugin->ops.bind(n->op, &b.pub, err);
    rc = rc == PH_OK ? take_outputs(&b, err)
                     : ph_error_set(err, PH_ERR_FATAL, "bind failed without saying why");
    free_drafts(&b);
    free(inputs);
    return rc;
}

int32_t node_bind(struct node *n, struct ph_error *err)
{
    return node_kind(n) == PH_KIND_SOURCE ? bind_source(n, err) : bind_plugin(n, err);
}

void node_unbind(struct node *n)
{
    for (uint32_t i = 0; i < n->output_count; i++) {
        schema_destroy(n->outputs[i].schema);
        n->outputs[i] = (struct output){0};
    }
    n->output_count = 0;
    free(n->fields);
    n->fields = NULL;
    reads_fini(n);
}
