/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of rows: their text, their order, how often the API is asked. */
#include "fixture.h"

#include <check.h>
#include <stdio.h>

#define COUNT_OF(array) ((uint32_t)(sizeof(array) / sizeof(array)[0]))

static struct fixture f;

static void answer_mountain_view(void *context, const char *target, uint32_t number,
                                 struct server_reply *reply)
{
    (void)context;
    (void)target;
    (void)number;
    (void)snprintf(reply->body, sizeof reply->body,
                   "{\"ip\":\"8.8.8.8\",\"country_code\":\"US\",\"country_name\":\"United States\","
                   "\"region_name\":\"California\",\"city_name\":\"Mountain View\"}");
}

START_TEST(a_row_gets_the_place_of_its_address)
{
    const char *const rows[] = {"8.8.8.8"};
    fixture_open(&f, 1, answer_mountain_view, NULL, NULL, 0);
    ck_assert_int_eq(fixture_next(&f, 0), PH_END);
    ck_assert_int_eq(fixture_offer(&f, 0, rows, 1), PH_OK);
    ck_assert_int_eq(fixture_next(&f, 0), PH_IDLE);
    fixture_run_until(&f, 0, 1);
    fixture_expect(&f, 0, 0, 0,
                   "{\"country\":\"US\",\"state\":\"California\",\"city\":\"Mountain View\"}");
    ck_assert_str_eq(f.outs[0].emitted[0]->schema->fields[2].name, "geodata");
    ck_assert(harness_text_is(f.outs[0].emitted[0], "host", 0, "example.com"));
    ck_assert(harness_text_is(f.outs[0].emitted[0], "ip", 0, "8.8.8.8"));
    ck_assert_int_eq(fixture_next(&f, 0), PH_END);
    ck_assert_int_eq(fixture_counter(&f, "requests"), 1);
    ck_assert_int_eq(fixture_counter(&f, "answers_ok"), 1);
    ck_assert_int_eq(fixture_counter(&f, "in_flight"), 0);
    fixture_close(&f);
}
END_TEST

START_TEST(an_address_that_needs_no_look_up_gets_the_empty_object_and_null_stays_null)
{
    const char *const rows[] = {"10.1.2.3",
                                NULL,
                                "127.0.0.1",
                                "not an address",
                                "",
                                "fe80::1",
                                "::1",
                                "10.1.2.3",
                                "a text that is much longer than any address could ever be"};
    fixture_open(&f, 1, NULL, NULL, NULL, 0);
    ck_assert_int_eq(fixture_offer(&f, 0, rows, COUNT_OF(rows)), PH_OK);
    ck_assert_int_eq(fixture_next(&f, 0), PH_OK);
    for (uint32_t i = 0; i < COUNT_OF(rows); i++) {
        fixture_expect(&f, 0, 0, i, rows[i] == NULL ? NULL : "{}");
    }
    ck_assert_int_eq(fixture_counter(&f, "skipped_private"), 5);
    ck_assert_int_eq(fixture_counter(&f, "skipped_not_address"), 3);
    ck_assert_int_eq(fixture_counter(&f, "cache_hits"), 0);
    ck_assert_uint_eq(server_requests(f.server), 0);
    fixture_close(&f);
}
END_TEST

START_TEST(one_address_is_asked_for_once_however_it_is_spelled)
{
    const char *const rows[] = {"2600:1f18::a1",
                                "2600:1F18::A1",
                                "2600:1f18:0:0:0:0:0:a1",
                                "8.8.8.8",
                                "8.8.8.8",
                                "::ffff:8.8.8.8",
                                "2600:1f18:0000:0000:0000:0000:0000:00a1"};
    fixture_open(&f, 1, NULL, NULL, NULL, 0);
    for (uint32_t batch = 0; batch < 3; batch++) {
        ck_assert_int_eq(fixture_offer(&f, 0, rows, COUNT_OF(rows)), PH_OK);
    }
    fixture_run_until(&f, 0, 3);
    for (uint32_t batch = 0; batch < 3; batch++) {
        for (uint32_t i = 0; i < COUNT_OF(rows); i++) {
            bool is_ipv4 = strstr(rows[i], "8.8") != NULL;
            fixture_expect_place(&f, 0, batch, i, is_ipv4 ? "8.8.8.8" : "2600%3A1f18%3A%3Aa1");
        }
    }
    ck_assert_uint_eq(server_requests(f.server), 2);
    ck_assert_int_eq(fixture_counter(&f, "coalesced"), 3 * COUNT_OF(rows) - 2);
    ck_assert_int_eq(fixture_offer(&f, 0, rows, COUNT_OF(rows)), PH_OK);
    ck_assert_int_eq(fixture_next(&f, 0), PH_OK);
    ck_assert_int_eq(fixture_counter(&f, "cache_hits"), COUNT_OF(rows));
    ck_assert_uint_eq(server_requests(f.server), 2);
    fixture_close(&f);
}
END_TEST

