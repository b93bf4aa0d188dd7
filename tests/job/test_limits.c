/* SPDX-License-Identifier: Apache-2.0 */
/* Sinks that stall, memory that is short, signals, plugins that do not return: nothing hangs,
 * nothing turns in a loop, nothing is lost. */
#include "run.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define NS_PER_MS INT64_C(1000000)

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

static uint64_t calls(uint32_t slot, enum stage_point point)
{
    return atomic_load(&r.stage->calls[slot][point]);
}

struct count {
    uint32_t slot;
    enum stage_point point;
    uint64_t least;
};

static bool was_called(struct run *run, void *arg)
{
    const struct count *c = arg;
    (void)run;
    return calls(c->slot, c->point) >= c->least;
}

/* So many more calls of a function than there are now. */
static void until_called(uint32_t slot, enum stage_point point, uint64_t more)
{
    struct count c = {slot, point, calls(slot, point) + more};
    run_until(&r, was_called, &c, stage_points[point]);
}

/* Waits for so many more calls of a function that is to come every pace_ms. It comes no more than
 * three times as often, and of the time no more than 1/share is worked. How many came: more than
 * asked for, where this process did not run meanwhile. */
static uint64_t expect_pace(uint32_t slot, enum stage_point point, uint64_t more, int64_t pace_ms,
                            int64_t share)
{
    int64_t ns = run_now_ns();
    uint64_t count = calls(slot, point);
    int64_t cpu_ns = run_cpu_ns(&r);
    until_called(slot, point, more);
    cpu_ns = run_cpu_ns(&r) - cpu_ns;
    count = calls(slot, point) - count;
    ns = run_now_ns() - ns;
    ck_assert_int_lt(cpu_ns, ns / share);
    ck_assert_uint_le(count, (uint64_t)(ns / (pace_ms * NS_PER_MS) + 1) * 3);
    return count;
}

static uint64_t work_calls(void)
{
    static const enum stage_point work[] = {AT_POLL, AT_PROCESS, AT_OFFER,
                                            AT_NEXT, AT_WRITE,   AT_READY};
    uint64_t sum = 0;
    for (uint32_t slot = 0; slot < STAGE_SLOTS; slot++) {
        for (size_t i = 0; i < sizeof work / sizeof work[0]; i++) {
            sum += calls(slot, work[i]);
        }
    }
    return sum;
}

#define REST_CALLS 12u /* of all operators, each time that the source is served */

/* What the pipeline does while the source is served so many times more, 100 ms each. */
static void expect_rest_while_served(uint64_t times)
{
    uint64_t before = work_calls();
    times = expect_pace(0, AT_SERVE, times, 100, 5);
    ck_assert_uint_le(work_calls() - before, times * REST_CALLS);
}

static uint32_t twenty_times(int64_t offset)
{
    (void)offset;
    return 20;
}

#define MANY ",'partitions':2,'records':100000,'pad':40"

/* ---- a sink that stalls ---- */

struct stalled {
    const char *manifest;
    int64_t records;
    run_expected expected;
};

static const struct stalled stalls[] = {
    {PIPELINE("",
              SOURCE(0, MANY ",'limit':true") "," UDF("u", 2, "s0", "") "," SINK("k", 1, "u", "")),
     100000, run_once},
    {PIPELINE("", SOURCE(0, MANY ",'limit':true,'noisy':true") "," SINK("k", 1, "s0", "")), 100000,
     run_once},
    {PIPELINE(
         "", SOURCE(0, MANY ",'limit':true") "," ASYNC("u", 2, "s0", "") "," SINK("k", 1, "u", "")),
     100000, run_once},
    {PIPELINE("", SOURCE(0, ",'partitions':2,'records':20000,'pad':40,'limit':true") "," UDF(
                      "u", 2, "s0", ",'mode':'flat','times':20") "," SINK("k", 1, "u", "")),
     20000, twenty_times},
    {PIPELINE("'parallelism':2,",
              SOURCE(0, MANY ",'limit':true") "," OPERATOR(
                  "u", "waits", 2, "'input':'s0',", ",'mode':'add'") "," SINK("k", 1, "u", "")),
     100000, run_once},
};

