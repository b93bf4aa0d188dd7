/* SPDX-License-Identifier: Apache-2.0 */
/* pipehost deadletter: what was set aside is counted, sent through the pipeline once more, and
 * taken out; killed anywhere, nothing is written twice. */
#include "run.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RECORDS 2000

static struct run r;
static char file[128];
static char manifest[128];
static char said[65536];

static void set_up(void)
{
    run_init(&r);
    (void)snprintf(file, sizeof file, "%s/state/dead.jsonl", r.dir);
    (void)snprintf(manifest, sizeof manifest, "%s/p.json", r.dir);
}

static void tear_down(void)
{
    run_fini(&r);
}

static void read_out(void)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/out", r.dir);
    FILE *f = fopen(path, "r");
    size_t length = f != NULL ? fread(said, 1, sizeof said - 1, f) : 0;
    said[length] = '\0';
    if (f != NULL) {
        (void)fclose(f);
    }
}

/* The exit status of `pipehost deadletter VERB PATH [OPTION [VALUE]]`. */
static int deadletter(const char *verb, const char *path, const char *option, const char *value)
{
    const char *words[] = {"deadletter", verb,   path,  "--plugin-dir",
                           STAGE_DIR,    option, value, NULL};
    run_start_command(&r, words);
    int status = run_wait(&r);
    read_out();
    run_read_log(&r);
    return status;
}

static void expect_said(const char *text)
{
    ck_assert_msg(strstr(said, text) != NULL, "not said: %s; but:\n%s\nlog:\n%s", text, said,
                  r.log);
}

static void replay(const char *summary)
{
    int status = deadletter("replay", manifest, NULL, NULL);
    ck_assert_msg(status == 0, "exit %d; log:\n%s", status, r.log);
    expect_said(summary);
}

/* A sink has every n of 0 .. records - 1 so many times, in all. */
static void expect_each(uint32_t sink, int64_t records, uint32_t times)
{
    static uint32_t counts[RECORDS];
    ck_assert_int_le(records, RECORDS);
    memset(counts, 0, sizeof counts);
    for (uint32_t lane = 0; lane < STAGE_LANES; lane++) {
        const struct stage_log *log = &r.stage->logs[sink][lane];
        for (uint64_t i = 0; i < atomic_load(&log->durable); i++) {
            if (log->rows[i].is_position == 0) {
                ck_assert_int_lt(log->rows[i].value, records);
                counts[log->rows[i].value]++;
            }
        }
    }
    for (int64_t n = 0; n < records; n++) {
        ck_assert_msg(counts[n] == times, "sink %u has %lld %u times; log:\n%s", sink, (long long)n,
                      counts[n], r.log);
    }
}

#define FEED(CONFIG) SOURCE(0, ",'records':2000" CONFIG)
#define TOP          "'dead_letter':{'stop_above_percent':100},"

/* k refuses every fifth row; j beside it takes all. */
#define FAN(MODE) PIPELINE(TOP, FEED("") "," SINK("k", 1, "s0", MODE) "," SINK("j", 3, "s0", ""))

START_TEST(letters_of_a_sink_go_to_that_sink_alone_and_once)
{
    run_expect(&r, FAN(",'mode':'write','every':5"), 0);
    ck_assert_uint_eq(run_rows(&r, 1), 1600);
    ck_assert_uint_eq(run_letters(&r, ""), 400);
    run_write_manifest(&r, FAN(""));
    replay("400 letters replayed, 0 of them dead again");
    expect_each(1, RECORDS, 1);
    expect_each(3, RECORDS, 1);
    replay("0 letters replayed, 0 of them dead again; 400 were replayed before");
    ck_assert_uint_eq(run_rows(&r, 1), RECORDS);
    ck_assert_uint_eq(run_letters(&r, ""), 400);
}
END_TEST

START_TEST(letters_above_a_fan_out_are_written_once_and_go_to_both_sinks)
{
#define ABOVE(MODE)                                                                                \
    PIPELINE(TOP, FEED("") "," UDF("u", 2, "s0", MODE) "," SINK("k", 1, "u",                       \
                                                                "") "," SINK("j", 3, "u", ""))
    run_expect(&r, ABOVE(",'mode':'reject','every':5"), 0);
    ck_assert_uint_eq(run_letters(&r, ""), 400);
    run_write_manifest(&r, ABOVE(""));
    replay("400 letters replayed, 0 of them dead again");
    expect_each(1, RECORDS, 1);
    expect_each(3, RECORDS, 1);
}
END_TEST