static void hold_the_first(void *context, const char *target, uint32_t number,
                           struct server_reply *reply)
{
    fixture_answer(context, target, number, reply);
    reply->is_held = strstr(target, "ip=11.0.0.1&") != NULL;
}

START_TEST(batches_leave_in_their_order_though_answers_come_in_another)
{
    const char *const first[] = {"11.0.0.1"};
    const char *const second[] = {"11.0.0.2"};
    const char *const third[] = {"11.0.0.3"};
    const struct harness_setting settings[] = {{"key", "k", NULL, 0}};
    fixture_open(&f, 1, hold_the_first, NULL, settings, 1);
    ck_assert_int_eq(fixture_offer(&f, 0, first, 1), PH_OK);
    ck_assert_int_eq(fixture_offer(&f, 0, second, 1), PH_OK);
    ck_assert_int_eq(fixture_offer(&f, 0, third, 1), PH_OK);
    int64_t deadline_ns = harness_now_ns() + FIXTURE_DEADLINE_MS * INT64_C(1000000);
    while (fixture_counter(&f, "answers_ok") < 2) {
        ck_assert_int_ge(harness_pump(f.lanes[0], 50), 0);
        ck_assert_int_eq(fixture_next(&f, 0), PH_IDLE);
        ck_assert_int_lt(harness_now_ns(), deadline_ns);
    }
    server_release(f.server);
    fixture_run_until(&f, 0, 3);
    fixture_expect_place(&f, 0, 0, 0, "11.0.0.1");
    fixture_expect_place(&f, 0, 1, 0, "11.0.0.2");
    fixture_expect_place(&f, 0, 2, 0, "11.0.0.3");
    fixture_close(&f);
}
END_TEST

static void hold_all(void *context, const char *target, uint32_t number, struct server_reply *reply)
{
    fixture_answer(context, target, number, reply);
    reply->is_held = true;
}

START_TEST(no_more_than_max_in_flight_requests_are_under_way)
{
    const char *const rows[] = {"11.0.0.1", "11.0.0.2", "11.0.0.3", "11.0.0.4", "11.0.0.5"};
    const struct harness_setting settings[] = {{"max_in_flight", "2", NULL, 0}};
    fixture_open(&f, 1, hold_all, NULL, settings, 1);
    ck_assert_int_eq(fixture_offer(&f, 0, rows, 5), PH_OK);
    fixture_run_until_asked(&f, 2);
    for (uint32_t i = 0; i < 5; i++) {
        ck_assert_int_ge(harness_pump(f.lanes[0], 10), 0);
    }
    ck_assert_uint_eq(server_requests(f.server), 2);
    ck_assert_int_eq(fixture_counter(&f, "in_flight"), 2);
    server_release(f.server);
    fixture_run_until(&f, 0, 1);
    for (uint32_t i = 0; i < 5; i++) {
        fixture_expect_place(&f, 0, 0, i, rows[i]);
    }
    ck_assert_uint_eq(server_requests(f.server), 5);
    ck_assert_uint_eq(server_connections(f.server), 2);
    fixture_close(&f);
}
END_TEST

