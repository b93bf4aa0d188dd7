/* SPDX-License-Identifier: Apache-2.0 */
/* What "exactly_once" asks for, and what a pipeline does that gave it up. */
#include "run.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

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

static bool has_file(const char *name)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/state/%s", r.dir, name);
    return access(path, F_OK) == 0;
}

#define RECORDS ",'partitions':2,'records':1000"
#define LIMITED ",'partitions':3,'records':5000,'limit':true,'per_poll':37"

static bool has_read(struct run *run, void *arg)
{
    (void)run;
    return atomic_load(&r.stage->read[0][0]) >= *(int64_t *)arg;
}

/* Kills the process somewhere while it reads the next records, again and again. */
static void run_with_kills(const char *manifest, uint32_t kills)
{
    srand(7);
    run_write_manifest(&r, manifest);
    for (uint32_t i = 0; i < kills; i++) {
        int64_t at = (int64_t)i * 200 + rand() % 200;
        atomic_store(&r.stage->limit[0], (int64_t)(i + 1) * 200);
        run_start(&r, NULL);
        run_until(&r, has_read, &at, "records");
        run_signal(&r, SIGKILL);
        ck_assert_int_eq(run_wait(&r), 128 + SIGKILL);
    }
    atomic_store(&r.stage->limit[0], INT64_MAX);
    run_start(&r, NULL);
    run_ends(&r, 0);
}

/* ---- a sink that keeps no positions itself ---- */

#define DURABLE(CONFIG)                                                                            \
    PIPELINE("'commit':{'max_rows':300},",                                                         \
             SOURCE(0, LIMITED) "," OPERATOR("k", "durable", 1, "'input':'s0',", CONFIG))

static void check_at_least_once(int64_t records)
{
    for (uint32_t p = 0; p < 3; p++) {
        for (int64_t offset = 0; offset < records; offset += 7) {
            ck_assert_uint_ge(run_count(&r, 1, 0, p, offset), 1);
        }
    }
}

START_TEST(positions_of_a_durable_sink_are_kept_for_it)
{
    atomic_store(&r.stage->limit[0], 900);
    run_write_manifest(&r, DURABLE(""));
    run_start(&r, NULL);
    int64_t all = 900;
    run_until(&r, has_read, &all, "records");
    run_signal(&r, SIGTERM);
    run_ends(&r, 0);
    atomic_store(&r.stage->limit[0], INT64_MAX);
    run_start(&r, NULL);
    run_ends(&r, 0);
    run_check(&r, 1, 0, 3, 5000, run_once);
}
END_TEST

/* What the ledger knows of the last record is that of another topic. */
static void forge_positions(const char *line)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/state/k.positions", r.dir);
    FILE *f = fopen(path, "a");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_gt(fputs(line, f), 0);
    ck_assert_int_eq(fclose(f), 0);
}

START_TEST(a_topic_whose_last_record_is_another_one_is_refused)
{
    atomic_store(&r.stage->limit[0], 900);
    run_write_manifest(&r, DURABLE(""));
    run_start(&r, NULL);
    int64_t all = 900;
    run_until(&r, has_read, &all, "records");
    run_signal(&r, SIGTERM);
    run_ends(&r, 0);
    uint64_t rows = run_rows(&r, 1);
    forge_positions("100:0000beef 1 s0 topic\n");
    atomic_store(&r.stage->limit[0], INT64_MAX);
    run_start(&r, NULL);
    run_ends(&r, 78);
    expect_logged("s0: topic/1: the record at offset 99 is not the one that was read there before: "
                  "the topic was deleted and made again, or is another one; pipehost positions "
                  "set ");
    expect_logged(" --partition topic/1 --to earliest reads what is there now from its beginning, "
                  "--to 100 goes on from there");
    ck_assert_uint_eq(run_count(&r, 1, 0, 1, 100), 1);
    ck_assert_uint_ge(run_rows(&r, 1), rows);
    forge_positions("100 1 s0 topic\n");
    run_start(&r, NULL);
    run_ends(&r, 0);
    ck_assert_uint_eq(run_count(&r, 1, 0, 1, 99), 1);
    ck_assert_uint_ge(run_count(&r, 1, 0, 1, 100), 2);
}
END_TEST

START_TEST(a_durable_sink_gets_every_row_at_least_once_whatever_kills_the_process)
{
    run_with_kills(DURABLE(""), 20);
    check_at_least_once(5000);
    ck_assert_uint_lt(run_rows(&r, 1), 3 * 5000 + 20 * 3000);
}
END_TEST

/* ---- exactly-once is given up ---- */

#define GIVEN_UP(TOP)                                                                              \
    PIPELINE("'exactly_once':false,'commit':{'max_rows':300}," TOP,                                \
             SOURCE(0, LIMITED) "," SINK("k", 1, "s0", ""))

