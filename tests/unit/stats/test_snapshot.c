/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "stats/json.h"
#include "stats/snapshot.h"

#include <check.h>
#include <stdlib.h>

#define SECOND CLOCK_NS_PER_S

static struct stats *s;
static struct stats_base base;

/* A source and a sink of two lanes, ten seconds after the start. */
static void set_up(void)
{
    s = stats_create(2);
    ck_assert_ptr_nonnull(s);
    s->pipeline = "p";
    s->started_ns = 5 * SECOND;
    s->operators[0] = (struct stats_operator){
        .name = "in", .plugin = "source-x", .kind = STATS_SOURCE, .lanes = 1, .lag_records = 7};
    s->operators[1] = (struct stats_operator){
        .name = "out", .plugin = "sink-x", .kind = STATS_SINK, .lanes = 2, .lag_records = -1};
    ck_assert(stats_add_counters(&s->operators[0], 0));
    ck_assert(stats_add_counters(&s->operators[1], 3));
    s->operators[1].counters[0] = (struct stats_counter){.name = "epochs", .value = 3};
    s->operators[1].counters[1] = (struct stats_counter){.name = "open", .is_gauge = true};
    s->operators[1].counters[2] =
        (struct stats_counter){.name = "unknown", .is_gauge = true, .value = -1};
    ck_assert(stats_base_init(&base, s));
    s->taken_ns = 15 * SECOND;
}

static void tear_down(void)
{
    stats_base_fini(&base);
    stats_destroy(s);
}

START_TEST(rates_are_what_came_since_the_base)
{
    s->operators[0].totals = (struct stats_totals){.in = 1000, .out = 900, .set_aside = 100};
    s->operators[1].totals = (struct stats_totals){.in = 900, .out = 800, .set_aside = 1};
    stats_rates(s, &base);
    ck_assert_double_eq_tol(s->operators[0].in_per_s, 100.0, 1e-9);
    ck_assert_double_eq_tol(s->operators[1].out_per_s, 80.0, 1e-9);
    ck_assert_uint_eq(s->in, 1000);
    ck_assert_uint_eq(s->committed, 800);
    ck_assert_uint_eq(s->set_aside, 101);
    stats_base_set(&base, s);
    s->taken_ns += 2 * SECOND;
    s->operators[0].totals.in += 10;
    stats_rates(s, &base);
    ck_assert_double_eq_tol(s->in_per_s, 5.0, 1e-9);
    ck_assert_double_eq_tol(s->committed_per_s, 0.0, 1e-9);
}
END_TEST

START_TEST(shares_are_of_all_lanes_and_their_sum_is_one)
{
    s->operators[1].totals.busy_ns = 5 * SECOND;
    s->operators[1].totals.backpressured_ns = 10 * SECOND;
    stats_rates(s, &base);
    ck_assert_double_eq_tol(s->operators[1].busy, 0.25, 1e-9);
    ck_assert_double_eq_tol(s->operators[1].backpressured, 0.5, 1e-9);
    ck_assert_double_eq_tol(s->operators[1].idle, 0.25, 1e-9);
    ck_assert_double_eq_tol(s->operators[0].idle, 1.0, 1e-9);
}
END_TEST

START_TEST(shares_stay_between_nothing_and_all)
{
    s->operators[0].totals.busy_ns = 8 * SECOND;
    s->operators[0].totals.backpressured_ns = 4 * SECOND;
    stats_rates(s, &base);
    ck_assert_double_eq_tol(s->operators[0].busy, 0.8, 1e-9);
    ck_assert_double_eq_tol(s->operators[0].backpressured, 0.2, 1e-9);
    ck_assert_double_eq_tol(s->operators[0].idle, 0.0, 1e-9);
}
END_TEST

START_TEST(no_time_makes_no_rate)
{
    s->taken_ns = s->started_ns;
    s->operators[0].totals.in = 10;
    stats_rates(s, &base);
    ck_assert_double_eq_tol(s->in_per_s, 0.0, 1e-9);
    ck_assert_double_eq_tol(s->operators[0].idle, 1.0, 1e-9);
}
END_TEST