/* Of three rows of each record one was refused, before both sinks or by one of them. */
START_TEST(of_a_record_that_became_several_rows_only_the_refused_one_is_written)
{
    static const char *const manifests[2] = {
        PIPELINE(TOP,
                 FEED("") "," UDF("f", 2, "s0", ",'mode':'flat','times':3") "," UDF(
                     "u", 4, "f", ",'mode':'reject-sub'") "," SINK("k", 1, "u",
                                                                   "") "," SINK("j", 3, "f", "")),
        PIPELINE(TOP, FEED("") "," UDF("f", 2, "s0", ",'mode':'flat','times':3") "," UDF(
                          "u", 4, "f", "") "," SINK("k", 1, "u", "") "," SINK("j", 3, "f", ""))};
    run_expect(&r, manifests[0], 0);
    ck_assert_uint_eq(run_letters(&r, "\"sub\":1,"), RECORDS);
    expect_each(1, RECORDS, 2);
    run_write_manifest(&r, manifests[1]);
    replay("2000 letters replayed, 0 of them dead again");
    expect_each(1, RECORDS, 3);
    expect_each(3, RECORDS, 3);
}
END_TEST

START_TEST(what_fails_again_is_a_letter_again_and_the_next_replay_takes_that_one)
{
    run_expect(&r, FAN(",'mode':'write','every':5"), 0);
    replay("400 letters replayed, 400 of them dead again");
    ck_assert_uint_eq(run_letters(&r, ""), 800);
    ck_assert_uint_eq(run_letters(&r, "\"source\":\"s0:k\""), 400);
    replay("400 letters replayed, 400 of them dead again; 400 were replayed before");
    run_write_manifest(&r, FAN(""));
    replay("400 letters replayed, 0 of them dead again; 800 were replayed before");
    expect_each(1, RECORDS, 1);
    expect_each(3, RECORDS, 1);
}
END_TEST

START_TEST(records_that_are_no_json_stay_letters_of_their_source)
{
    run_expect(&r, PIPELINE(TOP, FEED(",'bad_every':4") "," SINK("k", 1, "s0", "")), 0);
    replay("500 letters replayed, 500 of them dead again");
    ck_assert_uint_eq(run_letters(&r, "\"operator\":\"s0:s0\",\"source\":\"s0:s0\""), 500);
    replay("500 letters replayed, 500 of them dead again; 500 were replayed before");
    ck_assert_uint_eq(run_rows(&r, 1), 1500);
}
END_TEST

static bool has_more_rows(struct run *run, void *arg)
{
    return run_rows(run, 1) >= *(uint64_t *)arg;
}

/* Commits are small and slow, so that each kill meets one under way. */
START_TEST(a_replay_that_is_killed_and_begun_again_writes_nothing_twice)
{
#define SMALL_BATCHES(MODE)                                                                        \
    PIPELINE("'commit':{'max_rows':40,'min_delay_ms':0}," TOP,                                     \
             FEED(",'pad':30000") "," SINK("k", 1, "s0", MODE) "," SINK("j", 3, "s0", ""))
    const char *words[] = {"deadletter", "replay", manifest, "--plugin-dir", STAGE_DIR, NULL};
    run_expect(&r, SMALL_BATCHES(",'mode':'write','every':5"), 0);
    run_write_manifest(&r, SMALL_BATCHES(",'commit_ms':200"));
    for (uint64_t rows = 1601; rows < 1800; rows += 60) {
        run_start_command(&r, words);
        run_until(&r, has_more_rows, &rows, "rows of a replay");
        run_signal(&r, SIGKILL);
        ck_assert_int_eq(run_wait(&r), 128 + SIGKILL);
    }
    replay(" 0 of them dead again; ");
    expect_each(1, RECORDS, 1);
    expect_each(3, RECORDS, 1);
}
END_TEST

START_TEST(beside_the_running_pipeline_neither_replay_nor_discard_does_anything)
{
    run_write_manifest(&r, PIPELINE(TOP, SOURCE(0, ",'records':2000,'limit':true") "," SINK(
                                             "k", 1, "s0", ",'mode':'write','every':5")));
    atomic_store(&r.stage->limit[0], 1000);
    run_start(&r, NULL);
    uint64_t rows = 800;
    run_until(&r, has_more_rows, &rows, "rows");
    struct run running = r;
    r.pid = 0;
    ck_assert_int_eq(deadletter("replay", manifest, NULL, NULL), 75);
    ck_assert_int_eq(deadletter("discard", file, "--yes", NULL), 75);
    ck_assert_int_eq(deadletter("list", file, NULL, NULL), 0);
    expect_said("     200  k                stage ");
    r.pid = running.pid;
    atomic_store(&r.stage->limit[0], 2000);
    run_ends(&r, 0);
    ck_assert_uint_eq(run_letters(&r, ""), 400);
}
END_TEST