static bool is_seeded(struct run *run, void *arg)
{
    (void)run;
    return atomic_load(&r.stage->commits[1]) >= *(uint64_t *)arg;
}

/* Starts, then closes the sink's gate and lets the source read until it is held up. */
static void start_and_stall(const char *manifest, int64_t records, uint64_t lanes)
{
    run_write_manifest(&r, manifest);
    run_start(&r, NULL);
    run_until(&r, is_seeded, &lanes, "first positions");
    atomic_store(&r.stage->gate[1], true);
    atomic_store(&r.stage->limit[0], records);
    uint64_t before;
    do { /* one lane may be held up while another one still reads */
        before = work_calls();
        until_called(0, AT_SERVE, 5);
    } while (work_calls() - before > 5 * REST_CALLS);
}

START_TEST(a_stalled_sink_holds_the_source_up_without_work_and_without_loss)
{
    const struct stalled *x = &stalls[_i];
    start_and_stall(x->manifest, x->records, _i == 4 ? 2 : 1);
    expect_rest_while_served(15);
    ck_assert_int_lt(atomic_load(&r.stage->read[0][0]), x->records);
    atomic_store(&r.stage->gate[1], false);
    run_ends(&r, 0);
    run_check(&r, 1, 0, 2, x->records, x->expected);
}
END_TEST

START_TEST(a_source_that_is_held_up_still_hears_what_is_committed)
{
    start_and_stall(
        PIPELINE("'commit':{'max_rows':1000},",
                 SOURCE(0, MANY ",'limit':true") "," SINK("k", 1, "s0", ",'commit_ms':5")),
        100000, 1);
    atomic_store(&r.stage->gate[1], false);
    uint64_t some = 5;
    run_until(&r, is_seeded, &some, "commits");
    atomic_store(&r.stage->gate[1], true);
    until_called(0, AT_SERVE, 25); /* told every second */
    ck_assert_int_eq(atomic_load(&r.stage->told[0][1]), run_position(&r, 1, 0, 1));
    ck_assert_int_gt(run_position(&r, 1, 0, 1), 0);
    atomic_store(&r.stage->gate[1], false);
    run_ends(&r, 0);
}
END_TEST

START_TEST(an_idle_pipeline_does_nothing)
{
    run_write_manifest(
        &r,
        PIPELINE("", SOURCE(0, ",'records':100,'end':false") "," UDF("u", 2, "s0", "") "," ASYNC(
                         "a", 3, "u", "") "," SINK("k", 1, "a", "")));
    run_start(&r, NULL);
    uint64_t seeds_and_rows = 2;
    run_until(&r, is_seeded, &seeds_and_rows, "rows");
    until_called(0, AT_POLL, 1);
    uint64_t before = calls(3, AT_NEXT);
    uint64_t polls = expect_pace(0, AT_POLL, 3, 1000, 30); /* before committed is told */
    ck_assert_uint_le(calls(3, AT_NEXT) - before, (polls + 1) * 2);
    run_signal(&r, SIGTERM);
    run_ends(&r, 0);
}
END_TEST

START_TEST(a_udf_that_always_wants_another_call_does_not_turn_in_a_loop)
{
    run_write_manifest(&r, PIPELINE("'drain':{'timeout_ms':200},",
                                    SOURCE(0, ",'records':100,'end':false") "," UDF(
                                        "u", 2, "s0", ",'mode':'more'") "," SINK("k", 1, "u", "")));
    run_start(&r, NULL);
    until_called(2, AT_PROCESS, 3);
    (void)expect_pace(2, AT_PROCESS, 10, 100, 5);
    run_signal(&r, SIGTERM);
    run_ends(&r, 1);
    expect_logged(
        "error: p: not drained within drain.timeout_ms (200 ms): what was not committed is "
        "read again at the next start");
}
END_TEST

/* ---- memory ---- */

static unsigned long needed_mib(const char *manifest)
{
    run_write_manifest(&r, manifest);
    return run_needed_mib(&r);
}

