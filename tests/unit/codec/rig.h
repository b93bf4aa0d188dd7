/* SPDX-License-Identifier: Apache-2.0 */
/** A decoder with columns of its own: decodes one record at a time into row 0, 1, 2, ... */
#ifndef TESTS_UNIT_CODEC_RIG_H
#define TESTS_UNIT_CODEC_RIG_H

#include <check.h>
#include <stdlib.h>

#include "codec/decode.h"

#define RIG_ROWS    16u
#define RIG_COLUMNS 200u

struct rig {
    struct decoder *decoder;
    uint32_t count;
    struct target_column columns[RIG_COLUMNS];
    struct ph_column views[RIG_COLUMNS]; /* what a plugin would see */
    struct row_target target;
    struct row_fault fault;
    const uint8_t *buffers[1];
    int64_t sizes[1];
    size_t used;
};

#define RIG_ARENA ((size_t)40 << 20)

static inline void rig_init(struct rig *r, const struct decode_field *fields, uint32_t count)
{
    struct ph_error err;
    memset(r, 0, sizeof *r);
    ph_error_clear(&err);
    r->decoder = decoder_create(fields, count, &err);
    ck_assert_msg(r->decoder != NULL, "%s", err.text);
    ck_assert_uint_le(count, RIG_COLUMNS);
    r->count = count;
    r->target.arena = malloc(RIG_ARENA + TARGET_PADDING);
    r->buffers[0] = r->target.arena;
    r->target.columns = r->columns;
    r->target.text_capacity = (uint32_t)RIG_ARENA;
    for (uint32_t i = 0; i < count; i++) {
        struct target_column *c = &r->columns[i];
        c->type = fields[i].type;
        c->values = calloc(RIG_ROWS, 16);
        c->validity = malloc(RIG_ROWS / 8);
        memset(c->validity, 0xff, RIG_ROWS / 8);
    }
}

static inline void rig_fini(struct rig *r)
{
    for (uint32_t i = 0; i < r->count; i++) {
        free(r->columns[i].values);
        free(r->columns[i].validity);
    }
    free(r->target.arena);
    decoder_destroy(r->decoder);
}

/* Decodes into target.row, which is kept where the record is refused. The padding is made of bytes
 * that would be seen if they were read as part of the record. */
static inline int32_t rig_put(struct rig *r, const char *json, size_t length)
{
    uint8_t *at = r->target.arena + r->used;
    ck_assert_uint_lt(r->used + length * 3 + 1, RIG_ARENA);
    memcpy(at, json, length);
    memset(at + length, '"', TARGET_PADDING);
    at[length] = 0;
    r->target.text_used = (uint32_t)(r->used + length + 1);
    memset(&r->fault, 0, sizeof r->fault);
    int32_t result = decoder_row(r->decoder, &r->target, at, (uint32_t)length, &r->fault);
    if (result == PH_OK) {
        r->used = r->target.text_used;
        r->target.row++;
    } else {
        ck_assert_uint_gt(strlen(r->fault.code), 0);
        ck_assert_uint_gt(strlen(r->fault.reason), 0);
        ck_assert_uint_le(strlen(r->fault.reason), 200);
    }
    for (uint32_t i = 0; i < r->count; i++) {
        const struct target_column *c = &r->columns[i];
        r->views[i] = (struct ph_column){.type = c->type,
                                         .null_count = c->null_count,
                                         .validity = c->validity,
                                         .values = c->values,
                                         .buffers = r->buffers,
                                         .buffer_sizes = r->sizes,
                                         .buffer_count = 1};
    }
    return result;
}

static inline void rig_accept(struct rig *r, const char *json)
{
    int32_t result = rig_put(r, json, strlen(json));
    ck_assert_msg(result == PH_OK, "%s: refused: %s", json, r->fault.reason);
}

static inline void rig_refuse(struct rig *r, const char *json, const char *code, const char *reason)
{
    int32_t result = rig_put(r, json, strlen(json));
    ck_assert_msg(result == PH_ERROR, "%s: accepted", json);
    ck_assert_str_eq(r->fault.code, code);
    ck_assert_str_eq(r->fault.reason, reason);
}

/* The text of a column's row, or "NULL". */
static inline const char *rig_text(const struct rig *r, uint32_t column, uint32_t row)
{
    static char text[4][512];
    static unsigned int turn;
    char *out = text[turn++ % 4];
    struct ph_bytes b = ph_column_bytes(&r->views[column], row);
    if (ph_column_is_null(&r->views[column], row)) {
        return "NULL";
    }
    ck_assert_uint_lt(b.length, sizeof text[0]);
    memcpy(out, b.data, b.length);
    out[b.length] = '\0';
    return out;
}

#define FIELD(n, t)                                                                                \
    {                                                                                              \
        .name = (n), .type = (t)                                                                   \
    }

#endif
