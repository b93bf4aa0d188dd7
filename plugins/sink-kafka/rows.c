/* SPDX-License-Identifier: Apache-2.0 */
#include "rows.h"

#include "kafka/nearest.h"

#include <stdlib.h>

static int32_t no_column(const struct ph_schema *schema, const char *name, const char *pointer,
                         struct ph_error *err)
{
    struct nearest near;
    nearest_init(&near, name);
    for (uint32_t i = 0; i < schema->field_count; i++) {
        nearest_offer(&near, schema->fields[i].name);
    }
    (void)ph_error_set(err, PH_ERR_CONFIG, "the input has no column \"%s\"%s%s%s", name,
                       near.best != NULL ? ", did you mean \"" : "",
                       near.best != NULL ? near.best : "", near.best != NULL ? "\"?" : "");
    ph_error_set_key(err, pointer);
    return PH_ERROR;
}

static int32_t bind_key(struct rows_input *in, const char *name, struct ph_error *err)
{
    in->key = -1;
    if (name == NULL) {
        return PH_OK;
    }
    in->key = ph_schema_find(in->schema, name);
    if (in->key < 0) {
        return no_column(in->schema, name, "/key", err);
    }
    uint32_t type = in->schema->fields[in->key].type;
    if (!ph_type_is_view(type) && type != PH_TYPE_INT32 && type != PH_TYPE_INT64) {
        (void)ph_error_set(err, PH_ERR_CONFIG,
                           "column \"%s\" is %s: a key is a string, bytes, json or an integer",
                           name, ph_type_name(type));
        ph_error_set_key(err, "/key");
        return PH_ERROR;
    }
    return PH_OK;
}

static int32_t find_columns(const struct ph_schema *schema, const struct ph_value *list,
                            uint32_t *columns, struct ph_error *err)
{
    for (uint32_t i = 0; i < list->item_count; i++) {
        char pointer[32];
        int32_t column = ph_schema_find(schema, list->items[i].text);
        (void)snprintf(pointer, sizeof pointer, "/columns/%u", i);
        if (column < 0) {
            return no_column(schema, list->items[i].text, pointer, err);
        }
        columns[i] = (uint32_t)column;
        for (uint32_t k = 0; k < i; k++) {
            if (columns[k] == columns[i]) {
                (void)ph_error_set(err, PH_ERR_CONFIG, "column \"%s\" is named twice",
                                   list->items[i].text);
                ph_error_set_key(err, pointer);
                return PH_ERROR;
            }
        }
    }
    return PH_OK;
}

static int32_t bind_value(struct rows *r, struct rows_input *in, const struct settings *s,
                          const struct ph_host *host, struct ph_error *err)
{
    struct ph_encode_options options = {.size = (uint32_t)sizeof options,
                                        .form = s->is_splice ? PH_ENCODE_SPLICE : PH_ENCODE_ROW};
    uint32_t *columns = NULL;
    if (s->columns != NULL && s->columns->is_set && s->columns->item_count > 0) {
        columns = calloc(s->columns->item_count, sizeof *columns);
        if (columns == NULL) {
            return ph_error_set(err, PH_ERR_FATAL, "out of memory");
        }
        if (find_columns(in->schema, s->columns, columns, err) != PH_OK) {
            free(columns);
            return PH_ERROR;
        }
        options.columns = columns;
        options.column_count = s->columns->item_count;
    }
    in->encoder = r->encode->create(host, in->schema, &options, err);
    free(columns);
    return in->encoder != NULL ? PH_OK : PH_ERROR;
}

int32_t rows_bind(struct rows *r, const struct settings *s, const struct ph_host *host,
                  const struct ph_encode *encode, struct ph_binding *binding, struct ph_error *err)
{
    rows_fini(r);
    r->encode = encode;
    r->inputs = calloc(binding->input_count + 1u, sizeof *r->inputs);
    if (r->inputs == NULL) {
        return ph_error_set(err, PH_ERR_FATAL, "out of memory");
    }
    for (uint32_t i = 0; i < binding->input_count; i++) {
        struct rows_input *in = &r->inputs[r->input_count++];
        in->schema = binding->inputs[i];
        if (bind_key(in, s->key, err) != PH_OK || bind_value(r, in, s, host, err) != PH_OK) {
            return PH_ERROR;
        }
        if (in->key >= 0) {
            binding->reads(binding, i, (uint32_t)in->key);
        }
    }
    return PH_OK;
}

void rows_fini(struct rows *r)
{
    for (uint32_t i = 0; i < r->input_count; i++) {
        r->encode->destroy(r->inputs[i].encoder);
    }
    free(r->inputs);
    *r = (struct rows){0};
}

const struct rows_input *rows_find(const struct rows *r, const struct ph_batch *batch)
{
    uint32_t i = 0;
    while (i + 1 < r->input_count && r->inputs[i].schema != batch->schema) {
        i++;
    }
    return &r->inputs[i];
}

/* The bytes of room that it takes. */
static uint32_t write_key(const struct ph_column *c, uint32_t row, char *room,
                          rd_kafka_message_t *message)
{
    if (ph_column_is_null(c, row)) {
        return 0;
    }
    if (ph_type_is_view(c->type)) {
        /* librdkafka copies keys: this one may stay in the batch. An empty key is one too. */
        struct ph_bytes bytes = ph_column_bytes(c, row);
        message->key = (void *)(uintptr_t)bytes.data;
        message->key_len = bytes.length;
        return 0;
    }
    int64_t value = c->type == PH_TYPE_INT32 ? ph_column_int32(c, row) : ph_column_int64(c, row);
    message->key = room;
    message->key_len = (size_t)snprintf(room, ROWS_KEY_BYTES, "%lld", (long long)value);
    return ROWS_KEY_BYTES;
}

uint32_t rows_write(const struct rows *r, const struct rows_input *input,
                    const struct ph_batch *batch, uint32_t row, char *room, uint32_t capacity,
                    rd_kafka_message_t *message)
{
    uint32_t for_key = input->key < 0 ? 0 : ROWS_KEY_BYTES;
    uint32_t for_value = capacity > for_key ? capacity - for_key : 0;
    uint32_t length = r->encode->row(input->encoder, batch, row, room, for_value);
    if (length == 0) {
        return 0;
    }
    if (length > for_value) {
        return length > UINT32_MAX - for_key ? UINT32_MAX : length + for_key;
    }
    message->payload = room;
    message->len = length;
    message->key = NULL;
    message->key_len = 0;
    if (input->key >= 0) {
        length += write_key(&batch->columns[input->key], row, room + length, message);
    }
    return length;
}
