/* SPDX-License-Identifier: Apache-2.0 */
#include "delivery/breaker.h"

#include <check.h>
#include <stdlib.h>

/* A unit of one bad record. */
static int32_t bad(struct breaker *b, const char *code, struct ph_error *err)
{
    int32_t rc = breaker_bad(b, code, "does not fit", "t/0 offset 7", err);
    breaker_seen(b, 1);
    return rc;
}

START_TEST(nothing_happens_before_a_whole_window_was_seen)
{
    struct breaker b;
    breaker_init(&b, 50);
    for (uint32_t i = 0; i + 1 < BREAKER_WINDOW; i++) {
        ck_assert_int_eq(bad(&b, "type", NULL), PH_OK);
    }
    ck_assert_int_eq(bad(&b, "type", NULL), PH_ERROR);
}
END_TEST

START_TEST(a_share_at_the_limit_passes_and_one_above_it_trips)
{
    struct breaker b;
    struct ph_error err;
    ph_error_clear(&err);
    breaker_init(&b, 50);
    breaker_seen(&b, 5000);
    for (uint32_t i = 0; i < BREAKER_WINDOW / 2; i++) {
        ck_assert_int_eq(bad(&b, i % 3 == 0 ? "json" : "type", &err), PH_OK);
    }
    ck_assert_int_eq(bad(&b, "type", &err), PH_ERROR);
    ck_assert_int_eq(err.flags, PH_ERR_FATAL);
    ck_assert_str_eq(
        err.text,
        "501 of the last 1000 records were set aside, more than dead_letter.stop_above_percent "
        "(50) allows; most often (type): does not fit; such as t/0 offset 7; t/0 offset 7; "
        "t/0 offset 7");
}
END_TEST

START_TEST(the_reason_and_the_examples_are_those_of_the_window)
{
    struct breaker b;
    struct ph_error err;
    char code[16];
    ph_error_clear(&err);
    breaker_init(&b, 50);
    for (uint32_t i = 0; i < 5000; i++) { /* long ago, and of more codes than there is room for */
        (void)snprintf(code, sizeof code, "old%u", i % 20);
        ck_assert_int_eq(bad(&b, i % 3 == 0 ? code : "old", NULL), PH_OK);
        breaker_seen(&b, 2);
    }
    breaker_seen(&b, 2 * BREAKER_WINDOW);
    int32_t rc = PH_OK;
    for (uint32_t i = 0; rc == PH_OK && i < BREAKER_WINDOW; i++) {
        (void)snprintf(code, sizeof code, "example %u", i);
        rc = breaker_bad(&b, i % 3 == 0 ? "rare" : "new", "is new", code, &err);
        breaker_seen(&b, 1);
    }
    ck_assert_int_eq(rc, PH_ERROR);
    ck_assert_ptr_nonnull(strstr(
        err.text, "most often (new): is new; such as example 500; example 497; example 499"));
}
END_TEST

START_TEST(an_input_shorter_than_the_window_is_judged_at_its_end)
{
    struct breaker b;
    struct ph_error err;
    ph_error_clear(&err);
    breaker_init(&b, 50);
    for (uint32_t i = 0; i < BREAKER_LEAST; i++) {
        ck_assert_int_eq(breaker_end(&b, 0, NULL), PH_OK); /* too few to say anything */
        ck_assert_int_eq(bad(&b, "type", NULL), PH_OK);
    }
    ck_assert_int_eq(breaker_end(&b, BREAKER_LEAST, NULL), PH_OK); /* as many that are good */
    ck_assert_int_eq(breaker_end(&b, BREAKER_LEAST - 1, &err), PH_ERROR);
    ck_assert_ptr_nonnull(strstr(err.text, "100 of all 199 records were set aside"));
}
END_TEST

START_TEST(the_longest_examples_leave_the_sentence_whole)
{
    struct breaker b;
    struct ph_error err;
    char example[BREAKER_EXAMPLE_SIZE];
    char reason[1000];
    ph_error_clear(&err);
    memset(example, 'x', sizeof example);
    memset(reason, 'y', sizeof reason);
    example[sizeof example - 1] = '\0';
    reason[sizeof reason - 1] = '\0';
    breaker_init(&b, 0);
    for (uint32_t i = 0; i < BREAKER_WINDOW; i++) {
        bool last = i + 1 == BREAKER_WINDOW;
        ck_assert_int_eq(breaker_bad(&b, "a_code_of_23_characters", reason, example, &err),
                         last ? PH_ERROR : PH_OK);
        breaker_seen(&b, 1);
    }
    ck_assert_str_eq(err.text + strlen(err.text) - strlen(example), example);
}
END_TEST

START_TEST(what_the_window_has_passed_is_forgotten)
{
    struct breaker b;
    breaker_init(&b, 50);
    for (uint32_t round = 0; round < 20; round++) {
        for (uint32_t i = 0; i < BREAKER_WINDOW / 2; i++) {
            ck_assert_int_eq(bad(&b, "type", NULL), PH_OK);
        }
        breaker_seen(&b, BREAKER_WINDOW / 2);
    }
}
END_TEST

START_TEST(a_hundred_percent_never_trips)
{
    struct breaker b;
    breaker_init(&b, 100);
    for (uint32_t i = 0; i < 5 * BREAKER_WINDOW; i++) {
        ck_assert_int_eq(bad(&b, "type", NULL), PH_OK);
    }
}
END_TEST

START_TEST(bad_records_of_a_large_unit_count_where_they_stand)
{
    struct breaker b;
    breaker_init(&b, 50);
    for (uint32_t unit = 0; unit < 4; unit++) {
        for (uint32_t row = 0; row < 4096; row += 4) { /* a quarter of the rows */
            breaker_place(&b, row);
            ck_assert_int_eq(breaker_bad(&b, "type", "", "", NULL), PH_OK);
        }
        breaker_seen(&b, 4096);
    }
    for (uint32_t row = 0; row < 2 * BREAKER_WINDOW; row++) {
        breaker_place(&b, row);
        if (row % 4 != 0 && breaker_bad(&b, "type", "", "", NULL) != PH_OK) {
            ck_assert_uint_lt(row, BREAKER_WINDOW); /* three quarters */
            return;
        }
    }
    ck_abort_msg("three quarters of the rows were bad, and nothing happened");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("breaker");
    TCase *tc = tcase_create("breaker");
    tcase_add_test(tc, nothing_happens_before_a_whole_window_was_seen);
    tcase_add_test(tc, a_share_at_the_limit_passes_and_one_above_it_trips);
    tcase_add_test(tc, the_reason_and_the_examples_are_those_of_the_window);
    tcase_add_test(tc, an_input_shorter_than_the_window_is_judged_at_its_end);
    tcase_add_test(tc, the_longest_examples_leave_the_sentence_whole);
    tcase_add_test(tc, what_the_window_has_passed_is_forgotten);
    tcase_add_test(tc, a_hundred_percent_never_trips);
    tcase_add_test(tc, bad_records_of_a_large_unit_count_where_they_stand);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
