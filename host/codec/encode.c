/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/encode.h"

#include "batch/batch.h"
#include "codec/number.h"
#include "codec/quote.h"
#include "codec/timestamp.h"

#include <math.h>
#include <stdlib.h>

/* The longest number, or timestamp with its quotes; more than a text takes beside its bytes. */
#define SCALAR_MAX (NUMBER_TEXT_SIZE + TIMESTAMP_TEXT_SIZE)
_Static_assert(SCALAR_MAX >= QUOTE_MAX(0), "the slack of a text");

struct encode_column {
    uint32_t index; /* in the batch */
    uint32_t type;
    uint32_t name_at; /* of `,"name":` in names */
    uint32_t name_length;
};

struct encoder {
    enum encode_timestamps timestamps;
    enum encode_json_columns json_columns;
    bool is_splice;
    uint32_t column_count;
    struct encode_column *columns;
    char *names;
    uint32_t fixed_bytes; /* of a row whose views are all empty, at most */
    struct quote quote;
};

/* ---- pieces: each writes at `at`, where there is room, and answers the end ---- */

static char *put(char *at, const char *text, size_t length)
{
    memcpy(at, text, length);
    return at + length;
}

static char *put_json(char *at, const uint8_t *data, uint32_t length)
{
    char *begin = at;
    at = put(at, (const char *)data, length);
    for (; begin < at; begin++) {
        *begin = (unsigned char)*begin < 0x20 ? ' ' : *begin;
    }
    return at;
}

static char *put_base64(char *at, const uint8_t *data, uint32_t length)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    *at++ = '"';
    for (uint32_t i = 0; i < length; i += 3) {
        uint32_t left = length - i;
        uint32_t bits = (uint32_t)data[i] << 16 | (left > 1 ? (uint32_t)data[i + 1] << 8 : 0) |
                        (left > 2 ? (uint32_t)data[i + 2] : 0);
        *at++ = digits[bits >> 18];
        *at++ = digits[bits >> 12 & 63];
        *at++ = left > 1 ? digits[bits >> 6 & 63] : '=';
        *at++ = left > 2 ? digits[bits & 63] : '=';
    }
    *at++ = '"';
    return at;
}

static char *put_int64(char *at, int64_t value)
{
    char text[20];
    uint32_t begin = sizeof text;
    uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        text[--begin] = (char)('0' + left % 10);
        left /= 10;
    } while (left > 0);
    if (value < 0) {
        *at++ = '-';
    }
    return put(at, text + begin, sizeof text - begin);
}

static char *put_timestamp(char *at, uint32_t type, int64_t value, enum encode_timestamps how)
{
    bool milliseconds = type == PH_TYPE_TIMESTAMP_MS;
    if (how == ENCODE_UNIX_MS) {
        return put_int64(at, milliseconds ? value : timestamp_floor_ms(value));
    }
    int64_t us = value;
    uint32_t length = 0;
    if (!milliseconds || !__builtin_mul_overflow(value, TIMESTAMP_US_PER_MS, &us)) {
        length = timestamp_format(us, how == ENCODE_SQL ? TIMESTAMP_SQL : TIMESTAMP_ISO8601,
                                  milliseconds ? 3 : 6, at + 1);
    }
    if (length == 0) {
        return put(at, "null", 4);
    }
    at[0] = '"';
    at[length + 1] = '"';
    return at + length + 2;
}

static char *put_float64(char *at, double value)
{
    return isfinite(value) ? at + number_write_float64(value, at) : put(at, "null", 4);
}

/* ---- rows ---- */

static char *put_view(char *at, const struct encoder *e, const struct ph_column *c, uint32_t row)
{
    struct ph_bytes bytes = ph_column_bytes(c, row);
    if (c->type == PH_TYPE_BYTES) {
        return put_base64(at, bytes.data, bytes.length);
    }
    if (c->type == PH_TYPE_JSON && e->json_columns == ENCODE_NESTED) {
        return put_json(at, bytes.data, bytes.length);
    }
    return quote_put(&e->quote, at, bytes.data, bytes.length);
}

static char *put_value(char *at, const struct encoder *e, const struct ph_column *c, uint32_t row)
{
    if (ph_column_is_null(c, row)) {
        return put(at, "null", 4);
    }
    switch (c->type) {
    case PH_TYPE_BOOL:
        return ph_column_bool(c, row) ? put(at, "true", 4) : put(at, "false", 5);
    case PH_TYPE_INT32:
        return put_int64(at, ph_column_int32(c, row));
    case PH_TYPE_INT64:
        return put_int64(at, ph_column_int64(c, row));
    case PH_TYPE_FLOAT64:
        return put_float64(at, ph_column_float64(c, row));
    case PH_TYPE_TIMESTAMP_MS:
    case PH_TYPE_TIMESTAMP_US:
        return put_timestamp(at, c->type, ph_column_int64(c, row), e->timestamps);
    default:
        return put_view(at, e, c, row);
    }
}

