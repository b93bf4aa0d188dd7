/* SPDX-License-Identifier: Apache-2.0 */
#include "base/wording.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define SIZE 64

static char text[SIZE];
static unsigned char own[SIZE];

__attribute__((format(printf, 2, 3))) static void format(size_t size, const char *words, ...)
{
    va_list args;
    memset(own, 0xff, sizeof own);
    va_start(args, words);
    wording_format(text, own, size, words, args);
    va_end(args);
}

/* The runs as letters, arguments as '.'. */
static void assert_own(const char *expected_text, const char *expected)
{
    char runs[SIZE];
    size_t length = strlen(text);
    for (size_t i = 0; i < length; i++) {
        runs[i] = own[i] == 0 ? '.' : (char)('a' + own[i] - 1);
    }
    runs[length] = '\0';
    ck_assert_str_eq(text, expected_text);
    ck_assert_str_eq(runs, expected);
}

START_TEST(what_the_format_gives_is_told_from_what_arguments_give)
{
    format(SIZE, "no argument");
    assert_own("no argument", "aaaaaaaaaaa");
    format(SIZE, "%s", "all of it");
    assert_own("all of it", ".........");
    format(SIZE, "a %s b", "secret");
    assert_own("a secret b", "aa......bb");
    format(SIZE, "%-4.*s|%5.1f ms|%lld%%|%zu", 2, "xyz", 2.5, -7LL, (size_t)12);
    assert_own("xy  |  2.5 ms|-7%|12", "....b.....cccc...e..");
}
END_TEST

START_TEST(runs_around_an_empty_argument_are_two)
{
    format(SIZE, "sec%sret", "");
    assert_own("secret", "aaabbb");
    format(SIZE, "%s%s.", "", "x");
    assert_own("x.", ".c");
}
END_TEST

START_TEST(a_text_that_is_cut_is_marked_as_far_as_it_goes)
{
    format(6, "ab%s cd", "x");
    assert_own("abx c", "aa.bb");
    format(4, "ab%s cd", "xyz");
    assert_own("abx", "aa.");
    format(1, "abc");
    assert_own("", "");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("wording");
    TCase *t = tcase_create("wording");
    tcase_add_test(t, what_the_format_gives_is_told_from_what_arguments_give);
    tcase_add_test(t, runs_around_an_empty_argument_are_two);
    tcase_add_test(t, a_text_that_is_cut_is_marked_as_far_as_it_goes);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
