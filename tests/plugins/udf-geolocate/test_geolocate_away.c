/* SPDX-License-Identifier: Apache-2.0 */
/* An API that answers nobody, and an address that alone gets no answer. */
#include "fixture.h"

#include <check.h>
#include <stdio.h>

static struct fixture f;

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
    const char *const known[] = {"11.0.9.1"};
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
    const char *const known[] = {"11.0.9.1"};
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
    tcase_add_test(tests, an_api_that_answers_with_a_failure_is_not_away);
    tcase_add_test(tests, the_pipeline_stops_where_that_is_wanted);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
