/* SPDX-License-Identifier: Apache-2.0 */
/* An API that answers nobody, and an address that alone gets no answer. */
#include "fixture.h"

#include <check.h>
#include <stdatomic.h>
#include <stdio.h>

static struct fixture f;
static const char *const known[] = {"11.0.9.1"};

static int64_t deadline_ns(void)
{
    return harness_now_ns() + FIXTURE_DEADLINE_MS * INT64_C(1000000);
}

static void go_on_waiting(int64_t until_ns, const char *what)
{
    ck_assert_msg(harness_now_ns() < until_ns, "waited too long for %s", what);
}

/* Works until the host is told to call again later. */
static void expect_wait(void)
{
    fixture_run_until_error(&f);
    ck_assert_uint_eq(f.harness->error.flags, PH_ERR_RETRIABLE);
    ck_assert_ptr_nonnull(strstr(f.harness->error.text, "127.0.0.1 does not answer: "));
    ck_assert_ptr_nonnull(strstr(f.harness->error.text, "; rows wait for it (on_failure)"));
}

static void expect_nothing_empty(void)
{
    ck_assert(!harness_logged(f.harness, "got {}"));
    ck_assert_int_eq(fixture_counter(&f, "answers_empty_unreachable"), 0);
    ck_assert_int_eq(fixture_counter(&f, "answers_empty_timeout"), 0);
}

/* ---- nobody gets an answer */

#define MANY 300u
static char texts[MANY][16];
static const char *many[MANY];

static void name_many(void)
{
    for (uint32_t i = 0; i < MANY; i++) {
        (void)snprintf(texts[i], sizeof texts[i], "11.0.%u.%u", i / 100, i % 100);
        many[i] = texts[i];
    }
}

START_TEST(rows_wait_for_an_api_that_is_away_at_the_start)
{
    char endpoint[64];
    const char *const others[] = {"11.0.9.1"};
    struct server *server = server_start(fixture_answer, NULL);
    uint16_t port = server_port(server);
    server_stop(server);
    (void)snprintf(endpoint, sizeof endpoint, "http://127.0.0.1:%u/", (unsigned int)port);
    const struct harness_setting settings[] = {{"endpoint", endpoint, NULL, 0},
                                               {"key", "geheim", NULL, 0}};
    name_many();
    fixture_open_alone(&f, 1, settings, 2);
    ck_assert_int_eq(fixture_offer(&f, 0, many, MANY), PH_OK);
    for (uint32_t i = 0; i < 5; i++) {
        expect_wait();
        ck_assert_ptr_null(strstr(f.harness->error.text, "geheim"));
        ck_assert_int_eq(fixture_counter(&f, "paused"), 1);
        ck_assert_int_eq(fixture_offer(&f, 0, others, 1), PH_MORE);
    }
    ck_assert_uint_eq(f.outs[0].emitted_count, 0);
    f.server = server_start_at(port, fixture_answer, NULL);
    (void)fixture_run_patiently(&f, 0, 1);
    for (uint32_t i = 0; i < MANY; i++) {
        fixture_expect_place(&f, 0, 0, i, many[i]);
    }
    expect_nothing_empty();
    ck_assert_int_eq(fixture_counter(&f, "paused"), 0);
    ck_assert_int_eq(fixture_offer(&f, 0, others, 1), PH_OK);
    fixture_run_until(&f, 0, 2);
    fixture_expect_place(&f, 0, 1, 0, others[0]);
    fixture_close(&f);
}
END_TEST

