/* SPDX-License-Identifier: Apache-2.0 */
/* Filters, flat-maps, async UDFs, fan-out and lanes: every record comes out once, also after kill
 * -9 at any time. */
#include "run.h"

#include <signal.h>
#include <stdlib.h>

static struct run r;

static void set_up(void)
{
    run_init(&r);
}

static void tear_down(void)
{
    run_fini(&r);
}

static uint32_t every_third(int64_t offset)
{
    return offset % 3 == 0 ? 1 : 0;
}

static uint32_t never(int64_t offset)
{
    (void)offset;
    return 0;
}

static uint32_t ten_times(int64_t offset)
{
    (void)offset;
    return 10;
}

static uint32_t twelve_times(int64_t offset)
{
    (void)offset;
    return 12;
}

static uint32_t thousand_times(int64_t offset)
{
    (void)offset;
    return 1000;
}

#define RECORDS_3 ",'partitions':3,'records':3000"

struct shape {
    const char *manifest;
    run_expected expected;
};

static const struct shape shapes[] = {
    /* 0 */ {PIPELINE("", SOURCE(0, RECORDS_3) "," SINK("k", 1, "s0", "")), run_once},
    /* 1 */
    {PIPELINE("", SOURCE(0, RECORDS_3) "," UDF("u", 2, "s0", ",'mode':'filter','every':3") "," SINK(
                      "k", 1, "u", "")),
     every_third},
    /* 2 */
    {PIPELINE("", SOURCE(0, RECORDS_3) "," UDF("u", 2, "s0", ",'mode':'none'") "," SINK("k", 1, "u",
                                                                                        "")),
     never},
    /* 3: drafts cut within records */
    {PIPELINE("", SOURCE(0, RECORDS_3) "," UDF(
                      "u", 2, "s0", ",'mode':'flat','times':10,'draft_rows':7") "," SINK("k", 1,
                                                                                         "u", "")),
     ten_times},
    /* 4: a flat-map, a filter behind it, a flat-map's output into an async UDF */
    {PIPELINE("", SOURCE(0, RECORDS_3) "," UDF("u", 2, "s0", ",'mode':'flat','times':10") "," ASYNC(
                      "a", 3, "u", "") "," SINK("k", 1, "a", "")),
     ten_times},
    /* 5 */
    {PIPELINE("", SOURCE(0, RECORDS_3) "," ASYNC(
                      "a", 3, "s0", ",'mode':'filter','every':3") "," SINK("k", 1, "a", "")),
     every_third},
    /* 6: an async UDF that emits nothing at all for most batches */
    {PIPELINE("", SOURCE(0, RECORDS_3 ",'per_poll':1") "," ASYNC(
                      "a", 3, "s0", ",'mode':'filter','every':100000") "," SINK("k", 1, "a", "")),
     NULL},
    /* 7 */
    {PIPELINE("", SOURCE(0, RECORDS_3) "," ASYNC("a", 3, "s0",
                                                 ",'mode':'halves'") "," SINK("k", 1, "a", "")),
     run_once},
    /* 8: drafts that do not ascend */
    {PIPELINE("", SOURCE(0, RECORDS_3) "," UDF("u", 2, "s0", ",'mode':'split'") "," SINK("k", 1,
                                                                                         "u", "")),
     run_once},
    /* 9 */
    {PIPELINE("", SOURCE(0, RECORDS_3) "," UDF("u", 2, "s0", ",'mode':'crawl'") "," SINK("k", 1,
                                                                                         "u", "")),
     run_once},
    /* 10: UDF behind UDF behind UDF, chained and not */
    {PIPELINE("'parallelism':2,",
              SOURCE(0, RECORDS_3) "," UDF("u", 2, "s0", "") "," OPERATOR(
                  "w", "waits", 3, "'input':'u',",
                  "") "," UDF("v", 4, "w", ",'mode':'add'") "," SINK("k", 1, "v", "")),
     run_once},
    /* 11: more lanes than partitions */
    {PIPELINE("'parallelism':4,",
              SOURCE(0, RECORDS_3) "," ASYNC("a", 3, "s0", "") "," SINK("k", 1, "a", "")),
     run_once},
    /* 12: four lanes into a single task */
    {PIPELINE("'parallelism':4,", SOURCE(0, RECORDS_3) "," UDF("u", 2, "s0", "") "," OPERATOR(
                                      "k", "single", 1, "'input':'u',", "")),
     run_once},
    /* 13: a sink that has no room, answers later and loses answers */
    {PIPELINE("'commit':{'max_rows':500},",
              SOURCE(0, RECORDS_3) "," SINK("k", 1, "s0",
                                            ",'mode':'pending','more_every':3,'lose_every':5")),
     run_once},
    /* 14: two records a batch, each of many rows, cut into drafts of one */
    {PIPELINE(
         "'commit':{'max_rows':50},",
         SOURCE(0, ",'partitions':2,'records':60,'per_poll':20") "," UDF(
             "u", 2, "s0", ",'mode':'flat','times':10,'draft_rows':1") "," SINK("k", 1, "u", "")),
     NULL},
    /* 15: a flat-map behind a flat-map, both cut within records */
    {PIPELINE(
         "",
         SOURCE(0, RECORDS_3) "," UDF(
             "u", 2, "s0",
             ",'mode':'flat','times':3,'draft_rows':5") "," UDF("v", 3, "u",
                                                                ",'mode':'flat','times':4,'draft_"
                                                                "rows':7") "," SINK("k", 1, "v",
                                                                                    "")),
     twelve_times},
    /* 16: lanes that are cut within records meet in one task */
    {PIPELINE("'parallelism':3,'commit':{'max_rows':300},",
              SOURCE(0, RECORDS_3) "," UDF(
                  "u", 2, "s0",
                  ",'mode':'flat','times':10,'draft_rows':7") "," OPERATOR("k", "single", 1,
                                                                           "'input':'u',", "")),
     ten_times},
};

