/* SPDX-License-Identifier: Apache-2.0 */
#include "harness.h"
#include "pipehost/json_writer.h"

#include <check.h>

static char room[4096];

static struct ph_json begin(size_t capacity)
{
    struct ph_json w;
    ck_assert_uint_le(capacity, sizeof room);
    ph_json_init(&w, room, capacity);
    return w;
}

static const char *text_of(const struct ph_json *w)
{
    static char text[sizeof room + 1];
    ck_assert(!w->is_full);
    memcpy(text, w->data, w->length);
    text[w->length] = '\0';
    return text;
}

START_TEST(objects_and_arrays_nest_with_their_commas)
{
    struct ph_json w = begin(sizeof room);
    ph_json_begin(&w, '{');
    ph_json_key(&w, "a");
    ph_json_begin(&w, '[');
    ph_json_int64(&w, INT64_MIN);
    ph_json_begin(&w, '{');
    ph_json_end(&w, '}');
    ph_json_bool(&w, true);
    ph_json_end(&w, ']');
    ph_json_key(&w, "b");
    ph_json_null(&w);
    ph_json_end(&w, '}');
    ck_assert_str_eq(text_of(&w), "{\"a\":[-9223372036854775808,{},true],\"b\":null}");
}
END_TEST

START_TEST(text_is_escaped_as_json_and_a_terminal_want)
{
    static const char text[] = "q\" b\\ n\n t\t e\x1b[31m z\0 d\x7f é";
    struct ph_json w = begin(sizeof room);
    ph_json_text(&w, text, sizeof text - 1);
    ck_assert_str_eq(text_of(&w), "\"q\\\" b\\\\ n\\n t\\t e\\u001b[31m z\\u0000 d\\u007f é\"");
}
END_TEST

START_TEST(numbers_are_the_shortest_that_read_back_as_the_same)
{
    struct ph_json w = begin(sizeof room);
    ph_json_begin(&w, '[');
    ph_json_float64(&w, 0.1);
    ph_json_float64(&w, 1.0 / 3.0);
    ph_json_float64(&w, 5e-324);
    ph_json_float64(&w, -0.0);
    ph_json_float64(&w, 1e300 * 1e300);
    ph_json_end(&w, ']');
    ck_assert_str_eq(text_of(&w), "[0.1,0.3333333333333333,4.94065645841247e-324,-0,null]");
}
END_TEST

START_TEST(times_are_iso_8601_in_utc)
{
    struct ph_json w = begin(sizeof room);
    ph_json_begin(&w, '[');
    ph_json_timestamp(&w, INT64_C(1714521600123), 1000);
    ph_json_timestamp(&w, INT64_C(1709208000000001), 1000000);
    ph_json_timestamp(&w, -1, 1000);
    ph_json_timestamp(&w, INT64_C(-62135596800000), 1000);
    ph_json_timestamp(&w, INT64_C(253402300799999), 1000);
    ph_json_end(&w, ']');
    ck_assert_str_eq(text_of(&w), "[\"2024-05-01T00:00:00.123Z\",\"2024-02-29T12:00:00.000001Z\","
                                  "\"1969-12-31T23:59:59.999Z\",\"0001-01-01T00:00:00.000Z\","
                                  "\"9999-12-31T23:59:59.999Z\"]");
}
END_TEST

START_TEST(bytes_are_base64)
{
    struct ph_json w = begin(sizeof room);
    ph_json_begin(&w, '[');
    ph_json_base64(&w, "", 0);
    ph_json_base64(&w, "f", 1);
    ph_json_base64(&w, "fo", 2);
    ph_json_base64(&w, "foo", 3);
    ph_json_base64(&w, "\xff\xfe\xfd\xfc", 4);
    ph_json_end(&w, ']');
    ck_assert_str_eq(text_of(&w), "[\"\",\"Zg==\",\"Zm8=\",\"Zm9v\",\"//79/A==\"]");
}
END_TEST

