/* SPDX-License-Identifier: Apache-2.0 */
/* What happens when the API does not answer as it should. */
#include "fixture.h"

#include <check.h>
#include <stdio.h>

static struct fixture f;

/* Row 11.0.0.1 meets the script's fault, row 11.0.0.2 does not; both are checked, and that the
 * fault is kept (negative) and not asked for again. */
static void expect_empty(server_script script, const char *counter, int64_t tries,
                         const struct harness_setting *settings, uint32_t count)
{
    const char *const rows[] = {"11.0.0.1", "11.0.0.2"};
    fixture_open(&f, 1, script, NULL, settings, count);
    ck_assert_int_eq(fixture_offer(&f, 0, rows, 2), PH_OK);
    fixture_run_until(&f, 0, 1);
    fixture_expect(&f, 0, 0, 0, "{}");
    fixture_expect_place(&f, 0, 0, 1, "11.0.0.2");
    ck_assert_int_eq(fixture_counter(&f, counter), 1);
    ck_assert_int_eq(fixture_counter(&f, "answers_ok"), 1);
    ck_assert_int_eq(fixture_counter(&f, "retries"), tries - 1);
    /* libcurl itself repeats a request whose reused connection turns out to be closed. */
    uint32_t asked = server_requests_with(f.server, "ip=11.0.0.1");
    ck_assert(asked == tries || (tries > 1 && asked > tries));
    ck_assert(harness_logged(f.harness, "1 address got {} instead of a place"));
    ck_assert_int_eq(fixture_offer(&f, 0, rows, 2), PH_OK);
    ck_assert_int_eq(fixture_next(&f, 0), PH_OK);
    fixture_expect(&f, 0, 1, 0, "{}");
    ck_assert_uint_eq(server_requests_with(f.server, "ip=11.0.0.1"), asked);
    fixture_close(&f);
}

static bool is_faulty(const char *target)
{
    return strstr(target, "ip=11.0.0.1") != NULL;
}

/* The fault is a status, given as the script's number. */
#define STATUS_SCRIPT(status_)                                                                     \
    static void answer_##status_(void *context, const char *target, uint32_t number,               \
                                 struct server_reply *reply)                                       \
    {                                                                                              \
        fixture_answer(context, target, number, reply);                                            \
        reply->status = is_faulty(target) ? (status_) : 200;                                       \
    }
STATUS_SCRIPT(204)
STATUS_SCRIPT(400)
STATUS_SCRIPT(404)
STATUS_SCRIPT(429)
STATUS_SCRIPT(500)
STATUS_SCRIPT(503)

START_TEST(a_refusal_gives_the_empty_object_at_once)
{
    expect_empty(answer_400, "answers_empty_4xx", 1, NULL, 0);
    expect_empty(answer_404, "answers_empty_4xx", 1, NULL, 0);
    expect_empty(answer_204, "answers_empty_other_status", 1, NULL, 0);
}
END_TEST

START_TEST(a_failure_of_the_server_is_tried_three_times)
{
    expect_empty(answer_500, "answers_empty_5xx", 3, NULL, 0);
    expect_empty(answer_503, "answers_empty_5xx", 3, NULL, 0);
    expect_empty(answer_429, "answers_empty_429", 3, NULL, 0);
}
END_TEST

static void fail_twice(void *context, const char *target, uint32_t number,
                       struct server_reply *reply)
{
    fixture_answer(context, target, number, reply);
    reply->status = number <= 2 ? 500 : 200;
}

START_TEST(a_failure_that_passes_is_not_seen_in_the_row)
{
    const char *const rows[] = {"11.0.0.1"};
    fixture_open(&f, 1, fail_twice, NULL, NULL, 0);
    ck_assert_int_eq(fixture_offer(&f, 0, rows, 1), PH_OK);
    fixture_run_until(&f, 0, 1);
    fixture_expect_place(&f, 0, 0, 0, "11.0.0.1");
    ck_assert_int_eq(fixture_counter(&f, "retries"), 2);
    ck_assert(!harness_logged(f.harness, "got {}"));
    fixture_close(&f);
}
END_TEST

static void redirect(void *context, const char *target, uint32_t number, struct server_reply *reply)
{
    fixture_answer(context, target, number, reply);
    if (is_faulty(target)) {
        reply->status = 302;
        reply->header = "Location: /elsewhere?ip=9.9.9.9";
    }
}

START_TEST(a_redirect_is_not_followed)
{
    expect_empty(redirect, "answers_empty_other_status", 1, NULL, 0);
}
END_TEST

