/* SPDX-License-Identifier: Apache-2.0 */
/* Fields that do not stand in a record's JSON, through the writer that hands the record over. */
#include <check.h>
#include <stdlib.h>

#include "batch/batch.h"
#include "batch/schema.h"
#include "batch/writer.h"
#include "codec/decode.h"

#define MIB   (UINT64_C(1) << 20)
#define TOPIC "a-topic-with-a-longer-name"

static struct pool *pool;
static struct reserve *reserve;
static struct ph_schema *schema;
static struct decoder *decoder;
static struct batch_writer *writer;
static struct ph_batch *batch;
static uint32_t bad_count;
static struct row_fault bad_fault;

static const struct ph_partition partition = {.size = sizeof partition,
                                              .id = 3,
                                              .source = "s",
                                              .topic = TOPIC,
                                              .cluster = "",
                                              .partition = 17};

static const struct ph_partition *partition_of(void *arg, uint32_t id)
{
    (void)arg;
    return id == partition.id ? &partition : NULL;
}

static void on_bad(void *arg, const struct ph_record *record, const struct row_fault *fault)
{
    (void)arg;
    (void)record;
    bad_count++;
    bad_fault = *fault;
}

static void no_more(void *arg)
{
    (void)arg;
}

enum tombstones { LETTER, SKIP, ROW };

static void use(const struct decode_field *fields, uint32_t count, enum tombstones tombstones)
{
    struct ph_error err;
    struct ph_field columns[16];
    ph_error_clear(&err);
    bad_count = 0;
    pool = pool_create(256 * MIB);
    reserve = reserve_create(pool, "metadata", 64 * MIB, no_more, NULL);
    decoder = decoder_create(fields, count, &err);
    ck_assert_msg(decoder != NULL, "%s", err.text);
    decoder_list_columns(fields, count, columns);
    schema = schema_create(columns, count);
    struct decoder_needs needs = decoder_needs(decoder);
    struct batch_writer_options options = {.reserve = reserve,
                                           .schema = schema,
                                           .record_max_bytes = 4000,
                                           .spare = decoder_spare(decoder),
                                           .extra = needs.extra,
                                           .keep_keys = needs.keys,
                                           .keep_headers = needs.headers,
                                           .skip_tombstones = tombstones == SKIP,
                                           .decode_tombstone =
                                               tombstones == ROW ? decoder_tombstone : NULL,
                                           .decode = decoder_function(decoder),
                                           .decoder = decoder,
                                           .partition_of = partition_of,
                                           .bad_record = on_bad};
    writer = batch_writer_create(&options);
    ck_assert_ptr_nonnull(writer);
    ck_assert_int_eq(batch_writer_open(writer), PH_OK);
}

static void fini(void)
{
    batch_release(batch);
    batch = NULL;
    batch_writer_destroy(writer);
    decoder_destroy(decoder);
    reserve_destroy(reserve);
    pool_destroy(pool);
    schema_destroy(schema);
}

static struct ph_record record_of(const char *key, const char *value)
{
    return (struct ph_record){.size = (uint32_t)sizeof(struct ph_record),
                              .partition_id = partition.id,
                              .offset = 12345678901,
                              .timestamp_ms = 1714521600123,
                              .key = key,
                              .key_length = key != NULL ? (uint32_t)strlen(key) : 0,
                              .value = value,
                              .value_length = value != NULL ? (uint32_t)strlen(value) : 0};
}

static void append(const struct ph_record *record)
{
    ck_assert_int_eq(batch_writer_append(writer, record), PH_OK);
}

static void put(const char *key, const char *value)
{
    struct ph_record record = record_of(key, value);
    append(&record);
}

static const struct ph_column *column(uint32_t index)
{
    if (batch == NULL) {
        batch = batch_writer_close(writer);
        ck_assert_ptr_nonnull(batch);
    }
    return ph_batch_column(batch, index);
}

