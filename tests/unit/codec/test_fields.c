/* SPDX-License-Identifier: Apache-2.0 */
#include "rig.h"

#include <math.h>

#define COUNT(a) ((uint32_t)(sizeof(a) / sizeof((a)[0])))
#define PATH(...)                                                                                  \
    .path = (const char *const[]){__VA_ARGS__},                                                    \
    .path_length = sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *)

static struct rig r;

static void use(const struct decode_field *fields, uint32_t count)
{
    rig_init(&r, fields, count);
}

static void fini(void)
{
    rig_fini(&r);
}

START_TEST(integers_have_ranges)
{
    use((const struct decode_field[]){FIELD("i", PH_TYPE_INT32), FIELD("l", PH_TYPE_INT64)}, 2);
    rig_accept(&r, "{\"i\":2147483647,\"l\":9223372036854775807}");
    rig_accept(&r, "{\"i\": -2147483648 ,\"l\":-9223372036854775808}");
    rig_accept(&r, "{\"i\":0,\"l\":-0}");
    ck_assert_int_eq(ph_column_int32(&r.views[0], 0), INT32_MAX);
    ck_assert_int_eq(ph_column_int64(&r.views[1], 0), INT64_MAX);
    ck_assert_int_eq(ph_column_int32(&r.views[0], 1), INT32_MIN);
    ck_assert_int_eq(ph_column_int64(&r.views[1], 1), INT64_MIN);
    ck_assert_int_eq(ph_column_int64(&r.views[1], 2), 0);
    rig_refuse(&r, "{\"i\":2147483648}", "range", "field \"i\": \"2147483648\" does not fit int32");
    rig_refuse(&r, "{\"l\":9223372036854775808}", "range",
               "field \"l\": \"9223372036854775808\" does not fit int64");
    rig_refuse(&r, "{\"l\":-9223372036854775809}", "range",
               "field \"l\": \"-9223372036854775809\" does not fit int64");
    rig_refuse(&r, "{\"l\":99999999999999999999999}", "range",
               "field \"l\": \"99999999999999999999999\" does not fit int64");
    rig_refuse(&r, "{\"l\":1.0}", "type", "field \"l\": \"1.0\" is not a whole number");
    rig_refuse(&r, "{\"l\":1e3}", "type", "field \"l\": \"1e3\" is not a whole number");
    rig_refuse(&r, "{\"l\":007}", "json", "field \"l\": \"007\" is not a number");
    rig_refuse(&r, "{\"l\":-}", "json", "field \"l\": \"-\" is not a number");
    rig_refuse(&r, "{\"l\":12a}", "json", "field \"l\": \"12a\" is not a number");
    rig_refuse(&r, "{\"l\":\"12\"}", "type", "field \"l\": expected a number, found a string");
    rig_refuse(&r, "{\"i\":true}", "type", "field \"i\": expected a number, found a bool");
}
END_TEST

START_TEST(floats_are_rounded_correctly)
{
    static const struct {
        const char *text;
        double value;
    } cases[] = {{"0", 0.0},
                 {"-0.0", -0.0},
                 {"1.5", 1.5},
                 {"-123.456", -123.456},
                 {"0.1", 0.1},
                 {"1e22", 1e22},
                 {"1E+2", 100.0},
                 {"1e-7", 1e-7},
                 {"1.7976931348623157e308", 1.7976931348623157e308},
                 {"5e-324", 5e-324},
                 {"1e-400", 0.0},
                 {"9007199254740993", 9007199254740992.0},
                 {"9007199254740993.0000000000000000001", 9007199254740994.0},
                 {"179769313486231580793728971405301e276", 179769313486231580793728971405301e276},
                 {"0.30000000000000004", 0.30000000000000004},
                 {"123456789012345678901234567890", 123456789012345678901234567890.0}};
    use((const struct decode_field[]){FIELD("f", PH_TYPE_FLOAT64)}, 1);
    for (uint32_t i = 0; i < COUNT(cases); i++) {
        char json[128];
        r.target.row = 0;
        (void)snprintf(json, sizeof json, "{\"f\":%s}", cases[i].text);
        rig_accept(&r, json);
        double value = ph_column_float64(&r.views[0], 0);
        ck_assert_msg(memcmp(&value, &cases[i].value, sizeof value) == 0, "%s: %.17g",
                      cases[i].text, value);
    }
    rig_refuse(&r, "{\"f\":1e400}", "range", "field \"f\": \"1e400\" does not fit float64");
    rig_refuse(&r, "{\"f\":-1e309}", "range", "field \"f\": \"-1e309\" does not fit float64");
    rig_refuse(&r, "{\"f\":0x10}", "json", "field \"f\": \"0x10\" is not a number");
    rig_refuse(&r, "{\"f\":1e}", "json", "field \"f\": \"1e\" is not a number");
    rig_refuse(&r, "{\"f\":\"1\"}", "type", "field \"f\": expected a number, found a string");
}
END_TEST

