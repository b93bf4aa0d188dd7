/* SPDX-License-Identifier: Apache-2.0 */
/* A sink whose commits cost much: its epochs are long where memory and the manifest allow. */
#include "run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Some 64 of the large ones are a batch: about 250 batches. */
#define LARGE_RECORDS 16000
#define LARGE         ",'records':16000,'pad':16000"
#define SMALL_RECORDS 120000
#define SMALL         ",'records':120000"
#define PIPE(FEED, PACE_MS)                                                                        \
    PIPELINE("", SOURCE(0, FEED) "," SINK("k", 1, "s0", ",'pace_ms':" PACE_MS))
#define PACED         "60000" /* longer than a test: an epoch ends when it is full */
#define UNPACED       "0"
#define SLOW_SET      "/commit={\"min_delay_ms\":60000}" /* the same without a pace */

#define SHORT_COMMITS 8u /* or more: of 32 batches at most */
#define LONG_COMMITS  6u /* or fewer: of 64, and one for the first positions */

static struct run r;

static void set_up(void)
{
    run_init(&r);
}

static void tear_down(void)
{
    run_fini(&r);
}

static unsigned long least_mib(void)
{
    static const char *const args[] = {"--set", "/memory={\"limit_mib\":1}", NULL};
    run_start(&r, args);
    run_ends(&r, 78);
    const char *at = strstr(r.log, "this graph needs ");
    ck_assert_msg(at != NULL, "%s", r.log);
    return strtoul(at + strlen("this graph needs "), NULL, 10);
}

/* Answers how many commits it took. */
static uint64_t commits(int64_t records, const char *set)
{
    const char *const args[] = {"--set", set, NULL};
    run_start(&r, set != NULL ? args : NULL);
    run_ends(&r, 0);
    run_check(&r, 1, 0, 1, records, run_once);
    return atomic_load(&r.stage->commits[1]);
}

START_TEST(a_sink_whose_commits_cost_much_has_twice_the_batches_in_each)
{
    run_write_manifest(&r, PIPE(LARGE, PACED));
    ck_assert_uint_le(commits(LARGE_RECORDS, NULL), LONG_COMMITS);
}
END_TEST

START_TEST(another_sink_has_not)
{
    run_write_manifest(&r, PIPE(LARGE, UNPACED));
    ck_assert_uint_ge(commits(LARGE_RECORDS, SLOW_SET), SHORT_COMMITS);
}
END_TEST

START_TEST(the_least_memory_is_that_of_short_epochs)
{
    char set[64];
    run_write_manifest(&r, PIPE(LARGE, PACED));
    (void)snprintf(set, sizeof set, "/memory={\"limit_mib\":%lu}", least_mib());
    ck_assert_uint_ge(commits(LARGE_RECORDS, set), SHORT_COMMITS);
}
END_TEST

START_TEST(with_more_memory_than_that_epochs_are_long)
{
    char set[64];
    run_write_manifest(&r, PIPE(LARGE, PACED));
    (void)snprintf(set, sizeof set, "/memory={\"limit_mib\":%lu}", 2 * least_mib());
    ck_assert_uint_le(commits(LARGE_RECORDS, set), LONG_COMMITS);
}
END_TEST

START_TEST(rows_end_the_epochs_of_another_sink)
{
    run_write_manifest(&r, PIPE(SMALL, PACED));
    ck_assert_uint_le(commits(SMALL_RECORDS, NULL), 3);
    tear_down();
    set_up();
    run_write_manifest(&r, PIPE(SMALL, UNPACED));
    ck_assert_uint_ge(commits(SMALL_RECORDS, SLOW_SET), 4);
}
END_TEST

START_TEST(max_rows_of_the_manifest_holds_for_both)
{
    run_write_manifest(&r, PIPE(SMALL, PACED));
    ck_assert_uint_ge(commits(SMALL_RECORDS, "/commit={\"max_rows\":10000}"), 8);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("paced");
    TCase *tc = tcase_create("paced");
    tcase_set_timeout(tc, 360);
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, a_sink_whose_commits_cost_much_has_twice_the_batches_in_each);
    tcase_add_test(tc, another_sink_has_not);
    tcase_add_test(tc, the_least_memory_is_that_of_short_epochs);
    tcase_add_test(tc, with_more_memory_than_that_epochs_are_long);
    tcase_add_test(tc, rows_end_the_epochs_of_another_sink);
    tcase_add_test(tc, max_rows_of_the_manifest_holds_for_both);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