START_TEST(lanes_share_one_request_and_wake_each_other)
{
    const char *const rows[] = {"11.0.0.1", "11.0.0.2"};
    fixture_open(&f, 3, hold_all, NULL, NULL, 0);
    for (uint32_t lane = 0; lane < 3; lane++) {
        ck_assert_int_eq(fixture_offer(&f, lane, rows, 2), PH_OK);
        ck_assert_int_eq(fixture_next(&f, lane), PH_IDLE);
    }
    fixture_run_until_asked(&f, 2);
    server_release(f.server);
    /* Lane 0 alone hears from the server: the others sleep until it wakes them. */
    int64_t deadline_ns = harness_now_ns() + FIXTURE_DEADLINE_MS * INT64_C(1000000);
    while (fixture_counter(&f, "answers_ok") < 2) {
        ck_assert_int_ge(harness_pump(f.lanes[0], 50), 0);
        ck_assert_int_lt(harness_now_ns(), deadline_ns);
    }
    for (uint32_t lane = 1; lane < 3; lane++) {
        ck_assert_int_gt(harness_pump(f.lanes[lane], FIXTURE_DEADLINE_MS), 0);
        ck_assert_int_eq(fixture_next(&f, lane), PH_OK);
        fixture_expect_place(&f, lane, 0, 0, "11.0.0.1");
        fixture_expect_place(&f, lane, 0, 1, "11.0.0.2");
        ck_assert_int_eq(harness_counter(f.lanes[lane], "requests"), 0);
        ck_assert_int_eq(harness_counter(f.lanes[lane], "coalesced"), 2);
    }
    ck_assert_uint_eq(server_requests(f.server), 2);
    fixture_run_until(&f, 0, 1);
    fixture_close(&f);
}
END_TEST

START_TEST(a_lane_takes_over_what_another_one_gave_up)
{
    const char *const rows[] = {"11.0.0.1", "11.0.0.2", "11.0.0.3"};
    const struct harness_setting settings[] = {{"max_in_flight", "3", NULL, 0}};
    fixture_open(&f, 3, hold_all, NULL, settings, 1);
    ck_assert_int_eq(fixture_offer(&f, 0, rows, 3), PH_OK);
    ck_assert_int_eq(fixture_offer(&f, 1, rows, 3), PH_OK);
    ck_assert_int_eq(fixture_next(&f, 1), PH_IDLE);
    fixture_run_until_asked(&f, 1);
    harness_deactivate(f.lanes[0]);
    server_release(f.server);
    ck_assert_int_gt(harness_pump(f.lanes[1], FIXTURE_DEADLINE_MS), 0);
    f.outs[0].emitted_count = 0;
    ck_assert_int_eq(harness_activate(f.lanes[0]), PH_OK);
    fixture_run_until(&f, 1, 1);
    for (uint32_t i = 0; i < 3; i++) {
        fixture_expect_place(&f, 1, 0, i, rows[i]);
    }
    ck_assert_int_eq(harness_counter(f.lanes[1], "answers_ok"), 3);
    fixture_close(&f);
}
END_TEST

START_TEST(a_lane_holds_few_batches_and_says_when_it_has_no_room)
{
    const char *const rows[] = {"11.0.0.1"};
    fixture_open(&f, 1, hold_all, NULL, NULL, 0);
    uint32_t taken = 0;
    while (fixture_offer(&f, 0, rows, 1) == PH_OK) {
        taken++;
        ck_assert_uint_le(taken, 64);
    }
    ck_assert_uint_eq(taken, 4);
    ck_assert_int_eq(fixture_offer(&f, 0, rows, 1), PH_MORE);
    server_release(f.server);
    fixture_run_until(&f, 0, taken);
    ck_assert_int_eq(fixture_offer(&f, 0, rows, 1), PH_OK);
    ck_assert_int_eq(fixture_next(&f, 0), PH_OK);
    fixture_close(&f);
}
END_TEST