static void is_text(uint32_t index, uint32_t row, const char *expected)
{
    const struct ph_column *c = column(index);
    if (expected == NULL) {
        ck_assert_msg(ph_column_is_null(c, row), "column %u, row %u is not null", index, row);
        return;
    }
    struct ph_bytes b = ph_column_bytes(c, row);
    ck_assert(!ph_column_is_null(c, row));
    ck_assert_msg(b.length == strlen(expected) && memcmp(b.data, expected, b.length) == 0,
                  "%.*s is not %s", (int)b.length, (const char *)b.data, expected);
}

static void was_refused(const char *code, const char *reason)
{
    ck_assert_uint_eq(bad_count, 1);
    ck_assert_str_eq(bad_fault.code, code);
    ck_assert_str_eq(bad_fault.reason, reason);
    bad_count = 0;
}

#define FIELD(n, t)                                                                                \
    {                                                                                              \
        .name = (n), .type = (t)                                                                   \
    }
#define AROUND(m, n, t)                                                                            \
    {                                                                                              \
        .metadata = (m), .name = (n), .type = (t)                                                  \
    }

START_TEST(a_row_has_what_stands_around_its_json)
{
    static const struct decode_field fields[] = {
        AROUND(DECODE_KEY, "k", PH_TYPE_STRING),
        FIELD("a", PH_TYPE_STRING),
        AROUND(DECODE_PARTITION, "p", PH_TYPE_INT32),
        AROUND(DECODE_OFFSET, "o", PH_TYPE_INT64),
        AROUND(DECODE_TIMESTAMP, "t", PH_TYPE_TIMESTAMP_US),
        AROUND(DECODE_TOPIC, "topic", PH_TYPE_STRING),
        FIELD("b", PH_TYPE_INT64),
        AROUND(DECODE_VALUE, "v", PH_TYPE_JSON),
        AROUND(DECODE_TIMESTAMP, "ms", PH_TYPE_TIMESTAMP_MS),
    };
    use(fields, 9, LETTER);
    put("a key that is not inline", "{\"b\":7,\"a\":\"an \\u0041 text that is long\"}");
    put(NULL, "{}");
    put("", "{\"a\":\"x\"}");
    is_text(0, 0, "a key that is not inline");
    is_text(0, 1, NULL);
    is_text(0, 2, "");
    is_text(1, 0, "an A text that is long");
    is_text(1, 1, NULL);
    is_text(1, 2, "x");
    ck_assert_int_eq(ph_column_int32(column(2), 1), 17);
    ck_assert_int_eq(ph_column_int64(column(3), 2), 12345678901);
    ck_assert_int_eq(ph_column_int64(column(4), 0), 1714521600123000);
    ck_assert_int_eq(ph_column_int64(column(8), 0), 1714521600123);
    is_text(5, 0, TOPIC);
    is_text(5, 2, TOPIC);
    ck_assert_int_eq(ph_column_int64(column(6), 0), 7);
    ck_assert(ph_column_is_null(column(6), 1));
    is_text(7, 0, "{\"b\":7,\"a\":\"an \\u0041 text that is long\"}");
    is_text(7, 1, "{}");
    fini();
}
END_TEST

START_TEST(a_value_is_taken_whole_where_nothing_stands_in_it)
{
    static const struct decode_field fields[] = {AROUND(DECODE_VALUE, "text", PH_TYPE_STRING),
                                                 AROUND(DECODE_VALUE, "raw", PH_TYPE_BYTES)};
    use(fields, 2, LETTER);
    put(NULL, "not JSON at all, \xc3\xa4");
    put(NULL, "");
    put(NULL, "bad \xff here");
    was_refused("value", "field text: the value is not valid UTF-8 at byte 4: declare it as bytes");
    is_text(0, 0, "not JSON at all, \xc3\xa4");
    is_text(1, 0, "not JSON at all, \xc3\xa4");
    is_text(0, 1, "");
    fini();
}
END_TEST

