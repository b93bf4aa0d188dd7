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
        "(50) allows; most "
        "often (type): does not fit; the last ones: t/0 offset 7, t/0 offset 7, t/0 offset 7");
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
