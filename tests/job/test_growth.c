/* SPDX-License-Identifier: Apache-2.0 */
/* Partitions that appear while the pipeline runs: read from their beginning, each record once,
 * without a stop of the others. */
#include "run.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define RECORDS 8000
#define FIRST   3 /* partitions that are there at the start */
#define ALL     11

static struct run r;

static void set_up(void)
{
    run_init(&r);
}

static void tear_down(void)
{
    run_fini(&r);
}

static void set_limit(int64_t records)
{
    atomic_store(&r.stage->limit[0], records);
}

static void set_partitions(int64_t count)
{
    atomic_store(&r.stage->partitions[0], count);
}

struct reached {
    uint32_t first;
    uint32_t end;
    int64_t offset;
};

static bool have_reached(struct run *run, void *arg)
{
    const struct reached *w = arg;
    for (uint32_t p = w->first; p < w->end; p++) {
        if (run_position(run, 1, 0, p) < w->offset) {
            return false;
        }
    }
    return true;
}

static void until_committed(uint32_t first, uint32_t end, int64_t offset)
{
    struct reached w = {first, end, offset};
    run_until(&r, have_reached, &w, "positions");
}

#define GROWING ",'partitions':3,'records':8000,'limit':true"

static const char *const manifests[] = {
    PIPELINE("", SOURCE(0, GROWING) "," UDF("u", 2, "s0", "") "," SINK("k", 1, "u", "")),
    PIPELINE("'parallelism':3,", SOURCE(0, GROWING) "," SINK("k", 1, "s0", ",'commit_ms':7")),
    PIPELINE("'parallelism':2,",
             SOURCE(0, GROWING) "," OPERATOR("u", "waits", 2, "'input':'s0',",
                                             ",'mode':'add'") "," SINK("k", 1, "u", "")),
    PIPELINE("", SOURCE(0, GROWING) "," SINK("k", 1, "s0", ",'mode':'pending','more_every':5")),
    PIPELINE("", SOURCE(0, GROWING) "," SINK("k", 1, "s0", ",'lose_every':3")),
    PIPELINE("'parallelism':2,",
             SOURCE(0, GROWING) "," OPERATOR("k", "single", 1, "'input':'s0',", "")),
    PIPELINE("", SOURCE(0, GROWING) "," OPERATOR("k", "durable", 1, "'input':'s0',", "")),
};

START_TEST(partitions_that_appear_are_read_from_their_beginning)
{
    run_write_manifest(&r, manifests[_i]);
    set_limit(RECORDS / 2);
    run_start(&r, NULL);
    until_committed(0, FIRST, 100);
    set_partitions(FIRST + 1);
    until_committed(FIRST, FIRST + 1, 100);
    set_partitions(ALL);
    until_committed(0, ALL, RECORDS / 2);
    set_limit(RECORDS);
    run_ends(&r, 0);
    run_check(&r, 1, 0, ALL, RECORDS, run_once);
    ck_assert_msg(run_has_logged(&r, "topic/10 is new: its records are read from offset 0 on"),
                  "%s", r.log);
}
END_TEST

START_TEST(each_sink_has_its_own_position_of_a_partition_that_appears)
{
    run_write_manifest(
        &r, PIPELINE("'parallelism':2,", SOURCE(0, GROWING) "," SINK("k", 1, "s0", "") "," SINK(
                                             "l", 2, "s0", ",'commit_ms':15")));
    set_limit(RECORDS / 2);
    run_start(&r, NULL);
    until_committed(0, FIRST, 100);
    set_partitions(ALL);
    until_committed(0, ALL, RECORDS / 2);
    set_limit(RECORDS);
    run_ends(&r, 0);
    run_check(&r, 1, 0, ALL, RECORDS, run_once);
    run_check(&r, 2, 0, ALL, RECORDS, run_once);
}
END_TEST

START_TEST(the_startup_mode_has_no_say_about_a_partition_that_appears)
{
    run_write_manifest(&r,
                       PIPELINE("", SOURCE(0, GROWING ",'begin':500") "," SINK("k", 1, "s0", "")));
    set_limit(1000);
    run_start(&r, NULL);
    until_committed(0, FIRST, 1000);
    set_partitions(FIRST + 1);
    until_committed(0, FIRST + 1, 1000);
    set_limit(RECORDS);
    run_ends(&r, 0);
    ck_assert_uint_eq(run_count(&r, 1, 0, 0, 499), 0);
    ck_assert_uint_eq(run_count(&r, 1, 0, 0, 500), 1);
    ck_assert_uint_eq(run_count(&r, 1, 0, FIRST, 0), 1);
    ck_assert_uint_eq(run_rows(&r, 1), 4 * RECORDS - 3 * 500);
}
END_TEST

