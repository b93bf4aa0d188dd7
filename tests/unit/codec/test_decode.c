/* SPDX-License-Identifier: Apache-2.0 */
#include "rig.h"

static const struct decode_field ab[] = {FIELD("a", PH_TYPE_STRING), FIELD("b", PH_TYPE_STRING)};
static struct rig r;

static void fini(void)
{
    rig_fini(&r);
}

static void init_ab(void)
{
    rig_init(&r, ab, 2);
}

START_TEST(fields_come_in_any_order_and_others_are_skipped)
{
    rig_accept(&r, "{\"a\":\"one\",\"b\":\"two\"}");
    rig_accept(&r,
               "{\"b\":\"three\",\"x\":{\"a\":\"no\",\"y\":[1,{\"b\":\"no\"}]},\"a\":\"four\"}");
    rig_accept(&r, " { \"z\" : null , \"a\" : \"five\" , \"b\" : \"six\" } \n");
    ck_assert_str_eq(rig_text(&r, 0, 0), "one");
    ck_assert_str_eq(rig_text(&r, 1, 0), "two");
    ck_assert_str_eq(rig_text(&r, 0, 1), "four");
    ck_assert_str_eq(rig_text(&r, 1, 1), "three");
    ck_assert_str_eq(rig_text(&r, 0, 2), "five");
    ck_assert_str_eq(rig_text(&r, 1, 2), "six");
}
END_TEST

START_TEST(long_text_is_a_view_of_the_record)
{
    rig_accept(&r, "{\"a\":\"thirteen char\",\"b\":\"twelve chars\"}");
    ck_assert_str_eq(rig_text(&r, 0, 0), "thirteen char");
    ck_assert_str_eq(rig_text(&r, 1, 0), "twelve chars");
    ck_assert_ptr_eq(ph_column_bytes(&r.views[0], 0).data, r.target.arena + 6);
}
END_TEST

START_TEST(short_text_is_padded_with_zeros)
{
    static const struct ph_view wanted = {.length = 2, .u.inlined = {'h', 'i'}};
    rig_accept(&r, "{\"a\":\"hi\"}");
    ck_assert_mem_eq(r.views[0].values, &wanted, sizeof wanted);
}
END_TEST

START_TEST(missing_and_null_are_null)
{
    rig_accept(&r, "{\"a\":null}");
    rig_accept(&r, "{}");
    rig_accept(&r, "{\"b\":\"\"}");
    ck_assert_str_eq(rig_text(&r, 0, 0), "NULL");
    ck_assert_str_eq(rig_text(&r, 1, 0), "NULL");
    ck_assert_str_eq(rig_text(&r, 0, 1), "NULL");
    ck_assert_str_eq(rig_text(&r, 1, 2), "");
    ck_assert_uint_eq(r.columns[0].null_count, 3);
    ck_assert_uint_eq(r.columns[1].null_count, 2);
}
END_TEST

START_TEST(refused_record_leaves_nothing_in_the_next)
{
    rig_refuse(&r, "{\"a\":null,\"b\":{}}", "type",
               "field \"b\": expected a string, found an object: declare it as json");
    rig_accept(&r, "{\"a\":\"x\",\"b\":\"y\"}");
    ck_assert_str_eq(rig_text(&r, 0, 0), "x");
    ck_assert_uint_eq(r.columns[0].null_count, 0);
    rig_refuse(&r, "{\"a\":null", "json",
               "the record is not JSON: it ends where ',' or '}' should stand");
    rig_accept(&r, "{\"b\":\"z\"}");
    ck_assert_str_eq(rig_text(&r, 0, 0), "x");
    ck_assert_str_eq(rig_text(&r, 0, 1), "NULL");
    ck_assert_uint_eq(r.columns[0].null_count, 1);
}
END_TEST