START_TEST(rows_wait_for_an_api_that_goes_away_and_one_known_address_asks_for_it)
{
    name_many();
    fixture_open(&f, 1, NULL, NULL, NULL, 0);
    uint16_t port = server_port(f.server);
    ck_assert_int_eq(fixture_offer(&f, 0, known, 1), PH_OK);
    fixture_run_until(&f, 0, 1);
    server_stop(f.server);
    f.server = NULL;
    ck_assert_int_eq(fixture_offer(&f, 0, many, MANY), PH_OK);
    expect_wait();
    for (uint32_t i = 0; i < 5; i++) {
        int64_t requests = fixture_counter(&f, "requests");
        expect_wait();
        ck_assert_int_eq(fixture_counter(&f, "requests") - requests, 1);
    }
    ck_assert_uint_eq(f.outs[0].emitted_count, 1);
    f.server = server_start_at(port, fixture_answer, NULL);
    (void)fixture_run_patiently(&f, 0, 2);
    for (uint32_t i = 0; i < MANY; i++) {
        fixture_expect_place(&f, 0, 1, i, many[i]);
    }
    ck_assert_uint_ge(server_requests_with(f.server, "ip=11.0.9.1"), 1);
    expect_nothing_empty();
    ck_assert_int_eq(fixture_counter(&f, "paused"), 0);
    fixture_close(&f);
}
END_TEST

static void hang_twice(void *context, const char *target, uint32_t number,
                       struct server_reply *reply)
{
    fixture_answer(context, target, number, reply);
    reply->is_never_sent = number <= 2;
}

START_TEST(an_api_that_hangs_is_waited_for_too)
{
    const char *const rows[] = {"11.0.9.1"};
    const struct harness_setting settings[] = {{"timeout_ms", "1500", NULL, 0},
                                               {"attempts", "1", NULL, 0}};
    fixture_open(&f, 1, hang_twice, NULL, settings, 2);
    ck_assert_int_eq(fixture_offer(&f, 0, rows, 1), PH_OK);
    expect_wait();
    ck_assert_uint_ge(fixture_run_patiently(&f, 0, 1), 1);
    fixture_expect_place(&f, 0, 0, 0, rows[0]);
    expect_nothing_empty();
    fixture_close(&f);
}
END_TEST

START_TEST(all_lanes_wait_and_all_go_on)
{
    name_many();
    fixture_open(&f, 3, NULL, NULL, NULL, 0);
    uint16_t port = server_port(f.server);
    ck_assert_int_eq(fixture_offer(&f, 1, known, 1), PH_OK);
    fixture_run_until(&f, 1, 1);
    server_stop(f.server);
    f.server = NULL;
    for (uint32_t lane = 0; lane < 3; lane++) {
        ck_assert_int_eq(fixture_offer(&f, lane, many + 50 * (size_t)lane, 100), PH_OK);
    }
    for (uint32_t i = 0; i < 5; i++) {
        expect_wait();
    }
    f.server = server_start_at(port, fixture_answer, NULL);
    for (uint32_t lane = 0; lane < 3; lane++) {
        uint32_t batch = lane == 1 ? 1 : 0;
        if (f.outs[lane].emitted_count <= batch) {
            (void)fixture_run_patiently(&f, lane, batch + 1);
        }
        for (uint32_t i = 0; i < 100; i++) {
            fixture_expect_place(&f, lane, batch, i, many[50 * lane + i]);
        }
    }
    expect_nothing_empty();
    fixture_close(&f);
}
END_TEST

/* ---- one address gets no answer */

static bool is_shunned(const char *target)
{
    return strstr(target, "ip=11.0.0.1") != NULL;
}

static void shun(void *context, const char *target, uint32_t number, struct server_reply *reply)
{
    fixture_answer(context, target, number, reply);
    reply->is_dropped = is_shunned(target);
}

static void leave_hanging(void *context, const char *target, uint32_t number,
                          struct server_reply *reply)
{
    fixture_answer(context, target, number, reply);
    reply->is_never_sent = is_shunned(target);
}

static const char *const shunned[] = {"11.0.0.1"};
static const char *const served[] = {"11.0.0.2"};
static const char *const both[] = {"11.0.0.1", "11.0.0.2"};