static int64_t records_of(int shape)
{
    return shape == 14 ? 60 : 3000;
}

static uint32_t first_of_100000(int64_t offset)
{
    return offset == 0 ? 1 : 0;
}

static void check_shape(int shape)
{
    run_expected expected = shape == 6    ? first_of_100000
                            : shape == 14 ? ten_times
                                          : shapes[shape].expected;
    run_check(&r, 1, 0, shape == 14 ? 2 : 3, records_of(shape), expected);
}

START_TEST(each_record_comes_out_as_often_as_it_should)
{
    run_expect(&r, shapes[_i].manifest, 0);
    check_shape(_i);
    ck_assert_int_eq(atomic_load(&r.stage->told[0][0]), records_of(_i));
}
END_TEST

/* ---- kill -9 ---- */

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

#define LIMITED ",'partitions':3,'records':5000,'limit':true,'per_poll':37"

static const struct shape killed[] = {
    {PIPELINE("'commit':{'max_rows':300},",
              SOURCE(0, LIMITED) "," UDF("u", 2, "s0",
                                         ",'mode':'filter','every':3") "," SINK("k", 1, "u", "")),
     every_third},
    {PIPELINE(
         "'commit':{'max_rows':300},",
         SOURCE(0, LIMITED) "," UDF(
             "u", 2, "s0", ",'mode':'flat','times':10,'draft_rows':13") "," SINK("k", 1, "u", "")),
     ten_times},
    {PIPELINE(
         "'commit':{'max_rows':300},'parallelism':2,",
         SOURCE(0, LIMITED) "," ASYNC("a", 3, "s0", ",'mode':'halves'") "," SINK("k", 1, "a", "")),
     run_once},
    {PIPELINE(
         "'commit':{'max_rows':300},",
         SOURCE(0, LIMITED) "," UDF(
             "u", 2, "s0",
             ",'mode':'flat','times':3,'draft_rows':5") "," UDF("v", 3, "u",
                                                                ",'mode':'flat','times':4,'draft_"
                                                                "rows':7") "," SINK("k", 1, "v",
                                                                                    "")),
     twelve_times},
    {PIPELINE("'parallelism':3,'commit':{'max_rows':300},",
              SOURCE(0, LIMITED) "," UDF(
                  "u", 2, "s0",
                  ",'mode':'flat','times':10,'draft_rows':7") "," OPERATOR("k", "single", 1,
                                                                           "'input':'u',", "")),
     ten_times},
};

START_TEST(a_restart_after_kill_9_is_exact)
{
    run_with_kills(killed[_i].manifest, 20);
    run_check(&r, 1, 0, 3, 5000, killed[_i].expected);
}
END_TEST

/* ---- flat-map × 1,000 ---- */

START_TEST(a_flat_map_times_a_thousand_commits_between_the_records_of_a_batch)
{
    run_expect(
        &r,
        PIPELINE("", SOURCE(0, ",'records':1200,'per_poll':1200") "," UDF(
                         "u", 2, "s0", ",'mode':'flat','times':1000") "," SINK("k", 1, "u", "")),
        0);
    run_check(&r, 1, 0, 1, 1200, thousand_times);
    /* 1.2 million rows of one source batch do not wait for its end. */
    ck_assert_uint_gt(atomic_load(&r.stage->commits[1]), 5);
}
END_TEST