START_TEST(a_field_that_nobody_looks_at_is_looked_for_and_left_alone)
{
    static const struct decode_field fields[] = {
        {.name = "a", .type = PH_TYPE_STRING},
        {.name = "b", .type = PH_TYPE_JSON, .required = true, .is_unread = true},
        {.name = "c", .type = PH_TYPE_INT64, .is_unread = true}};
    rig_fini(&r);
    rig_init(&r, fields, 3);
    memset(r.columns[1].values, 0x5a, sizeof(struct ph_view));
    rig_accept(&r, "{\"a\":\"x\",\"b\":\"no \\q escape\",\"c\":{\"not\":[\"a number\"]}}");
    rig_accept(&r, "{\"b\":7,\"a\":\"y\"}");
    rig_accept(&r, "{\"b\":7,\"c\":null}");
    ck_assert_str_eq(rig_text(&r, 0, 0), "x");
    ck_assert_str_eq(rig_text(&r, 0, 1), "y");
    ck_assert_str_eq(rig_text(&r, 0, 2), "NULL");
    ck_assert_uint_eq(((const uint8_t *)r.columns[1].values)[0], 0x5a);
    ck_assert_uint_eq(r.columns[1].null_count + r.columns[2].null_count, 0);
    rig_refuse(&r, "{\"a\":\"x\"}", "missing", "field \"b\" is missing");
    rig_refuse(&r, "{\"b\":null}", "missing", "field \"b\" is null, but required");
    rig_refuse(&r, "{\"b\":\"1\",\"b\":\"2\"}", "duplicate",
               "field \"b\" stands in the record twice");
    rig_refuse(&r, "{\"b\":[1}", "json", "the record is not JSON: expected ',' or ']' at byte 7");
}
END_TEST

START_TEST(escapes_become_characters)
{
    rig_accept(&r, "{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\",\"b\":\"\\u00e9\\u20ac\\ud83d\\ude00 and "
                   "more\"}");
    ck_assert_str_eq(rig_text(&r, 0, 0), "\"\\/\b\f\n\r\t");
    ck_assert_str_eq(rig_text(&r, 1, 0), "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80 and more");
    rig_accept(&r, "{\"a\":\"the next record is whole\",\"b\":\"\\u0041\"}");
    ck_assert_str_eq(rig_text(&r, 1, 0), "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80 and more");
    ck_assert_str_eq(rig_text(&r, 0, 1), "the next record is whole");
    ck_assert_str_eq(rig_text(&r, 1, 1), "A");
}
END_TEST

START_TEST(escaped_nul_is_a_byte_of_the_text)
{
    rig_accept(&r, "{\"a\":\"x\\u0000y\"}");
    struct ph_bytes b = ph_column_bytes(&r.views[0], 0);
    ck_assert_uint_eq(b.length, 3);
    ck_assert_mem_eq(b.data, "x\0y", 3);
}
END_TEST

START_TEST(escaped_names_are_the_same_names)
{
    rig_accept(&r, "{\"\\u0061\":\"one\",\"\\u0062\":\"two\"}");
    ck_assert_str_eq(rig_text(&r, 0, 0), "one");
    ck_assert_str_eq(rig_text(&r, 1, 0), "two");
    rig_refuse(&r, "{\"a\":\"1\",\"\\u0061\":\"2\"}", "duplicate",
               "field \"a\" stands in the record twice");
}
END_TEST

START_TEST(text_takes_numbers_and_bools_as_written)
{
    rig_accept(&r, "{\"a\": -1.50e3 ,\"b\":true}");
    rig_accept(&r, "{\"a\":false,\"b\":12345678901234567890}");
    ck_assert_str_eq(rig_text(&r, 0, 0), "-1.50e3");
    ck_assert_str_eq(rig_text(&r, 1, 0), "true");
    ck_assert_str_eq(rig_text(&r, 0, 1), "false");
    ck_assert_str_eq(rig_text(&r, 1, 1), "12345678901234567890");
    rig_refuse(&r, "{\"a\":01}", "json", "the record is not JSON: \"01\" at byte 5 is no value");
    rig_refuse(&r, "{\"a\":tru}", "json", "the record is not JSON: \"tru\" at byte 5 is no value");
    rig_refuse(&r, "{\"a\":[\"x\"]}", "type",
               "field \"a\": expected a string, found an array: declare it as json");
}
END_TEST

