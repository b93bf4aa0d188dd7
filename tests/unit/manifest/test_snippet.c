/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/snippet.h"

#include "load.h"

/* '@' in text marks the place and is taken out. */
static void assert_shown(const char *text, const char *expected)
{
    char copy[1024] = "";
    struct buf out;
    const char *at = strchr(text, '@');
    ck_assert_ptr_nonnull(at);
    size_t offset = (size_t)(at - text);
    size_t length = strlen(text) - 1;
    memcpy(copy, text, offset);
    memcpy(copy + offset, at + 1, length - offset);
    buf_init(&out, 4096);
    buf_append(&out, "", 0);
    snippet_append(&out, copy, length, offset);
    ck_assert_str_eq(out.data, expected);
    buf_fini(&out);
}

START_TEST(the_line_is_shown_without_its_indentation)
{
    assert_shown("{\n   \t \"a\": @1,\n}", "\n    \"a\": 1,\n         ^");
}
END_TEST

START_TEST(the_caret_counts_code_points)
{
    assert_shown("{\"\xc3\xa4\xe2\x82\xac\": @1}",
                 "\n    {\"\xc3\xa4\xe2\x82\xac\": 1}\n           ^");
}
END_TEST

START_TEST(control_bytes_and_wrong_utf8_are_not_printed)
{
    assert_shown("{\t\x1b[0m @\"a\xff\x07\"}", "\n    {  [0m \"a? \"}\n           ^");
}
END_TEST

START_TEST(a_long_line_is_shown_around_its_place)
{
    char text[512] = "";
    char expected[512];
    memset(text, 'a', 300);
    text[150] = '@';
    memset(expected, 'a', sizeof expected);
    memcpy(expected, "\n    ...", 8);
    memcpy(expected + 8 + SNIPPET_WIDTH, "...\n    ", 8);
    memset(expected + 16 + SNIPPET_WIDTH, ' ', 3 + SNIPPET_WIDTH / 2);
    memcpy(expected + 19 + SNIPPET_WIDTH * 3 / 2, "^", 2);
    assert_shown(text, expected);
}
END_TEST

START_TEST(the_end_of_a_long_line_is_shown_without_an_ellipsis)
{
    struct buf out;
    char text[301];
    memset(text, 'a', 300);
    text[300] = '\0';
    buf_init(&out, 4096);
    snippet_append(&out, text, 300, 299);
    ck_assert_ptr_nonnull(strstr(out.data, "\n    ...aaa"));
    ck_assert_ptr_null(strstr(out.data, "a..."));
    buf_fini(&out);
}
END_TEST

START_TEST(the_value_of_a_secret_key_is_hidden)
{
    assert_shown("{@\"password\": \"x\", \"b\": \"y\"}",
                 "\n    {\"password\": \"***\", \"b\": \"y\"}\n     ^");
    assert_shown("{\"api_key\":12345,@\"b\":1}",
                 "\n    {\"api_key\":***,\"b\":1}\n                   ^");
    assert_shown("{@\"password\": \"\", \"key\": {}}",
                 "\n    {\"password\": \"\", \"key\": {}}\n     ^");
}
END_TEST

START_TEST(a_secret_on_the_line_below_its_key_is_hidden)
{
    assert_shown("{\"password\":\n  @\"x\" }", "\n    \"***\" }\n    ^");
}
END_TEST

START_TEST(a_password_inside_a_url_is_hidden)
{
    assert_shown("{\"url\":@\"http://u:x@h\"}", "\n    {\"url\":\"http://u:***@h\"}\n           ^");
}
END_TEST

START_TEST(a_name_in_a_list_is_no_key)
{
    assert_shown("[@\"password\", \"b\"]", "\n    [\"password\", \"b\"]\n     ^");
}
END_TEST

#define CONFIG "{\"operators\": [{\"name\": \"a\", \"config\":\n"

START_TEST(values_in_a_map_of_a_config_are_hidden)
{
    assert_shown(
        CONFIG
        "@{\"topic\": \"t\", \"rdkafka\": {\"sasl.username\": \"AKIA\", \"n\": 12, \"b\": true}}",
        "\n    {\"topic\": \"t\", \"rdkafka\": {\"sasl.username\": \"***\", \"n\": ***, \"b\": "
        "true}}\n    ^");
    assert_shown(CONFIG "{\"rdkafka\": {\n@\"sasl.username\":\n\"AKIA\"}}",
                 "\n    \"sasl.username\":\n    ^");
    assert_shown(CONFIG "{\"rdkafka\": {\"a\":\n@\"AKIA\"}}", "\n    \"***\"}}\n    ^");
}
END_TEST

START_TEST(a_reference_is_no_secret)
{
    assert_shown(CONFIG "{\"rdkafka\": {\"a\": @\"${NOPE}\"}}",
                 "\n    {\"rdkafka\": {\"a\": \"${NOPE}\"}}\n                      ^");
    assert_shown("{\"password\": @\"${NOPE}\"}",
                 "\n    {\"password\": \"${NOPE}\"}\n                 ^");
    assert_shown("{\"password\": @\"${NOPE:-sesame}\"}",
                 "\n    {\"password\": \"***\"}\n                 ^");
    assert_shown("{\"password\": @\"x${NOPE}\"}",
                 "\n    {\"password\": \"***\"}\n                 ^");
}
END_TEST

START_TEST(lists_of_a_config_and_formats_are_shown)
{
    assert_shown(CONFIG "{\"columns\": [@\"a\", \"b\"]}",
                 "\n    {\"columns\": [\"a\", \"b\"]}\n                 ^");
    assert_shown("{\"operators\": [{\"name\": \"a\", \"format\": {\"json\": {\"fields\":\n{\"n\": "
                 "@\"int\"}}}}]}",
                 "\n    {\"n\": \"int\"}}}}]}\n          ^");
}
END_TEST

START_TEST(an_empty_line_shows_nothing)
{
    assert_shown("{\n@\n}", "");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {the_line_is_shown_without_its_indentation,
                                  the_caret_counts_code_points,
                                  control_bytes_and_wrong_utf8_are_not_printed,
                                  a_long_line_is_shown_around_its_place,
                                  the_end_of_a_long_line_is_shown_without_an_ellipsis,
                                  the_value_of_a_secret_key_is_hidden,
                                  a_secret_on_the_line_below_its_key_is_hidden,
                                  a_password_inside_a_url_is_hidden,
                                  a_name_in_a_list_is_no_key,
                                  values_in_a_map_of_a_config_are_hidden,
                                  a_reference_is_no_secret,
                                  lists_of_a_config_and_formats_are_shown,
                                  an_empty_line_shows_nothing};
    return run_tests("snippet", tests, sizeof tests / sizeof tests[0]);
}