START_TEST(a_record_that_becomes_more_rows_than_memory_holds_stops_with_a_sentence)
{
    run_expect(
        &r,
        PIPELINE("", SOURCE(0, ",'records':3") "," UDF(
                         "u", 2, "s0", ",'mode':'flat','times':2000000") "," SINK("k", 1, "u", "")),
        1);
    ck_assert_msg(run_has_logged(&r,
                                 "error: u: what it makes of one source record, or of one batch, "
                                 "takes more than ") &&
                      run_has_logged(&r, " MiB, and all of it must wait for the end: raise "
                                         "memory.limit_mib"),
                  "%s", r.log);
    ck_assert_uint_eq(run_rows(&r, 1), 0);
}
END_TEST

/* ---- several sinks, several sources ---- */

START_TEST(two_sinks_at_different_speeds_both_get_everything)
{
    run_expect(&r,
               PIPELINE("'commit':{'max_rows':400},",
                        SOURCE(0, RECORDS_3) "," UDF("u", 2, "s0", "") "," SINK(
                            "k", 1, "u", "") "," SINK("slow", 3, "u", ",'commit_ms':20")),
               0);
    run_check(&r, 1, 0, 3, 3000, run_once);
    run_check(&r, 3, 0, 3, 3000, run_once);
}
END_TEST

static bool is_seeded(struct run *run, void *arg)
{
    (void)run;
    (void)arg;
    return atomic_load(&r.stage->commits[3]) >= 1;
}

static bool is_ahead(struct run *run, void *arg)
{
    (void)run;
    (void)arg;
    return run_rows(&r, 1) >= 1000;
}

START_TEST(each_sink_drops_what_it_has_when_they_stand_at_different_positions)
{
    run_write_manifest(&r, PIPELINE("'commit':{'max_rows':100},",
                                    SOURCE(0, RECORDS_3 ",'limit':true") "," SINK(
                                        "k", 1, "s0", "") "," SINK("slow", 3, "s0", "")));
    run_start(&r, NULL);
    run_until(&r, is_seeded, NULL, "first positions");
    atomic_store(&r.stage->gate[3], true);
    atomic_store(&r.stage->limit[0], 3000);
    run_until(&r, is_ahead, NULL, "rows in the fast sink");
    run_signal(&r, SIGKILL);
    (void)run_wait(&r);
    ck_assert_int_lt(run_position(&r, 3, 0, 0), run_position(&r, 1, 0, 0));
    atomic_store(&r.stage->gate[3], false);
    run_start(&r, NULL);
    run_ends(&r, 0);
    run_check(&r, 1, 0, 3, 3000, run_once);
    run_check(&r, 3, 0, 3, 3000, run_once);
}
END_TEST

START_TEST(a_sink_that_is_added_later_begins_by_the_startup_mode_and_not_where_the_other_stands)
{
    run_expect(&r, PIPELINE("", SOURCE(0, ",'records':500") "," SINK("k", 1, "s0", "")), 0);
    /* Now 800 records; "latest" is 700. */
    run_expect(&r,
               PIPELINE("", SOURCE(0, ",'records':800,'begin':700") "," SINK(
                                "k", 1, "s0", "") "," SINK("new", 3, "s0", "")),
               0);
    run_check(&r, 1, 0, 1, 800, run_once);
    ck_assert_uint_eq(run_rows(&r, 3), 100);
    ck_assert_uint_eq(run_count(&r, 3, 0, 0, 699), 0);
    ck_assert_uint_eq(run_count(&r, 3, 0, 0, 700), 1);
}
END_TEST

START_TEST(several_sources_flow_into_one_operator)
{
    run_expect(
        &r,
        PIPELINE(
            "'parallelism':2,",
            SOURCE(0, RECORDS_3) "," SOURCE(4, ",'partitions':2,'records':3000") "," OPERATOR(
                "u", "udf", 2, "'input':['s0','s4'],", ",'mode':'add'") "," SINK("k", 1, "u", "")),
        0);
    run_check(&r, 1, 0, 3, 3000, run_once);
    run_check(&r, 1, 4, 2, 3000, run_once);
    /* Each source hears of its own partitions. */
    ck_assert_int_eq(atomic_load(&r.stage->told[4][1]), 3000);
}
END_TEST