static bool has_last_letter(struct run *run, void *arg)
{
    (void)arg;
    return run_letters(run, "\"offset\":1995,") > 0;
}

static bool is_seeded(struct run *run, void *arg)
{
    (void)arg;
    return atomic_load(&run->stage->commits[1]) >= 1;
}

START_TEST(discarded_letters_are_not_written_once_more_when_their_records_are_read_again)
{
    run_write_manifest(
        &r,
        PIPELINE(TOP, FEED(",'limit':true") "," UDF(
                          "u", 2, "s0", ",'mode':'reject','every':5") "," SINK("k", 1, "u", "")));
    run_start(&r, NULL);
    run_until(&r, is_seeded, NULL, "first positions");
    atomic_store(&r.stage->gate[1], true);
    atomic_store(&r.stage->limit[0], 2000);
    run_until(&r, has_last_letter, NULL, "the last letter");
    run_signal(&r, SIGKILL);
    ck_assert_int_eq(run_wait(&r), 128 + SIGKILL);
    atomic_store(&r.stage->gate[1], false);
    ck_assert_uint_eq(run_rows(&r, 1), 0);
    ck_assert_int_eq(deadletter("discard", file, NULL, NULL), 64);
    ck_assert_int_eq(deadletter("discard", file, "--operator", "nobody"), 64);
    ck_assert_int_eq(deadletter("discard", file, "--yes", NULL), 0);
    expect_said("400 letters went to ");
    ck_assert_int_ne(access(file, F_OK), 0);
    run_start(&r, NULL);
    run_ends(&r, 0);
    ck_assert_uint_eq(run_rows(&r, 1), 1600);
    ck_assert_uint_eq(run_letters(&r, ""), 0);
}
END_TEST

/* ---- dead_letter.operator ---- */

#define TO_SINK "'dead_letter':{'stop_above_percent':100,'operator':'d'},"
#define OWN_SINK(CONFIG)                                                                           \
    "{'name':'d','plugin':'stage:sink','config':{'stage':'stage.bin','slot':5" CONFIG "}}"
#define WITH_SINK(TOP_MORE, SOURCE_CONFIG, CONFIG)                                                 \
    PIPELINE(TOP_MORE TO_SINK,                                                                     \
             FEED(SOURCE_CONFIG) "," UDF("u", 2, "s0", ",'mode':'reject','every':5") "," SINK(     \
                 "k", 1, "u", "") "," OWN_SINK(CONFIG))

START_TEST(a_run_ends_when_every_letter_is_in_the_sink_for_letters)
{
    run_expect(&r, WITH_SINK("", "", ""), 0);
    ck_assert_uint_eq(run_letters(&r, ""), 400);
    ck_assert_uint_eq(run_rows(&r, 5), 400);
    ck_assert_uint_eq(run_rows(&r, 1), 1600);
    run_expect(&r, WITH_SINK("", "", ""), 0);
    ck_assert_uint_eq(run_rows(&r, 5), 400);
}
END_TEST

START_TEST(letters_that_their_sink_refuses_stay_in_the_file_and_make_no_more)
{
    run_expect(&r, WITH_SINK("'on_error':'dead_letter',", "", ",'mode':'write','every':1"), 0);
    ck_assert_uint_eq(run_letters(&r, ""), 400);
    ck_assert_uint_eq(run_rows(&r, 5), 0);
    ck_assert(run_has_logged(&r, "d: 1 record skipped (stage): refused by write"));
}
END_TEST

static bool has_letter_rows(struct run *run, void *arg)
{
    return run_rows(run, 5) >= *(uint64_t *)arg;
}

/* The first letters while the pipeline runs, the others when it is told to end. */
START_TEST(letters_come_while_it_runs_and_all_of_them_before_it_ends)
{
    uint64_t rows = 200;
    run_write_manifest(&r, WITH_SINK("", ",'limit':true", ""));
    atomic_store(&r.stage->limit[0], 1000);
    run_start(&r, NULL);
    run_until(&r, has_letter_rows, &rows, "rows of letters");
    atomic_store(&r.stage->gate[5], true);
    atomic_store(&r.stage->limit[0], 1999);
    run_until(&r, has_last_letter, NULL, "the last letter");
    run_signal(&r, SIGTERM);
    run_until_logged(&r, "stopping, what is on its way is committed first");
    atomic_store(&r.stage->gate[5], false);
    run_ends(&r, 0);
    ck_assert_uint_eq(run_letters(&r, ""), 400);
    ck_assert_uint_eq(run_rows(&r, 5), 400);
}
END_TEST

