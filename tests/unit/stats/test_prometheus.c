/* SPDX-License-Identifier: Apache-2.0 */
#include "../../support/exposition.h"
#include "base/clock.h"
#include "stats/metrics_address.h"
#include "stats/prometheus.h"

#include <check.h>
#include <stdlib.h>

static struct stats *s;
static struct buf page;
static struct exposition e;

/* Two operators of one plugin, one of another. */
static void set_up(void)
{
    s = stats_create(3);
    ck_assert_ptr_nonnull(s);
    s->pipeline = "p";
    s->started_ns = CLOCK_NS_PER_S;
    s->taken_ns = 3 * CLOCK_NS_PER_S;
    s->state = STATS_RUNNING;
    for (uint32_t i = 0; i < 3; i++) {
        struct stats_operator *o = &s->operators[i];
        static const char *const names[] = {"a", "b", "k"};
        *o = (struct stats_operator){.name = names[i],
                                     .plugin = i < 2 ? "source-x" : "sink-x",
                                     .kind = i < 2 ? STATS_SOURCE : STATS_SINK,
                                     .lanes = 1,
                                     .lag_records = i == 0 ? 5 : -1};
        ck_assert(stats_add_counters(o, 2));
        o->counters[0] = (struct stats_counter){
            .name = "answer_bytes", .doc = "bytes\\with \"quotes\"\nand lines", .value = i + 1};
        o->counters[1] = (struct stats_counter){
            .name = "open", .doc = "open ones", .is_gauge = true, .value = i};
    }
    s->operators[2].totals =
        (struct stats_totals){.in = 10, .out = 9, .batches = 3, .set_aside = 1, .busy_ns = 1500000};
    buf_init(&page, 1000000);
}

static void tear_down(void)
{
    buf_fini(&page);
    stats_destroy(s);
}

static void parse(void)
{
    buf_clear(&page);
    prometheus_text(&page, s);
    ck_assert(!page.failed);
    ck_assert_msg(exposition_parse(&e, page.data), "%s in:\n%s", e.error, page.data);
}

static void expect(const char *name, const char *label, const char *type, double value)
{
    const struct exposition_sample *x = exposition_find(&e, name, label);
    ck_assert_msg(x != NULL, "no sample %s{%s} in:\n%s", name, label, page.data);
    ck_assert_str_eq(x->type, type);
    ck_assert_double_eq_tol(x->value, value, 1e-9);
}

START_TEST(every_number_is_there)
{
    parse();
    expect("pipehost_pipeline_uptime_seconds", "pipeline=\"p\"", "gauge", 2);
    expect("pipehost_pipeline_state", "state=\"running\"", "gauge", 1);
    expect("pipehost_pipeline_state", "state=\"draining\"", "gauge", 0);
    expect("pipehost_operator_records_in_total", "operator=\"k\"", "counter", 10);
    expect("pipehost_operator_records_out_total", "operator=\"k\"", "counter", 9);
    expect("pipehost_operator_batches_in_total", "operator=\"k\"", "counter", 3);
    expect("pipehost_operator_set_aside_total", "operator=\"k\"", "counter", 1);
    expect("pipehost_operator_busy_seconds_total", "operator=\"k\"", "counter", 0.0015);
    expect("pipehost_operator_lanes", "operator=\"a\"", "gauge", 1);
    expect("pipehost_operator_waiting", "operator=\"a\"", "gauge", 0);
}
END_TEST

START_TEST(plugins_have_families_of_their_own)
{
    parse();
    expect("pipehost_plugin_source_x_answer_bytes_total", "operator=\"a\"", "counter", 1);
    expect("pipehost_plugin_source_x_answer_bytes_total", "operator=\"b\"", "counter", 2);
    expect("pipehost_plugin_sink_x_answer_bytes_total", "plugin=\"sink-x\"", "counter", 3);
    expect("pipehost_plugin_sink_x_open", "operator=\"k\"", "gauge", 2);
}
END_TEST

START_TEST(a_gauge_is_there_only_where_it_is_known)
{
    s->operators[0].counters[1].value = -1;
    s->operators[2].counters[1].value = -1;
    parse();
    ck_assert_ptr_null(exposition_find(&e, "pipehost_plugin_source_x_open", "operator=\"a\""));
    expect("pipehost_plugin_source_x_open", "operator=\"b\"", "gauge", 1);
    ck_assert_ptr_null(strstr(page.data, "pipehost_plugin_sink_x_open"));
}
END_TEST