START_TEST(bools_are_true_or_false)
{
    use((const struct decode_field[]){FIELD("b", PH_TYPE_BOOL)}, 1);
    for (int i = 0; i < 12; i++) {
        rig_accept(&r, i % 3 == 0 ? "{\"b\":true}" : "{\"b\": false }");
    }
    for (uint32_t i = 0; i < 12; i++) {
        ck_assert_int_eq(ph_column_bool(&r.views[0], i), i % 3 == 0);
    }
    rig_refuse(&r, "{\"b\":1}", "type", "field \"b\": expected true or false, found a number");
    rig_refuse(&r, "{\"b\":\"true\"}", "type",
               "field \"b\": expected true or false, found a string");
    rig_refuse(&r, "{\"b\":truex}", "json",
               "the record is not JSON: \"truex\" at byte 5 is no value");
}
END_TEST

START_TEST(json_is_the_exact_text_of_any_value)
{
    static const char *const values[] = {"{\"k\": [1, 2.50, {}]}",
                                         "[]",
                                         "[ {\"a\":null} , [ ] ]",
                                         "\"text with \\u00e9, \\\"quotes\\\" and \\ud800\"",
                                         "-1.50E3",
                                         "true",
                                         "false",
                                         "\"\""};
    use((const struct decode_field[]){FIELD("j", PH_TYPE_JSON)}, 1);
    for (uint32_t i = 0; i < COUNT(values); i++) {
        char json[128];
        (void)snprintf(json, sizeof json, "{\"j\" :  %s \n , \"x\":1}", values[i]);
        rig_accept(&r, json);
        ck_assert_str_eq(rig_text(&r, 0, i), values[i]);
    }
    rig_accept(&r, "{\"j\":null}");
    ck_assert_str_eq(rig_text(&r, 0, COUNT(values)), "NULL");
}
END_TEST

START_TEST(json_is_checked_to_the_last_byte)
{
    use((const struct decode_field[]){FIELD("j", PH_TYPE_JSON)}, 1);
    rig_refuse(&r, "{\"j\":[1,01]}", "json",
               "the record is not JSON: \"01\" at byte 8 is no value");
    rig_refuse(&r, "{\"j\":{\"k\":nil}}", "json",
               "the record is not JSON: \"nil\" at byte 10 is no value");
    rig_refuse(&r, "{\"j\":[\"\\q\"]}", "json", "the record is not JSON: no such escape at byte 7");
    rig_refuse(&r, "{\"j\":{\"\\u00\":1}}", "json",
               "the record is not JSON: no such escape at byte 7");
    rig_refuse(&r,
               "{\"j\":\"a long text, so that the escape stands in the second block of it \\a\"}",
               "json", "field \"j\": no such escape at byte 71");
    rig_accept(&r, "{\"x\":[01,nil,\"\\q\"]}");
}
END_TEST