START_TEST(a_batch_that_finds_no_room_downstream_is_emitted_later)
{
    const char *const rows[] = {"10.0.0.1", NULL};
    fixture_open(&f, 1, NULL, NULL, NULL, 0);
    ck_assert_int_eq(fixture_offer(&f, 0, rows, 2), PH_OK);
    f.outs[0].refusals = 2;
    ck_assert_int_eq(fixture_next(&f, 0), PH_MORE);
    ck_assert_int_eq(fixture_next(&f, 0), PH_MORE);
    ck_assert_int_eq(fixture_next(&f, 0), PH_OK);
    fixture_expect(&f, 0, 0, 0, "{}");
    fixture_expect(&f, 0, 0, 1, NULL);
    fixture_close(&f);
}
END_TEST

START_TEST(an_empty_batch_travels_too)
{
    fixture_open(&f, 1, NULL, NULL, NULL, 0);
    ck_assert_int_eq(fixture_offer(&f, 0, NULL, 0), PH_OK);
    ck_assert_int_eq(fixture_next(&f, 0), PH_OK);
    ck_assert_uint_eq(f.outs[0].emitted[0]->row_count, 0);
    fixture_close(&f);
}
END_TEST

START_TEST(unfinished_batches_are_handed_back_oldest_first)
{
    const char *const first[] = {"11.0.0.1"};
    const char *const second[] = {"10.0.0.2", "11.0.0.2"};
    const struct ph_batch *batches[4];
    uint32_t count = 0;
    fixture_open(&f, 1, hold_all, NULL, NULL, 0);
    const struct ph_async_udf_ops *ops = f.harness->descriptor->async_udf;
    ck_assert_int_eq(fixture_offer(&f, 0, first, 1), PH_OK);
    ck_assert_int_eq(fixture_offer(&f, 0, second, 2), PH_OK);
    ck_assert_int_eq(ops->hand_back(f.lanes[0]->self, batches, 1, &count), PH_MORE);
    ck_assert_uint_eq(count, 1);
    ck_assert_uint_eq(batches[0]->row_count, 1);
    ck_assert_int_eq(ops->hand_back(f.lanes[0]->self, batches + 1, 3, &count), PH_OK);
    ck_assert_uint_eq(count, 1);
    ck_assert_uint_eq(batches[1]->row_count, 2);
    ck_assert_int_eq(fixture_next(&f, 0), PH_END);
    harness_batch_release(batches[0]);
    harness_batch_release(batches[1]);
    fixture_close(&f);
}
END_TEST

START_TEST(more_addresses_than_the_cache_holds_still_give_each_row_its_own_place)
{
    static char texts[2000][16];
    const char *rows[2000];
    const struct harness_setting settings[] = {{"cache_entries", "50", NULL, 0}};
    for (uint32_t i = 0; i < 2000; i++) {
        (void)snprintf(texts[i], sizeof texts[i], "11.%u.%u.7", i / 200, i % 200);
        rows[i] = texts[i];
    }
    fixture_open(&f, 1, NULL, NULL, settings, 1);
    ck_assert_int_eq(fixture_offer(&f, 0, rows, 2000), PH_OK);
    fixture_run_until(&f, 0, 1);
    for (uint32_t i = 0; i < 2000; i++) {
        fixture_expect_place(&f, 0, 0, i, rows[i]);
    }
    ck_assert_uint_eq(server_requests(f.server), 2000);
    ck_assert_int_ge(fixture_counter(&f, "cache_evictions"), 1950);
    fixture_close(&f);
}
END_TEST

static void name_by_number(void *context, const char *target, uint32_t number,
                           struct server_reply *reply)
{
    (void)context;
    (void)target;
    (void)snprintf(reply->body, sizeof reply->body, "{\"city_name\":\"%u\"}", number);
}

START_TEST(an_answer_is_asked_for_again_after_its_time_to_live)
{
    const char *const rows[] = {"11.0.0.1"};
    const struct harness_setting settings[] = {{"ttl", "1", NULL, 0}};
    fixture_open(&f, 1, name_by_number, NULL, settings, 1);
    ck_assert_int_eq(fixture_offer(&f, 0, rows, 1), PH_OK);
    fixture_run_until(&f, 0, 1);
    int64_t answered_ns = harness_now_ns();
    while (harness_now_ns() < answered_ns + 1000000) {
        (void)harness_pump(f.lanes[0], 1);
    }
    ck_assert_int_eq(fixture_offer(&f, 0, rows, 1), PH_OK);
    fixture_run_until(&f, 0, 2);
    fixture_expect(&f, 0, 0, 0, "{\"country\":\"\",\"state\":\"\",\"city\":\"1\"}");
    fixture_expect(&f, 0, 1, 0, "{\"country\":\"\",\"state\":\"\",\"city\":\"2\"}");
    fixture_close(&f);
}
END_TEST

