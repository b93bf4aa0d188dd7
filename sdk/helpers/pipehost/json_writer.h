/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Writes JSON (RFC 8259) into memory of a fixed size.
 *
 *   struct ph_json w;
 *   ph_json_init(&w, room, sizeof room);
 *   ph_json_begin(&w, '{');
 *   ph_json_key(&w, "city");
 *   ph_json_text(&w, city.data, city.length);
 *   ph_json_end(&w, '}');
 *   if (w.is_full) …                          nothing is written behind `capacity`
 *
 * Commas come by themselves. Text is taken to be UTF-8. There is never a line break in the output.
 */
#ifndef PIPEHOST_JSON_WRITER_H
#define PIPEHOST_JSON_WRITER_H

#include "pipehost/batch.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#ifdef __cplusplus
extern "C" {
#endif

struct ph_json {
    char *data; /**< the caller's; not NUL-terminated */
    size_t capacity;
    size_t length;    /**< bytes written; the output is whole unless is_full */
    bool is_full;     /**< something did not fit; everything after it was left out */
    bool needs_comma; /**< before the next key or value */
};

/** Begins with an empty output. Every writer below leaves a full one alone. */
static inline void ph_json_init(struct ph_json *w, char *data, size_t capacity)
{
    w->data = data;
    w->capacity = capacity;
    w->length = 0;
    w->is_full = false;
    w->needs_comma = false;
}

/** Appends bytes as they are. */
static inline void ph_json_raw(struct ph_json *w, const void *data, size_t length)
{
    if (w->is_full || length > w->capacity - w->length) {
        w->is_full = true;
        return;
    }
    if (length > 0) {
        memcpy(w->data + w->length, data, length);
    }
    w->length += length;
}

static inline void ph_json_comma(struct ph_json *w)
{
    if (w->needs_comma) {
        ph_json_raw(w, ",", 1);
    }
    w->needs_comma = true;
}

/** bracket: '{' or '['. */
static inline void ph_json_begin(struct ph_json *w, char bracket)
{
    ph_json_comma(w);
    ph_json_raw(w, &bracket, 1);
    w->needs_comma = false;
}

/** bracket: '}' or ']'. */
static inline void ph_json_end(struct ph_json *w, char bracket)
{
    ph_json_raw(w, &bracket, 1);
    w->needs_comma = true;
}

/** The bytes from data on that need no escape. DEL is escaped too: it is a control character for a
 * terminal. */
static inline uint32_t ph_json_plain(const uint8_t *data, uint32_t length)
{
    uint32_t n = 0;
    while (n < length && data[n] >= 0x20 && data[n] != '"' && data[n] != '\\' && data[n] != 0x7f) {
        n++;
    }
    return n;
}

static inline void ph_json_escape(struct ph_json *w, uint8_t c)
{
    static const char from[] = "\"\\\b\f\n\r\t";
    static const char to[] = "\"\\bfnrt";
    const char *at = c == 0 ? NULL : strchr(from, c);
    char text[8];
    if (at != NULL) {
        text[0] = '\\';
        text[1] = to[at - from];
        ph_json_raw(w, text, 2);
        return;
    }
    (void)snprintf(text, sizeof text, "\\u%04x", c);
    ph_json_raw(w, text, 6);
}

static inline void ph_json_quote(struct ph_json *w, const void *data, uint32_t length)
{
    const uint8_t *at = (const uint8_t *)data;
    ph_json_raw(w, "\"", 1);
    while (length > 0) {
        uint32_t n = ph_json_plain(at, length);
        ph_json_raw(w, at, n);
        if (n < length) {
            ph_json_escape(w, at[n]);
            n++;
        }
        at += n;
        length -= n;
    }
    ph_json_raw(w, "\"", 1);
}

static inline void ph_json_text(struct ph_json *w, const void *data, uint32_t length)
{
    ph_json_comma(w);
    ph_json_quote(w, data, length);
}

/** The name of an object's next value. */
static inline void ph_json_key(struct ph_json *w, const char *name)
{
    ph_json_comma(w);
    ph_json_quote(w, name, (uint32_t)strlen(name));
    ph_json_raw(w, ":", 1);
    w->needs_comma = false;
}

static inline void ph_json_null(struct ph_json *w)
{
    ph_json_comma(w);
    ph_json_raw(w, "null", 4);
}

static inline void ph_json_bool(struct ph_json *w, bool value)
{
    ph_json_comma(w);
    ph_json_raw(w, value ? "true" : "false", value ? 4 : 5);
}

static inline void ph_json_int64(struct ph_json *w, int64_t value)
{
    char text[24];
    int n = snprintf(text, sizeof text, "%lld", (long long)value);
    ph_json_comma(w);
    ph_json_raw(w, text, (size_t)n);
}

/** The shortest text that reads back as the same number; null for what JSON does not have
 * (infinite, not a number). */
static inline void ph_json_float64(struct ph_json *w, double value)
{
    char text[40];
    int n = 0;
    if (!isfinite(value)) {
        ph_json_null(w);
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        n = snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value) {
            break;
        }
    }
    for (int i = 0; i < n; i++) {
        text[i] = text[i] == ',' ? '.' : text[i]; /* where a locale was set */
    }
    ph_json_comma(w);
    ph_json_raw(w, text, (size_t)n);
}

