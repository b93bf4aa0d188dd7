/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/metadata.h"

#include "base/escape.h"
#include "codec/text.h"

#define US_PER_MS 1000

const char *metadata_type_problem(enum decode_metadata kind, uint32_t type)
{
    bool is_text = type == PH_TYPE_STRING || type == PH_TYPE_BYTES;
    switch (kind) {
    case DECODE_KEY:
        return is_text ? NULL : "string or bytes";
    case DECODE_VALUE:
        return is_text || type == PH_TYPE_JSON ? NULL : "string, bytes or json";
    case DECODE_HEADERS:
        return type == PH_TYPE_JSON ? NULL : "json";
    case DECODE_TIMESTAMP:
        return type == PH_TYPE_TIMESTAMP_MS || type == PH_TYPE_TIMESTAMP_US
                   ? NULL
                   : "timestamp(3) or timestamp(6)";
    case DECODE_OFFSET:
        return type == PH_TYPE_INT64 ? NULL : "int64";
    case DECODE_PARTITION:
        return type == PH_TYPE_INT32 || type == PH_TYPE_INT64 ? NULL : "int32 or int64";
    case DECODE_TOPIC:
        return type == PH_TYPE_STRING ? NULL : "string";
    default:
        return NULL;
    }
}

static void put_text(struct row_target *t, uint32_t column, const void *text, uint32_t length)
{
    struct ph_view *views = t->columns[column].values;
    text_put_view(&views[t->row], t->arena, text, length);
}

static void put_int64(struct row_target *t, uint32_t column, int64_t value)
{
    ((int64_t *)t->columns[column].values)[t->row] = value;
}

static int32_t check_utf8(const struct metadata *m, const char *what, const uint8_t *text,
                          uint32_t length, struct row_fault *fault)
{
    const char *at = (const char *)text;
    const char *end = at + length;
    while (at < end) {
        size_t step = escape_utf8_length(at, end);
        if (step == 0) {
            return fault_set(fault, what,
                             "field %s: the %s is not valid UTF-8 at byte %td: declare it as bytes",
                             m->name, what, at - (const char *)text);
        }
        at += step;
    }
    return PH_OK;
}

/* The writer has put the key in front of the value, where columns can refer to it. */
static int32_t put_key(const struct metadata *m, struct row_target *t, struct row_fault *fault)
{
    uint32_t length = t->record->key_length;
    if (m->type == PH_TYPE_STRING && check_utf8(m, "key", t->record_key, length, fault) != PH_OK) {
        return PH_ERROR;
    }
    put_text(t, m->column, t->record_key, length);
    return PH_OK;
}

/* What is walked as JSON is checked there. */
static int32_t put_value(const struct decoder *d, const struct metadata *m, struct row_target *t,
                         const uint8_t *value, uint32_t length, struct row_fault *fault)
{
    if (m->type == PH_TYPE_STRING && !d->walks_value &&
        check_utf8(m, "value", value, length, fault) != PH_OK) {
        return PH_ERROR;
    }
    put_text(t, m->column, value, length);
    return PH_OK;
}

/* ---- headers */

/* A piece of the headers' memory: u32 length, bytes. */
struct piece {
    const char *text; /**< null = none */
    uint32_t length;
};

/* False: the memory ends too early. */
static bool take_piece(const uint8_t **at, const uint8_t *end, struct piece *p)
{
    uint32_t length;
    if ((size_t)(end - *at) < sizeof length) {
        return false;
    }
    memcpy(&length, *at, sizeof length);
    *at += sizeof length;
    if (length == UINT32_MAX) {
        *p = (struct piece){NULL, 0};
        return true;
    }
    if ((size_t)(end - *at) < length) {
        return false;
    }
    *p = (struct piece){(const char *)*at, length};
    *at += length;
    return true;
}

static char *write_quoted(char *out, const struct piece *p)
{
    const char *end = p->text + p->length;
    *out++ = '"';
    for (const char *at = p->text; at < end;) {
        char one[ESCAPE_JSON_MAX];
        size_t length = escape_json(&at, end, one);
        memcpy(out, one, length);
        out += length;
    }
    *out++ = '"';
    return out;
}

/* Null: damaged. */
static char *write_headers(char *out, const uint8_t *at, const uint8_t *end)
{
    struct piece name;
    struct piece value;
    *out++ = '{';
    for (bool is_first = true; at < end; is_first = false) {
        if (!take_piece(&at, end, &name) || name.text == NULL || !take_piece(&at, end, &value)) {
            return NULL;
        }
        if (!is_first) {
            *out++ = ',';
        }
        out = write_quoted(out, &name);
        *out++ = ':';
        if (value.text == NULL) {
            memcpy(out, "null", 4);
            out += 4;
        } else {
            out = write_quoted(out, &value);
        }
    }
    *out++ = '}';
    return out;
}

