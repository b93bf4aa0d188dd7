/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

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
static struct ph_batch batch;
static struct buf out;

static void init(void)
{
    rig_init(&r, fields, FIELDS);
    decoder_list_columns(fields, FIELDS, columns);
    schema = (struct ph_schema){
        .size = (uint32_t)sizeof schema, .field_count = FIELDS, .fields = columns};
    batch = (struct ph_batch){.size = (uint32_t)sizeof batch,
                              .row_count = 1,
                              .column_count = FIELDS,
                              .schema = &schema,
                              .columns = r.views};
    buf_init(&out, 4096);
}

static void fini(void)
{
    buf_fini(&out);
    rig_fini(&r);
}

#define RECORD                                                                                     \
    "{\"s\":\"q\\\"\\u00e9\\n\",\"y\":\"light w\",\"j\":{\"k\": [1]},\"b\":true,\"i\":-7,"         \
    "\"l\":9007199254740993,\"f\":0.1,\"ms\":\"2024-05-01T00:00:00.123Z\","                        \
    "\"us\":\"2024-05-01T00:00:00.123456Z\"}"

START_TEST(a_row_is_one_object)
{
    rig_accept(&r, RECORD);
    encode_row(&out, &batch, 0, &(struct encode_options){0});
    ck_assert_str_eq(out.data,
                     "{\"s\":\"q\\\"\xc3\xa9\\n\",\"y\":\"bGlnaHQgdw==\",\"j\":{\"k\": [1]},"
                     "\"b\":true,\"i\":-7,\"l\":9007199254740993,\"f\":0.1,"
                     "\"ms\":\"2024-05-01T00:00:00.123Z\",\"us\":\"2024-05-01T00:00:00.123456Z\"}");
}
END_TEST

START_TEST(timestamps_and_json_are_written_as_asked)
{
    static const uint32_t some[] = {8, 7, 2};
    rig_accept(&r, RECORD);
    encode_row(&out, &batch, 0,
               &(struct encode_options){.timestamps = ENCODE_SQL,
                                        .json_columns = ENCODE_STRING,
                                        .columns = some,
                                        .column_count = 3});
    ck_assert_str_eq(out.data, "{\"us\":\"2024-05-01 00:00:00.123456\",\"ms\":\"2024-05-01 "
                               "00:00:00.123\",\"j\":\"{\\\"k\\\": [1]}\"}");
    buf_clear(&out);
    encode_row(
        &out, &batch, 0,
        &(struct encode_options){.timestamps = ENCODE_UNIX_MS, .columns = some, .column_count = 2});
    ck_assert_str_eq(out.data, "{\"us\":1714521600123,\"ms\":1714521600123}");
}
END_TEST

START_TEST(nulls_are_null)
{
    rig_accept(&r, "{}");
    encode_row(&out, &batch, 0, &(struct encode_options){0});
    ck_assert_str_eq(out.data, "{\"s\":null,\"y\":null,\"j\":null,\"b\":null,\"i\":null,\"l\":null,"
                               "\"f\":null,\"ms\":null,\"us\":null}");
}
END_TEST

START_TEST(what_json_does_not_have_is_null)
{
    static const uint32_t some[] = {6, 8};
    rig_accept(&r, RECORD);
    ((double *)r.columns[6].values)[0] = (double)INFINITY;
    ((int64_t *)r.columns[8].values)[0] = INT64_MAX;
    encode_row(&out, &batch, 0, &(struct encode_options){.columns = some, .column_count = 2});
    ck_assert_str_eq(out.data, "{\"f\":null,\"us\":null}");
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
        buf_clear(&out);
        encode_row(&out, &batch, 0, &(struct encode_options){.columns = f, .column_count = 1});
        r.target.row = 1;
        rig_accept(&r, out.data);
        double back = ph_column_float64(&r.views[6], 1);
        ck_assert_msg(memcmp(&back, &values[i], sizeof back) == 0, "%s", out.data);
    }
}
END_TEST

START_TEST(a_row_that_does_not_fit_says_so)
{
    rig_accept(&r, RECORD);
    out.limit = 20;
    encode_row(&out, &batch, 0, &(struct encode_options){0});
    ck_assert(out.failed);
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
    tcase_add_test(c, a_row_that_does_not_fit_says_so);
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
