/* SPDX-License-Identifier: Apache-2.0 */
#include "encode.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

/* The longest fixed-width field: length and a uuid. A view's inline bytes are copied as a whole. */
#define FIELD_BYTES_MAX 20u
#define COUNT_BYTES     2u
#define JSONB_VERSION   1
#define PREFETCH_ROWS   6u /* from the row at hand */

/* Microseconds from 1970 to 2000, PostgreSQL's epoch, and the limits of its timestamp and date
 * (src/include/datatype/timestamp.h), after the shift. */
#define EPOCH_US      INT64_C(946684800000000)
#define EPOCH_DAYS    10957
#define TIMESTAMP_MIN INT64_C(-211813488000000000)
#define TIMESTAMP_END INT64_C(9223371331200000000)
#define DAY_MS        INT64_C(86400000)
#define DATE_MIN      (-2451545)
#define DATE_END      2145031949

static const uint8_t stream_head[19] = {'P',  'G', 'C', 'O', 'P', 'Y', '\n', 0xff, '\r', '\n',
                                        '\0', 0,   0,   0,   0,   0,   0,    0,    0};

static inline uint8_t *put16(uint8_t *at, uint16_t value)
{
    value = __builtin_bswap16(value);
    memcpy(at, &value, sizeof value);
    return at + sizeof value;
}

static inline uint8_t *put32(uint8_t *at, uint32_t value)
{
    value = __builtin_bswap32(value);
    memcpy(at, &value, sizeof value);
    return at + sizeof value;
}

static inline uint8_t *put64(uint8_t *at, uint64_t value)
{
    value = __builtin_bswap64(value);
    memcpy(at, &value, sizeof value);
    return at + sizeof value;
}

/* Room that every row must find behind the piece: its fixed-width fields, each text's length. */
static size_t row_slack(uint32_t columns)
{
    return COUNT_BYTES + (size_t)columns * FIELD_BYTES_MAX;
}

static size_t usual_capacity(uint32_t columns)
{
    return 2 * ENCODE_PIECE_BYTES + row_slack(columns) + sizeof stream_head + COUNT_BYTES;
}

int32_t encoder_init(struct encoder *e, uint32_t columns, struct ph_error *err)
{
    memset(e, 0, sizeof *e);
    e->capacity = usual_capacity(columns);
    e->data = malloc(e->capacity);
    e->sources = calloc(columns + 1, sizeof *e->sources);
    if (e->data == NULL || e->sources == NULL) {
        encoder_fini(e);
        return ph_error_set(err, PH_ERR_FATAL, "no memory for the COPY buffer");
    }
    return PH_OK;
}

void encoder_fini(struct encoder *e)
{
    free(e->data);
    free(e->sources);
    memset(e, 0, sizeof *e);
}

void encoder_begin(struct encoder *e)
{
    memcpy(e->data, stream_head, sizeof stream_head);
    e->used = sizeof stream_head;
}

void encoder_sent(struct encoder *e)
{
    e->used = 0;
    if (e->capacity > 8 * (size_t)ENCODE_PIECE_BYTES) {
        uint8_t *less = realloc(e->data, 4 * (size_t)ENCODE_PIECE_BYTES);
        if (less != NULL) {
            e->data = less;
            e->capacity = 4 * (size_t)ENCODE_PIECE_BYTES;
        }
    }
}

void encoder_end(struct encoder *e)
{
    /* A full piece leaves more room than this: see usual_capacity. */
    (void)put16(e->data + e->used, UINT16_MAX);
    e->used += COUNT_BYTES;
}

static bool encoder_grow(struct encoder *e, size_t capacity)
{
    uint8_t *data = realloc(e->data, capacity);
    if (data == NULL) {
        return false;
    }
    e->data = data;
    e->capacity = capacity;
    return true;
}

static uint8_t *bad(struct encode_fault *fault, const char *sqlstate, const char *reason)
{
    fault->sqlstate = sqlstate;
    fault->reason = reason;
    return NULL;
}

static uint8_t *put_int2(uint8_t *at, int64_t value, struct encode_fault *fault)
{
    if (value < INT16_MIN || value > INT16_MAX) {
        return bad(fault, "22003", "is out of range for smallint");
    }
    return put16(put32(at, 2), (uint16_t)(int16_t)value);
}

static uint8_t *put_int4(uint8_t *at, int64_t value, struct encode_fault *fault)
{
    if (value < INT32_MIN || value > INT32_MAX) {
        return bad(fault, "22003", "is out of range for integer");
    }
    return put32(put32(at, 4), (uint32_t)(int32_t)value);
}

static uint8_t *put_float8(uint8_t *at, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return put64(put32(at, 8), bits);
}

static uint8_t *put_float4(uint8_t *at, double value, struct encode_fault *fault)
{
    uint32_t bits;
    if (isfinite(value) && fabs(value) > (double)FLT_MAX) {
        return bad(fault, "22003", "is out of range for real");
    }
    float narrow = (float)value;
    memcpy(&bits, &narrow, sizeof bits);
    return put32(put32(at, 4), bits);
}

