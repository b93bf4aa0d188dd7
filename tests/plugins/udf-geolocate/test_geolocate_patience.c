/* SPDX-License-Identifier: Apache-2.0 */
/* How the lanes share what the API allows: requests at one time, Retry-After, a refused key. */
#include "fixture.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static struct fixture f;

static uint32_t count_logged(const char *text)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < f.harness->log_count; i++) {
        count += strstr(f.harness->log_lines[i], text) != NULL ? 1 : 0;
    }
    return count;
}

/* ---- max_in_flight */

static void hold(void *context, const char *target, uint32_t number, struct server_reply *reply)
{
    fixture_answer(context, target, number, reply);
    reply->is_held = true;
}

#define MANY 12u
static const char *const many_rows[MANY] = {
    "11.0.0.1", "11.0.0.2", "11.0.0.3", "11.0.0.4",  "11.0.0.5",  "11.0.0.6",
    "11.0.0.7", "11.0.0.8", "11.0.0.9", "11.0.0.10", "11.0.0.11", "11.0.0.12",
};

START_TEST(a_busy_lane_uses_what_idle_lanes_leave_and_no_more)
{
    const struct harness_setting settings[] = {{"max_in_flight", "6", NULL, 0}};
    fixture_open(&f, 3, hold, NULL, settings, 1);
    ck_assert_int_eq(fixture_offer(&f, 1, many_rows, MANY), PH_OK);
    fixture_run_until_asked(&f, 6);
    ck_assert_int_eq(fixture_counter(&f, "in_flight"), 6);
    ck_assert_int_eq(fixture_counter(&f, "requests"), 6);
    server_release(f.server);
    fixture_run_until(&f, 1, 1);
    for (uint32_t i = 0; i < MANY; i++) {
        fixture_expect_place(&f, 1, 0, i, many_rows[i]);
    }
    fixture_close(&f);
}
END_TEST

START_TEST(lanes_that_find_no_room_go_on_when_there_is_some)
{
    const struct harness_setting settings[] = {{"max_in_flight", "1", NULL, 0}};
    fixture_open(&f, 3, NULL, NULL, settings, 1);
    for (uint32_t lane = 0; lane < 3; lane++) {
        ck_assert_int_eq(fixture_offer(&f, lane, many_rows + 4 * lane, 4), PH_OK);
        ck_assert_int_le(fixture_counter(&f, "in_flight"), 1);
    }
    for (uint32_t lane = 0; lane < 3; lane++) {
        while (f.outs[lane].emitted_count == 0) {
            fixture_run_until(&f, lane, 1);
        }
        fixture_expect_place(&f, lane, 0, 3, many_rows[4 * lane + 3]);
    }
    ck_assert_uint_eq(server_requests(f.server), MANY);
    fixture_close(&f);
}
END_TEST

/* ---- Retry-After */

#define DATE_SIZE 64

/* How the API answers the first requests; then as fixture_answer. */
struct lapse {
    uint32_t count;
    int status;
    const char *header; /* null = none */
    const char *body;   /* null = a place */
    char *date;         /* a header that names 5 s after the answer; null = none */
};

static void write_date(char *header)
{
    struct tm parts;
    time_t at = time(NULL) + 5;
    if (gmtime_r(&at, &parts) == NULL ||
        strftime(header, DATE_SIZE, "Retry-After: %a, %d %b %Y %H:%M:%S GMT", &parts) == 0) {
        abort();
    }
}

static void lapse(void *context, const char *target, uint32_t number, struct server_reply *reply)
{
    const struct lapse *first = context;
    fixture_answer(NULL, target, number, reply);
    if (number > first->count) {
        return;
    }
    if (first->date != NULL) {
        write_date(first->date);
    }
    reply->status = first->status;
    reply->header = first->date != NULL ? first->date : first->header;
    if (first->body != NULL) {
        (void)snprintf(reply->body, sizeof reply->body, "%s", first->body);
    }
}

/* Lane 1 has an address to ask for while lane 0 was told to wait. */
static void expect_pause(struct lapse *plea, int64_t shortest_ms)
{
    const char *const rows[] = {"11.0.0.1"};
    const char *const other_rows[] = {"11.0.0.2"};
    fixture_open(&f, 2, lapse, plea, NULL, 0);
    int64_t began_ns = harness_now_ns(); /* the pause begins later */
    ck_assert_int_eq(fixture_offer(&f, 0, rows, 1), PH_OK);
    fixture_run_until_asked(&f, 1);
    while (fixture_counter(&f, "rate_pauses") == 0) {
        ck_assert_int_ge(harness_pump(f.lanes[0], FIXTURE_DEADLINE_MS), 1);
    }
    ck_assert_int_eq(fixture_counter(&f, "paused"), 1);
    ck_assert_int_eq(fixture_offer(&f, 1, other_rows, 1), PH_OK);
    fixture_run_until_asked(&f, 2);
    ck_assert_int_ge(harness_now_ns() - began_ns, shortest_ms * 1000000);
    fixture_run_until(&f, 0, 1);
    fixture_run_until(&f, 1, 1);
    fixture_expect_place(&f, 0, 0, 0, "11.0.0.1");
    fixture_expect_place(&f, 1, 0, 0, "11.0.0.2");
    ck_assert_int_eq(fixture_counter(&f, "rate_pauses"), 1);
    ck_assert_int_eq(fixture_counter(&f, "paused"), 0);
    ck_assert_uint_eq(count_logged("asks for patience"), 1);
    fixture_close(&f);
}