static void expect_alone(server_script script, const char *attempts, const char *counter)
{
    const struct harness_setting settings[] = {{"timeout_ms", "1500", NULL, 0},
                                               {"attempts", attempts, NULL, 0}};
    /* Beside another one, before the API has answered anything. */
    fixture_open(&f, 1, script, NULL, settings, 2);
    ck_assert_int_eq(fixture_offer(&f, 0, both, 2), PH_OK);
    (void)fixture_run_patiently(&f, 0, 1);
    fixture_expect(&f, 0, 0, 0, "{}");
    fixture_expect_place(&f, 0, 0, 1, "11.0.0.2");
    ck_assert_int_eq(fixture_counter(&f, counter), 1);
    ck_assert(harness_logged(f.harness, "1 address got {} instead of a place"));
    fixture_close(&f);
    /* When there is none to ask for but it. */
    fixture_open(&f, 1, script, NULL, settings, 2);
    ck_assert_int_eq(fixture_offer(&f, 0, served, 1), PH_OK);
    fixture_run_until(&f, 0, 1);
    ck_assert_int_eq(fixture_offer(&f, 0, shunned, 1), PH_OK);
    (void)fixture_run_patiently(&f, 0, 2);
    fixture_expect(&f, 0, 1, 0, "{}");
    ck_assert_int_eq(fixture_counter(&f, counter), 1);
    ck_assert_int_eq(fixture_counter(&f, "paused"), 0);
    fixture_close(&f);
}

START_TEST(an_address_that_alone_is_dropped_gets_the_empty_object)
{
    expect_alone(shun, "3", "answers_empty_unreachable");
    expect_alone(shun, "1", "answers_empty_unreachable");
}
END_TEST

START_TEST(an_address_that_alone_is_left_hanging_gets_the_empty_object)
{
    expect_alone(leave_hanging, "1", "answers_empty_timeout");
}
END_TEST

/* ---- an API that comes and goes is not the fate of one address */

static void answer_the_known(void *context, const char *target, uint32_t number,
                             struct server_reply *reply)
{
    fixture_answer(context, target, number, reply);
    reply->is_dropped = strstr(target, "ip=11.0.9.1") == NULL;
}

static void expect_a_flap_to_leave_none_empty(const char *attempts)
{
    const struct harness_setting settings[] = {{"attempts", attempts, NULL, 0}};
    name_many();
    fixture_open(&f, 1, NULL, NULL, settings, 1);
    uint16_t port = server_port(f.server);
    ck_assert_int_eq(fixture_offer(&f, 0, known, 1), PH_OK);
    fixture_run_until(&f, 0, 1);
    server_stop(f.server);
    f.server = NULL;
    ck_assert_int_eq(fixture_offer(&f, 0, many, 20), PH_OK);
    expect_wait();
    f.server = server_start_at(port, answer_the_known, NULL);
    expect_wait();
    ck_assert_uint_ge(server_requests_with(f.server, "ip=11.0.0."), 1);
    server_stop(f.server);
    f.server = NULL;
    for (uint32_t i = 0; i < 5; i++) {
        expect_wait();
    }
    f.server = server_start_at(port, fixture_answer, NULL);
    (void)fixture_run_patiently(&f, 0, 2);
    for (uint32_t i = 0; i < 20; i++) {
        fixture_expect_place(&f, 0, 1, i, many[i]);
    }
    expect_nothing_empty();
    fixture_close(&f);
}

START_TEST(rows_wait_for_an_api_that_falls_over_again_once_it_has_answered)
{
    expect_a_flap_to_leave_none_empty("3");
    expect_a_flap_to_leave_none_empty("1");
}
END_TEST

static atomic_bool is_up;

static void answer_others_until_up(void *context, const char *target, uint32_t number,
                                   struct server_reply *reply)
{
    fixture_answer(context, target, number, reply);
    reply->is_dropped = is_shunned(target) && !atomic_load(&is_up);
}

static void run_until_tried_again(void)
{
    for (int64_t until_ns = deadline_ns(); fixture_counter(&f, "retries") == 0;) {
        (void)harness_pump(f.lanes[0], 50);
        ck_assert_int_eq(fixture_next(&f, 0), PH_IDLE);
        go_on_waiting(until_ns, "a second try");
    }
}