static uint8_t *put_timestamp(uint8_t *at, int64_t value, int64_t scale_us,
                              struct encode_fault *fault)
{
    int64_t us;
    if (__builtin_mul_overflow(value, scale_us, &us) || __builtin_sub_overflow(us, EPOCH_US, &us) ||
        us < TIMESTAMP_MIN || us >= TIMESTAMP_END) {
        return bad(fault, "22008", "is out of range for timestamp");
    }
    return put64(put32(at, 8), (uint64_t)us);
}

static uint8_t *put_date(uint8_t *at, int64_t value, int64_t per_day, struct encode_fault *fault)
{
    int64_t days = value / per_day - (value % per_day < 0) - EPOCH_DAYS;
    if (days < DATE_MIN || days >= DATE_END) {
        return bad(fault, "22008", "is out of range for date");
    }
    return put32(put32(at, 4), (uint32_t)(int32_t)days);
}

static const uint8_t *view_bytes(const struct encode_source *s, const struct ph_view *v)
{
    return v->length <= PH_VIEW_INLINE ? v->u.inlined
                                       : s->buffers[v->u.ref.buffer_index] + v->u.ref.offset;
}

static int hex_digit(uint8_t c)
{
    uint8_t lower = (uint8_t)(c | 0x20u);
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* The forms that uuid_in takes: 32 digits, braces around, a hyphen after any four. */
static uint8_t *put_uuid(uint8_t *at, const struct encode_source *s, uint32_t row,
                         struct encode_fault *fault)
{
    const struct ph_view *v = (const struct ph_view *)s->values + row;
    const uint8_t *text = view_bytes(s, v);
    int32_t length = v->length;
    bool is_braced = length > 1 && text[0] == '{' && text[length - 1] == '}';
    uint32_t digits = 0;
    at = put32(at, 16);
    memset(at, 0, 16);
    for (int32_t i = is_braced; i < length - is_braced; i++) {
        int digit = hex_digit(text[i]);
        if (text[i] == '-' && digits > 0 && digits % 4 == 0 && digits < 32 && text[i - 1] != '-') {
            continue;
        }
        if (digit < 0 || digits == 32) {
            return bad(fault, "22P02", "is no uuid");
        }
        at[digits / 2] = (uint8_t)(at[digits / 2] << 4 | digit);
        digits++;
    }
    return digits == 32 ? at + 16 : bad(fault, "22P02", "is no uuid");
}

static uint8_t *put_fixed(uint8_t *at, const struct encode_source *s, uint32_t row,
                          struct encode_fault *fault)
{
    const int32_t *narrow = (const int32_t *)s->values;
    const int64_t *wide = (const int64_t *)s->values;
    const double *real = (const double *)s->values;
    switch (s->op) {
    case PLAN_MS_TIMESTAMP:
        return put_timestamp(at, wide[row], 1000, fault);
    case PLAN_US_TIMESTAMP:
        return put_timestamp(at, wide[row], 1, fault);
    case PLAN_MS_DATE:
        return put_date(at, wide[row], DAY_MS, fault);
    case PLAN_US_DATE:
        return put_date(at, wide[row], DAY_MS * 1000, fault);
    case PLAN_INT32_INT4:
        return put32(put32(at, 4), (uint32_t)narrow[row]);
    case PLAN_INT32_INT8:
        return put64(put32(at, 8), (uint64_t)(int64_t)narrow[row]);
    case PLAN_INT32_INT2:
        return put_int2(at, narrow[row], fault);
    case PLAN_INT32_FLOAT8:
        return put_float8(at, narrow[row]);
    case PLAN_INT64_INT8:
        return put64(put32(at, 8), (uint64_t)wide[row]);
    case PLAN_INT64_INT4:
        return put_int4(at, wide[row], fault);
    case PLAN_INT64_INT2:
        return put_int2(at, wide[row], fault);
    case PLAN_FLOAT64_FLOAT8:
        return put_float8(at, real[row]);
    case PLAN_FLOAT64_FLOAT4:
        return put_float4(at, real[row], fault);
    case PLAN_BOOL:
        at = put32(at, 1);
        *at = (uint8_t)(((uint32_t)((const uint8_t *)s->values)[row >> 3] >> (row & 7u)) & 1u);
        return at + 1;
    case PLAN_UUID:
        return put_uuid(at, s, row, fault);
    default:
        return bad(fault, "XX000", "has no way into the table");
    }
}

struct block16 {
    uint8_t bytes[16];
};

static inline void copy16(uint8_t *at, const uint8_t *from)
{
    struct block16 block;
    memcpy(&block, from, sizeof block);
    memcpy(at, &block, sizeof block);
}

/* Most texts have 16 to 64 bytes: four moves that overlap are cheaper than a call, or than a guess
 * how many are needed. */
static inline void copy_text(uint8_t *at, const uint8_t *from, size_t length)
{
    if (length - 16 > 48) {
        memcpy(at, from, length);
        return;
    }
    size_t second = length < 32 ? length - 16 : 16;
    size_t third = length < 32 ? 0 : length - 32;
    copy16(at, from);
    copy16(at + second, from + second);
    copy16(at + third, from + third);
    copy16(at + length - 16, from + length - 16);
}

/* The caller has seen to the room: length, a version byte, and at least a view's inline bytes. */
static inline uint8_t *put_text(uint8_t *at, const struct encode_source *s, const struct ph_view *v)
{
    uint32_t length = (uint32_t)v->length;
    at = put32(at, length + s->version_bytes);
    *at = JSONB_VERSION; /* overwritten where there is none */
    at += s->version_bytes;
    if (length <= PH_VIEW_INLINE) {
        memcpy(at, v->u.inlined, PH_VIEW_INLINE);
    } else {
        copy_text(at, s->buffers[v->u.ref.buffer_index] + v->u.ref.offset, length);
    }
    return at + length;
}

static inline bool is_null(const struct encode_source *s, uint32_t row)
{
    return s->validity != NULL && (((uint32_t)s->validity[row >> 3] >> (row & 7u)) & 1u) == 0;
}

/* A text that is soon to be put: it stands where another thread wrote it.
 * Always inline: gcc drops the call of a function that only prefetches. */
__attribute__((always_inline)) static inline void prefetch_text(const struct encode_source *s,
                                                                uint32_t row)
{
    const struct ph_view *v = (const struct ph_view *)s->values + row;
    if (v->length > PH_VIEW_INLINE && !is_null(s, row)) {
        const uint8_t *text = s->buffers[v->u.ref.buffer_index] + v->u.ref.offset;
        __builtin_prefetch(text);
        __builtin_prefetch(text + v->length - 1);
    }
}

/* Where a row is being put. Kept apart from the encoder, so that bytes written cannot alias it. */
struct cursor {
    uint8_t *at;
    uint8_t *limit; /* a text must end before; the row's other fields find room behind */
};

/* Makes room for a text that is longer than what is left, keeping the begun row. */
static bool make_room(struct encoder *e, struct cursor *k, size_t length, size_t slack)
{
    size_t offset = (size_t)(k->at - e->data);
    if (!encoder_grow(e, offset + length + slack + ENCODE_PIECE_BYTES)) {
        return false;
    }
    k->at = e->data + offset;
    k->limit = e->data + e->capacity - slack;
    return true;
}

/* Puts one row, and asks the processor for the texts of another. Unless it is ENCODE_END, what was
 * put of the row does not count. */
static inline enum encode_stop put_row(struct encoder *e, struct cursor *k, uint32_t columns,
                                       uint32_t row, uint32_t later, size_t slack,
                                       struct encode_fault *fault)
{
    const struct encode_source *s = e->sources;
    const uint8_t *limit = k->limit;
    uint8_t *at = put16(k->at, (uint16_t)columns);
    for (const struct encode_source *end = s + columns; s < end; s++) {
        if (is_null(s, row)) {
            at = put32(at, UINT32_MAX);
            continue;
        }
        if (s->op > PLAN_JSONB) {
            at = put_fixed(at, s, row, fault);
            if (at == NULL) {
                fault->column = (uint32_t)(s - e->sources);
                return ENCODE_BAD;
            }
            continue;
        }
        prefetch_text(s, later);
        const struct ph_view *v = (const struct ph_view *)s->values + row;
        if (v->length > limit - at) {
            k->at = at;
            if (!make_room(e, k, (size_t)v->length, slack)) {
                return ENCODE_MEMORY;
            }
            at = k->at;
            limit = k->limit;
        }
        at = put_text(at, s, v);
    }
    k->at = at;
    return ENCODE_END;
}

static void take_sources(struct encoder *e, const struct plan *plan, const struct ph_batch *batch)
{
    for (uint32_t c = 0; c < plan->count; c++) {
        const struct ph_column *column = ph_batch_column(batch, plan->columns[c].input);
        e->sources[c].validity = column->null_count == 0 ? NULL : column->validity;
        e->sources[c].values = column->values;
        e->sources[c].buffers = column->buffers;
        e->sources[c].op = plan->columns[c].op;
        e->sources[c].version_bytes = plan->columns[c].op == PLAN_JSONB;
    }
}

enum encode_stop encoder_rows(struct encoder *e, const struct plan *plan,
                              const struct ph_batch *batch, uint32_t *row,
                              struct encode_fault *fault)
{
    enum encode_stop stop = ENCODE_END;
    uint32_t at_row = *row;
    /* Once more than a row's, for the stream's end. */
    size_t slack = row_slack(plan->count) + COUNT_BYTES;
    struct cursor k = {e->data + e->used, e->data + e->capacity - slack};
    take_sources(e, plan, batch);
    for (; at_row < batch->row_count; at_row++) {
        e->used = (size_t)(k.at - e->data);
        if (e->used >= ENCODE_PIECE_BYTES) {
            stop = ENCODE_FULL;
            break;
        }
        uint32_t later =
            at_row + PREFETCH_ROWS < batch->row_count ? at_row + PREFETCH_ROWS : at_row;
        stop = put_row(e, &k, plan->count, at_row, later, slack, fault);
        if (stop != ENCODE_END) {
            break;
        }
    }
    if (stop == ENCODE_END) {
        e->used = (size_t)(k.at - e->data);
    }
    *row = at_row;
    return stop;
}