START_TEST(a_value_as_json_is_checked_to_the_last_digit)
{
    static const struct decode_field fields[] = {AROUND(DECODE_VALUE, "v", PH_TYPE_JSON)};
    use(fields, 1, LETTER);
    put(NULL, "{\"a\":01x}");
    ck_assert_uint_eq(bad_count, 1);
    ck_assert_str_eq(bad_fault.code, "json");
    put(NULL, "{\"a\":[1,{\"b\":null}]}");
    is_text(0, 0, "{\"a\":[1,{\"b\":null}]}");
    fini();
}
END_TEST

START_TEST(keys_may_be_required_and_must_be_text)
{
    static const struct decode_field fields[] = {
        {.metadata = DECODE_KEY, .name = "k", .type = PH_TYPE_STRING, .required = true},
        FIELD("a", PH_TYPE_STRING)};
    use(fields, 2, LETTER);
    put(NULL, "{\"a\":null}");
    was_refused("missing", "field k is required, and the record has no key");
    put("\xc3(", "{}");
    was_refused("key", "field k: the key is not valid UTF-8 at byte 0: declare it as bytes");
    put("good", "{\"a\":1");
    bad_count = 0;
    put("good", "{\"a\":\"b\"}");
    ck_assert_uint_eq(bad_count, 0);
    is_text(0, 0, "good");
    is_text(1, 0, "b");
    ck_assert_uint_eq(column(1)->null_count, 0);
    fini();
}
END_TEST

/* ---- headers */

struct headers {
    uint8_t bytes[8000];
    uint32_t length;
};

static void add_piece(struct headers *h, const char *text, uint32_t length)
{
    uint32_t size = text != NULL ? length : UINT32_MAX;
    memcpy(h->bytes + h->length, &size, sizeof size);
    h->length += (uint32_t)sizeof size;
    if (text != NULL) {
        memcpy(h->bytes + h->length, text, length);
        h->length += length;
    }
}

static void put_headers(const struct headers *h)
{
    struct ph_record record = record_of(NULL, "{}");
    record.headers = h->bytes;
    record.headers_length = h->length;
    append(&record);
}

static const struct decode_field with_headers[] = {AROUND(DECODE_HEADERS, "h", PH_TYPE_JSON)};

START_TEST(headers_are_one_json_object_in_their_order)
{
    struct headers h = {.length = 0};
    use(with_headers, 1, LETTER);
    add_piece(&h, "trace", 5);
    add_piece(&h, "a\"b\n", 4);
    add_piece(&h, "none", 4);
    add_piece(&h, NULL, 0);
    add_piece(&h, "trace", 5);
    add_piece(&h, "", 0);
    add_piece(&h, "raw", 3);
    add_piece(&h, "\xff", 1);
    put_headers(&h);
    put(NULL, "{}");
    is_text(0, 0,
            "{\"trace\":\"a\\\"b\\n\",\"none\":null,\"trace\":\"\",\"raw\":\"\xef\xbf\xbd\"}");
    is_text(0, 1, NULL);
    fini();
}
END_TEST

START_TEST(headers_that_are_all_escapes_have_room)
{
    struct headers h = {.length = 0};
    char control[3000];
    memset(control, 1, sizeof control);
    use(with_headers, 1, LETTER);
    add_piece(&h, "x", 1);
    add_piece(&h, control, sizeof control);
    for (uint32_t i = 0; i < 200; i++) {
        struct ph_record record = record_of(NULL, "{}");
        record.headers = h.bytes;
        record.headers_length = h.length;
        if (batch_writer_append(writer, &record) == PH_MORE) {
            break;
        }
    }
    ck_assert_uint_eq(bad_count, 0);
    ck_assert_uint_eq(ph_column_bytes(column(0), 0).length, 3000 * 6 + 8);
    fini();
}
END_TEST

START_TEST(headers_that_are_damaged_or_too_long_are_refused)
{
    struct headers h = {.length = 0};
    use(with_headers, 1, LETTER);
    add_piece(&h, "trace", 5);
    put_headers(&h);
    was_refused("headers", "the source gave headers that are damaged");
    static char long_text[4100];
    memset(long_text, 'x', sizeof long_text);
    add_piece(&h, long_text, sizeof long_text);
    put_headers(&h);
    ck_assert_uint_eq(bad_count, 1);
    put(NULL, "{}");
    is_text(0, 0, NULL);
    fini();
}
END_TEST