/* Every place of an escape relative to the blocks that are looked at together. */
START_TEST(escapes_of_json_text_are_checked_wherever_they_stand)
{
    static const char *const good[] = {"\\\"", "\\\\", "\\\\\\\"", "\\n", "\\u00e9", "\\\\\\\\"};
    static const char *const bad[] = {"\\x", "\\\\\\x", "\\u00g9", "\\u12", "\\\"\\a"};
    use((const struct decode_field[]){FIELD("j", PH_TYPE_JSON)}, 1);
    for (int pad = 0; pad < 400; pad++) {
        int before = pad % 140;
        int after = pad / 4;
        char json[512];
        for (uint32_t i = 0; i < COUNT(good); i++) {
            r.target.row = 0;
            (void)snprintf(json, sizeof json, "{\"j\":\"%*s%s%s%*s\"}", before, "", good[i],
                           good[i], after, "");
            rig_accept(&r, json);
        }
        for (uint32_t i = 0; i < COUNT(bad); i++) {
            (void)snprintf(json, sizeof json, "{\"j\":\"%*s%s%*s\"}", before, "", bad[i], after,
                           "");
            ck_assert_msg(rig_put(&r, json, strlen(json)) == PH_ERROR, "%s", json);
        }
    }
}
END_TEST

START_TEST(bytes_are_those_of_the_string)
{
    use((const struct decode_field[]){FIELD("b", PH_TYPE_BYTES)}, 1);
    rig_accept(&r, "{\"b\":\"a\\u00e9b\"}");
    ck_assert_str_eq(rig_text(&r, 0, 0), "a\xc3\xa9"
                                         "b");
    rig_refuse(&r, "{\"b\":1}", "type", "field \"b\": expected a string, found a number");
}
END_TEST

START_TEST(required_fields_are_not_null)
{
    use((const struct decode_field[]){FIELD("a", PH_TYPE_STRING),
                                      {.name = "ip", .type = PH_TYPE_STRING, .required = true}},
        2);
    rig_refuse(&r, "{\"a\":\"x\"}", "missing", "field \"ip\" is missing");
    rig_refuse(&r, "{\"ip\":null}", "missing", "field \"ip\" is null, but required");
    rig_accept(&r, "{\"ip\":\"\"}");
    ck_assert_uint_eq(r.columns[0].null_count, 1);
}
END_TEST

START_TEST(paths_lead_into_objects_and_arrays)
{
    use(
        (const struct decode_field[]){
            {.name = "deep", .type = PH_TYPE_STRING, PATH("a", "b", "c")},
            {.name = "second", .type = PH_TYPE_INT64, PATH("l", "1")},
            {.name = "member", .type = PH_TYPE_INT64, PATH("l", "0", "m")},
            {.name = "slash", .type = PH_TYPE_BOOL, PATH("x/y~z")},
            {.name = "whole", .type = PH_TYPE_JSON, PATH("a", "b")}},
        5);
    rig_accept(&r,
               "{\"x/y~z\":true,\"l\":[{\"m\":7},8,9],\"a\":{\"z\":0,\"b\":{\"c\":\"found\"}}}");
    ck_assert_str_eq(rig_text(&r, 0, 0), "found");
    ck_assert_int_eq(ph_column_int64(&r.views[1], 0), 8);
    ck_assert_int_eq(ph_column_int64(&r.views[2], 0), 7);
    ck_assert(ph_column_bool(&r.views[3], 0));
    ck_assert_str_eq(rig_text(&r, 4, 0), "{\"c\":\"found\"}");
    rig_accept(&r, "{\"a\":5,\"l\":[],\"x/y~z\":false}");
    rig_accept(&r, "{\"a\":{\"b\":null},\"l\":null}");
    for (uint32_t row = 1; row < 3; row++) {
        ck_assert(ph_column_is_null(&r.views[0], row));
        ck_assert(ph_column_is_null(&r.views[1], row));
        ck_assert(ph_column_is_null(&r.views[4], row));
    }
    rig_refuse(&r, "{\"a\":{},\"a\":{}}", "duplicate",
               "field \"a member on the way to a field\" stands in the record twice");
    rig_refuse(&r, "{\"l\":[1,]}", "json", "the record is not JSON: expected a value at byte 8");
    rig_refuse(&r, "{\"l\":[1,2", "json",
               "the record is not JSON: it ends where ',' or ']' should stand");
}
END_TEST