START_TEST(the_smallest_legal_memory_does_not_hang_with_a_stalled_sink)
{
    const struct stalled *x = &stalls[_i];
    char set[64];
    char below[64];
    unsigned long mib = needed_mib(x->manifest);
    (void)snprintf(set, sizeof set, "/memory={\"limit_mib\":%lu}", mib);
    (void)snprintf(below, sizeof below, "/memory={\"limit_mib\":%lu}", mib - 1);
    const char *const args_below[] = {"--set", below, NULL};
    run_start(&r, args_below);
    run_ends(&r, 78);
    expect_logged("--set /memory: this graph needs ");
    expect_logged(
        " MiB for its batches: raise memory.limit_mib, lower parallelism or leave the limit out");
    const char *const args[] = {"--set", set, NULL};
    uint64_t lanes = _i == 4 ? 2 : 1;
    run_start(&r, args);
    run_until(&r, is_seeded, &lanes, "first positions");
    atomic_store(&r.stage->gate[1], true);
    atomic_store(&r.stage->limit[0], x->records);
    until_called(0, AT_SERVE, 5);
    atomic_store(&r.stage->gate[1], false);
    run_ends(&r, 0);
    run_check(&r, 1, 0, 2, x->records, x->expected);
}
END_TEST

static uint32_t not_rest_3_of_100(int64_t offset)
{
    return offset % 100 == 3 ? 0 : 20;
}

START_TEST(the_smallest_legal_memory_suffices_when_rows_are_left_out_everywhere)
{
    static const char manifest[] = PIPELINE(
        "",
        SOURCE(0, ",'partitions':2,'records':3000,'pad':40") "," UDF(
            "f", 2, "s0",
            ",'mode':'flat','times':20,'draft_rows':4096") "," UDF("u", 3, "f",
                                                                   ",'mode':'reject-keep','every':"
                                                                   "100000") "," SINK("k", 1, "u",
                                                                                      ",'mode':'"
                                                                                      "unnamed','"
                                                                                      "every':"
                                                                                      "100"));
    char set[64];
    (void)snprintf(set, sizeof set, "/memory={\"limit_mib\":%lu}", needed_mib(manifest));
    const char *const args[] = {"--set", set, NULL};
    run_start(&r, args);
    run_ends(&r, 0);
    ck_assert_uint_eq(run_rows(&r, 1), (uint64_t)2 * (3000 - 30 - 1) * not_rest_3_of_100(0));
}
END_TEST

START_TEST(the_longest_records_pass_with_the_smallest_memory)
{
    static const char manifest[] =
        PIPELINE("'record':{'max_bytes':65536},",
                 SOURCE(0, ",'records':300,'pad':65000") "," UDF(
                     "u", 2, "s0", ",'mode':'add'") "," SINK("k", 1, "u", ""));
    char set[64];
    (void)snprintf(set, sizeof set, "/memory={\"limit_mib\":%lu}", needed_mib(manifest));
    const char *const args[] = {"--set", set, NULL};
    run_start(&r, args);
    run_ends(&r, 0);
    run_check(&r, 1, 0, 1, 300, run_once);
}
END_TEST

/* ---- signals ---- */

static bool has_rows(struct run *run, void *arg)
{
    (void)run;
    return run_rows(&r, 1) >= *(uint64_t *)arg;
}

START_TEST(sigterm_commits_what_was_read_and_a_restart_goes_on)
{
    uint64_t some = 1000;
    run_write_manifest(
        &r, PIPELINE("", SOURCE(0, ",'partitions':2,'records':200000,'limit':true") "," ASYNC(
                             "u", 2, "s0", "") "," SINK("k", 1, "u", "")));
    atomic_store(&r.stage->limit[0], 199999); /* it does not end by itself */
    run_start(&r, NULL);
    run_until(&r, has_rows, &some, "rows");
    run_signal(&r, SIGTERM);
    run_ends(&r, 0);
    expect_logged(
        "info: p: stopping, what is on its way is committed first (again to stop at once)");
    ck_assert_int_eq(run_position(&r, 1, 0, 0), atomic_load(&r.stage->read[0][0]));
    ck_assert_int_eq(atomic_load(&r.stage->told[0][0]), run_position(&r, 1, 0, 0));
    ck_assert_uint_gt(calls(1, AT_RELEASE), 0);
    atomic_store(&r.stage->limit[0], 200000);
    run_start(&r, NULL);
    run_ends(&r, 0);
    run_check(&r, 1, 0, 2, 200000, run_once);
}
END_TEST