START_TEST(the_request_carries_address_key_and_version)
{
    const char *const rows[] = {"2600:1f18::a1"};
    const struct harness_setting settings[] = {{"key", "a b&c=d", NULL, 0}};
    char head[4096];
    fixture_open(&f, 1, NULL, NULL, settings, 1);
    ck_assert_int_eq(fixture_offer(&f, 0, rows, 1), PH_OK);
    fixture_run_until(&f, 0, 1);
    server_last_head(f.server, head, sizeof head);
    ck_assert_ptr_nonnull(
        strstr(head, "GET /?ip=2600%3A1f18%3A%3Aa1&key=a%20b%26c%3Dd HTTP/1.1\r\n"));
    ck_assert_ptr_nonnull(strstr(head, "\r\nUser-Agent: pipehost/"));
    ck_assert(!harness_logged(f.harness, "no key"));
    fixture_close(&f);
}
END_TEST

START_TEST(without_a_key_none_is_sent_and_that_is_said_once)
{
    const char *const rows[] = {"11.0.0.1"};
    const struct harness_setting settings[] = {{"key", "", NULL, 0}};
    char head[4096];
    uint32_t said = 0;
    fixture_open(&f, 3, NULL, NULL, settings, 1);
    ck_assert_int_eq(fixture_offer(&f, 0, rows, 1), PH_OK);
    fixture_run_until(&f, 0, 1);
    server_last_head(f.server, head, sizeof head);
    ck_assert_ptr_nonnull(strstr(head, "GET /?ip=11.0.0.1 HTTP/1.1\r\n"));
    for (uint32_t i = 0; i < f.harness->log_count; i++) {
        said += strstr(f.harness->log_lines[i], "no key is set") != NULL ? 1 : 0;
    }
    ck_assert_uint_eq(said, 1);
    fixture_close(&f);
}
END_TEST

struct memory {
    uint8_t bytes[4096];
    uint64_t length;
    uint64_t at;
};

static int32_t write_memory(struct ph_state_writer *w, const void *data, uint64_t length)
{
    struct memory *m = w->host_data;
    ck_assert_uint_le(length, sizeof m->bytes - m->length);
    memcpy(m->bytes + m->length, data, length);
    m->length += length;
    return PH_OK;
}

static int64_t read_memory(struct ph_state_reader *r, void *data, uint64_t capacity)
{
    struct memory *m = r->host_data;
    uint64_t length = m->length - m->at < capacity ? m->length - m->at : capacity;
    memcpy(data, m->bytes + m->at, length);
    m->at += length;
    return (int64_t)length;
}

static int32_t restore(struct memory *m)
{
    struct ph_state_reader reader = {sizeof reader, 0, m, read_memory};
    m->at = 0;
    return f.harness->descriptor->ops->restore_operator(f.harness->op, &reader,
                                                        harness_error(f.harness));
}

/* What an operator saves that has looked these addresses up. */
static void save_after(const char *const *rows, uint32_t count, struct memory *m)
{
    struct ph_state_writer writer = {sizeof writer, 0, m, write_memory};
    memset(m, 0, sizeof *m);
    ck_assert_int_eq(fixture_offer(&f, 0, rows, count), PH_OK);
    fixture_run_until(&f, 0, 1);
    ck_assert_int_eq(
        f.harness->descriptor->ops->save_operator(f.harness->op, &writer, harness_error(f.harness)),
        PH_OK);
}

static void refuse_the_second(void *context, const char *target, uint32_t number,
                              struct server_reply *reply)
{
    fixture_answer(context, target, number, reply);
    reply->status = strstr(target, "11.0.0.2") != NULL ? 404 : 200;
}