static int32_t put_headers(const struct metadata *m, struct row_target *t, struct row_fault *fault)
{
    const struct ph_record *r = t->record;
    const uint8_t *headers = r->headers;
    if ((uint64_t)r->headers_length * ESCAPE_JSON_MAX + METADATA_HEADERS_EXTRA >
        t->text_capacity - t->text_used) {
        return fault_set(fault, "memory", "the record's headers do not fit");
    }
    uint8_t *out = t->arena + t->text_used;
    char *end = write_headers((char *)out, headers, headers + r->headers_length);
    if (end == NULL) {
        return fault_set(fault, "headers", "the source gave headers that are damaged");
    }
    uint32_t length = (uint32_t)(end - (char *)out);
    put_text(t, m->column, out, length);
    t->text_used += length;
    return PH_OK;
}

/* ---- */

static int32_t put_place(const struct metadata *m, struct row_target *t, struct row_fault *fault)
{
    const struct ph_partition *p = t->partition_of(t->partition_arg, t->record->partition_id);
    if (p == NULL) {
        return fault_set(fault, "partition", "the source does not say which partition it is of");
    }
    if (m->kind == DECODE_PARTITION) {
        if (m->type == PH_TYPE_INT32) {
            ((int32_t *)t->columns[m->column].values)[t->row] = p->partition;
        } else {
            put_int64(t, m->column, p->partition);
        }
        return PH_OK;
    }
    size_t length = strlen(p->topic);
    if (length > METADATA_TOPIC_MAX || length > t->text_capacity - t->text_used) {
        return fault_set(fault, "memory", "the topic's name is too long for a column");
    }
    uint8_t *out = t->arena + t->text_used;
    memcpy(out, p->topic, length);
    put_text(t, m->column, out, (uint32_t)length);
    t->text_used += (uint32_t)length;
    return PH_OK;
}

static int32_t put_one(const struct decoder *d, const struct metadata *m, struct row_target *t,
                       const uint8_t *value, uint32_t length, struct row_fault *fault)
{
    switch (m->kind) {
    case DECODE_KEY:
        return put_key(m, t, fault);
    case DECODE_VALUE:
        return put_value(d, m, t, value, length, fault);
    case DECODE_HEADERS:
        return put_headers(m, t, fault);
    case DECODE_TIMESTAMP:
        put_int64(t, m->column,
                  t->record->timestamp_ms * (m->type == PH_TYPE_TIMESTAMP_US ? US_PER_MS : 1));
        return PH_OK;
    case DECODE_OFFSET:
        put_int64(t, m->column, t->record->offset);
        return PH_OK;
    default:
        return put_place(m, t, fault);
    }
}

static bool is_absent(const struct metadata *m, const struct ph_record *r, const uint8_t *value)
{
    switch (m->kind) {
    case DECODE_KEY:
        return r->key == NULL;
    case DECODE_VALUE:
        return value == NULL;
    case DECODE_HEADERS:
        return r->headers == NULL || r->headers_length == 0;
    case DECODE_TIMESTAMP:
        return r->timestamp_ms < 0;
    default:
        return false;
    }
}

static const char *const names[] = {"",          "key",    "value",     "headers",
                                    "timestamp", "offset", "partition", "topic"};

int32_t metadata_put(const struct decoder *d, struct row_target *target, const uint8_t *value,
                     uint32_t length, uint64_t *nulls, struct row_fault *fault)
{
    *nulls = 0;
    for (uint32_t i = 0; i < d->metadata_count; i++) {
        const struct metadata *m = &d->metadata[i];
        bool absent = is_absent(m, target->record, value);
        if (absent && m->required) {
            return fault_set(fault, "missing", "field %s is required, and the record has no %s",
                             m->name, names[m->kind]);
        }
        if (m->is_unread) {
            continue;
        }
        *nulls |= absent ? UINT64_C(1) << i : 0;
        if (!absent && put_one(d, m, target, value, length, fault) != PH_OK) {
            return PH_ERROR;
        }
    }
    return PH_OK;
}

void metadata_set_nulls(const struct decoder *d, struct row_target *target, uint64_t nulls)
{
    for (; nulls != 0; nulls &= nulls - 1) {
        target_set_null(target, d->metadata[__builtin_ctzll(nulls)].column);
    }
}
