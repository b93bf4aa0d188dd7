/* SPDX-License-Identifier: Apache-2.0 */
/* What was written is what the server shows. */
#include "live.h"

/* Writes rows of one column into a table column of that type and compares them as text. */
static void assert_shown(uint32_t input, const char *type, const struct harness_cell *cells,
                         const char *const *shown, uint32_t count)
{
    const struct ph_field fields[] = {{"n", PH_TYPE_INT32, 0}, {"v", input, 0}};
    struct rig r;
    struct harness_cell rows[16];
    rig_sql("DROP TABLE IF EXISTS live, pipehost_positions; CREATE TABLE live (n int, v %s)", type);
    rig_settings(&r, "live");
    rig_open(&r, fields, 2);
    for (uint32_t i = 0; i < count; i++) {
        rows[2 * i] = (struct harness_cell)CELL_INT(i);
        rows[2 * i + 1] = cells[i];
    }
    struct ph_batch *b = harness_batch(&r.schema, rows, count);
    struct ph_position p;
    assert_ok(&r, rig_claim(&r, 1, &p));
    assert_ok(&r, rig_write(&r, b));
    assert_ok(&r, rig_commit(&r, 0, count));
    for (uint32_t i = 0; i < count; i++) {
        const char *value =
            rig_value("SELECT coalesce(v::text, '(null)') FROM live WHERE n = %u", i);
        ck_assert_msg(strcmp(value, shown[i]) == 0, "%s: %s instead of %s", type, value, shown[i]);
    }
    harness_batch_release(b);
    rig_close(&r);
}

#define SHOWN(input, type, cells, ...)                                                             \
    do {                                                                                           \
        static const char *const texts[] = __VA_ARGS__;                                            \
        assert_shown(input, type, cells, texts, sizeof texts / sizeof texts[0]);                   \
    } while (0)

START_TEST(texts_arrive_as_they_are)
{
    static const struct harness_cell cells[] = {CELL_TEXT(""), CELL_TEXT("twelve bytes"),
                                                CELL_TEXT("h\xc3\xa9llo, a longer one \\N \t"),
                                                CELL_NULL};
    SHOWN(PH_TYPE_STRING, "varchar", cells,
          {"", "twelve bytes", "h\xc3\xa9llo, a longer one \\N \t", "(null)"});
    SHOWN(PH_TYPE_STRING, "text", cells,
          {"", "twelve bytes", "h\xc3\xa9llo, a longer one \\N \t", "(null)"});
}
END_TEST

START_TEST(json_arrives_as_text_and_as_jsonb)
{
    static const struct harness_cell cells[] = {CELL_TEXT("{\"b\":1, \"a\": [true,null]}"),
                                                CELL_TEXT("7"), CELL_NULL};
    SHOWN(PH_TYPE_JSON, "json", cells, {"{\"b\":1, \"a\": [true,null]}", "7", "(null)"});
    SHOWN(PH_TYPE_JSON, "text", cells, {"{\"b\":1, \"a\": [true,null]}", "7", "(null)"});
    SHOWN(PH_TYPE_JSON, "jsonb", cells, {"{\"a\": [true, null], \"b\": 1}", "7", "(null)"});
    SHOWN(PH_TYPE_STRING, "jsonb", cells, {"{\"a\": [true, null], \"b\": 1}", "7", "(null)"});
    SHOWN(PH_TYPE_STRING, "json", cells, {"{\"b\":1, \"a\": [true,null]}", "7", "(null)"});
}
END_TEST

START_TEST(numbers_arrive_in_every_width)
{
    static const struct harness_cell narrow[] = {CELL_INT(0), CELL_INT(-32768), CELL_INT(32767),
                                                 CELL_NULL};
    SHOWN(PH_TYPE_INT32, "smallint", narrow, {"0", "-32768", "32767", "(null)"});
    SHOWN(PH_TYPE_INT32, "int", narrow, {"0", "-32768", "32767", "(null)"});
    SHOWN(PH_TYPE_INT32, "bigint", narrow, {"0", "-32768", "32767", "(null)"});
    SHOWN(PH_TYPE_INT32, "float8", narrow, {"0", "-32768", "32767", "(null)"});
    SHOWN(PH_TYPE_INT64, "smallint", narrow, {"0", "-32768", "32767", "(null)"});
    SHOWN(PH_TYPE_INT64, "int", narrow, {"0", "-32768", "32767", "(null)"});
    static const struct harness_cell wide[] = {CELL_INT(INT64_MAX), CELL_INT(INT64_MIN)};
    SHOWN(PH_TYPE_INT64, "bigint", wide, {"9223372036854775807", "-9223372036854775808"});
    static const struct harness_cell real[] = {CELL_REAL(0.1), CELL_REAL(-2.5e10), CELL_NULL};
    SHOWN(PH_TYPE_FLOAT64, "float8", real, {"0.1", "-25000000000", "(null)"});
    SHOWN(PH_TYPE_FLOAT64, "float4", real, {"0.1", "-2.5e+10", "(null)"});
    static const struct harness_cell bools[] = {CELL_INT(1), CELL_INT(0), CELL_NULL};
    SHOWN(PH_TYPE_BOOL, "bool", bools, {"true", "false", "(null)"});
}
END_TEST