START_TEST(lag_is_there_only_where_it_is_known)
{
    parse();
    expect("pipehost_operator_lag_records", "operator=\"a\"", "gauge", 5);
    ck_assert_ptr_null(exposition_find(&e, "pipehost_operator_lag_records", "operator=\"b\""));
    s->operators[0].lag_records = -1;
    parse();
    ck_assert_ptr_null(strstr(page.data, "lag_records"));
}
END_TEST

START_TEST(names_that_meet_make_one_family)
{
    s->operators[0].plugin = "x-a";
    s->operators[0].counters[0].name = "b";
    s->operators[1].plugin = "x";
    s->operators[1].counters[0].name = "a_b";
    s->operators[2].plugin = "x";
    s->operators[2].counters[1].name = "a_b_total"; /* a gauge by a counter's name */
    parse();
    expect("pipehost_plugin_x_a_b_total", "operator=\"a\"", "counter", 1);
    expect("pipehost_plugin_x_a_b_total", "operator=\"b\"", "counter", 2);
    ck_assert_ptr_null(exposition_find(&e, "pipehost_plugin_x_a_b_total", "operator=\"k\""));
}
END_TEST

START_TEST(the_parser_refuses_what_is_wrong)
{
    static const char *const wrong[] = {
        "a 1\n",                                              /* no family */
        "# HELP a x\n# TYPE a gauge\na 1",                    /* no newline */
        "# HELP a x\n# TYPE a gauge\na one\n",                /* no number */
        "# HELP a x\n# TYPE a gauge\na{b=\"\\x\"} 1\n",       /* no such escape */
        "# HELP a x\n# TYPE a gauge\na{b=\"1\",b=\"2\"} 1\n", /* a label twice */
        "# HELP a x\n# TYPE a gauge\na 1\na 2\n",             /* a sample twice */
        "# HELP a x\n# TYPE a counter\na 1\n",                /* no _total */
        "# HELP a x\n# TYPE a gauge\na 1\n# HELP a x\n",      /* a family twice */
        "# HELP a_total x\n# TYPE a_total counter\na_total -1\n"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        ck_assert_msg(!exposition_parse(&e, wrong[i]), "accepted: %s", wrong[i]);
    }
    ck_assert(exposition_parse(&e, "# HELP a x\n# TYPE a gauge\na{b=\"\\\\\\\"\\n\"} 1e3\n"));
}
END_TEST

/* ---- where the page listens ---- */

START_TEST(addresses_are_loopback_unless_one_is_given)
{
    static const char *const cases[][2] = {{"9400", "127.0.0.1:9400"},
                                           {":9400", "127.0.0.1:9400"},
                                           {"0.0.0.0:1", "0.0.0.0:1"},
                                           {"[::1]:65535", "[::1]:65535"},
                                           {"[::]:0", "[::]:0"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct metrics_address a;
        struct ph_error err;
        char text[80];
        ph_error_clear(&err);
        ck_assert_msg(metrics_address_parse(&a, cases[i][0], &err) == PH_OK, "%s", err.text);
        metrics_address_format(&a, text, sizeof text);
        ck_assert_str_eq(text, cases[i][1]);
    }
}
END_TEST

START_TEST(what_is_no_address_is_refused)
{
    static const char *const cases[] = {"",           ":",      "localhost:1", "1:2:3",
                                        "127.0.0.1:", ":65536", "::1:9400",    "[::1]",
                                        ":-1",        ": 1",    "9400x",       "[]:1"};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct metrics_address a;
        struct ph_error err;
        ph_error_clear(&err);
        ck_assert_msg(metrics_address_parse(&a, cases[i], &err) == PH_ERROR, "%s", cases[i]);
        ck_assert_uint_eq(err.flags, PH_ERR_CONFIG);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("prometheus");
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, set_up, tear_down);
    tcase_add_test(all, every_number_is_there);
    tcase_add_test(all, plugins_have_families_of_their_own);
    tcase_add_test(all, a_gauge_is_there_only_where_it_is_known);
    tcase_add_test(all, lag_is_there_only_where_it_is_known);
    tcase_add_test(all, names_that_meet_make_one_family);
    tcase_add_test(all, the_parser_refuses_what_is_wrong);
    tcase_add_test(all, addresses_are_loopback_unless_one_is_given);
    tcase_add_test(all, what_is_no_address_is_refused);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