static void break_body(void *context, const char *target, uint32_t number,
                       struct server_reply *reply)
{
    fixture_answer(context, target, number, reply);
    if (is_faulty(target)) {
        (void)snprintf(reply->body, sizeof reply->body, "<html>hello</html>");
    }
}

static void send_nothing(void *context, const char *target, uint32_t number,
                         struct server_reply *reply)
{
    fixture_answer(context, target, number, reply);
    if (is_faulty(target)) {
        reply->body[0] = '\0';
    }
}

START_TEST(a_body_that_is_no_answer_gives_the_empty_object)
{
    expect_empty(break_body, "answers_empty_bad_body", 1, NULL, 0);
    expect_empty(send_nothing, "answers_empty_bad_body", 1, NULL, 0);
}
END_TEST

static void pad(void *context, const char *target, uint32_t number, struct server_reply *reply)
{
    fixture_answer(context, target, number, reply);
    reply->padding_bytes = is_faulty(target) ? 2000 : 100;
}

static void pad_unannounced(void *context, const char *target, uint32_t number,
                            struct server_reply *reply)
{
    pad(context, target, number, reply);
    reply->is_unannounced = true;
}

START_TEST(a_body_above_the_limit_gives_the_empty_object)
{
    const struct harness_setting settings[] = {{"answer_max_bytes", "1000", NULL, 0}};
    expect_empty(pad, "answers_empty_too_large", 1, settings, 1);
    expect_empty(pad_unannounced, "answers_empty_too_large", 1, settings, 1);
}
END_TEST

static void cut(void *context, const char *target, uint32_t number, struct server_reply *reply)
{
    fixture_answer(context, target, number, reply);
    reply->is_cut = is_faulty(target);
}

static void drop(void *context, const char *target, uint32_t number, struct server_reply *reply)
{
    fixture_answer(context, target, number, reply);
    reply->is_dropped = is_faulty(target);
}

START_TEST(an_answer_that_breaks_off_is_tried_again_and_then_empty)
{
    const struct harness_setting settings[] = {{"on_failure", "empty", NULL, 0}};
    expect_empty(cut, "answers_empty_unreachable", 3, NULL, 0);
    expect_empty(drop, "answers_empty_unreachable", 3, settings, 1);
}
END_TEST

static void say_nothing(void *context, const char *target, uint32_t number,
                        struct server_reply *reply)
{
    fixture_answer(context, target, number, reply);
    reply->is_never_sent = is_faulty(target);
}

START_TEST(an_answer_that_does_not_come_in_time_is_tried_again_and_then_empty)
{
    const struct harness_setting settings[] = {{"timeout_ms", "1500", NULL, 0},
                                               {"on_failure", "empty", NULL, 0}};
    expect_empty(say_nothing, "answers_empty_timeout", 3, settings, 2);
}
END_TEST

/* A port that nobody listens on. */
static uint16_t dead_port(void)
{
    struct server *server = server_start(fixture_answer, NULL);
    uint16_t port = server_port(server);
    server_stop(server);
    return port;
}

START_TEST(an_api_that_is_away_gives_empty_objects_where_that_is_wanted_and_one_sentence)
{
    static char texts[300][16];
    const char *rows[300];
    char endpoint[64];
    uint32_t said = 0;
    (void)snprintf(endpoint, sizeof endpoint, "http://127.0.0.1:%u/", (unsigned int)dead_port());
    const struct harness_setting settings[] = {{"endpoint", endpoint, NULL, 0},
                                               {"key", "geheim", NULL, 0},
                                               {"on_failure", "empty", NULL, 0}};
    for (uint32_t i = 0; i < 300; i++) {
        (void)snprintf(texts[i], sizeof texts[i], "11.0.%u.%u", i / 100, i % 100);
        rows[i] = texts[i];
    }
    fixture_open_alone(&f, 1, settings, 3);
    ck_assert_int_eq(fixture_offer(&f, 0, rows, 300), PH_OK);
    fixture_run_until(&f, 0, 1);
    for (uint32_t i = 0; i < 300; i++) {
        fixture_expect(&f, 0, 0, i, "{}");
    }
    ck_assert_int_eq(fixture_counter(&f, "answers_empty_unreachable"), 300);
    for (uint32_t i = 0; i < f.harness->log_count; i++) {
        said += strstr(f.harness->log_lines[i], "instead of a place") != NULL ? 1 : 0;
    }
    ck_assert_uint_eq(said, 1);
    ck_assert(!harness_logged(f.harness, "geheim"));
    /* What was not said yet is said at the end. */
    harness_deactivate(f.lanes[0]);
    ck_assert(harness_logged(f.harness, "299 addresses got {} instead of a place"));
    fixture_close(&f);
}
END_TEST