/* One record that is not JSON, and the reason. */
struct bad {
    const char *json;
    const char *reason;
};

static const struct bad bads[] = {
    {"", "the record is empty"},
    {"  \n", "the record is empty"},
    {"{", "the record is not JSON: it ends where a member's name should stand"},
    {"{\"a\"", "the record is not JSON: it ends where ':' should stand"},
    {"{\"a\":", "the record is not JSON: it ends where a value should stand"},
    {"{\"a\":\"x\"", "the record is not JSON: it ends where ',' or '}' should stand"},
    {"{\"a\":\"x\",", "the record is not JSON: it ends where a member's name should stand"},
    {"{\"a\":\"x", "the record is not JSON: it ends inside a string"},
    {"{\"a\":\"x\\\"}", "the record is not JSON: it ends inside a string"},
    {"{\"a\":\"x\"}{\"a\":\"y\"}", "the record is not one JSON document: more stands at byte 9"},
    {"{\"a\":\"x\"} x", "the record is not one JSON document: more stands at byte 10"},
    {"{\"a\":\"x\"}}", "the record is not one JSON document: more stands at byte 9"},
    {"[{\"a\":\"x\"}]", "the record is not JSON: expected '{' at byte 0"},
    {"\"a\"", "the record is not JSON: expected '{' at byte 0"},
    {"null", "the record is not JSON: expected '{' at byte 0"},
    {"hello", "the record is not JSON: expected '{' at byte 0"},
    {"\xef\xbb\xbf{}", "the record is not JSON: expected '{' at byte 0"},
    {"{\"a\" \"x\"}", "the record is not JSON: expected ':' at byte 5"},
    {"{\"a\":\"x\" \"b\":\"y\"}", "the record is not JSON: expected ',' or '}' at byte 9"},
    {"{\"a\":\"x\"\"b\"}", "the record is not JSON: expected ',' or '}' at byte 8"},
    {"{\"a\":\"x\"y}", "the record is not JSON: expected ',' or '}' at byte 8"},
    {"{\"a\":\"x\",}", "the record is not JSON: expected a member's name at byte 9"},
    {"{,\"a\":\"x\"}", "the record is not JSON: expected a member's name at byte 1"},
    {"{a:\"x\"}", "the record is not JSON: expected a member's name at byte 1"},
    {"{\"a\":}", "the record is not JSON: expected a value at byte 5"},
    {"{\"a\":,\"b\":\"\"}", "the record is not JSON: expected a value at byte 5"},
    {"{\"a\":nul}", "the record is not JSON: \"nul\" at byte 5 is no value"},
    {"{\"a\":1.}", "the record is not JSON: \"1.\" at byte 5 is no value"},
    {"{\"a\":+1}", "the record is not JSON: expected a value at byte 5"},
    {"{\"a\":.5}", "the record is not JSON: expected a value at byte 5"},
    {"{\"a\":NaN}", "the record is not JSON: expected a value at byte 5"},
    {"{\"a\":\"\\x41\"}", "field \"a\": no such escape at byte 6"},
    {"{\"a\":\"\\u12g4\"}", "field \"a\": \\u wants four hexadecimal digits at byte 6"},
    {"{\"a\":\"x\\u12\"}", "field \"a\": \\u wants four hexadecimal digits at byte 7"},
    {"{\"a\":\"\\ud800\"}", "field \"a\": lone surrogate at byte 6"},
    {"{\"a\":\"\\udc00\"}", "field \"a\": lone surrogate at byte 6"},
    {"{\"a\":\"\\ud800\\u0041\"}", "field \"a\": lone surrogate at byte 6"},
    {"{\"a\":\"\xff\"}", "the record is not valid UTF-8 at byte 6"},
    {"{\"a\":\"ok\",\"x\":\"\xc3\"}", "the record is not valid UTF-8 at byte 15"},
    {"{\"a\":\"\xed\xa0\x80\"}", "the record is not valid UTF-8 at byte 6"},
    {"{\"a\":\"\xc0\xaf\"}", "the record is not valid UTF-8 at byte 6"},
    {"{\"a\":\"x\ny\"}", "the record is not JSON: a raw control character stands in a string"},
    {"{\"x\":[1,2}", "the record is not JSON: expected ',' or ']' at byte 9"},
    {"{\"x\":[1 2]}", "the record is not JSON: expected ',' or ']' at byte 8"},
    {"{\"x\":[1,]}", "the record is not JSON: expected a value at byte 8"},
    {"{\"x\":{\"y\":1]}", "the record is not JSON: expected ',' or '}' at byte 11"},
    {"{\"x\":{\"y\"}}", "the record is not JSON: expected ':' at byte 9"},
    {"{\"x\":{1:2}}", "the record is not JSON: expected a member's name at byte 6"},
    {"{\"x\":[[[]}", "the record is not JSON: expected ',' or ']' at byte 9"},
    {"{\"x\":{\"y\":1},}", "the record is not JSON: expected a member's name at byte 13"},
    {"{\"x\":@}", "the record is not JSON: expected a value at byte 5"},
};