START_TEST(what_one_operator_knew_the_next_one_need_not_ask)
{
    static struct memory m;
    struct fixture old;
    const char *const rows[] = {"11.0.0.1", "11.0.0.2", "2600:1f18::a1"};
    const char *const more[] = {"11.0.0.1", "11.0.0.2", "11.0.0.4"};
    char endpoint[64];
    fixture_open(&f, 1, refuse_the_second, NULL, NULL, 0);
    save_after(rows, 3, &m);
    old = f;
    (void)snprintf(endpoint, sizeof endpoint, "http://127.0.0.1:%u/",
                   (unsigned int)server_port(old.server));
    const struct harness_setting settings[] = {{"endpoint", endpoint, NULL, 0}};
    fixture_open_alone(&f, 1, settings, 1);
    ck_assert_int_eq(restore(&m), PH_OK);
    ck_assert_int_eq(fixture_offer(&f, 0, more, 3), PH_OK);
    fixture_run_until(&f, 0, 1);
    fixture_expect_place(&f, 0, 0, 0, "11.0.0.1");
    fixture_expect(&f, 0, 0, 1, "{}");
    fixture_expect_place(&f, 0, 0, 2, "11.0.0.4");
    ck_assert_int_eq(fixture_counter(&f, "requests"), 1);
    ck_assert_int_eq(fixture_counter(&f, "cache_hits"), 2);
    harness_out_clear(&f.outs[0]);
    harness_task_destroy(f.lanes[0]);
    harness_close(f.harness);
    f = old;
    fixture_close(&f);
}
END_TEST

START_TEST(a_damaged_state_is_refused_and_one_of_another_endpoint_left_out)
{
    static struct memory m;
    static struct memory broken;
    const char *const rows[] = {"11.0.0.1", "11.0.0.2"};
    fixture_open(&f, 1, NULL, NULL, NULL, 0);
    save_after(rows, 2, &m);
    broken = m;
    broken.length = m.length - 1;
    ck_assert_int_eq(restore(&broken), PH_ERROR);
    ck_assert_ptr_nonnull(strstr(f.harness->error.text, "damaged"));
    broken.length = 10;
    ck_assert_int_eq(restore(&broken), PH_ERROR);
    broken.length = 0;
    ck_assert_int_eq(restore(&broken), PH_OK);
    broken = m;
    broken.bytes[0] ^= 1u;
    ck_assert_int_eq(restore(&broken), PH_OK);
    fixture_close(&f);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("geolocate rows");
    TCase *tests = tcase_create("rows");
    tcase_set_timeout(tests, 300);
    tcase_add_test(tests, a_row_gets_the_place_of_its_address);
    tcase_add_test(tests,
                   an_address_that_needs_no_look_up_gets_the_empty_object_and_null_stays_null);
    tcase_add_test(tests, one_address_is_asked_for_once_however_it_is_spelled);
    tcase_add_test(tests, batches_leave_in_their_order_though_answers_come_in_another);
    tcase_add_test(tests, no_more_than_max_in_flight_requests_are_under_way);
    tcase_add_test(tests, lanes_share_one_request_and_wake_each_other);
    tcase_add_test(tests, a_lane_takes_over_what_another_one_gave_up);
    tcase_add_test(tests, a_lane_holds_few_batches_and_says_when_it_has_no_room);
    tcase_add_test(tests, a_batch_that_finds_no_room_downstream_is_emitted_later);
    tcase_add_test(tests, an_empty_batch_travels_too);
    tcase_add_test(tests, unfinished_batches_are_handed_back_oldest_first);
    tcase_add_test(tests, more_addresses_than_the_cache_holds_still_give_each_row_its_own_place);
    tcase_add_test(tests, an_answer_is_asked_for_again_after_its_time_to_live);
    tcase_add_test(tests, the_request_carries_address_key_and_version);
    tcase_add_test(tests, without_a_key_none_is_sent_and_that_is_said_once);
    tcase_add_test(tests, what_one_operator_knew_the_next_one_need_not_ask);
    tcase_add_test(tests, a_damaged_state_is_refused_and_one_of_another_endpoint_left_out);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
