/* SPDX-License-Identifier: Apache-2.0 */
/* Runs of bad records: the breaker stops them, and they stop nothing else. */
#include "run.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define BATCH_ROWS 4096u
#define WINDOW     1000u

static struct run r;

static void set_up(void)
{
    run_init(&r);
}

static void tear_down(void)
{
    run_fini(&r);
}

static void expect_logged(const char *text)
{
    ck_assert_msg(run_has_logged(&r, text), "not logged: %s; log:\n%s", text, r.log);
}

#define ALL_BAD(RECORDS) ",'records':" RECORDS ",'per_poll':1000000000,'bad_every':1"

START_TEST(a_source_of_bad_records_alone_is_stopped_within_a_batch)
{
    run_expect(&r, PIPELINE("", SOURCE(0, ALL_BAD("100000")) "," SINK("k", 1, "s0", "")), 1);
    expect_logged("error: s0: 1000 of the last 1000 records were set aside, more than "
                  "dead_letter.stop_above_percent (50) allows; most often (");
    ck_assert_uint_ge(run_letters(&r, ""), WINDOW);
    ck_assert_uint_le(run_letters(&r, ""), WINDOW + BATCH_ROWS);
    ck_assert_int_le(run_position(&r, 1, 0, 0), 0);
}
END_TEST

START_TEST(a_bad_record_under_fail_is_the_only_one_and_it_is_counted)
{
    run_expect(
        &r, PIPELINE("'on_error':'fail',", SOURCE(0, ALL_BAD("100000")) "," SINK("k", 1, "s0", "")),
        1);
    expect_logged("error: s0: the record at topic/0 offset 0 was refused (");
    expect_logged("; 1 records in, 0 rows committed, 0 set aside");
}
END_TEST

START_TEST(no_letter_is_written_twice_however_often_the_pipeline_starts)
{
    uint32_t letters = 0;
    for (int start = 0; start < 3; start++) {
        run_expect(&r, PIPELINE("", SOURCE(0, ALL_BAD("100000")) "," SINK("k", 1, "s0", "")), 1);
        letters = start == 0 ? run_letters(&r, "") : letters;
        ck_assert_uint_eq(run_letters(&r, ""), letters);
    }
    expect_logged("dead letters of records that are read again: ");
}
END_TEST

static bool has_letters(struct run *run, void *arg)
{
    return run_letters(run, "") >= *(uint32_t *)arg;
}

/* Killed where some are committed, some only written. */
START_TEST(a_restart_after_kill_9_writes_the_letters_that_are_missing)
{
    static const char *const manifests[] = {
        PIPELINE("'commit':{'min_delay_ms':20},",
                 SOURCE(0, ",'partitions':2,'limit':true,'records':20000,'bad_every':10") "," SINK(
                     "k", 1, "s0", "")),
        PIPELINE("'commit':{'min_delay_ms':20},'parallelism':2,",
                 SOURCE(0, ",'partitions':2,'limit':true,'records':20000") "," UDF(
                     "u", 2, "s0", ",'mode':'reject'") "," SINK("k", 1, "u", "")),
        PIPELINE("'commit':{'min_delay_ms':20},",
                 SOURCE(0, ",'partitions':2,'limit':true,'records':20000") "," SINK(
                     "k", 1, "s0", ",'mode':'write'"))};
    run_write_manifest(&r, manifests[_i]);
    for (uint32_t part = 1; part < 7; part++) { /* of 3,000 records in each partition */
        uint32_t letters = part * 600 - 300;
        atomic_store(&r.stage->limit[0], part * 3000);
        run_start(&r, NULL);
        run_until(&r, has_letters, &letters, "dead letters");
        run_signal(&r, SIGKILL);
        ck_assert_int_eq(run_wait(&r), 128 + SIGKILL);
    }
    atomic_store(&r.stage->limit[0], 20000);
    run_start(&r, NULL);
    run_ends(&r, 0);
    ck_assert_uint_eq(run_letters(&r, ""), 4000);
    for (int64_t offset = _i == 0 ? 9 : _i == 1 ? 0 : 3; offset < 20000; offset += 1990) {
        char member[32];
        (void)snprintf(member, sizeof member, "\"offset\":%lld,", (long long)offset);
        ck_assert_uint_eq(run_letters(&r, member), 2);
    }
    ck_assert_uint_eq(run_rows(&r, 1), 36000);
}
END_TEST

/* Room for 2 MiB; the bad records have 3. */
START_TEST(full_dead_letter_files_pause_the_pipeline_until_one_is_moved_away)
{
    char from[128];
    char to[128];
    run_write_manifest(
        &r, PIPELINE("'dead_letter':{'stop_above_percent':100,'max_mib':1,'files':2},",
                     SOURCE(0, ",'records':100,'pad':60000,'bad_every':2") "," UDF(
                         "u", 2, "s0", ",'mode':'reject','every':1") "," SINK("k", 1, "u", "")));
    run_start(&r, NULL);
    run_until_logged(&r, "u: waiting: the dead letters are full: ");
    ck_assert_int_lt(run_position(&r, 1, 0, 0), 100);
    (void)snprintf(from, sizeof from, "%s/state/dead.jsonl.1", r.dir);
    (void)snprintf(to, sizeof to, "%s/away", r.dir);
    ck_assert_int_eq(rename(from, to), 0);
    run_ends(&r, 0);
    expect_logged("u: works again after ");
    ck_assert_int_eq(access(from, F_OK), 0);
    ck_assert_int_eq(run_position(&r, 1, 0, 0), 100);
    expect_logged("100 records in, 0 rows committed, 100 set aside");
}
END_TEST

