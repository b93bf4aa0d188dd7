/* SPDX-License-Identifier: Apache-2.0 */
/* What a snapshot takes from the cells of an operator's lanes. */
#include "job/measure.h"

#include "job/tasks.h"

#include <check.h>
#include <stdlib.h>

#define LANES 2

enum { RECORDS, LAG, OPEN, CELLS };

static const struct ph_counter counters[CELLS] = {
    [RECORDS] = {sizeof(struct ph_counter), PH_COUNTER, "records", "records"},
    [LAG] = {sizeof(struct ph_counter), PH_GAUGE, "lag_records", "what is still to be read"},
    [OPEN] = {sizeof(struct ph_counter), PH_GAUGE, "open", "open ones"}};

static struct manifest manifest = {.pipeline = "p"};
static struct manifest_operator operator_ = {.name = "events"};
static struct plugin plugin;
static struct node node;
static struct job job;
static struct worker workers[LANES];
static struct task tasks[LANES];
static struct task *lanes[LANES];
static int64_t cells[LANES][CELLS];
static struct stats *s;

static void set_up(void)
{
    memset(&job, 0, sizeof job);
    memset(tasks, 0, sizeof tasks);
    memset(workers, 0, sizeof workers);
    memset(cells, 0, sizeof cells);
    plugin.descriptor = (struct ph_descriptor){
        .kind = PH_KIND_SOURCE, .id = "source-x", .counters = counters, .counter_count = CELLS};
    node = (struct node){.job = &job,
                         .manifest = &operator_,
                         .plugin = &plugin,
                         .tasks = lanes,
                         .task_count = LANES};
    job.manifest = &manifest;
    job.nodes = &node;
    job.node_count = 1;
    ck_assert_int_eq(pthread_mutex_init(&job.error_mutex, NULL), 0);
    for (uint32_t lane = 0; lane < LANES; lane++) {
        lanes[lane] = &tasks[lane];
        tasks[lane].node = &node;
        tasks[lane].job = &job;
        tasks[lane].worker = &workers[lane];
        tasks[lane].cells = cells[lane];
    }
    s = measure_create(&job);
    ck_assert_ptr_nonnull(s);
}

static void tear_down(void)
{
    stats_destroy(s);
    (void)pthread_mutex_destroy(&job.error_mutex);
}

static const struct stats_operator *take(void)
{
    measure_take(&job, s);
    return &s->operators[0];
}

START_TEST(counters_and_gauges_are_summed_over_lanes)
{
    cells[0][RECORDS] = 5;
    cells[1][RECORDS] = 7;
    cells[0][LAG] = 2;
    cells[1][OPEN] = 3;
    const struct stats_operator *o = take();
    ck_assert_int_eq(o->counters[RECORDS].value, 12);
    ck_assert_int_eq(o->counters[LAG].value, 2);
    ck_assert_int_eq(o->counters[OPEN].value, 3);
    ck_assert_int_eq(o->lag_records, 2);
}
END_TEST

START_TEST(a_lag_that_one_lane_does_not_know_is_unknown)
{
    cells[_i][LAG] = -1;
    cells[1 - _i][LAG] = 100;
    cells[1 - _i][OPEN] = 3;
    const struct stats_operator *o = take();
    ck_assert_int_eq(o->lag_records, -1);
    ck_assert(!stats_counter_is_known(&o->counters[LAG]));
    ck_assert_int_eq(o->counters[OPEN].value, 3);
    cells[_i][LAG] = 0;
    o = take();
    ck_assert_int_eq(o->lag_records, 100);
    ck_assert(stats_counter_is_known(&o->counters[LAG]));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("measure");
    TCase *tc = tcase_create("cells");
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, counters_and_gauges_are_summed_over_lanes);
    tcase_add_loop_test(tc, a_lag_that_one_lane_does_not_know_is_unknown, 0, LANES);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
