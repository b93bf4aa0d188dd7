/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "batch/batch.h"
#include "codec/encode.h"
#include "rig.h"

static const struct decode_field fields[] = {
    FIELD("s", PH_TYPE_STRING),        FIELD("y", PH_TYPE_BYTES),
    FIELD("j", PH_TYPE_JSON),          FIELD("b", PH_TYPE_BOOL),
    FIELD("i", PH_TYPE_INT32),         FIELD("l", PH_TYPE_INT64),
    FIELD("f", PH_TYPE_FLOAT64),       FIELD("ms", PH_TYPE_TIMESTAMP_MS),
    FIELD("us", PH_TYPE_TIMESTAMP_US),
};
#define FIELDS 9u

static struct rig r;
static struct ph_field columns[FIELDS];
static struct ph_schema schema;
static struct encoder *encoder;
static struct batch holder; /* what a spliced row stems from */
static char text[4096];
static const char *at; /* the text of the last row */

static void init(void)
{
    rig_init(&r, fields, FIELDS);
    decoder_list_columns(fields, FIELDS, columns);
    schema = (struct ph_schema){
        .size = (uint32_t)sizeof schema, .field_count = FIELDS, .fields = columns};
    holder = (struct batch){0};
    holder.pub = (struct ph_batch){.size = (uint32_t)sizeof holder.pub,
                                   .row_count = 1,
                                   .column_count = FIELDS,
                                   .schema = &schema,
                                   .columns = r.views};
}

static void fini(void)
{
    encoder_destroy(encoder);
    encoder = NULL;
    rig_fini(&r);
}

static uint32_t encode(const struct encode_options *options, uint32_t capacity)
{
    encoder_destroy(encoder);
    encoder = encoder_create(&schema, options);
    ck_assert_ptr_nonnull(encoder);
    return encoder_row(encoder, &holder.pub, 0, text, capacity);
}

static void encode_all(const struct encode_options *options)
{
    uint32_t length = encode(options, sizeof text - 1);
    ck_assert_uint_lt(length, sizeof text);
    text[length] = '\0';
    at = text;
}

/* Row 0 stems from this record. */
static void stem_from(const char *record, struct batch_origin *origin)
{
    *origin = (struct batch_origin){.value_length = (uint32_t)strlen(record)};
    holder.arena = (const uint8_t *)record;
    holder.origins = origin;
}

#define RECORD                                                                                     \
    "{\"s\":\"q\\\"\\u00e9\\n\",\"y\":\"light w\",\"j\":{\"k\": [1]},\"b\":true,\"i\":-7,"         \
    "\"l\":9007199254740993,\"f\":0.1,\"ms\":\"2024-05-01T00:00:00.123Z\","                        \
    "\"us\":\"2024-05-01T00:00:00.123456Z\"}"

START_TEST(a_row_is_one_object)
{
    rig_accept(&r, RECORD);
    encode_all(&(struct encode_options){0});
    ck_assert_str_eq(at,
                     "{\"s\":\"q\\\"\xc3\xa9\\n\",\"y\":\"bGlnaHQgdw==\",\"j\":{\"k\": [1]},"
                     "\"b\":true,\"i\":-7,\"l\":9007199254740993,\"f\":0.1,"
                     "\"ms\":\"2024-05-01T00:00:00.123Z\",\"us\":\"2024-05-01T00:00:00.123456Z\"}");
}
END_TEST

START_TEST(timestamps_and_json_are_written_as_asked)
{
    static const uint32_t some[] = {8, 7, 2};
    rig_accept(&r, RECORD);
    encode_all(&(struct encode_options){.timestamps = ENCODE_SQL,
                                        .json_columns = ENCODE_STRING,
                                        .columns = some,
                                        .column_count = 3});
    ck_assert_str_eq(at, "{\"us\":\"2024-05-01 00:00:00.123456\",\"ms\":\"2024-05-01 "
                         "00:00:00.123\",\"j\":\"{\\\"k\\\": [1]}\"}");
    encode_all(
        &(struct encode_options){.timestamps = ENCODE_UNIX_MS, .columns = some, .column_count = 2});
    ck_assert_str_eq(at, "{\"us\":1714521600123,\"ms\":1714521600123}");
}
END_TEST

START_TEST(nulls_are_null)
{
    rig_accept(&r, "{}");
    encode_all(&(struct encode_options){0});
    ck_assert_str_eq(at, "{\"s\":null,\"y\":null,\"j\":null,\"b\":null,\"i\":null,\"l\":null,"
                         "\"f\":null,\"ms\":null,\"us\":null}");
}
END_TEST

START_TEST(what_json_does_not_have_is_null)
{
    static const uint32_t some[] = {6, 8};
    rig_accept(&r, RECORD);
    ((double *)r.columns[6].values)[0] = (double)INFINITY;
    ((int64_t *)r.columns[8].values)[0] = INT64_MAX;
    encode_all(&(struct encode_options){.columns = some, .column_count = 2});
    ck_assert_str_eq(at, "{\"f\":null,\"us\":null}");
}
END_TEST

START_TEST(floats_read_back_as_they_were)
{
    static const double values[] = {0.0,    -0.0, 1.0,  0.1,   1e22,    1.7976931348623157e308,
                                    5e-324, 1e21, 1e-7, 100.0, 1.0 / 3, 123456789.125};
    static const uint32_t f[] = {6};
    rig_accept(&r, RECORD);
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        ((double *)r.columns[6].values)[0] = values[i];
        encode_all(&(struct encode_options){.columns = f, .column_count = 1});
        r.target.row = 1;
        rig_accept(&r, at);
        double back = ph_column_float64(&r.views[6], 1);
        ck_assert_msg(memcmp(&back, &values[i], sizeof back) == 0, "%s", at);
    }
}
END_TEST