START_TEST(one_place_may_fill_several_columns)
{
    use((const struct decode_field[]){FIELD("t", PH_TYPE_STRING),
                                      {.name = "again", .type = PH_TYPE_STRING, PATH("t")},
                                      {.name = "raw", .type = PH_TYPE_JSON, PATH("t")}},
        3);
    ck_assert_uint_eq(decoder_spare(r.decoder), 2);
    rig_accept(&r, "{\"t\":\"a text that is long \\u0041nd has an escape\"}");
    ck_assert_str_eq(rig_text(&r, 0, 0), "a text that is long And has an escape");
    ck_assert_str_eq(rig_text(&r, 1, 0), "a text that is long And has an escape");
    ck_assert_str_eq(rig_text(&r, 2, 0), "\"a text that is long \\u0041nd has an escape\"");
    rig_accept(&r, "{\"t\":null}");
    ck_assert_uint_eq(r.columns[0].null_count + r.columns[1].null_count + r.columns[2].null_count,
                      3);
}
END_TEST

START_TEST(many_fields_fit)
{
    static char names[RIG_COLUMNS][8];
    struct decode_field fields[RIG_COLUMNS];
    char json[RIG_COLUMNS * 16] = "{";
    memset(fields, 0, sizeof fields);
    for (uint32_t i = 0; i < RIG_COLUMNS; i++) {
        (void)snprintf(names[i], sizeof names[i], "f%u", i);
        fields[i] = (struct decode_field){
            .name = names[i], .type = PH_TYPE_INT32, .required = i == RIG_COLUMNS - 1};
        if (i != 100) {
            size_t used = strlen(json);
            (void)snprintf(json + used, sizeof json - used, "%s\"f%u\":%u", used == 1 ? "" : ",", i,
                           i);
        }
    }
    use(fields, RIG_COLUMNS);
    size_t used = strlen(json);
    (void)snprintf(json + used, sizeof json - used, "}");
    rig_accept(&r, json);
    for (uint32_t i = 0; i < RIG_COLUMNS; i++) {
        ck_assert_int_eq(ph_column_is_null(&r.views[i], 0), i == 100);
        ck_assert_int_eq(ph_column_int32(&r.views[i], 0), i == 100 ? 0 : (int)i);
    }
    rig_refuse(&r, "{\"f0\":1}", "missing", "field \"f199\" is missing");
    ck_assert_uint_eq(r.columns[1].null_count, 0);
}
END_TEST

START_TEST(long_and_strange_names_are_found)
{
    static const char fifteen[] = "fifteen_bytes_x";
    static const char longer[] = "a_name_that_is_longer_than_two_blocks_of_16";
    use((const struct decode_field[]){FIELD(fifteen, PH_TYPE_STRING), FIELD(longer, PH_TYPE_STRING),
                                      FIELD("q\"uo\\te", PH_TYPE_STRING), FIELD("", PH_TYPE_STRING),
                                      FIELD("fourteen_bytes", PH_TYPE_STRING)},
        5);
    for (uint32_t row = 0; row < 2; row++) {
        rig_accept(&r, "{\"fifteen_bytes_x\":\"1\",\"a_name_that_is_longer_than_two_blocks_of_16\":"
                       "\"2\",\"a_name_that_is_longer_than_two_blocks_of_17\":\"no\","
                       "\"q\\\"uo\\\\te\":\"3\",\"\":\"4\",\"fourteen_bytes\":\"5\","
                       "\"fifteen_bytes_y\":\"no\",\"q\\\\uo\":0}");
        ck_assert_str_eq(rig_text(&r, 0, row), "1");
        ck_assert_str_eq(rig_text(&r, 1, row), "2");
        ck_assert_str_eq(rig_text(&r, 2, row), "3");
        ck_assert_str_eq(rig_text(&r, 3, row), "4");
        ck_assert_str_eq(rig_text(&r, 4, row), "5");
    }
}
END_TEST