START_TEST(rows_wait_where_another_address_was_answered_between_two_tries)
{
    atomic_store(&is_up, false);
    fixture_open(&f, 1, answer_others_until_up, NULL, NULL, 0);
    ck_assert_int_eq(fixture_offer(&f, 0, shunned, 1), PH_OK);
    run_until_tried_again();
    ck_assert_int_eq(fixture_offer(&f, 0, served, 1), PH_OK);
    expect_wait();
    atomic_store(&is_up, true);
    (void)fixture_run_patiently(&f, 0, 2);
    fixture_expect_place(&f, 0, 0, 0, shunned[0]);
    fixture_expect_place(&f, 0, 1, 0, served[0]);
    expect_nothing_empty();
    fixture_close(&f);
}
END_TEST

static void fail_once_until_up(void *context, const char *target, uint32_t number,
                               struct server_reply *reply)
{
    fixture_answer(context, target, number, reply);
    if (!atomic_load(&is_up)) {
        reply->is_dropped = number != 2;
        reply->status = 503;
    }
}

START_TEST(rows_wait_where_only_the_same_address_was_answered_between_two_tries)
{
    atomic_store(&is_up, false);
    fixture_open(&f, 1, fail_once_until_up, NULL, NULL, 0);
    ck_assert_int_eq(fixture_offer(&f, 0, shunned, 1), PH_OK);
    for (uint32_t i = 0; i < 3; i++) {
        expect_wait();
    }
    atomic_store(&is_up, true);
    (void)fixture_run_patiently(&f, 0, 1);
    fixture_expect_place(&f, 0, 0, 0, shunned[0]);
    expect_nothing_empty();
    fixture_close(&f);
}
END_TEST

/* ---- a probe that nobody waits for any more */

static const char *const held[] = {"11.0.8.1"};
static const char *const later[] = {"11.0.7.1"};

static void hold_one(void *context, const char *target, uint32_t number, struct server_reply *reply)
{
    fixture_answer(context, target, number, reply);
    reply->is_held = strstr(target, "ip=11.0.8.1") != NULL;
    reply->is_dropped = is_shunned(target) && !atomic_load(&is_up);
    reply->is_never_sent = strstr(target, "ip=11.0.9.1") != NULL && number > 1;
}

/* Lane 0 has told the host to call again and then got its answers, all but that of the probe. */
static void leave_the_probe_alone(void)
{
    const struct harness_setting settings[] = {{"timeout_ms", "300s", NULL, 0},
                                               {"attempts", "1", NULL, 0}};
    atomic_store(&is_up, false);
    fixture_open(&f, 2, hold_one, NULL, settings, 2);
    ck_assert_int_eq(fixture_offer(&f, 0, known, 1), PH_OK);
    fixture_run_until(&f, 0, 1);
    ck_assert_int_eq(fixture_offer(&f, 1, held, 1), PH_OK);
    fixture_run_until_asked(&f, 2);
    ck_assert_int_eq(fixture_offer(&f, 0, shunned, 1), PH_OK);
    expect_wait();
    ck_assert_int_eq(fixture_next(&f, 0), PH_IDLE);
    atomic_store(&is_up, true);
    server_release(f.server);
    fixture_run_until(&f, 0, 2);
    fixture_expect_place(&f, 0, 1, 0, shunned[0]);
    for (int64_t until_ns = deadline_ns(); server_requests_with(f.server, "ip=11.0.9.1") < 2;) {
        (void)harness_pump(f.lanes[0], 50);
        go_on_waiting(until_ns, "the probe");
    }
}

START_TEST(a_probe_that_fails_while_no_row_waits_says_nothing)
{
    leave_the_probe_alone();
    uint16_t port = server_port(f.server);
    server_stop(f.server);
    f.server = NULL;
    for (int64_t until_ns = deadline_ns(); harness_counter(f.lanes[0], "in_flight") > 0;) {
        (void)harness_pump(f.lanes[0], 50);
        ck_assert_int_eq(fixture_next(&f, 0), PH_END);
        go_on_waiting(until_ns, "the probe's end");
    }
    ck_assert_int_eq(fixture_next(&f, 0), PH_END);
    ck_assert_int_eq(fixture_counter(&f, "paused"), 0);
    f.server = server_start_at(port, fixture_answer, NULL);
    ck_assert_int_eq(fixture_offer(&f, 0, later, 1), PH_OK);
    fixture_run_until(&f, 0, 3);
    fixture_expect_place(&f, 0, 2, 0, later[0]);
    fixture_close(&f);
}
END_TEST