START_TEST(a_blocked_sink_ends_with_the_drain_timeout)
{
    run_write_manifest(&r, stalls[0].manifest);
    static const char *const args[] = {"--set", "/drain={\"timeout_ms\":300}", NULL};
    uint64_t one = 1;
    run_start(&r, args);
    run_until(&r, is_seeded, &one, "first positions");
    atomic_store(&r.stage->gate[1], true);
    atomic_store(&r.stage->limit[0], 100000);
    until_called(0, AT_SERVE, 2);
    run_signal(&r, SIGINT);
    run_ends(&r, 1);
    expect_logged(
        "error: p: not drained within drain.timeout_ms (300 ms): what was not committed is "
        "read again at the next start");
    ck_assert_uint_eq(calls(0, AT_DESTROY), 1);
    ck_assert_uint_eq(calls(1, AT_DEACTIVATE), 1);
}
END_TEST

START_TEST(a_second_signal_stops_at_once)
{
    start_and_stall(stalls[0].manifest, 100000, 1);
    run_signal(&r, SIGTERM);
    run_until_logged(&r, "stopping, what is on its way");
    run_signal(&r, SIGTERM);
    run_ends(&r, 1);
    ck_assert_uint_eq(calls(1, AT_DESTROY), 1);
}
END_TEST

START_TEST(sigterm_while_it_starts_ends_it)
{
    run_write_manifest(&r, PIPELINE("", SOURCE(0, ",'records':100") "," SINK(
                                            "k", 1, "s0", ",'fail':['activate:retriable']")));
    run_start(&r, NULL);
    run_until_logged(&r, "k: waiting: stage activate failed (next try in ");
    until_called(0, AT_SERVE, 3); /* the source is connected already */
    run_signal(&r, SIGTERM);
    run_ends(&r, 0);
    ck_assert_uint_eq(calls(1, AT_DEACTIVATE), 1);
    ck_assert_uint_eq(calls(1, AT_TASK_DESTROY), 1);
    ck_assert_uint_eq(run_rows(&r, 1), 0);
}
END_TEST

START_TEST(a_plugin_that_does_not_return_is_left_behind)
{
    run_write_manifest(
        &r, PIPELINE("'drain':{'timeout_ms':100},",
                     SOURCE(0, ",'records':100") "," SINK("k", 1, "s0", ",'mode':'stuck'")));
    run_start(&r, NULL);
    until_called(1, AT_COMMIT, 1);
    if (_i == 0) { /* the starter is in it */
        run_signal(&r, SIGTERM);
    } else {
        run_signal(&r, SIGTERM);
        run_signal(&r, SIGINT);
        run_signal(&r, SIGTERM);
    }
    int status = run_wait(&r);
    ck_assert_msg(status == 1, "exit status %d; log:\n%s", status, r.log);
    expect_logged("error: k: the plugin does not return from a call: the process ends without it");
}
END_TEST

START_TEST(a_second_start_exits_with_75_and_names_the_first)
{
    char expected[128];
    start_and_stall(stalls[0].manifest, 100000, 1);
    (void)snprintf(expected, sizeof expected, "error: p runs as PID %d\n", (int)r.pid);
    pid_t first = r.pid;
    r.pid = 0;
    run_start(&r, NULL);
    int status = run_wait(&r);
    ck_assert_int_eq(status, 75);
    expect_logged(expected);
    r.pid = first;
    atomic_store(&r.stage->gate[1], false);
    run_ends(&r, 0);
    run_check(&r, 1, 0, 2, 100000, run_once);
}
END_TEST

/* ---- sizes ---- */