static bool has_polled(struct run *run, void *arg)
{
    return atomic_load(&run->stage->calls[0][AT_POLL]) >= *(uint64_t *)arg;
}

/* Long enough that all partitions were found. */
static void until_polled_again(void)
{
    uint64_t polls = atomic_load(&r.stage->calls[0][AT_POLL]) + 3;
    run_until(&r, has_polled, &polls, "polls");
}

START_TEST(a_sink_that_stalls_delays_a_partition_and_nothing_is_lost)
{
    run_write_manifest(&r, PIPELINE("", SOURCE(0, GROWING) "," SINK("k", 1, "s0", "")));
    set_limit(RECORDS / 2);
    run_start(&r, NULL);
    until_committed(0, FIRST, 1);
    atomic_store(&r.stage->gate[1], true);
    set_partitions(ALL);
    struct reached stalled = {FIRST, ALL, 0};
    until_polled_again();
    ck_assert(!have_reached(&r, &stalled));
    atomic_store(&r.stage->gate[1], false);
    until_committed(0, ALL, RECORDS / 2);
    set_limit(RECORDS);
    run_ends(&r, 0);
    run_check(&r, 1, 0, ALL, RECORDS, run_once);
}
END_TEST

START_TEST(a_start_of_a_partition_that_fails_for_a_while_is_tried_again)
{
    run_write_manifest(&r,
                       PIPELINE("", SOURCE(0, GROWING ",'fail':['start:retriable:4:3']") "," SINK(
                                        "k", 1, "s0", ",'fail':['claim:retriable:2:2']")));
    set_limit(RECORDS / 2);
    run_start(&r, NULL);
    until_committed(0, FIRST, 100);
    set_partitions(FIRST + 2);
    until_committed(0, FIRST + 2, RECORDS / 2);
    set_limit(RECORDS);
    run_ends(&r, 0);
    run_check(&r, 1, 0, FIRST + 2, RECORDS, run_once);
}
END_TEST

START_TEST(a_start_of_a_partition_that_fails_for_good_ends_the_pipeline)
{
    run_write_manifest(&r, PIPELINE("", SOURCE(0, GROWING ",'fail':['start:fatal:4']") "," SINK(
                                            "k", 1, "s0", "")));
    set_limit(RECORDS / 2);
    set_partitions(FIRST);
    run_start(&r, NULL);
    until_committed(0, FIRST, 100);
    set_partitions(FIRST + 1);
    run_ends(&r, 1);
    ck_assert_msg(run_has_logged(&r, "error: s0: stage start failed"), "%s", r.log);
}
END_TEST

/* ---- kills ---- */

struct progress {
    uint64_t rows;
};

static bool have_rows(struct run *run, void *arg)
{
    const struct progress *w = arg;
    return run_rows(run, 1) >= w->rows;
}

START_TEST(kills_while_partitions_appear_lose_and_double_nothing)
{
    run_write_manifest(&r, manifests[_i % 3]);
    set_limit(RECORDS / 2);
    for (int64_t count = FIRST; count < ALL; count++) {
        struct progress w = {run_rows(&r, 1) + (uint64_t)(_i * 37 + count * 101)};
        run_start(&r, NULL);
        set_partitions(count + 1);
        run_until(&r, have_rows, &w, "some rows");
        run_signal(&r, SIGKILL);
        ck_assert_int_eq(run_wait(&r), 128 + SIGKILL);
        set_limit(RECORDS / 2 + (count - FIRST + 1) * 500);
    }
    set_limit(RECORDS);
    run_start(&r, NULL);
    run_ends(&r, 0);
    run_check(&r, 1, 0, ALL, RECORDS, run_once);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("growth");
    TCase *tc = tcase_create("growth");
    tcase_set_timeout(tc, 500);
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_loop_test(tc, partitions_that_appear_are_read_from_their_beginning, 0,
                        sizeof manifests / sizeof manifests[0]);
    tcase_add_test(tc, each_sink_has_its_own_position_of_a_partition_that_appears);
    tcase_add_test(tc, the_startup_mode_has_no_say_about_a_partition_that_appears);
    tcase_add_test(tc, a_sink_that_stalls_delays_a_partition_and_nothing_is_lost);
    tcase_add_test(tc, a_start_of_a_partition_that_fails_for_a_while_is_tried_again);
    tcase_add_test(tc, a_start_of_a_partition_that_fails_for_good_ends_the_pipeline);
    tcase_add_loop_test(tc, kills_while_partitions_appear_lose_and_double_nothing, 0, 6);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