static bool has_read(struct run *run, void *arg)
{
    return atomic_load(&run->stage->read[0][0]) >= *(int64_t *)arg;
}

START_TEST(an_endless_run_of_skipped_records_is_committed_and_can_be_stopped)
{
    int64_t many = 20 * (int64_t)BATCH_ROWS;
    run_write_manifest(&r,
                       PIPELINE("'on_error':'skip','drain':{'timeout_ms':50000},"
                                "'dead_letter':{'stop_above_percent':100},",
                                SOURCE(0, ALL_BAD("1000000000000")) "," SINK("k", 1, "s0", "")));
    run_start(&r, NULL);
    run_until(&r, has_read, &many, "bad records were read");
    run_signal(&r, SIGTERM);
    run_ends(&r, 0);
    ck_assert_int_eq(run_position(&r, 1, 0, 0), atomic_load(&r.stage->read[0][0]));
    ck_assert_int_ge(run_position(&r, 1, 0, 0), many);
}
END_TEST

START_TEST(a_hangup_changes_nothing_and_is_told)
{
    int64_t few = 10;
    run_write_manifest(
        &r, PIPELINE("", SOURCE(0, ",'records':10,'end':false") "," SINK("k", 1, "s0", "")));
    run_start(&r, NULL);
    run_until(&r, has_read, &few, "records were read");
    run_signal(&r, SIGHUP);
    run_until_logged(&r, "warning: SIGHUP changes nothing: the pipeline goes on as it is");
    run_signal(&r, SIGTERM);
    run_ends(&r, 0);
    ck_assert_int_eq(run_position(&r, 1, 0, 0), few);
}
END_TEST

START_TEST(a_short_input_is_judged_when_it_ends)
{
    run_expect(&r,
               PIPELINE("'dead_letter':{'stop_above_percent':10},",
                        SOURCE(0, ALL_BAD("900")) "," SINK("k", 1, "s0", "")),
               1);
    expect_logged("error: s0: 900 of all 900 records were set aside, more than "
                  "dead_letter.stop_above_percent (10) allows");
    ck_assert_int_le(run_position(&r, 1, 0, 0), 0);
}
END_TEST

START_TEST(a_few_bad_records_that_are_all_there_is_stop_nothing)
{
    run_expect(&r, PIPELINE("", SOURCE(0, ALL_BAD("99")) "," SINK("k", 1, "s0", "")), 0);
    ck_assert_uint_eq(run_letters(&r, ""), 99);
    ck_assert_int_eq(run_position(&r, 1, 0, 0), 99);
}
END_TEST

static bool is_committed_or_stopped(struct run *run, void *arg)
{
    return run_position(run, 1, 0, 0) >= *(int64_t *)arg || run_has_logged(run, "error: k: ");
}

/* All rows of each of its epochs are refused: no commit tells how many there were. */
START_TEST(a_sink_that_refuses_every_row_of_small_epochs_is_stopped)
{
    int64_t limit = 0;
    run_write_manifest(&r, PIPELINE("", SOURCE(0, ",'records':2000,'limit':true") "," SINK(
                                            "k", 1, "s0", ",'mode':'write','every':1")));
    run_start(&r, NULL);
    while (!run_has_logged(&r, "error: k: ") && limit < 2000) {
        limit += 50;
        atomic_store(&r.stage->limit[0], limit);
        run_until(&r, is_committed_or_stopped, &limit, "a small epoch");
    }
    run_ends(&r, 1);
    expect_logged("error: k: ");
    expect_logged(" of the last 1000 records were set aside");
    ck_assert_uint_ge(run_letters(&r, ""), WINDOW / 2);
    ck_assert_uint_le(run_letters(&r, ""), WINDOW);
}
END_TEST

START_TEST(a_short_input_is_judged_by_the_operator_that_refuses_it)
{
    static const char *const manifests[] = {
        PIPELINE("", SOURCE(0, ",'records':900") "," UDF(
                         "u", 2, "s0", ",'mode':'reject','every':1") "," SINK("k", 1, "u", "")),
        PIPELINE("", SOURCE(0, ",'records':900") "," ASYNC(
                         "u", 2, "s0", ",'mode':'reject','every':1") "," SINK("k", 1, "u", "")),
        PIPELINE("",
                 SOURCE(0, ",'records':900") "," SINK("u", 1, "s0", ",'mode':'write','every':1"))};
    run_expect(&r, manifests[_i], 1);
    expect_logged("error: u: ");
    expect_logged("900 of all 900 records were set aside");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("bad runs");
    TCase *tc = tcase_create("bad runs");
    tcase_set_timeout(tc, 500);
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, a_source_of_bad_records_alone_is_stopped_within_a_batch);
    tcase_add_test(tc, no_letter_is_written_twice_however_often_the_pipeline_starts);
    tcase_add_loop_test(tc, a_restart_after_kill_9_writes_the_letters_that_are_missing, 0, 3);
    tcase_add_test(tc, full_dead_letter_files_pause_the_pipeline_until_one_is_moved_away);
    tcase_add_test(tc, a_bad_record_under_fail_is_the_only_one_and_it_is_counted);
    tcase_add_test(tc, an_endless_run_of_skipped_records_is_committed_and_can_be_stopped);
    tcase_add_test(tc, a_hangup_changes_nothing_and_is_told);
    tcase_add_test(tc, a_short_input_is_judged_when_it_ends);
    tcase_add_test(tc, a_few_bad_records_that_are_all_there_is_stop_nothing);
    tcase_add_test(tc, a_sink_that_refuses_every_row_of_small_epochs_is_stopped);
    tcase_add_loop_test(tc, a_short_input_is_judged_by_the_operator_that_refuses_it, 0, 3);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