START_TEST(a_line_tells_the_code_how_long_and_when_the_next_try_is)
{
    char line[STATS_WAITING_LINE_SIZE];
    struct stats_operator *o = &s->operators[1];
    memcpy(o->waiting, "Postgres is away", sizeof "Postgres is away");
    stats_waiting_line(o, 20 * SECOND, line);
    ck_assert_str_eq(line, "Postgres is away");
    o->waiting_since_ns = 6 * SECOND;
    o->retry_ns = 22 * SECOND;
    stats_waiting_line(o, 20 * SECOND, line);
    ck_assert_str_eq(line, "14 s, next try in 2.0 s: Postgres is away");
    memcpy(o->waiting_code, "57P03", sizeof "57P03");
    stats_waiting_line(o, 8 * SECOND, line);
    ck_assert_str_eq(line, "57P03, 2.0 s, next try in 14 s: Postgres is away");
    stats_waiting_line(o, 23 * SECOND, line);
    ck_assert_str_eq(line, "57P03, 17 s, trying again: Postgres is away");
}
END_TEST

START_TEST(the_object_has_every_number_and_escapes_text)
{
    struct buf b;
    buf_init(&b, 100000);
    s->pid = 12;
    s->state = STATS_DRAINING;
    s->operators[0].totals = (struct stats_totals){.in = 1000, .out = 1000};
    memcpy(s->operators[1].waiting, "the \"db\" is away", sizeof "the \"db\" is away");
    memcpy(s->operators[1].waiting_code, "57P03", sizeof "57P03");
    s->operators[1].waiting_since_ns = s->taken_ns - 4 * SECOND;
    s->operators[1].retry_ns = s->taken_ns + SECOND / 2;
    stats_rates(s, &base);
    stats_json(&b, s);
    ck_assert(!b.failed);
    ck_assert_str_eq(
        b.data,
        "{\"pipeline\":\"p\",\"state\":\"draining\",\"pid\":12,\"uptime_s\":10.0,\"in\":1000,"
        "\"committed\":0,\"set_aside\":0,\"in_per_s\":100.0,\"committed_per_s\":0.0,\"operators\":["
        "{\"name\":\"in\",\"plugin\":\"source-x\",\"kind\":\"source\",\"lanes\":1,\"in\":1000,"
        "\"out\":1000,\"set_aside\":0,\"in_per_s\":100.0,\"out_per_s\":100.0,\"busy\":0.000,"
        "\"idle\":1.000,\"backpressured\":0.000,\"lag_records\":7,\"busy_s\":0.000,"
        "\"backpressured_s\":0.000,\"counters\":{}},"
        "{\"name\":\"out\",\"plugin\":\"sink-x\",\"kind\":\"sink\",\"lanes\":2,\"in\":0,\"out\":0,"
        "\"set_aside\":0,\"in_per_s\":0.0,\"out_per_s\":0.0,\"busy\":0.000,\"idle\":1.000,"
        "\"backpressured\":0.000,\"busy_s\":0.000,\"backpressured_s\":0.000,"
        "\"waiting\":\"the \\\"db\\\" is away\",\"waiting_code\":\"57P03\",\"waiting_s\":4.0,"
        "\"retry_in_s\":0.5,\"counters\":{\"epochs\":3,\"open\":0}}]}");
    buf_fini(&b);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("snapshot");
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, set_up, tear_down);
    tcase_add_test(all, rates_are_what_came_since_the_base);
    tcase_add_test(all, shares_are_of_all_lanes_and_their_sum_is_one);
    tcase_add_test(all, shares_stay_between_nothing_and_all);
    tcase_add_test(all, no_time_makes_no_rate);
    tcase_add_test(all, a_line_tells_the_code_how_long_and_when_the_next_try_is);
    tcase_add_test(all, the_object_has_every_number_and_escapes_text);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