/* A kill within a write leaves a part of a line. */
START_TEST(killed_anywhere_each_letter_is_in_its_sink_once)
{
    run_write_manifest(&r, WITH_SINK("'commit':{'max_rows':40,'min_delay_ms':0},", ",'pad':30000",
                                     ",'commit_ms':200"));
    for (uint64_t rows = 40; rows < 260; rows += 70) {
        run_start(&r, NULL);
        run_until(&r, has_letter_rows, &rows, "rows of letters");
        run_signal(&r, SIGKILL);
        ck_assert_int_eq(run_wait(&r), 128 + SIGKILL);
    }
    run_start(&r, NULL);
    run_ends(&r, 0);
    ck_assert_uint_eq(run_letters(&r, "\"}\n"), 400);
    ck_assert_uint_eq(run_rows(&r, 5), 400);
    ck_assert_uint_eq(run_rows(&r, 1), 1600);
}
END_TEST

START_TEST(a_preview_shows_no_letters_and_ends)
{
    static const char *const args[] = {"--to-terminal", "--limit", "5", NULL};
    run_expect(&r, WITH_SINK("", "", ""), 0);
    run_start(&r, args);
    run_ends(&r, 0);
    ck_assert_uint_eq(run_rows(&r, 5), 400);
}
END_TEST

START_TEST(a_replay_beside_a_sink_for_letters_goes_its_way)
{
    run_expect(&r, WITH_SINK("", "", ""), 0);
    run_write_manifest(&r, PIPELINE(TO_SINK, FEED("") "," UDF("u", 2, "s0", "") "," SINK(
                                                 "k", 1, "u", "") "," OWN_SINK("")));
    replay("400 letters replayed, 0 of them dead again");
    expect_each(1, RECORDS, 1);
    ck_assert_uint_eq(run_rows(&r, 5), 400);
}
END_TEST

START_TEST(list_and_show_tell_what_the_file_has)
{
    run_expect(&r, FAN(",'mode':'write','every':5"), 0);
    ck_assert_int_eq(deadletter("list", file, "--json", NULL), 0);
    expect_said("\"letters\": 400, \"bad_lines\": 0, \"groups\": [{\"operator\": \"k\", \"code\": "
                "\"stage\", \"reason\": \"refused by write\", \"count\": 400, \"first\": \"20");
    ck_assert_int_eq(deadletter("show", file, "--limit", "1"), 0);
    expect_said("Z k\n  code: stage\n  reason: refused by write\n  source: s0\n  topic: topic\n  "
                "partition: 0\n  offset: 3\n");
    expect_said("  value: {\"n\":3,\"p\":0,\"t\":\"000\"}\n");
    ck_assert_ptr_null(strstr(said, "offset: 8"));
    ck_assert_int_eq(deadletter("show", file, "--operator", "nobody"), 0);
    ck_assert_str_eq(said, "");
    ck_assert_int_eq(deadletter("list", "/nowhere/dead.jsonl", NULL, NULL), 78);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("letters");
    TCase *tc = tcase_create("letters");
    tcase_set_timeout(tc, 500);
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, letters_of_a_sink_go_to_that_sink_alone_and_once);
    tcase_add_test(tc, letters_above_a_fan_out_are_written_once_and_go_to_both_sinks);
    tcase_add_test(tc, of_a_record_that_became_several_rows_only_the_refused_one_is_written);
    tcase_add_test(tc, what_fails_again_is_a_letter_again_and_the_next_replay_takes_that_one);
    tcase_add_test(tc, records_that_are_no_json_stay_letters_of_their_source);
    tcase_add_test(tc, a_replay_that_is_killed_and_begun_again_writes_nothing_twice);
    tcase_add_test(tc, beside_the_running_pipeline_neither_replay_nor_discard_does_anything);
    tcase_add_test(tc,
                   discarded_letters_are_not_written_once_more_when_their_records_are_read_again);
    tcase_add_test(tc, a_run_ends_when_every_letter_is_in_the_sink_for_letters);
    tcase_add_test(tc, letters_that_their_sink_refuses_stay_in_the_file_and_make_no_more);
    tcase_add_test(tc, letters_come_while_it_runs_and_all_of_them_before_it_ends);
    tcase_add_test(tc, killed_anywhere_each_letter_is_in_its_sink_once);
    tcase_add_test(tc, a_preview_shows_no_letters_and_ends);
    tcase_add_test(tc, a_replay_beside_a_sink_for_letters_goes_its_way);
    tcase_add_test(tc, list_and_show_tell_what_the_file_has);
    suite_add_tcase(s, tc);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