START_TEST(what_is_given_up_and_saved_is_said)
{
    atomic_store(&r.stage->limit[0], INT64_MAX);
    run_expect(&r, GIVEN_UP(""), 0);
    run_check(&r, 1, 0, 3, 5000, run_once);
    expect_logged(
        "\"exactly_once\" is false: a crash may have the rows of one commit (about 300 at "
        "most) of each lane of a sink written twice, and a second process is not shut "
        "out. What it saves: positions and their table in the database of the rows. The "
        "only positions are in ");
    ck_assert(has_file("k.positions"));
    run_expect(&r, PIPELINE("", SOURCE(0, RECORDS) "," SINK("k", 1, "s0", "")), 0);
    ck_assert(!run_has_logged(&r, "\"exactly_once\" is false"));
}
END_TEST

START_TEST(every_row_comes_at_least_once_whatever_kills_the_process)
{
    const uint32_t kills = 20;
    run_with_kills(_i == 0 ? GIVEN_UP("") : GIVEN_UP("'parallelism':2,"), kills);
    check_at_least_once(5000);
    /* One epoch a kill and lane: 300 rows, and the batch that passed them. */
    uint64_t twice = run_rows(&r, 1) - UINT64_C(3) * 5000;
    ck_assert_uint_le(twice, (uint64_t)kills * ((uint64_t)_i + 1) * (300 + 3 * 37));
}
END_TEST

/* ---- who is refused ---- */

START_TEST(exactly_once_refuses_a_sink_that_keeps_no_positions)
{
    run_expect(&r,
               PIPELINE("'exactly_once':true,",
                        SOURCE(0, RECORDS) "," OPERATOR("k", "ephemeral", 1, "'input':'s0',", "")),
               78);
    expect_logged("/operators/1: \"exactly_once\" is true, but k keeps no positions with its rows");
}
END_TEST

#define STATEFUL(TOP, STATE, SINK_ID)                                                              \
    PIPELINE(TOP, SOURCE(0, RECORDS) "," OPERATOR("u", "stateful", 2, "'input':'s0'," STATE,       \
                                                  "") "," OPERATOR("k", SINK_ID, 1,                \
                                                                   "'input':'u',", ""))

START_TEST(state_that_a_restart_loses_is_refused_where_rows_are_delivered_exactly_once)
{
    run_expect(
        &r, _i == 0 ? STATEFUL("", "", "sink") : STATEFUL("'exactly_once':true,", "", "sink"), 78);
    expect_logged(
        ": /operators/1: u keeps state that a restart loses, and this pipeline delivers exactly "
        "once: say \"state\": \"volatile\" here if what it gives may differ after a restart, or "
        "\"exactly_once\": false");
}
END_TEST

static const char *const stateful_runs[] = {
    STATEFUL("", "'state':'volatile',", "sink"),
    STATEFUL("'exactly_once':true,", "'state':'volatile',", "sink"),
    STATEFUL("'exactly_once':false,", "", "sink"),
    STATEFUL("", "", "durable"),
    STATEFUL("", "", "ephemeral"),
};

START_TEST(state_is_taken_where_its_loss_is_meant_or_nothing_is_exactly_once)
{
    run_expect(&r, stateful_runs[_i], 0);
    ck_assert_uint_eq(run_rows(&r, 1), 2000);
}
END_TEST

START_TEST(a_word_about_state_that_is_not_there_is_refused)
{
    run_expect(&r,
               PIPELINE("", SOURCE(0, RECORDS) "," OPERATOR(
                                "k", "sink", 1, "'input':'s0','state':'volatile',", "")),
               78);
    expect_logged(": /operators/1/state: k keeps no state: take \"state\" out");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("guarantee");
    TCase *tc = tcase_create("guarantee");
    tcase_set_timeout(tc, 500);
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, positions_of_a_durable_sink_are_kept_for_it);
    tcase_add_test(tc, a_topic_whose_last_record_is_another_one_is_refused);
    tcase_add_test(tc, a_durable_sink_gets_every_row_at_least_once_whatever_kills_the_process);
    tcase_add_test(tc, what_is_given_up_and_saved_is_said);
    tcase_add_loop_test(tc, every_row_comes_at_least_once_whatever_kills_the_process, 0, 2);
    tcase_add_test(tc, exactly_once_refuses_a_sink_that_keeps_no_positions);
    tcase_add_loop_test(
        tc, state_that_a_restart_loses_is_refused_where_rows_are_delivered_exactly_once, 0, 2);
    tcase_add_loop_test(tc, state_is_taken_where_its_loss_is_meant_or_nothing_is_exactly_once, 0,
                        (int)(sizeof stateful_runs / sizeof stateful_runs[0]));
    tcase_add_test(tc, a_word_about_state_that_is_not_there_is_refused);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
