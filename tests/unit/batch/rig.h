/* SPDX-License-Identifier: Apache-2.0 */
/** A pool, a reserve and a writer whose decoder takes "text" or "text,number": column 0 is the
 * text, column 1 the number or null. A value that begins with '!' is refused. */
#ifndef TESTS_UNIT_BATCH_RIG_H
#define TESTS_UNIT_BATCH_RIG_H

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "batch/draft.h"
#include "batch/rows.h"
#include "batch/schema.h"
#include "batch/sizes.h"
#include "batch/writer.h"

#define RIG_MIB (UINT64_C(1) << 20)

struct rig {
    struct pool *pool;
    struct reserve *reserve;
    struct ph_schema *schema;
    struct batch_writer_options options;
    struct batch_writer *writer;
    uint32_t bad_count;
    int64_t bad_offset;
    struct row_fault bad_fault;
    int freed;
};

static const struct ph_field rig_fields[] = {
    {.name = "text", .type = PH_TYPE_STRING, .flags = PH_FIELD_REQUIRED},
    {.name = "number", .type = PH_TYPE_INT64}};

static int32_t rig_decode(void *arg, struct row_target *t, const uint8_t *value, uint32_t length,
                          struct row_fault *fault)
{
    (void)arg;
    ck_assert_int_eq(value[length], 0);
    if (length > 0 && value[0] == '!') {
        (void)snprintf(fault->code, sizeof fault->code, "bang");
        (void)snprintf(fault->reason, sizeof fault->reason, "begins with !");
        return PH_ERROR;
    }
    const uint8_t *comma = memchr(value, ',', length);
    uint32_t text = comma == NULL ? length : (uint32_t)(comma - value);
    struct ph_view *v = (struct ph_view *)t->columns[0].values + t->row;
    memset(v, 0, sizeof *v);
    v->length = (int32_t)text;
    if (text <= PH_VIEW_INLINE) {
        memcpy(v->u.inlined, value, text);
    } else {
        memcpy(v->u.ref.prefix, value, 4);
        v->u.ref.offset = (int32_t)(value - t->arena);
    }
    if (comma == NULL) {
        target_set_null(t, 1);
    } else {
        ((int64_t *)t->columns[1].values)[t->row] = strtoll((const char *)comma + 1, NULL, 10);
    }
    return PH_OK;
}

static void rig_bad(void *arg, const struct ph_record *record, const struct row_fault *fault)
{
    struct rig *r = arg;
    r->bad_count++;
    r->bad_offset = record->offset;
    r->bad_fault = *fault;
}

static void rig_freed(void *arg)
{
    ((struct rig *)arg)->freed++;
}

static void rig_init_limits(struct rig *r, uint64_t reserve_bytes, uint32_t max_rows,
                            uint32_t max_bytes, uint32_t record_max_bytes)
{
    memset(r, 0, sizeof *r);
    r->pool = pool_create(256 * RIG_MIB);
    r->reserve = reserve_create(r->pool, "rig", reserve_bytes, rig_freed, r);
    r->schema = schema_create(rig_fields, 2);
    r->options = (struct batch_writer_options){.reserve = r->reserve,
                                               .schema = r->schema,
                                               .max_rows = max_rows,
                                               .max_bytes = max_bytes,
                                               .record_max_bytes = record_max_bytes,
                                               .keep_keys = true,
                                               .decode = rig_decode,
                                               .bad_record = rig_bad,
                                               .arg = r};
    r->writer = batch_writer_create(&r->options);
    ck_assert_ptr_nonnull(r->writer);
}

static void rig_init(struct rig *r)
{
    rig_init_limits(r, 64 * RIG_MIB, 0, 0, 0);
}

/* Every byte must be back. */
static void rig_fini(struct rig *r)
{
    batch_writer_destroy(r->writer);
    ck_assert_uint_eq(reserve_get_stats(r->reserve).used_bytes, 0);
    reserve_destroy(r->reserve);
    pool_destroy(r->pool);
    schema_destroy(r->schema);
}

static int32_t rig_append(struct rig *r, uint32_t partition, int64_t offset, const char *value)
{
    struct ph_writer *w = batch_writer_pub(r->writer);
    struct ph_record record = {.size = (uint32_t)sizeof record,
                               .partition_id = partition,
                               .offset = offset,
                               .timestamp_ms = offset * 10,
                               .key = offset % 2 == 0 ? "key" : NULL,
                               .key_length = offset % 2 == 0 ? 3 : 0,
                               .value = value,
                               .value_length = value == NULL ? 0 : (uint32_t)strlen(value)};
    return w->append(w, &record);
}

/* A batch of these values, offsets from 0, partition 1. */
static inline struct ph_batch *rig_batch(struct rig *r, const char *const *values, uint32_t count)
{
    ck_assert_int_eq(batch_writer_open(r->writer), PH_OK);
    for (uint32_t i = 0; i < count; i++) {
        ck_assert_int_eq(rig_append(r, 1, i, values[i]), PH_OK);
    }
    struct ph_batch *b = batch_writer_close(r->writer);
    ck_assert_ptr_nonnull(b);
    return b;
}

static inline void rig_expect_bytes(struct ph_bytes b, const char *wanted)
{
    ck_assert_ptr_nonnull(b.data);
    ck_assert_uint_eq(b.length, strlen(wanted));
    ck_assert_mem_eq(b.data, wanted, b.length);
}

static inline void rig_expect_text(const struct ph_batch *b, uint32_t column, uint32_t row,
                                   const char *wanted)
{
    ck_assert(!ph_column_is_null(&b->columns[column], row));
    rig_expect_bytes(ph_column_bytes(&b->columns[column], row), wanted);
}

#endif