START_TEST(a_row_has_each_type_in_one_line)
{
    static const struct ph_field fields[] = {
        {"b", PH_TYPE_BOOL, 0},          {"i", PH_TYPE_INT32, 0},         {"l", PH_TYPE_INT64, 0},
        {"f", PH_TYPE_FLOAT64, 0},       {"s", PH_TYPE_STRING, 0},        {"y", PH_TYPE_BYTES, 0},
        {"ms", PH_TYPE_TIMESTAMP_MS, 0}, {"us", PH_TYPE_TIMESTAMP_US, 0}, {"j", PH_TYPE_JSON, 0}};
    const struct harness_cell cells[] = {
        CELL_INT(1),    CELL_INT(-2),   CELL_INT(3),
        CELL_REAL(0.5), CELL_TEXT("s"), CELL_TEXT("y"),
        CELL_INT(0),    CELL_INT(0),    CELL_TEXT("{\n\t\"k\": [1,\r\n2]}"),
        CELL_NULL,      CELL_NULL,      CELL_NULL,
        CELL_NULL,      CELL_NULL,      CELL_NULL,
        CELL_NULL,      CELL_NULL,      CELL_NULL};
    struct ph_schema schema = harness_schema_of(fields, 9);
    struct ph_batch *batch = harness_batch(&schema, cells, 2);
    struct ph_json w = begin(sizeof room);
    ph_json_row(&w, batch, 0);
    ck_assert_str_eq(text_of(&w),
                     "{\"b\":true,\"i\":-2,\"l\":3,\"f\":0.5,\"s\":\"s\",\"y\":\"eQ==\","
                     "\"ms\":\"1970-01-01T00:00:00.000Z\",\"us\":\"1970-01-01T00:00:00.000000Z\","
                     "\"j\":{  \"k\": [1,  2]}}");
    w = begin(sizeof room);
    ph_json_row(&w, batch, 1);
    ck_assert_str_eq(text_of(&w), "{\"b\":null,\"i\":null,\"l\":null,\"f\":null,\"s\":null,"
                                  "\"y\":null,\"ms\":null,\"us\":null,\"j\":null}");
    harness_batch_release(batch);
}
END_TEST

/* The same output at every capacity below what it needs. */
START_TEST(nothing_is_written_behind_the_capacity)
{
    static const char whole[] = "{\"a\\n\":[\"b\\u0001c\",12,\"Zm9v\"]}";
    for (size_t capacity = 0; capacity <= sizeof whole - 1; capacity++) {
        struct ph_json w;
        memset(room, '#', sizeof room);
        w = begin(capacity);
        ph_json_begin(&w, '{');
        ph_json_key(&w, "a\n");
        ph_json_begin(&w, '[');
        ph_json_text(&w, "b\001c", 3);
        ph_json_int64(&w, 12);
        ph_json_base64(&w, "foo", 3);
        ph_json_end(&w, ']');
        ph_json_end(&w, '}');
        ck_assert(w.is_full == (capacity < sizeof whole - 1));
        ck_assert_uint_le(w.length, capacity);
        ck_assert_int_eq(memcmp(room, whole, w.length), 0);
        ck_assert_int_eq(room[capacity], '#');
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("json writer");
    TCase *c = tcase_create("writer");
    tcase_add_test(c, objects_and_arrays_nest_with_their_commas);
    tcase_add_test(c, text_is_escaped_as_json_and_a_terminal_want);
    tcase_add_test(c, numbers_are_the_shortest_that_read_back_as_the_same);
    tcase_add_test(c, times_are_iso_8601_in_utc);
    tcase_add_test(c, bytes_are_base64);
    tcase_add_test(c, a_row_has_each_type_in_one_line);
    tcase_add_test(c, nothing_is_written_behind_the_capacity);
    suite_add_tcase(suite, c);
    SRunner *r = srunner_create(suite);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