START_TEST(what_is_not_json_is_refused_and_neighbours_are_unharmed)
{
    rig_accept(&r, "{\"a\":\"before it\",\"b\":\"a longer text before it\"}");
    rig_refuse(&r, bads[_i].json, "json", bads[_i].reason);
    rig_accept(&r, "{\"b\":\"after it\",\"a\":\"a longer text after it\"}");
    ck_assert_uint_eq(r.target.row, 2);
    ck_assert_str_eq(rig_text(&r, 0, 0), "before it");
    ck_assert_str_eq(rig_text(&r, 1, 0), "a longer text before it");
    ck_assert_str_eq(rig_text(&r, 0, 1), "a longer text after it");
    ck_assert_str_eq(rig_text(&r, 1, 1), "after it");
    ck_assert_uint_eq(r.columns[0].null_count + r.columns[1].null_count, 0);
}
END_TEST

START_TEST(raw_nul_is_refused_wherever_it_stands)
{
    ck_assert_int_eq(rig_put(&r, "{\"a\":\"x\0y\"}", 12), PH_ERROR);
    ck_assert_str_eq(r.fault.reason,
                     "the record is not JSON: a raw control character stands in a string");
    ck_assert_int_eq(rig_put(&r, "{\"a\":\0}", 7), PH_ERROR);
    ck_assert_str_eq(r.fault.reason, "the record is not JSON: expected a value at byte 5");
    ck_assert_int_eq(rig_put(&r, "{\"a\":null\0}", 11), PH_ERROR);
    ck_assert_str_eq(r.fault.reason,
                     "the record is not JSON: \"null\\u0000\" at byte 5 is no value");
    ck_assert_int_eq(rig_put(&r, "{}\0", 3), PH_ERROR);
    ck_assert_str_eq(r.fault.reason, "the record is not one JSON document: more stands at byte 2");
}
END_TEST

START_TEST(every_prefix_of_a_record_is_refused)
{
    static const char json[] =
        "{\"x\":[1,{\"y\":\"z\\\\\"}],\"a\":\"\\u00e9 text\",\"b\":\"plain text\",\"n\":-1.5e3}";
    for (size_t length = 0; length < sizeof json - 1; length++) {
        ck_assert_msg(rig_put(&r, json, length) == PH_ERROR, "%.*s", (int)length, json);
    }
    rig_accept(&r, json);
}
END_TEST