START_TEST(more_partitions_than_a_pipeline_reads_are_refused)
{
    run_expect(&r, PIPELINE("", SOURCE(0, ",'partitions':4097") "," SINK("k", 1, "s0", "")), 78);
    expect_logged("/operators/0/config: s0: a pipeline reads at most 4096 partitions");
}
END_TEST

#define MANIFEST_SIZE 65536

START_TEST(a_chain_of_two_hundred_operators_runs)
{
    static char manifest[MANIFEST_SIZE];
    int used =
        snprintf(manifest, sizeof manifest,
                 "{'pipeline':'p','state_dir':'state','operators':[" SOURCE(0, ",'records':200"));
    for (int i = 0; i < 200; i++) {
        used += snprintf(
            manifest + used, sizeof manifest - (size_t)used,
            ",{'name':'u%d','plugin':'stage:udf','input':'%s%d','config':{'stage':'stage.bin'"
            ",'slot':2}}",
            i, i == 0 ? "s" : "u", i == 0 ? 0 : i - 1);
    }
    (void)snprintf(manifest + used, sizeof manifest - (size_t)used, ",%s]}",
                   SINK("k", 1, "u199", ""));
    run_expect(&r, manifest, 0);
    run_check(&r, 1, 0, 1, 200, run_once);
}
END_TEST

START_TEST(a_graph_of_a_great_many_ways_is_judged_at_once)
{
    static char manifest[MANIFEST_SIZE];
    int used =
        snprintf(manifest, sizeof manifest,
                 "{'pipeline':'p','state_dir':'state','operators':[" SOURCE(0, ",'records':200"));
    for (int i = 0; i < 80; i++) {
        char inputs[64] = "'s0'";
        if (i > 0) {
            (void)snprintf(inputs, sizeof inputs, "'u%da','u%db'", i - 1, i - 1);
        }
        for (int side = 0; side < 2; side++) {
            used += snprintf(manifest + used, sizeof manifest - (size_t)used,
                             ",{'name':'u%d%c','plugin':'stage:udf','input':[%s],'config':{"
                             "'stage':'stage.bin','slot':2}}",
                             i, "ab"[side], inputs);
        }
    }
    (void)snprintf(manifest + used, sizeof manifest - (size_t)used, ",%s]}",
                   SINK("k", 1, "u79a", ""));
    run_expect(&r, manifest, 78);
    expect_logged("the records of s0 come to u1a by two ways, u0a and u0b");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("limits");
    TCase *tc = tcase_create("limits");
    tcase_set_timeout(tc, 500);
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_loop_test(tc, a_stalled_sink_holds_the_source_up_without_work_and_without_loss, 0,
                        (int)(sizeof stalls / sizeof stalls[0]));
    tcase_add_test(tc, a_source_that_is_held_up_still_hears_what_is_committed);
    tcase_add_test(tc, an_idle_pipeline_does_nothing);
    tcase_add_test(tc, a_udf_that_always_wants_another_call_does_not_turn_in_a_loop);
    tcase_add_loop_test(tc, the_smallest_legal_memory_does_not_hang_with_a_stalled_sink, 0,
                        (int)(sizeof stalls / sizeof stalls[0]));
    tcase_add_test(tc, the_smallest_legal_memory_suffices_when_rows_are_left_out_everywhere);
    tcase_add_test(tc, the_longest_records_pass_with_the_smallest_memory);
    tcase_add_test(tc, sigterm_commits_what_was_read_and_a_restart_goes_on);
    tcase_add_test(tc, a_blocked_sink_ends_with_the_drain_timeout);
    tcase_add_test(tc, a_second_signal_stops_at_once);
    tcase_add_test(tc, sigterm_while_it_starts_ends_it);
    tcase_add_loop_test(tc, a_plugin_that_does_not_return_is_left_behind, 0, 2);
    tcase_add_test(tc, a_second_start_exits_with_75_and_names_the_first);
    tcase_add_test(tc, more_partitions_than_a_pipeline_reads_are_refused);
    tcase_add_test(tc, a_chain_of_two_hundred_operators_runs);
    tcase_add_test(tc, a_graph_of_a_great_many_ways_is_judged_at_once);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
