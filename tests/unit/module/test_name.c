/* SPDX-License-Identifier: Apache-2.0 */
#include "module/name.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

START_TEST(ids_are_lower_case_with_dashes)
{
    char longest[NAME_ID_MAX + 2];
    memset(longest, 'a', sizeof longest);
    longest[NAME_ID_MAX] = '\0';
    ck_assert(name_is_id("a"));
    ck_assert(name_is_id("sink-kafka-2"));
    ck_assert(name_is_id(longest));
    longest[NAME_ID_MAX] = 'a';
    longest[NAME_ID_MAX + 1] = '\0';
    ck_assert(!name_is_id(longest));
    ck_assert(!name_is_id(""));
    ck_assert(!name_is_id("-a"));
    ck_assert(!name_is_id("2a"));
    ck_assert(!name_is_id("a_b"));
    ck_assert(!name_is_id("A"));
}
END_TEST

START_TEST(keys_are_lower_case_with_underscores)
{
    ck_assert(name_is_key("startup_mode_2"));
    ck_assert(!name_is_key("startup-mode"));
    ck_assert(!name_is_key("_mode"));
    ck_assert(!name_is_key(""));
}
END_TEST

START_TEST(file_names_hold_no_folder)
{
    ck_assert(name_is_file("Sink_1.2-x"));
    ck_assert(!name_is_file(""));
    ck_assert(!name_is_file("."));
    ck_assert(!name_is_file("..hidden"));
    ck_assert(!name_is_file("-option"));
    ck_assert(!name_is_file("a/b"));
    ck_assert(!name_is_file("a b"));
    ck_assert(!name_is_file("caf\xc3\xa9"));
}
END_TEST

START_TEST(words_out_of_range_are_empty)
{
    ck_assert_str_eq(name_of_kind(4), "sink");
    ck_assert_str_eq(name_of_kind(5), "");
    ck_assert_str_eq(name_of_delivery(1), "transactional");
    ck_assert_str_eq(name_of_delivery(4), "");
    ck_assert_str_eq(name_of_config_type(11), "map");
    ck_assert_str_eq(name_of_config_type(12), "");
    ck_assert_str_eq(name_of_flag(4), "single");
    ck_assert_ptr_null(name_of_flag(5));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("name");
    TCase *t = tcase_create("names");
    tcase_add_test(t, ids_are_lower_case_with_dashes);
    tcase_add_test(t, keys_are_lower_case_with_underscores);
    tcase_add_test(t, file_names_hold_no_folder);
    tcase_add_test(t, words_out_of_range_are_empty);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