START_TEST(declared_fields_stand_once)
{
    rig_refuse(&r, "{\"a\":\"1\",\"b\":\"2\",\"a\":\"1\"}", "duplicate",
               "field \"a\" stands in the record twice");
    rig_refuse(&r, "{\"a\":null,\"a\":\"1\"}", "duplicate",
               "field \"a\" stands in the record twice");
    rig_accept(&r, "{\"a\":\"1\",\"x\":1,\"x\":2}");
}
END_TEST

static char *nested(char open, char close, uint32_t depth, const char *inside)
{
    size_t size = 32 + 6 * (size_t)depth + strlen(inside);
    char *json = malloc(size);
    size_t used = (size_t)snprintf(json, size, "{\"x\":");
    for (uint32_t i = 0; i < depth; i++) {
        used += (size_t)snprintf(json + used, size - used, open == '{' ? "{\"k\":" : "[");
    }
    used += (size_t)snprintf(json + used, size - used, "%s", inside);
    memset(json + used, close, depth);
    memcpy(json + used + depth, "}", 2);
    return json;
}

START_TEST(depth_has_a_limit)
{
    static const char brackets[2][2] = {{'[', ']'}, {'{', '}'}};
    for (int i = 0; i < 2; i++) {
        char *deep = nested(brackets[i][0], brackets[i][1], DECODE_MAX_DEPTH, "1");
        char *too_deep = nested(brackets[i][0], brackets[i][1], DECODE_MAX_DEPTH + 1, "1");
        char *abyss = nested(brackets[i][0], brackets[i][1], 10000, "1");
        rig_accept(&r, deep);
        rig_refuse(&r, too_deep, "depth", "the record is nested deeper than 1024");
        rig_refuse(&r, abyss, "depth", "the record is nested deeper than 1024");
        free(deep);
        free(too_deep);
        free(abyss);
    }
}
END_TEST

START_TEST(large_records_are_read)
{
    size_t size = (size_t)10 << 20;
    char *json = malloc(size + 64);
    int head = snprintf(json, 64, "{\"b\":\"x\",\"a\":\"");
    memset(json + head, 'y', size);
    memcpy(json + (size_t)head + size, "\"}", 3);
    rig_accept(&r, json);
    struct ph_bytes b = ph_column_bytes(&r.views[0], 0);
    ck_assert_uint_eq(b.length, size);
    ck_assert_int_eq(b.data[size - 1], 'y');
    free(json);
}
END_TEST

START_TEST(names_that_change_with_every_record_are_skipped)
{
    char json[256];
    for (int i = 0; i < 3000; i++) {
        r.target.row = 0;
        (void)snprintf(json, sizeof json,
                       "{\"u%d\":1,\"a\":\"%d\",\"a_rather_long_name_that_is_not_declared_anywhere_"
                       "and_will_not_be_learned_%d\":[],\"b\":\"%d\"}",
                       i, i, i, i);
        rig_accept(&r, json);
        ck_assert_int_eq(atoi(rig_text(&r, 0, 0)), i);
        ck_assert_int_eq(atoi(rig_text(&r, 1, 0)), i);
    }
}
END_TEST

START_TEST(members_that_some_records_lack_leave_the_others_right)
{
    static const char *const records[] = {"{\"x\":\"0\",\"a\":\"A\",\"y\":\"0\",\"b\":\"B\"}",
                                          "{\"a\":\"A\",\"y\":\"0\",\"b\":\"B\"}",
                                          "{\"x\":\"0\",\"y\":\"0\",\"b\":\"B\"}",
                                          "{\"x\":\"0\",\"b\":\"B\"}",
                                          "{\"b\":\"B\",\"a\":\"A\",\"y\":\"0\"}",
                                          "{\"a\":\"A\"}"};
    for (uint32_t i = 0; i < 2000; i++) {
        const char *record = records[i % 7 * (i % 11) % (sizeof records / sizeof records[0])];
        r.target.row = 0;
        r.columns[0].validity[0] = 1;
        r.columns[1].validity[0] = 1;
        rig_accept(&r, record);
        ck_assert_str_eq(rig_text(&r, 0, 0), strchr(record, 'A') != NULL ? "A" : "NULL");
        ck_assert_str_eq(rig_text(&r, 1, 0), strchr(record, 'B') != NULL ? "B" : "NULL");
    }
}
END_TEST

