/* SPDX-License-Identifier: Apache-2.0 */
#include "sink_sim.h"

START_TEST(every_row_is_stored_once_and_bad_rows_are_set_aside)
{
    simulate((uint64_t)_i, 0);
}
END_TEST

START_TEST(failures_and_lost_answers_lose_and_double_nothing)
{
    simulate((uint64_t)_i, FAULTS | (_i % 2 == 0 ? PENDING : 0));
}
END_TEST

START_TEST(kills_at_any_step_lose_and_double_nothing)
{
    simulate((uint64_t)_i, FAULTS | KILLS | (_i % 2 == 0 ? PENDING : 0));
}
END_TEST

START_TEST(rows_that_are_refused_without_a_name_are_found_by_halving)
{
    simulate((uint64_t)_i, UNNAMED);
}
END_TEST

START_TEST(halving_survives_failures_and_kills)
{
    simulate((uint64_t)_i,
             UNNAMED | FAULTS | (_i % 2 == 0 ? PENDING : 0) | (_i % 3 == 0 ? KILLS : 0));
}
END_TEST

START_TEST(an_owner_that_was_taken_over_stops_as_fenced)
{
    struct sim *s = calloc(1, sizeof *s);
    ck_assert_ptr_nonnull(s);
    s->random = 7;
    memset(s->positions, 0xff, sizeof s->positions);
    process_start(s);
    for (int i = 0; i < 40; i++) {
        (void)sink_driver_step(s->driver);
    }
    s->fence += 1; /* somebody else claims */
    s->staged_count = 0;
    s->driver->state = SINK_STATE_CLAIM;
    s->driver->written = 0;
    ck_assert_int_eq(sink_driver_step(s->driver), SINK_FAILED);
    ck_assert_int_eq(s->driver->error.flags, PH_ERR_FENCED);
    process_end(s);
    free(s);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sink driver");
    TCase *tc = tcase_create("simulation");
    tcase_set_timeout(tc, 50);
    tcase_add_loop_test(tc, every_row_is_stored_once_and_bad_rows_are_set_aside, 0, 20);
    tcase_add_loop_test(tc, failures_and_lost_answers_lose_and_double_nothing, 0, 100);
    tcase_add_loop_test(tc, kills_at_any_step_lose_and_double_nothing, 0, 200);
    tcase_add_loop_test(tc, rows_that_are_refused_without_a_name_are_found_by_halving, 0, 20);
    tcase_add_loop_test(tc, halving_survives_failures_and_kills, 0, 200);
    tcase_add_test(tc, an_owner_that_was_taken_over_stops_as_fenced);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