/* Refuses the first *context requests for want of credit. */
static void want_credit(void *context, const char *target, uint32_t number,
                        struct server_reply *reply)
{
    fixture_answer(context, target, number, reply);
    if (number <= *(const uint32_t *)context) {
        reply->status = 401;
        (void)snprintf(reply->body, sizeof reply->body,
                       "{\"error\":{\"error_code\":10001,\"error_message\":\"Invalid API key or "
                       "insufficient credit.\"}}");
    }
}

START_TEST(without_quota_look_ups_pause_and_go_on_when_it_is_refilled)
{
    const char *const rows[] = {"11.0.0.1", "11.0.0.2", "11.0.0.3"};
    const struct harness_setting settings[] = {
        {"on_quota", "pause", NULL, 0}, {"quota_retry", "20", NULL, 0}, {"key", "geheim", NULL, 0}};
    uint32_t refused = 5;
    fixture_open(&f, 1, want_credit, &refused, settings, 3);
    ck_assert_int_eq(fixture_offer(&f, 0, rows, 3), PH_OK);
    fixture_run_until(&f, 0, 1);
    for (uint32_t i = 0; i < 3; i++) {
        fixture_expect_place(&f, 0, 0, i, rows[i]);
    }
    ck_assert_uint_eq(server_requests(f.server), 8);
    /* Three at once, then one at a time. */
    ck_assert_int_eq(fixture_counter(&f, "quota_pauses"), 3);
    ck_assert(harness_logged(f.harness, "the quota is used up or the key is not valid"));
    ck_assert(harness_logged(f.harness, "the API answers again"));
    ck_assert(!harness_logged(f.harness, "geheim"));
    fixture_close(&f);
}
END_TEST

START_TEST(without_quota_rows_get_the_empty_object_where_that_is_wanted)
{
    const char *const rows[] = {"11.0.0.1", "11.0.0.2"};
    const struct harness_setting settings[] = {{"on_quota", "empty", NULL, 0}};
    uint32_t refused = 2;
    fixture_open(&f, 1, want_credit, &refused, settings, 1);
    ck_assert_int_eq(fixture_offer(&f, 0, rows, 2), PH_OK);
    fixture_run_until(&f, 0, 1);
    fixture_expect(&f, 0, 0, 0, "{}");
    fixture_expect(&f, 0, 0, 1, "{}");
    ck_assert_int_eq(fixture_counter(&f, "answers_empty_quota"), 2);
    ck_assert(harness_logged(f.harness, "addresses get {} meanwhile"));
    fixture_close(&f);
}
END_TEST

START_TEST(without_quota_the_pipeline_stops_where_that_is_wanted)
{
    const char *const rows[] = {"11.0.0.1"};
    const struct harness_setting settings[] = {{"on_quota", "fail", NULL, 0}};
    uint32_t refused = 1;
    fixture_open(&f, 1, want_credit, &refused, settings, 1);
    ck_assert_int_eq(fixture_offer(&f, 0, rows, 1), PH_OK);
    fixture_run_until_error(&f);
    ck_assert_uint_eq(f.harness->error.flags, PH_ERR_FATAL);
    ck_assert_ptr_nonnull(strstr(f.harness->error.text, "quota is used up"));
    ck_assert_int_eq(fixture_next(&f, 0), PH_ERROR);
    ck_assert_int_eq(fixture_offer(&f, 0, rows, 1), PH_ERROR);
    fixture_close(&f);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("geolocate failures");
    TCase *tests = tcase_create("failures");
    tcase_set_timeout(tests, 300);
    tcase_add_test(tests, a_refusal_gives_the_empty_object_at_once);
    tcase_add_test(tests, a_failure_of_the_server_is_tried_three_times);
    tcase_add_test(tests, a_failure_that_passes_is_not_seen_in_the_row);
    tcase_add_test(tests, a_redirect_is_not_followed);
    tcase_add_test(tests, a_body_that_is_no_answer_gives_the_empty_object);
    tcase_add_test(tests, a_body_above_the_limit_gives_the_empty_object);
    tcase_add_test(tests, an_answer_that_breaks_off_is_tried_again_and_then_empty);
    tcase_add_test(tests, an_answer_that_does_not_come_in_time_is_tried_again_and_then_empty);
    tcase_add_test(tests,
                   an_api_that_is_away_gives_empty_objects_where_that_is_wanted_and_one_sentence);
    tcase_add_test(tests, without_quota_look_ups_pause_and_go_on_when_it_is_refilled);
    tcase_add_test(tests, without_quota_rows_get_the_empty_object_where_that_is_wanted);
    tcase_add_test(tests, without_quota_the_pipeline_stops_where_that_is_wanted);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