START_TEST(retry_after_in_seconds_holds_all_lanes)
{
    struct lapse plea = {1, 429, "Retry-After: 3", NULL, NULL};
    expect_pause(&plea, 2900);
    plea.status = 503;
    expect_pause(&plea, 2900);
}
END_TEST

START_TEST(retry_after_as_a_date_holds_all_lanes)
{
    char header[DATE_SIZE];
    struct lapse plea = {.count = 1, .status = 429, .date = header};
    expect_pause(&plea, 900);
}
END_TEST

START_TEST(a_plea_for_patience_is_no_failed_attempt)
{
    const char *const rows[] = {"11.0.0.1"};
    const struct harness_setting settings[] = {{"attempts", "1", NULL, 0}};
    struct lapse plea = {2, 429, "Retry-After: 1", NULL, NULL};
    fixture_open(&f, 1, lapse, &plea, settings, 1);
    ck_assert_int_eq(fixture_offer(&f, 0, rows, 1), PH_OK);
    fixture_run_until(&f, 0, 1);
    fixture_expect_place(&f, 0, 0, 0, "11.0.0.1");
    ck_assert_int_eq(fixture_counter(&f, "retries"), 2);
    ck_assert_int_eq(fixture_counter(&f, "rate_pauses"), 2);
    fixture_close(&f);
}
END_TEST

START_TEST(a_date_that_is_past_is_no_pause)
{
    const char *const rows[] = {"11.0.0.1"};
    struct lapse plea = {1, 429, "Retry-After: Mon, 01 Jan 2001 00:00:00 GMT", NULL, NULL};
    fixture_open(&f, 1, lapse, &plea, NULL, 0);
    ck_assert_int_eq(fixture_offer(&f, 0, rows, 1), PH_OK);
    fixture_run_until(&f, 0, 1);
    fixture_expect_place(&f, 0, 0, 0, "11.0.0.1");
    ck_assert_int_eq(fixture_counter(&f, "rate_pauses"), 0);
    fixture_close(&f);
}
END_TEST

/* ---- attempts */

static void fail_always(void *context, const char *target, uint32_t number,
                        struct server_reply *reply)
{
    fixture_answer(context, target, number, reply);
    reply->status = 500;
}

START_TEST(an_address_is_asked_for_as_often_as_attempts_says)
{
    const char *const rows[] = {"11.0.0.1"};
    const struct harness_setting settings[] = {{"attempts", "2", NULL, 0}};
    fixture_open(&f, 1, fail_always, NULL, settings, 1);
    ck_assert_int_eq(fixture_offer(&f, 0, rows, 1), PH_OK);
    fixture_run_until(&f, 0, 1);
    fixture_expect(&f, 0, 0, 0, "{}");
    ck_assert_uint_eq(server_requests(f.server), 2);
    ck_assert_int_eq(fixture_counter(&f, "answers_empty_5xx"), 1);
    fixture_close(&f);
}
END_TEST

START_TEST(the_pipeline_stops_at_a_failure_where_that_is_wanted)
{
    const char *const rows[] = {"11.0.0.1"};
    const struct harness_setting settings[] = {{"attempts", "1", NULL, 0},
                                               {"on_failure", "fail", NULL, 0}};
    fixture_open(&f, 1, fail_always, NULL, settings, 2);
    ck_assert_int_eq(fixture_offer(&f, 0, rows, 1), PH_OK);
    fixture_run_until_error(&f);
    ck_assert_uint_eq(f.harness->error.flags, PH_ERR_FATAL);
    ck_assert_ptr_nonnull(strstr(f.harness->error.text, "on_failure: fail"));
    ck_assert_ptr_nonnull(strstr(f.harness->error.text, "HTTP status 500"));
    ck_assert_int_eq(fixture_offer(&f, 0, rows, 1), PH_ERROR);
    fixture_close(&f);
}
END_TEST

/* ---- a refused key */

static struct lapse refusals[] = {
    {2, 401, NULL, "", NULL},
    {2, 403, NULL, "<html>Forbidden</html>", NULL},
    {2, 400, NULL, "{\"error\":{\"error_code\":10002,\"error_message\":\"Unknown API key.\"}}",
     NULL},
    {2, 200, NULL, "{\"error\":{\"error_code\":10002,\"error_message\":\"Unknown API key.\"}}",
     NULL},
};