START_TEST(timestamps_are_read_as_declared)
{
    use(
        (const struct decode_field[]){
            FIELD("iso", PH_TYPE_TIMESTAMP_MS),
            {.name = "s", .type = PH_TYPE_TIMESTAMP_US, .parse = DECODE_UNIX_S},
            {.name = "ms", .type = PH_TYPE_TIMESTAMP_MS, .parse = DECODE_UNIX_MS},
            {.name = "p",
             .type = PH_TYPE_TIMESTAMP_MS,
             .parse = DECODE_PATTERN,
             .pattern = "%d/%b/%Y:%H:%M:%S %z"}},
        4);
    rig_accept(&r, "{\"iso\":\"2024-05-01T00:00:00.123Z\",\"s\":1714521600.123456789,"
                   "\"ms\":\"1714521600123\",\"p\":\"01/May/2024:02:00:00 +0200\"}");
    ck_assert_int_eq(ph_column_int64(&r.views[0], 0), 1714521600123);
    ck_assert_int_eq(ph_column_int64(&r.views[1], 0), 1714521600123456);
    ck_assert_int_eq(ph_column_int64(&r.views[2], 0), 1714521600123);
    ck_assert_int_eq(ph_column_int64(&r.views[3], 0), 1714521600000);
    rig_accept(&r, "{\"iso\":\"2024-05-01T00:00:59.9\\u00390Z\"}");
    ck_assert_int_eq(ph_column_int64(&r.views[0], 1), 1714521659990);
    rig_accept(&r, "{\"iso\":\"1969-12-31T23:59:59.9999Z\"}");
    ck_assert_int_eq(ph_column_int64(&r.views[0], 2), -1);
    rig_refuse(&r, "{\"iso\":\"2024-05-01T00:0x\"}", "timestamp",
               "field \"iso\": \"2024-05-01T00:0x\" is not an ISO 8601 timestamp (byte 15)");
    rig_refuse(&r, "{\"iso\":\"\"}", "timestamp",
               "field \"iso\": \"\" is not an ISO 8601 timestamp (byte 0)");
    rig_refuse(&r, "{\"iso\":1714521600}", "type",
               "field \"iso\": expected a string, found a number: say how it is written with "
               "\"parse\"");
    rig_refuse(&r, "{\"iso\":{}}", "type", "field \"iso\": expected a string, found an object");
    rig_refuse(&r, "{\"s\":\"noon\"}", "timestamp",
               "field \"s\": \"noon\" is not a time in unix seconds of years 1 to 9999");
    rig_refuse(&r, "{\"ms\":1e15}", "timestamp",
               "field \"ms\": \"1e15\" is not a time in unix milliseconds of years 1 to 9999");
    rig_refuse(&r, "{\"p\":\"2024\"}", "timestamp",
               "field \"p\": \"2024\" does not match the pattern %d/%b/%Y:%H:%M:%S %z");
    char text[400];
    (void)snprintf(text, sizeof text, "{\"p\":\"%256s\"}", "x");
    rig_refuse(
        &r, text, "timestamp",
        "field \"p\": \"                                                     ...\" is longer "
        "than the 255 bytes of a time by a pattern");
}
END_TEST

/* The minute before must not decide about this one. */
START_TEST(timestamps_of_one_minute_are_read_alike)
{
    static const char *const bad[] = {"2024-05-01T00:00:61.000Z", "2024-05-01T00:00:0a.000Z",
                                      "2024-05-01T00:00:00.00aZ", "2024-05-01T00:00:00,0000",
                                      "2024-05-01T00:00:00.000X", "2024-05-01T00:00.00.000Z"};
    use((const struct decode_field[]){FIELD("t", PH_TYPE_TIMESTAMP_US)}, 1);
    char json[64];
    for (uint32_t i = 0; i < COUNT(bad); i++) {
        r.target.row = 0;
        rig_accept(&r, "{\"t\":\"2024-05-01T00:00:07.250Z\"}");
        ck_assert_int_eq(ph_column_int64(&r.views[0], 0), 1714521607250000);
        (void)snprintf(json, sizeof json, "{\"t\":\"%s\"}", bad[i]);
        if (i == 3) {
            rig_accept(&r, json);
            ck_assert_int_eq(ph_column_int64(&r.views[0], 1), 1714521600000000);
        } else {
            ck_assert_msg(rig_put(&r, json, strlen(json)) == PH_ERROR, "%s", json);
        }
    }
    r.target.row = 0;
    rig_accept(&r, "{\"t\":\"2024-05-01T00:00:60.000Z\"}");
    ck_assert_int_eq(ph_column_int64(&r.views[0], 0), 1714521660000000);
    rig_accept(&r, "{\"t\":\"2024-05-01T00:00:01.000Z\"}");
    ck_assert_int_eq(ph_column_int64(&r.views[0], 1), 1714521601000000);
    rig_accept(&r, "{\"t\":\"2024-05-01T00:01:01.001Z\"}");
    ck_assert_int_eq(ph_column_int64(&r.views[0], 2), 1714521661001000);
}
END_TEST