START_TEST(a_row_that_does_not_fit_says_what_is_enough)
{
    rig_accept(&r, RECORD);
    memset(text, '#', sizeof text);
    uint32_t need = encode(&(struct encode_options){0}, 20);
    ck_assert_uint_gt(need, 20);
    ck_assert_int_eq(text[0], '#');
    ck_assert_uint_le(encode(&(struct encode_options){0}, need), need);
}
END_TEST

START_TEST(every_byte_of_a_string_reads_back)
{
    static const uint32_t s[] = {0};
    static const char *const texts[] = {
        "",
        "plain",
        "exactly8",
        "one \\\" quote behind twelve",
        "\\u0001\\u001f\\t\\n\\\\ in the second word",
        "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80 not ASCII at all \x7f",
        "1234567\\\"",
        "12345678\\\""};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char record[256];
        (void)snprintf(record, sizeof record, "{\"s\":\"%s\"}", texts[i]);
        r.target.row = 0;
        rig_accept(&r, record);
        encode_all(&(struct encode_options){.columns = s, .column_count = 1});
        ck_assert_str_eq(at, record);
    }
}
END_TEST

START_TEST(bytes_that_are_no_utf8_are_replaced)
{
    static const uint32_t s[] = {0};
    rig_accept(&r, "{\"s\":\"0123456789abcdef\"}");
    r.target.arena[strlen("{\"s\":\"") + 3] = 0xff;
    encode_all(&(struct encode_options){.columns = s, .column_count = 1});
    ck_assert_str_eq(at, "{\"s\":\"012\xef\xbf\xbd"
                         "456789abcdef\"}");
}
END_TEST

START_TEST(a_nested_value_stays_in_one_line)
{
    static const uint32_t j[] = {2};
    rig_accept(&r, "{\"j\":{\n\t\"k\": 1\n}}");
    encode_all(&(struct encode_options){.columns = j, .column_count = 1});
    ck_assert_str_eq(at, "{\"j\":{  \"k\": 1 }}");
}
END_TEST

START_TEST(columns_are_spliced_before_the_last_brace)
{
    static const struct {
        const char *record;
        const char *spliced;
    } cases[] = {{"{\"a\":1}", "{\"a\":1,\"i\":5,\"b\":true}"},
                 {" {\"a\": {\"b\": {}} } \n", " {\"a\": {\"b\": {}} ,\"i\":5,\"b\":true}"},
                 {"{}", "{\"i\":5,\"b\":true}"},
                 {"{ \t}", "{ \t\"i\":5,\"b\":true}"},
                 {"{\"a\":\"}\"}", "{\"a\":\"}\",\"i\":5,\"b\":true}"}};
    static const uint32_t some[] = {4, 3};
    struct batch_origin origin;
    rig_accept(&r, "{\"i\":5,\"b\":true}");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        stem_from(cases[i].record, &origin);
        encode_all(&(struct encode_options){.is_splice = true, .columns = some, .column_count = 2});
        ck_assert_str_eq(at, cases[i].spliced);
    }
}
END_TEST

START_TEST(without_columns_a_record_stays_as_it_is)
{
    static const uint32_t none[] = {0};
    struct batch_origin origin;
    rig_accept(&r, "{}");
    stem_from("{\"a\": 1}", &origin);
    encode_all(&(struct encode_options){.is_splice = true, .columns = none, .column_count = 0});
    ck_assert_str_eq(at, "{\"a\": 1}");
}
END_TEST

START_TEST(what_is_no_object_is_not_spliced_into)
{
    static const char *const records[] = {"", "[1]", "}", " }", "\"}", "7", "  "};
    static const uint32_t some[] = {4};
    const struct encode_options options = {.is_splice = true, .columns = some, .column_count = 1};
    struct batch_origin origin;
    rig_accept(&r, "{\"i\":5}");
    for (size_t i = 0; i < sizeof records / sizeof records[0]; i++) {
        stem_from(records[i], &origin);
        ck_assert_msg(encode(&options, sizeof text) == 0, "%s", records[i]);
    }
    holder.origins = NULL;
    holder.arena = NULL;
    ck_assert_uint_eq(encode(&options, sizeof text), 0);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("encode");
    TCase *c = tcase_create("rows");
    tcase_add_checked_fixture(c, init, fini);
    tcase_add_test(c, a_row_is_one_object);
    tcase_add_test(c, timestamps_and_json_are_written_as_asked);
    tcase_add_test(c, nulls_are_null);
    tcase_add_test(c, what_json_does_not_have_is_null);
    tcase_add_test(c, floats_read_back_as_they_were);
    tcase_add_test(c, a_row_that_does_not_fit_says_what_is_enough);
    tcase_add_test(c, every_byte_of_a_string_reads_back);
    tcase_add_test(c, bytes_that_are_no_utf8_are_replaced);
    tcase_add_test(c, a_nested_value_stays_in_one_line);
    tcase_add_test(c, columns_are_spliced_before_the_last_brace);
    tcase_add_test(c, without_columns_a_record_stays_as_it_is);
    tcase_add_test(c, what_is_no_object_is_not_spliced_into);
    suite_add_tcase(s, c);
    return s;
}

int main(void)
{
    SRunner *runner = srunner_create(suite());
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
