/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

START_TEST(appends_grow_and_stay_nul_terminated)
{
    struct buf b;
    buf_init(&b, 1u << 20);
    ck_assert_ptr_null(b.data);
    for (int i = 0; i < 1000; i++) {
        buf_append(&b, "abc", 3);
    }
    ck_assert(!b.failed);
    ck_assert_uint_eq(b.length, 3000);
    ck_assert_uint_eq(strlen(b.data), 3000);
    ck_assert(memcmp(b.data + 2997, "abc", 4) == 0);
    buf_fini(&b);
}
END_TEST

START_TEST(an_append_past_the_limit_marks_and_changes_nothing)
{
    struct buf b;
    buf_init(&b, 5);
    buf_append_text(&b, "12345");
    ck_assert(!b.failed);
    buf_append_text(&b, "6");
    ck_assert(b.failed);
    ck_assert_str_eq(b.data, "12345");
    buf_fini(&b);
}
END_TEST

START_TEST(after_a_failed_append_later_ones_are_ignored)
{
    struct buf b;
    buf_init(&b, 4);
    buf_append_text(&b, "12");
    buf_append_text(&b, "345");
    buf_append_text(&b, "6");
    ck_assert(b.failed);
    ck_assert_str_eq(b.data, "12");
    buf_fini(&b);
}
END_TEST

START_TEST(clear_empties_and_keeps_the_memory)
{
    struct buf b;
    buf_init(&b, 4);
    buf_append_text(&b, "1234");
    buf_append_text(&b, "5");
    char *data = b.data;
    buf_clear(&b);
    ck_assert(!b.failed);
    ck_assert_uint_eq(b.length, 0);
    ck_assert_ptr_eq(b.data, data);
    ck_assert_str_eq(b.data, "");
    buf_fini(&b);
}
END_TEST

START_TEST(formats_any_length)
{
    struct buf b;
    buf_init(&b, 1000);
    buf_append_format(&b, "%s-%d", "x", 42);
    buf_append_format(&b, "%200d", 7);
    ck_assert_uint_eq(b.length, 204);
    ck_assert(strncmp(b.data, "x-42   ", 7) == 0);
    ck_assert_str_eq(b.data + 202, " 7");
    buf_fini(&b);
}
END_TEST

START_TEST(empty_appends_need_no_pointer)
{
    struct buf b;
    buf_init(&b, 10);
    buf_append(&b, NULL, 0);
    ck_assert(!b.failed);
    ck_assert_uint_eq(b.length, 0);
    ck_assert_str_eq(b.data, "");
    buf_fini(&b);
}
END_TEST

static void assert_json(const char *text, size_t length, const char *expected)
{
    struct buf b;
    buf_init(&b, 1000);
    buf_append_json_string(&b, text, length);
    ck_assert(!b.failed);
    ck_assert_str_eq(b.data, expected);
    buf_fini(&b);
}

START_TEST(json_strings_are_escaped)
{
    assert_json("a\"b\\c/", 6, "\"a\\\"b\\\\c/\"");
    assert_json("\b\f\n\r\t", 5, "\"\\b\\f\\n\\r\\t\"");
    assert_json("\x01\x1f\0", 3, "\"\\u0001\\u001f\\u0000\"");
    assert_json("\x7f", 1, "\"\x7f\"");
    assert_json("", 0, "\"\"");
}
END_TEST

START_TEST(json_strings_keep_utf8_and_replace_what_is_not)
{
    assert_json("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 9,
                "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"");
    assert_json("\xff", 1, "\"\xef\xbf\xbd\"");
    assert_json("\xc3", 1, "\"\xef\xbf\xbd\"");
    assert_json("\xc0\x80", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\"");
    assert_json("\xed\xa0\x80", 3, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
    assert_json("\xf4\x90\x80\x80x", 5, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdx\"");
    assert_json("\xf0\x8f\x80\x80", 4, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
}
END_TEST

START_TEST(a_json_string_that_does_not_fit_leaves_nothing_of_itself)
{
    struct buf b;
    buf_init(&b, 6);
    buf_append_text(&b, "ab");
    buf_append_json_string(&b, "123", 3);
    ck_assert(b.failed);
    ck_assert_str_eq(b.data, "ab");
    buf_fini(&b);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("buf");
    TCase *t = tcase_create("buf");
    tcase_add_test(t, appends_grow_and_stay_nul_terminated);
    tcase_add_test(t, an_append_past_the_limit_marks_and_changes_nothing);
    tcase_add_test(t, after_a_failed_append_later_ones_are_ignored);
    tcase_add_test(t, clear_empties_and_keeps_the_memory);
    tcase_add_test(t, formats_any_length);
    tcase_add_test(t, empty_appends_need_no_pointer);
    tcase_add_test(t, json_strings_are_escaped);
    tcase_add_test(t, json_strings_keep_utf8_and_replace_what_is_not);
    tcase_add_test(t, a_json_string_that_does_not_fit_leaves_nothing_of_itself);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