/* ---- tombstones */

static const struct decode_field upsert[] = {
    {.metadata = DECODE_KEY, .name = "k", .type = PH_TYPE_STRING, .required = true},
    FIELD("a", PH_TYPE_STRING),
    AROUND(DECODE_VALUE, "v", PH_TYPE_JSON),
    AROUND(DECODE_OFFSET, "o", PH_TYPE_INT64)};

START_TEST(a_tombstone_is_bad_unless_told_otherwise)
{
    use(upsert, 4, LETTER);
    put("k", NULL);
    was_refused("tombstone", "the record has no value");
    put("k", "{}");
    is_text(0, 0, "k");
    fini();
}
END_TEST

START_TEST(a_tombstone_is_passed_over_where_it_may)
{
    use(upsert, 4, SKIP);
    put("k", NULL);
    ck_assert_uint_eq(bad_count, 0);
    ck_assert_uint_eq(batch_writer_row_count(writer), 0);
    batch = batch_writer_close(writer);
    ck_assert_uint_eq(batch->position_count, 1);
    ck_assert_int_eq(batch->positions[0].next_offset, 12345678902);
    fini();
}
END_TEST

START_TEST(a_tombstone_becomes_a_row_of_nulls_with_its_key)
{
    use(upsert, 4, ROW);
    put("gone", NULL);
    put("there", "{\"a\":\"b\"}");
    ck_assert_uint_eq(bad_count, 0);
    is_text(0, 0, "gone");
    is_text(1, 0, NULL);
    is_text(2, 0, NULL);
    ck_assert_int_eq(ph_column_int64(column(3), 0), 12345678901);
    is_text(0, 1, "there");
    is_text(1, 1, "b");
    is_text(2, 1, "{\"a\":\"b\"}");
    fini();
}
END_TEST

START_TEST(a_tombstone_stays_bad_where_a_field_is_required)
{
    static const struct decode_field fields[] = {
        {.name = "a", .type = PH_TYPE_STRING, .required = true}};
    use(fields, 1, ROW);
    put("k", NULL);
    was_refused("tombstone", "the record has no value, but field a is required");
    put("k", "{\"a\":\"b\"}");
    is_text(0, 0, "b");
    fini();
}
END_TEST

START_TEST(types_that_do_not_fit_are_refused)
{
    static const struct decode_field fields[] = {AROUND(DECODE_OFFSET, "o", PH_TYPE_STRING)};
    struct ph_error err;
    ph_error_clear(&err);
    ck_assert_ptr_null(decoder_create(fields, 1, &err));
    ck_assert_str_eq(err.text, "field \"o\" must be int64");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("metadata");
    TCase *tc = tcase_create("metadata");
    tcase_add_test(tc, a_row_has_what_stands_around_its_json);
    tcase_add_test(tc, a_value_is_taken_whole_where_nothing_stands_in_it);
    tcase_add_test(tc, a_value_as_json_is_checked_to_the_last_digit);
    tcase_add_test(tc, keys_may_be_required_and_must_be_text);
    tcase_add_test(tc, headers_are_one_json_object_in_their_order);
    tcase_add_test(tc, headers_that_are_all_escapes_have_room);
    tcase_add_test(tc, headers_that_are_damaged_or_too_long_are_refused);
    tcase_add_test(tc, a_tombstone_is_bad_unless_told_otherwise);
    tcase_add_test(tc, a_tombstone_is_passed_over_where_it_may);
    tcase_add_test(tc, a_tombstone_becomes_a_row_of_nulls_with_its_key);
    tcase_add_test(tc, a_tombstone_stays_bad_where_a_field_is_required);
    tcase_add_test(tc, types_that_do_not_fit_are_refused);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