static void refuse_fields(const struct decode_field *fields, uint32_t count, const char *text)
{
    struct ph_error err;
    ph_error_clear(&err);
    ck_assert_ptr_null(decoder_create(fields, count, &err));
    ck_assert_str_eq(err.text, text);
    ck_assert_uint_eq(err.flags, PH_ERR_CONFIG);
}

START_TEST(wrong_declarations_are_refused)
{
    static char longest[DECODE_MAX_NAME + 2];
    memset(longest, 'n', sizeof longest - 1);
    refuse_fields((const struct decode_field[]){FIELD("a", PH_TYPE_BOOL), FIELD("a", PH_TYPE_JSON)},
                  2, "two fields are called \"a\"");
    refuse_fields((const struct decode_field[]){FIELD("a", 99)}, 1, "field \"a\" has no type");
    refuse_fields((const struct decode_field[]){FIELD(longest, PH_TYPE_BOOL)}, 1,
                  "the name of a field is longer than 255 bytes: "
                  "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn...");
    refuse_fields(
        (const struct decode_field[]){
            {.name = "t", .type = PH_TYPE_TIMESTAMP_MS, .parse = DECODE_PATTERN}},
        1, "the pattern of field \"t\" is missing");
    refuse_fields((const struct decode_field[]){{.name = "t",
                                                 .type = PH_TYPE_TIMESTAMP_MS,
                                                 .parse = DECODE_PATTERN,
                                                 .pattern = "%Y %"}},
                  1, "the pattern of field \"t\" ends in a lone %");
    decoder_destroy(NULL);
    use((const struct decode_field[]){FIELD("a", PH_TYPE_BOOL)}, 1);
}
END_TEST

START_TEST(columns_are_the_fields)
{
    const struct decode_field fields[] = {{.name = "a", .type = PH_TYPE_INT32, .required = true},
                                          FIELD("b", PH_TYPE_JSON)};
    struct ph_field columns[2];
    decoder_list_columns(fields, 2, columns);
    ck_assert_str_eq(columns[0].name, "a");
    ck_assert_uint_eq(columns[0].type, PH_TYPE_INT32);
    ck_assert_uint_eq(columns[0].flags, PH_FIELD_REQUIRED);
    ck_assert_uint_eq(columns[1].flags, 0);
    use(fields, 2);
    ck_assert_uint_eq(decoder_spare(r.decoder), 0);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("fields");
    TCase *c = tcase_create("types");
    tcase_add_checked_fixture(c, NULL, fini);
    tcase_set_timeout(c, 300);
    tcase_add_test(c, integers_have_ranges);
    tcase_add_test(c, floats_are_rounded_correctly);
    tcase_add_test(c, bools_are_true_or_false);
    tcase_add_test(c, json_is_the_exact_text_of_any_value);
    tcase_add_test(c, json_is_checked_to_the_last_byte);
    tcase_add_test(c, escapes_of_json_text_are_checked_wherever_they_stand);
    tcase_add_test(c, bytes_are_those_of_the_string);
    tcase_add_test(c, required_fields_are_not_null);
    tcase_add_test(c, paths_lead_into_objects_and_arrays);
    tcase_add_test(c, one_place_may_fill_several_columns);
    tcase_add_test(c, many_fields_fit);
    tcase_add_test(c, long_and_strange_names_are_found);
    tcase_add_test(c, timestamps_are_read_as_declared);
    tcase_add_test(c, timestamps_of_one_minute_are_read_alike);
    tcase_add_test(c, wrong_declarations_are_refused);
    tcase_add_test(c, columns_are_the_fields);
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