START_TEST(a_refused_key_holds_the_rows_until_it_is_taken)
{
    const char *const rows[] = {"11.0.0.1"};
    const struct harness_setting settings[] = {{"key", "geheim", NULL, 0},
                                               {"quota_retry", "20", NULL, 0}};
    fixture_open(&f, 1, lapse, &refusals[_i], settings, 2);
    ck_assert_int_eq(fixture_offer(&f, 0, rows, 1), PH_OK);
    fixture_run_until(&f, 0, 1);
    fixture_expect_place(&f, 0, 0, 0, "11.0.0.1");
    ck_assert_int_eq(fixture_counter(&f, "quota_pauses"), 2);
    ck_assert_int_eq(fixture_counter(&f, "paused"), 0);
    ck_assert_uint_eq(count_logged("the key is not valid; look-ups pause"), 1);
    ck_assert_uint_eq(count_logged("the API answers again"), 1);
    ck_assert(!harness_logged(f.harness, "geheim"));
    fixture_close(&f);
}
END_TEST

START_TEST(an_error_object_with_status_200_is_no_place)
{
    const char *const rows[] = {"11.0.0.1"};
    struct lapse refusal = {1, 200, NULL, "{\"error\":{\"error_message\":\"Something broke.\"}}",
                            NULL};
    fixture_open(&f, 1, lapse, &refusal, NULL, 0);
    ck_assert_int_eq(fixture_offer(&f, 0, rows, 1), PH_OK);
    fixture_run_until(&f, 0, 1);
    fixture_expect(&f, 0, 0, 0, "{}");
    ck_assert_int_eq(fixture_counter(&f, "answers_empty_bad_body"), 1);
    fixture_close(&f);
}
END_TEST

START_TEST(a_refused_key_is_not_asked_with_again_while_rows_get_the_empty_object)
{
    const struct harness_setting settings[] = {{"on_quota", "empty", NULL, 0},
                                               {"max_in_flight", "1", NULL, 0}};
    struct lapse refusal = {UINT32_MAX, 403, NULL, "", NULL};
    fixture_open(&f, 2, lapse, &refusal, settings, 2);
    ck_assert_int_eq(fixture_offer(&f, 0, many_rows, 6), PH_OK);
    fixture_run_until(&f, 0, 1);
    ck_assert_int_eq(fixture_offer(&f, 1, many_rows + 6, 6), PH_OK);
    fixture_run_until(&f, 1, 1);
    for (uint32_t i = 0; i < MANY; i++) {
        fixture_expect(&f, i / 6, 0, i % 6, "{}");
    }
    ck_assert_uint_eq(server_requests(f.server), 1);
    ck_assert_int_eq(fixture_counter(&f, "answers_empty_key"), MANY);
    ck_assert_int_eq(fixture_counter(&f, "paused"), 1);
    ck_assert_uint_eq(count_logged("addresses get {} meanwhile"), 1);
    fixture_close(&f);
}
END_TEST

/* ---- what the API tells */

static void tell_quota(void *context, const char *target, uint32_t number,
                       struct server_reply *reply)
{
    fixture_answer(NULL, target, number, reply);
    reply->header = context;
}

static void expect_quota_left(char *header, int64_t expected)
{
    const char *const rows[] = {"11.0.0.1"};
    fixture_open(&f, 2, tell_quota, header, NULL, 0);
    ck_assert_int_eq(fixture_counter(&f, "quota_left"), -1);
    ck_assert_int_eq(fixture_offer(&f, 1, rows, 1), PH_OK);
    fixture_run_until(&f, 1, 1);
    ck_assert_int_eq(fixture_counter(&f, "quota_left"), expected);
    fixture_close(&f);
}

START_TEST(the_quota_that_is_left_is_shown_once_for_all_lanes)
{
    char old_name[] = "X-RateLimit-Remaining: 4711";
    char new_name[] = "ratelimit-remaining: 0";
    char other[] = "X-Other: 1";
    char no_count[] = "X-RateLimit-Remaining: many";
    expect_quota_left(old_name, 4711);
    expect_quota_left(new_name, 0);
    expect_quota_left(other, -1);
    expect_quota_left(no_count, -1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("geolocate patience");
    TCase *tests = tcase_create("patience");
    tcase_set_timeout(tests, 300);
    tcase_add_test(tests, a_busy_lane_uses_what_idle_lanes_leave_and_no_more);
    tcase_add_test(tests, lanes_that_find_no_room_go_on_when_there_is_some);
    tcase_add_test(tests, retry_after_in_seconds_holds_all_lanes);
    tcase_add_test(tests, retry_after_as_a_date_holds_all_lanes);
    tcase_add_test(tests, a_plea_for_patience_is_no_failed_attempt);
    tcase_add_test(tests, a_date_that_is_past_is_no_pause);
    tcase_add_test(tests, an_address_is_asked_for_as_often_as_attempts_says);
    tcase_add_test(tests, the_pipeline_stops_at_a_failure_where_that_is_wanted);
    tcase_add_loop_test(tests, a_refused_key_holds_the_rows_until_it_is_taken, 0,
                        (int)(sizeof refusals / sizeof refusals[0]));
    tcase_add_test(tests, an_error_object_with_status_200_is_no_place);
    tcase_add_test(tests, a_refused_key_is_not_asked_with_again_while_rows_get_the_empty_object);
    tcase_add_test(tests, the_quota_that_is_left_is_shown_once_for_all_lanes);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