START_TEST(sources_with_sinks_of_their_own_hear_of_their_own_commits)
{
    run_expect(&r,
               PIPELINE("", SOURCE(0, RECORDS_3) "," SINK("k", 1, "s0", "") "," SOURCE(
                                4, RECORDS_3) "," SINK("j", 3, "s4", "")),
               0);
    run_check(&r, 1, 0, 3, 3000, run_once);
    run_check(&r, 3, 4, 3, 3000, run_once);
    ck_assert_int_eq(atomic_load(&r.stage->told[0][2]), 3000);
    ck_assert_int_eq(atomic_load(&r.stage->told[4][2]), 3000);
}
END_TEST

START_TEST(rows_that_stem_from_no_record_and_rows_of_older_batches_end_with_the_input)
{
    run_expect(
        &r,
        PIPELINE("", SOURCE(0, RECORDS_3) "," UDF("u", 2, "s0", ",'mode':'stash'") "," UDF(
                         "v", 4, "s0", ",'mode':'sum'") "," SINK("k", 1, "u",
                                                                 "") "," SINK("j", 3, "v", "")),
        0);
    run_check(&r, 1, 0, 3, 3000, run_once);
    ck_assert_uint_gt(run_rows(&r, 3), 0);
    for (uint32_t p = 0; p < 3; p++) {
        ck_assert_int_eq(run_position(&r, 3, 0, p), 3000);
    }
}
END_TEST

START_TEST(an_ephemeral_sink_gets_everything_from_where_the_startup_mode_says)
{
    run_expect(&r,
               PIPELINE("", SOURCE(0, ",'records':500,'begin':100") "," OPERATOR(
                                "k", "ephemeral", 1, "'input':'s0',", "")),
               0);
    ck_assert_uint_eq(run_rows(&r, 1), 400);
    ck_assert_int_eq(atomic_load(&r.stage->told[0][0]), 500);
}
END_TEST

/* ---- odd graphs ---- */

START_TEST(records_that_nobody_would_get_are_an_error_at_start)
{
    run_expect(&r, PIPELINE("", SOURCE(0, "") "," SINK("k", 1, "s0", "") "," UDF("u", 2, "s0", "")),
               78);
    ck_assert_msg(run_has_logged(&r, ": /operators/2: nothing reads u: name it as the \"input\" of "
                                     "another operator, or take it out"),
                  "%s", r.log);
    run_expect(&r, PIPELINE("", SOURCE(0, "")), 78);
    ck_assert_msg(run_has_logged(&r, ": /operators/0: nothing reads s0: "), "%s", r.log);
}
END_TEST

START_TEST(a_hundred_partitions_in_two_lanes_are_all_told)
{
    run_expect(&r,
               PIPELINE("'parallelism':2,",
                        SOURCE(0, ",'partitions':100,'records':60") "," SINK("k", 1, "s0", "")),
               0);
    run_check(&r, 1, 0, 100, 60, run_once);
    for (uint32_t p = 0; p < 100; p++) {
        ck_assert_int_eq(atomic_load(&r.stage->told[0][p]), 60);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("flow");
    TCase *tc = tcase_create("flow");
    tcase_set_timeout(tc, 500);
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_loop_test(tc, each_record_comes_out_as_often_as_it_should, 0,
                        (int)(sizeof shapes / sizeof shapes[0]));
    tcase_add_loop_test(tc, a_restart_after_kill_9_is_exact, 0,
                        (int)(sizeof killed / sizeof killed[0]));
    tcase_add_test(tc, a_flat_map_times_a_thousand_commits_between_the_records_of_a_batch);
    tcase_add_test(tc, a_record_that_becomes_more_rows_than_memory_holds_stops_with_a_sentence);
    tcase_add_test(tc, two_sinks_at_different_speeds_both_get_everything);
    tcase_add_test(tc, each_sink_drops_what_it_has_when_they_stand_at_different_positions);
    tcase_add_test(
        tc, a_sink_that_is_added_later_begins_by_the_startup_mode_and_not_where_the_other_stands);
    tcase_add_test(tc, several_sources_flow_into_one_operator);
    tcase_add_test(tc, sources_with_sinks_of_their_own_hear_of_their_own_commits);
    tcase_add_test(tc, rows_that_stem_from_no_record_and_rows_of_older_batches_end_with_the_input);
    tcase_add_test(tc, an_ephemeral_sink_gets_everything_from_where_the_startup_mode_says);
    tcase_add_test(tc, records_that_nobody_would_get_are_an_error_at_start);
    tcase_add_test(tc, a_hundred_partitions_in_two_lanes_are_all_told);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