/* Each column with its name; the first one without the comma where nothing stands before it. */
static char *put_columns(char *at, const struct encoder *e, const struct ph_batch *batch,
                         uint32_t row, bool is_first)
{
    for (uint32_t i = 0; i < e->column_count; i++) {
        const struct encode_column *c = &e->columns[i];
        uint32_t skipped = i == 0 && is_first ? 1 : 0;
        at = put(at, e->names + c->name_at + skipped, c->name_length - skipped);
        at = put_value(at, e, &batch->columns[c->index], row);
    }
    return at;
}

/* What the row takes at most: an escape is six bytes for one. */
static uint64_t bound_of(const struct encoder *e, const struct ph_batch *batch, uint32_t row)
{
    uint64_t sum = e->fixed_bytes;
    for (uint32_t i = 0; i < e->column_count; i++) {
        const struct encode_column *c = &e->columns[i];
        if (ph_type_is_view(c->type) && !ph_column_is_null(&batch->columns[c->index], row)) {
            const struct ph_view *views = batch->columns[c->index].values;
            sum += (uint64_t)(uint32_t)views[row].length * 6;
        }
    }
    return sum;
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* The length of an object's text up to its last brace; 0: it is none. */
static uint32_t open_end(struct ph_bytes raw, bool *is_empty)
{
    uint32_t end = raw.length;
    uint32_t first = 0;
    while (end > 0 && is_blank(raw.data[end - 1])) {
        end--;
    }
    while (first < end && is_blank(raw.data[first])) {
        first++;
    }
    if (end - first < 2 || raw.data[first] != '{' || raw.data[end - 1] != '}') {
        return 0;
    }
    uint32_t last = --end;
    while (is_blank(raw.data[last - 1])) {
        last--;
    }
    *is_empty = last == first + 1;
    return end;
}

uint32_t encoder_row(const struct encoder *e, const struct ph_batch *batch, uint32_t row, char *out,
                     uint32_t capacity)
{
    struct ph_bytes raw = {NULL, 0};
    bool is_empty = true;
    uint64_t need = bound_of(e, batch, row);
    if (e->is_splice) {
        raw = batch_raw(batch, row);
        raw.length = raw.data == NULL ? 0 : open_end(raw, &is_empty);
        if (raw.length == 0) {
            return 0;
        }
        need += raw.length;
    }
    if (need > capacity) {
        return need > UINT32_MAX ? UINT32_MAX : (uint32_t)need;
    }
    char *at = e->is_splice ? put(out, (const char *)raw.data, raw.length) : put(out, "{", 1);
    at = put_columns(at, e, batch, row, is_empty);
    *at++ = '}';
    return (uint32_t)(at - out);
}

/* ---- made once ---- */

static uint32_t column_at(const struct encode_options *options, uint32_t i)
{
    return options->columns == NULL ? i : options->columns[i];
}

static bool fill(struct encoder *e, const struct ph_schema *schema,
                 const struct encode_options *options)
{
    size_t room = 0;
    for (uint32_t i = 0; i < e->column_count; i++) {
        room += strlen(schema->fields[column_at(options, i)].name) * 6 + 4;
    }
    e->columns = calloc(e->column_count + 1u, sizeof *e->columns);
    e->names = malloc(room + QUOTE_SLACK);
    if (e->columns == NULL || e->names == NULL || room > UINT32_MAX / 2) {
        return false;
    }
    char *at = e->names;
    for (uint32_t i = 0; i < e->column_count; i++) {
        const struct ph_field *f = &schema->fields[column_at(options, i)];
        char *begin = at;
        *at++ = ',';
        at = quote_put(&e->quote, at, (const uint8_t *)f->name, (uint32_t)strlen(f->name));
        *at++ = ':';
        e->columns[i] = (struct encode_column){.index = column_at(options, i),
                                               .type = f->type,
                                               .name_at = (uint32_t)(begin - e->names),
                                               .name_length = (uint32_t)(at - begin)};
    }
    e->fixed_bytes = 2 + (uint32_t)room + e->column_count * SCALAR_MAX;
    return true;
}

struct encoder *encoder_create(const struct ph_schema *schema, const struct encode_options *options)
{
    struct encoder *e = calloc(1, sizeof *e);
    if (e == NULL) {
        return NULL;
    }
    e->timestamps = options->timestamps;
    e->json_columns = options->json_columns;
    e->is_splice = options->is_splice;
    quote_init(&e->quote);
    e->column_count = options->columns == NULL ? schema->field_count : options->column_count;
    if (!fill(e, schema, options)) {
        encoder_destroy(e);
        return NULL;
    }
    return e;
}

void encoder_destroy(struct encoder *e)
{
    if (e != NULL) {
        free(e->columns);
        free(e->names);
        free(e);
    }
}