START_TEST(times_arrive_in_utc)
{
    static const struct harness_cell ms[] = {CELL_INT(1714521600123), CELL_INT(-1), CELL_NULL};
    SHOWN(PH_TYPE_TIMESTAMP_MS, "timestamp(3)", ms,
          {"2024-05-01 00:00:00.123", "1969-12-31 23:59:59.999", "(null)"});
    SHOWN(PH_TYPE_TIMESTAMP_MS, "timestamptz", ms,
          {"2024-05-01 00:00:00.123+00", "1969-12-31 23:59:59.999+00", "(null)"});
    SHOWN(PH_TYPE_TIMESTAMP_MS, "date", ms, {"2024-05-01", "1969-12-31", "(null)"});
    static const struct harness_cell us[] = {CELL_INT(1714521600123456), CELL_INT(-1)};
    SHOWN(PH_TYPE_TIMESTAMP_US, "timestamp", us,
          {"2024-05-01 00:00:00.123456", "1969-12-31 23:59:59.999999"});
    SHOWN(PH_TYPE_TIMESTAMP_US, "date", us, {"2024-05-01", "1969-12-31"});
}
END_TEST

START_TEST(bytes_and_uuids_arrive)
{
    static const struct harness_cell bytes[] = {CELL_BYTES("a\0\xff", 3), CELL_BYTES("", 0)};
    SHOWN(PH_TYPE_BYTES, "bytea", bytes, {"\\x6100ff", "\\x"});
    static const struct harness_cell ids[] = {CELL_TEXT("00112233-4455-6677-8899-AABBCCDDEEFF"),
                                              CELL_NULL};
    SHOWN(PH_TYPE_STRING, "uuid", ids, {"00112233-4455-6677-8899-aabbccddeeff", "(null)"});
}
END_TEST

START_TEST(rounding_is_said_at_the_start)
{
    static const struct ph_field fields[] = {{"at", PH_TYPE_TIMESTAMP_US, 0}};
    struct rig r;
    struct ph_position p;
    rig_sql("CREATE TABLE live (at timestamp(3))");
    rig_settings(&r, "live");
    rig_open(&r, fields, 1);
    assert_ok(&r, rig_claim(&r, 1, &p));
    ck_assert(harness_logged(r.host, "column \"at\" is timestamp(3) without time zone: values of "
                                     "timestamp(6) are rounded"));
    rig_close(&r);
}
END_TEST

START_TEST(names_with_quotes_and_capitals_work)
{
    static const struct ph_field fields[] = {{"Odd \"name\"", PH_TYPE_INT32, 0}};
    static const struct harness_cell cells[] = {CELL_INT(5)};
    struct rig r;
    struct ph_position p;
    rig_sql("DROP SCHEMA IF EXISTS \"Live\" CASCADE; CREATE SCHEMA \"Live\"; CREATE TABLE "
            "\"Live\".\"T\" (\"Odd \"\"name\"\"\" int)");
    rig_settings(&r, "Live.T");
    rig_set(&r, "positions_table", "Live.where we are");
    rig_open(&r, fields, 1);
    struct ph_batch *b = harness_batch(&r.schema, cells, 1);
    assert_ok(&r, rig_claim(&r, 1, &p));
    assert_ok(&r, rig_write(&r, b));
    assert_ok(&r, rig_commit(&r, 0, 1));
    ck_assert_str_eq(rig_value("SELECT * FROM \"Live\".\"T\""), "5");
    ck_assert_str_eq(rig_value("SELECT next_offset FROM \"Live\".\"where we are\""), "1");
    harness_batch_release(b);
    rig_close(&r);
    rig_sql("DROP SCHEMA \"Live\" CASCADE");
}
END_TEST

TCase *types_tests(void)
{
    TCase *c = tcase_create("types");
    tcase_add_test(c, texts_arrive_as_they_are);
    tcase_add_test(c, json_arrives_as_text_and_as_jsonb);
    tcase_add_test(c, numbers_arrive_in_every_width);
    tcase_add_test(c, times_arrive_in_utc);
    tcase_add_test(c, bytes_and_uuids_arrive);
    tcase_add_test(c, rounding_is_said_at_the_start);
    tcase_add_test(c, names_with_quotes_and_capitals_work);
    return c;
}
