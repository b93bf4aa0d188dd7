/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/encode.h"

#include "codec/number.h"
#include "codec/timestamp.h"

#include <math.h>

static void append_base64(struct buf *out, const uint8_t *data, uint32_t length)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    buf_append(out, "\"", 1);
    for (uint32_t at = 0; at < length; at += 3) {
        uint32_t left = length - at;
        uint32_t bits = (uint32_t)data[at] << 16 | (left > 1 ? (uint32_t)data[at + 1] << 8 : 0) |
                        (left > 2 ? (uint32_t)data[at + 2] : 0);
        char group[4] = {digits[bits >> 18], digits[bits >> 12 & 63],
                         left > 1 ? digits[bits >> 6 & 63] : '=',
                         left > 2 ? digits[bits & 63] : '='};
        buf_append(out, group, sizeof group);
    }
    buf_append(out, "\"", 1);
}

static void append_timestamp(struct buf *out, uint32_t type, int64_t value,
                             enum encode_timestamps how)
{
    char text[TIMESTAMP_TEXT_SIZE];
    bool milliseconds = type == PH_TYPE_TIMESTAMP_MS;
    if (how == ENCODE_UNIX_MS) {
        buf_append_format(out, "%lld",
                          (long long)(milliseconds ? value : timestamp_floor_ms(value)));
        return;
    }
    int64_t us;
    if ((milliseconds && __builtin_mul_overflow(value, TIMESTAMP_US_PER_MS, &us)) ||
        timestamp_format(milliseconds ? us : value,
                         how == ENCODE_SQL ? TIMESTAMP_SQL : TIMESTAMP_ISO8601,
                         milliseconds ? 3 : 6, text) == 0) {
        buf_append_text(out, "null");
        return;
    }
    buf_append_format(out, "\"%s\"", text);
}

static void append_float64(struct buf *out, double value)
{
    char text[NUMBER_TEXT_SIZE];
    if (!isfinite(value)) {
        buf_append_text(out, "null");
        return;
    }
    buf_append(out, text, number_write_float64(value, text));
}

static void append_view(struct buf *out, const struct ph_column *c, uint32_t row,
                        const struct encode_options *options)
{
    struct ph_bytes bytes = ph_column_bytes(c, row);
    if (c->type == PH_TYPE_BYTES) {
        append_base64(out, bytes.data, bytes.length);
    } else if (c->type == PH_TYPE_JSON && options->json_columns == ENCODE_NESTED) {
        buf_append(out, bytes.data, bytes.length);
    } else {
        buf_append_json_string(out, (const char *)bytes.data, bytes.length);
    }
}

static void append_value(struct buf *out, const struct ph_column *c, uint32_t row,
                         const struct encode_options *options)
{
    if (ph_column_is_null(c, row)) {
        buf_append_text(out, "null");
        return;
    }
    switch (c->type) {
    case PH_TYPE_BOOL:
        buf_append_text(out, ph_column_bool(c, row) ? "true" : "false");
        return;
    case PH_TYPE_INT32:
        buf_append_format(out, "%d", ph_column_int32(c, row));
        return;
    case PH_TYPE_INT64:
        buf_append_format(out, "%lld", (long long)ph_column_int64(c, row));
        return;
    case PH_TYPE_FLOAT64:
        append_float64(out, ph_column_float64(c, row));
        return;
    case PH_TYPE_TIMESTAMP_MS:
    case PH_TYPE_TIMESTAMP_US:
        append_timestamp(out, c->type, ph_column_int64(c, row), options->timestamps);
        return;
    default:
        append_view(out, c, row, options);
        return;
    }
}

void encode_row(struct buf *out, const struct ph_batch *batch, uint32_t row,
                const struct encode_options *options)
{
    uint32_t count = options->columns == NULL ? batch->column_count : options->column_count;
    buf_append(out, "{", 1);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t column = options->columns == NULL ? i : options->columns[i];
        const char *name = batch->schema->fields[column].name;
        if (i > 0) {
            buf_append(out, ",", 1);
        }
        buf_append_json_string(out, name, strlen(name));
        buf_append(out, ":", 1);
        append_value(out, &batch->columns[column], row, options);
    }
    buf_append(out, "}", 1);
}