START_TEST(a_lane_without_rows_takes_a_batch_while_the_api_is_away)
{
    leave_the_probe_alone();
    uint16_t port = server_port(f.server);
    fixture_run_until(&f, 1, 1);
    atomic_store(&is_up, false);
    server_stop(f.server);
    f.server = NULL;
    ck_assert_int_eq(fixture_offer(&f, 1, both, 2), PH_OK);
    for (int64_t until_ns = deadline_ns(); fixture_counter(&f, "paused") == 0;) {
        (void)harness_pump(f.lanes[1], 50);
        (void)fixture_next(&f, 1);
        go_on_waiting(until_ns, "an API that is away");
    }
    ck_assert_int_eq(fixture_offer(&f, 0, later, 1), PH_OK);
    f.server = server_start_at(port, fixture_answer, NULL);
    (void)fixture_run_patiently(&f, 0, 3);
    fixture_expect_place(&f, 0, 2, 0, later[0]);
    fixture_close(&f);
}
END_TEST

static void drop_or_fail(void *context, const char *target, uint32_t number,
                         struct server_reply *reply)
{
    fixture_answer(context, target, number, reply);
    reply->is_dropped = is_shunned(target);
    reply->status = 503;
}

START_TEST(an_api_that_answers_with_a_failure_is_not_away)
{
    fixture_open(&f, 1, drop_or_fail, NULL, NULL, 0);
    ck_assert_int_eq(fixture_offer(&f, 0, both, 2), PH_OK);
    (void)fixture_run_patiently(&f, 0, 1);
    fixture_expect(&f, 0, 0, 0, "{}");
    fixture_expect(&f, 0, 0, 1, "{}");
    ck_assert_int_eq(fixture_counter(&f, "answers_empty_unreachable"), 1);
    ck_assert_int_eq(fixture_counter(&f, "answers_empty_5xx"), 1);
    fixture_close(&f);
}
END_TEST

START_TEST(the_pipeline_stops_where_that_is_wanted)
{
    const struct harness_setting settings[] = {{"on_failure", "fail", NULL, 0}};
    fixture_open(&f, 1, shun, NULL, settings, 1);
    ck_assert_int_eq(fixture_offer(&f, 0, shunned, 1), PH_OK);
    fixture_run_until_error(&f);
    ck_assert_uint_eq(f.harness->error.flags, PH_ERR_FATAL);
    ck_assert_ptr_nonnull(strstr(f.harness->error.text, "(on_failure: fail)"));
    fixture_close(&f);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("geolocate away");
    TCase *tests = tcase_create("away");
    tcase_set_timeout(tests, 300);
    tcase_add_test(tests, rows_wait_for_an_api_that_is_away_at_the_start);
    tcase_add_test(tests, rows_wait_for_an_api_that_goes_away_and_one_known_address_asks_for_it);
    tcase_add_test(tests, an_api_that_hangs_is_waited_for_too);
    tcase_add_test(tests, all_lanes_wait_and_all_go_on);
    tcase_add_test(tests, an_address_that_alone_is_dropped_gets_the_empty_object);
    tcase_add_test(tests, an_address_that_alone_is_left_hanging_gets_the_empty_object);
    tcase_add_test(tests, rows_wait_for_an_api_that_falls_over_again_once_it_has_answered);
    tcase_add_test(tests, rows_wait_where_another_address_was_answered_between_two_tries);
    tcase_add_test(tests, rows_wait_where_only_the_same_address_was_answered_between_two_tries);
    tcase_add_test(tests, a_probe_that_fails_while_no_row_waits_says_nothing);
    tcase_add_test(tests, a_lane_without_rows_takes_a_batch_while_the_api_is_away);
    tcase_add_test(tests, an_api_that_answers_with_a_failure_is_not_away);
    tcase_add_test(tests, the_pipeline_stops_where_that_is_wanted);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