START_TEST(an_escape_is_found_wherever_it_stands)
{
    char json[300];
    char text[150];
    for (size_t length = 0; length < 140; length++) {
        for (size_t at = 0; at < length; at++) {
            memset(text, 'x', length);
            text[length] = '\0';
            text[at] = '\n';
            /* A backslash right behind the text is not in it. */
            (void)snprintf(json, sizeof json, "{\"a\":\"%.*s\\n%s\",\"b\":\"\\t\"}", (int)at, text,
                           text + at + 1);
            r.target.row = 0;
            r.used = 0;
            rig_accept(&r, json);
            ck_assert_str_eq(rig_text(&r, 0, 0), text);
            ck_assert_str_eq(rig_text(&r, 1, 0), "\t");
        }
        memset(text, 'x', length);
        text[length] = '\0';
        (void)snprintf(json, sizeof json, "{\"a\":\"%s\",\"b\":\"\\t\"}", text);
        r.target.row = 0;
        rig_accept(&r, json);
        ck_assert_str_eq(rig_text(&r, 0, 0), text);
        ck_assert(length <= PH_VIEW_INLINE ||
                  ph_column_bytes(&r.views[0], 0).data ==
                      r.target.arena + r.target.text_used - strlen(json) - 1 + 6);
    }
}
END_TEST

START_TEST(long_excerpts_are_cut)
{
    rig_fini(&r);
    const struct decode_field f[] = {FIELD(
        "a_name_that_is_much_longer_than_what_an_excerpt_has_room_for_and_goes_on", PH_TYPE_INT64)};
    rig_init(&r, f, 1);
    rig_refuse(&r,
               "{\"a_name_that_is_much_longer_than_what_an_excerpt_has_room_for_and_goes_on\":"
               "1234567890123456789012345678901234567890123456789012345678901234567890}",
               "range",
               "field \"a_name_that_is_much_longer_than_what_an_excerpt_has_r...\": "
               "\"12345678901234567890123456789012345678901234567890123...\" does not fit int64");
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("decode");
    TCase *c = tcase_create("records");
    tcase_add_checked_fixture(c, init_ab, fini);
    tcase_set_timeout(c, 300);
    tcase_add_test(c, fields_come_in_any_order_and_others_are_skipped);
    tcase_add_test(c, long_text_is_a_view_of_the_record);
    tcase_add_test(c, short_text_is_padded_with_zeros);
    tcase_add_test(c, missing_and_null_are_null);
    tcase_add_test(c, refused_record_leaves_nothing_in_the_next);
    tcase_add_test(c, a_field_that_nobody_looks_at_is_looked_for_and_left_alone);
    tcase_add_test(c, escapes_become_characters);
    tcase_add_test(c, escaped_nul_is_a_byte_of_the_text);
    tcase_add_test(c, escaped_names_are_the_same_names);
    tcase_add_test(c, text_takes_numbers_and_bools_as_written);
    tcase_add_loop_test(c, what_is_not_json_is_refused_and_neighbours_are_unharmed, 0,
                        (int)(sizeof bads / sizeof bads[0]));
    tcase_add_test(c, raw_nul_is_refused_wherever_it_stands);
    tcase_add_test(c, every_prefix_of_a_record_is_refused);
    tcase_add_test(c, declared_fields_stand_once);
    tcase_add_test(c, depth_has_a_limit);
    tcase_add_test(c, large_records_are_read);
    tcase_add_test(c, names_that_change_with_every_record_are_skipped);
    tcase_add_test(c, members_that_some_records_lack_leave_the_others_right);
    tcase_add_test(c, an_escape_is_found_wherever_it_stands);
    tcase_add_test(c, long_excerpts_are_cut);
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