/** A json value's own text. Line breaks in it stand between its parts, where JSON has blanks. */
static inline void ph_json_value(struct ph_json *w, const void *data, uint32_t length)
{
    size_t begin;
    ph_json_comma(w);
    begin = w->length;
    ph_json_raw(w, data, length);
    for (size_t i = begin; i < w->length; i++) {
        w->data[i] = (uint8_t)w->data[i] < 0x20 ? ' ' : w->data[i];
    }
}

/** Bytes as base64 (RFC 4648, section 4). */
static inline void ph_json_base64(struct ph_json *w, const void *data, uint32_t length)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const uint8_t *at = (const uint8_t *)data;
    ph_json_comma(w);
    ph_json_raw(w, "\"", 1);
    for (uint32_t i = 0; i < length && !w->is_full; i += 3) {
        uint32_t left = length - i;
        uint32_t bits = (uint32_t)at[i] << 16 | (left > 1 ? (uint32_t)at[i + 1] << 8 : 0u) |
                        (left > 2 ? (uint32_t)at[i + 2] : 0u);
        char text[4];
        text[0] = digits[bits >> 18];
        text[1] = digits[bits >> 12 & 63u];
        text[2] = left > 1 ? digits[bits >> 6 & 63u] : '=';
        text[3] = left > 2 ? digits[bits & 63u] : '=';
        ph_json_raw(w, text, 4);
    }
    ph_json_raw(w, "\"", 1);
}

/** Days since 1970-01-01 as a date of the Gregorian calendar: "days_from_civil" backwards, H.
 * Hinnant, http://howardhinnant.github.io/date_algorithms.html#civil_from_days */
static inline void ph_json_civil(int64_t days, int64_t *year, unsigned *month, unsigned *day)
{
    int64_t shifted = days + 719468;
    int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    unsigned of_era = (unsigned)(shifted - era * 146097);
    unsigned year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    unsigned of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    unsigned shifted_month = (5 * of_year + 2) / 153;
    *day = of_year - (153 * shifted_month + 2) / 5 + 1;
    *month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
    *year = (int64_t)year_of_era + era * 400 + (*month <= 2 ? 1 : 0);
}

/** "2024-05-01T00:00:00.123Z"; per_second: 1,000 for milliseconds, 1,000,000 for microseconds. */
static inline void ph_json_timestamp(struct ph_json *w, int64_t value, int64_t per_second)
{
    char text[64];
    int64_t fraction = value % per_second;
    int64_t seconds = value / per_second - (fraction < 0 ? 1 : 0);
    int64_t of_day = seconds % 86400;
    int64_t year;
    unsigned month;
    unsigned day;
    int n;
    fraction += fraction < 0 ? per_second : 0;
    of_day += of_day < 0 ? 86400 : 0;
    ph_json_civil((seconds - of_day) / 86400, &year, &month, &day);
    n = snprintf(text, sizeof text, "%04lld-%02u-%02uT%02lld:%02lld:%02lld.%0*lldZ",
                 (long long)year, month, day, (long long)(of_day / 3600),
                 (long long)(of_day / 60 % 60), (long long)(of_day % 60),
                 per_second == 1000 ? 3 : 6, (long long)fraction);
    ph_json_text(w, text, (uint32_t)n);
}

/** The value of a column's row as its type wants it. */
static inline void ph_json_cell(struct ph_json *w, const struct ph_column *c, uint32_t row)
{
    struct ph_bytes bytes = {NULL, 0};
    if (ph_column_is_null(c, row)) {
        ph_json_null(w);
        return;
    }
    if (ph_type_is_view(c->type)) {
        bytes = ph_column_bytes(c, row);
    }
    switch (c->type) {
    case PH_TYPE_BOOL:
        ph_json_bool(w, ph_column_bool(c, row));
        break;
    case PH_TYPE_INT32:
        ph_json_int64(w, ph_column_int32(c, row));
        break;
    case PH_TYPE_INT64:
        ph_json_int64(w, ph_column_int64(c, row));
        break;
    case PH_TYPE_FLOAT64:
        ph_json_float64(w, ph_column_float64(c, row));
        break;
    case PH_TYPE_STRING:
        ph_json_text(w, bytes.data, bytes.length);
        break;
    case PH_TYPE_BYTES:
        ph_json_base64(w, bytes.data, bytes.length);
        break;
    case PH_TYPE_TIMESTAMP_MS:
        ph_json_timestamp(w, ph_column_int64(c, row), 1000);
        break;
    case PH_TYPE_TIMESTAMP_US:
        ph_json_timestamp(w, ph_column_int64(c, row), 1000000);
        break;
    case PH_TYPE_JSON:
        ph_json_value(w, bytes.data, bytes.length);
        break;
    default:
        ph_json_null(w);
        break;
    }
}

/** A row of a batch as one object, its columns in their order. */
static inline void ph_json_row(struct ph_json *w, const struct ph_batch *batch, uint32_t row)
{
    ph_json_begin(w, '{');
    for (uint32_t i = 0; i < batch->column_count; i++) {
        ph_json_key(w, batch->schema->fields[i].name);
        ph_json_cell(w, &batch->columns[i], row);
    }
    ph_json_end(w, '}');
}

#ifdef __cplusplus
}
#endif
#endif
