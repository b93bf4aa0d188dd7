/* SPDX-License-Identifier: Apache-2.0 */
/** What source-kafka gives to the host, on librdkafka's mock cluster. */
#include "feed.h"
#include "mock.h"

#include <check.h>
#include <stdlib.h>

#define WAIT_MS 200000

static struct mock mock;
static struct feed feed;

static void open_feed(const char *startup_mode, const char *bounded_mode, const char *group)
{
    /* The mock cluster, unlike a broker, answers a waiting fetch only when its time is up. */
    static const struct harness_item properties[] = {{"fetch.wait.max.ms", "10"}};
    const struct harness_setting settings[] = {
        {.key = "brokers", .text = mock.brokers},
        {.key = "topic", .text = MOCK_TOPIC},
        {.key = "startup_mode", .text = startup_mode},
        {.key = "bounded_mode", .text = bounded_mode},
        {.key = "rdkafka", .items = properties, .item_count = 1},
        {.key = group == NULL ? NULL : "group", .text = group},
        {0},
    };
    ck_assert_msg(feed_open(&feed, settings), "%s", feed_error(&feed));
    feed.check = mock_made;
}

static void start_feed(void)
{
    ck_assert_msg(feed_start(&feed) == PH_OK, "%s", feed_error(&feed));
}

static void setup(void)
{
    mock_open(&mock, 1, 3);
}

static void teardown(void)
{
    feed_close(&feed);
    mock_close(&mock);
}

START_TEST(a_bounded_run_gives_all_records_in_order_and_ends)
{
    for (int32_t p = 0; p < 3; p++) {
        mock_produce(&mock, p, 2500 + p);
    }
    open_feed("earliest", "latest", NULL);
    start_feed();
    ck_assert_int_eq(feed_until(&feed, INT64_MAX, WAIT_MS), PH_END);
    for (uint32_t id = 0; id < 3; id++) {
        ck_assert_int_eq(feed.records[id], 2500 + feed.partitions.items[id].partition);
    }
    ck_assert_int_eq(feed_poll(&feed), PH_END);
    ck_assert_int_eq(harness_counter(feed.task, "records"), 7503);
    ck_assert_int_eq(harness_counter(feed.task, "lag_records"), 0);
    ck_assert_int_gt(harness_counter(feed.task, "bytes"), 7503 * 5);
}
END_TEST

/* Each question alone would take 64 times 300 ms and more. */
START_TEST(a_start_asks_for_all_partitions_at_once)
{
    mock_close(&mock);
    mock_open(&mock, 1, FEED_PARTITIONS);
    for (int32_t p = 0; p < FEED_PARTITIONS; p++) {
        mock_produce(&mock, p, 10);
    }
    open_feed("earliest", "latest", NULL);
    rd_kafka_mock_broker_set_rtt(mock.cluster, 1, 300);
    int64_t began_ns = harness_now_ns();
    start_feed();
    ck_assert_int_lt(harness_now_ns() - began_ns, INT64_C(12000000000));
    ck_assert_int_eq(feed_until(&feed, INT64_MAX, WAIT_MS), PH_END);
    ck_assert_int_eq(feed.total, INT64_C(10) * FEED_PARTITIONS);
}
END_TEST

START_TEST(a_full_writer_gets_the_kept_record_first)
{
    mock_produce(&mock, 0, 1500);
    open_feed("earliest", "latest", NULL);
    start_feed();
    int64_t began_ns = harness_now_ns();
    int32_t result = PH_OK;
    while (result != PH_END) {
        feed.room = 7;
        int64_t before = feed.total;
        result = feed_until(&feed, before + 7, WAIT_MS);
        ck_assert_int_ge(result, PH_OK);
        ck_assert_int_le(feed.total - before, 7);
        ck_assert_int_lt(harness_now_ns() - began_ns, WAIT_MS * INT64_C(1000000));
    }
    ck_assert_int_eq(feed.total, 1500);
}
END_TEST

START_TEST(a_bounded_run_leaves_out_what_came_after_its_start)
{
    mock_produce(&mock, 0, 100);
    open_feed("earliest", "latest", NULL);
    start_feed();
    mock_produce(&mock, 0, 100);
    mock_produce(&mock, 1, 100);
    ck_assert_int_eq(feed_until(&feed, INT64_MAX, WAIT_MS), PH_END);
    ck_assert_int_eq(feed.total, 100);
    ck_assert_int_eq(feed.next[0], 100);
}
END_TEST

START_TEST(a_bounded_run_of_an_empty_topic_ends_at_once)
{
    open_feed("earliest", "latest", NULL);
    start_feed();
    ck_assert_int_eq(feed_poll(&feed), PH_END);
}
END_TEST

START_TEST(a_sleeping_host_is_woken_by_each_new_record)
{
    mock_produce(&mock, 0, 10);
    open_feed("latest", "none", NULL);
    start_feed();
    ck_assert_int_eq(feed_poll(&feed), PH_IDLE);
    for (int i = 1; i <= 50; i++) {
        mock_produce(&mock, i % 3, 1);
        ck_assert_int_eq(feed_until(&feed, i, WAIT_MS), PH_OK);
    }
    ck_assert_int_eq(feed.starts[0], 10);
    ck_assert_int_eq(feed.total, 50);
}
END_TEST

/* As a host does whose memory is held. */
static bool serve_until_lag(int64_t records)
{
    const struct ph_source_ops *source = feed.harness->descriptor->source;
    int64_t until_ns = harness_now_ns() + WAIT_MS * INT64_C(1000000);
    while (harness_counter(feed.task, "lag_records") != records) {
        if (harness_now_ns() >= until_ns ||
            source->serve(feed.task->self, harness_error(feed.harness)) != PH_OK ||
            harness_pump(feed.task, 100) < 0) {
            return false;
        }
    }
    return true;
}

/* More than the prefetch takes, so that nothing is fetched any more. */
START_TEST(the_lag_of_a_source_that_is_not_polled_goes_on_growing)
{
    static const struct harness_item properties[] = {{"fetch.wait.max.ms", "10"}};
    const struct harness_setting settings[] = {
        {.key = "brokers", .text = mock.brokers},
        {.key = "topic", .text = MOCK_TOPIC},
        {.key = "startup_mode", .text = "earliest"},
        {.key = "prefetch_mib", .text = "4"},
        {.key = "rdkafka", .items = properties, .item_count = 1},
        {0},
    };
    mock_produce(&mock, 0, 6000);
    ck_assert_msg(feed_open(&feed, settings), "%s", feed_error(&feed));
    feed.check = mock_made;
    start_feed();
    ck_assert(serve_until_lag(6000));
    mock_produce(&mock, 0, 5000);
    mock_produce(&mock, 2, 1);
    ck_assert(serve_until_lag(11001));
    ck_assert_int_eq(feed_until(&feed, 11001, WAIT_MS), PH_OK);
    ck_assert(serve_until_lag(0));
}
END_TEST

START_TEST(a_partition_found_later_is_read_beside_the_others)
{
    mock_produce(&mock, 0, 1000);
    mock_produce(&mock, 2, 1000);
    open_feed("earliest", "none", NULL);
    const struct ph_source_ops *source = feed.harness->descriptor->source;
    ck_assert_int_eq(harness_activate(feed.task), PH_OK);
    ck_assert_int_eq(
        source->partitions(feed.task->self, &feed.partitions.list, harness_error(feed.harness)),
        PH_OK);
    ck_assert_uint_eq(feed.partitions.count, 3);
    ck_assert_int_eq(source->start(feed.task->self, &feed.partitions.items[0],
                                   &(struct ph_position){.next_offset = 5},
                                   harness_error(feed.harness)),
                     PH_OK);
    feed.next[0] = 5;
    ck_assert_int_eq(feed_until(&feed, 995, WAIT_MS), PH_OK);
    ck_assert_int_eq(source->start(feed.task->self, &feed.partitions.items[2],
                                   &(struct ph_position){.partition_id = 2},
                                   harness_error(feed.harness)),
                     PH_OK);
    mock_produce(&mock, 0, 1);
    ck_assert_int_eq(feed_until(&feed, 1996, WAIT_MS), PH_OK);
    ck_assert_int_eq(feed.next[0], 1001);
    ck_assert_int_eq(feed.next[2], 1000);
}
END_TEST

/* Begins partition 0 of a hundred records at a position whose last record is known. */
static int32_t start_known(int64_t next_offset, const char *bounded)
{
    struct ph_position from = {.fingerprint = 7, .next_offset = next_offset};
    mock_produce(&mock, 0, 100);
    open_feed("earliest", bounded, NULL);
    const struct ph_source_ops *source = feed.harness->descriptor->source;
    ck_assert_int_eq(harness_activate(feed.task), PH_OK);
    ck_assert_int_eq(
        source->partitions(feed.task->self, &feed.partitions.list, harness_error(feed.harness)),
        PH_OK);
    feed.next[0] = next_offset > 0 ? next_offset - 1 : 0;
    return source->start(feed.task->self, &feed.partitions.items[0], &from,
                         harness_error(feed.harness));
}

START_TEST(the_record_before_a_known_position_comes_first_and_is_not_counted)
{
    ck_assert_int_eq(start_known(60, "none"), PH_OK);
    ck_assert_int_eq(feed_until(&feed, 41, WAIT_MS), PH_OK);
    ck_assert_int_eq(feed.next[0], 100);
    ck_assert_int_eq(harness_counter(feed.task, "records"), 40);
}
END_TEST

START_TEST(a_bounded_run_at_its_end_still_shows_the_record_before)
{
    ck_assert_int_eq(start_known(100, "latest"), PH_OK);
    ck_assert_int_eq(feed_until(&feed, INT64_MAX, WAIT_MS), PH_END);
    ck_assert_int_eq(feed.total, 1);
    ck_assert_int_eq(feed.next[0], 100);
}
END_TEST

static void refuse_the_next_fetch(void)
{
    rd_kafka_mock_push_request_errors(mock.cluster, 1 /* Fetch */, 1,
                                      RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE);
}

START_TEST(a_record_before_that_is_deleted_before_it_is_read_is_done_without)
{
    refuse_the_next_fetch();
    ck_assert_int_eq(start_known(60, _i == 0 ? "none" : "latest"), PH_OK);
    ck_assert_msg(feed_until(&feed, 40, WAIT_MS) >= 0, "%s", feed_error(&feed));
    ck_assert_int_eq(feed.total, 40);
    ck_assert_int_eq(feed.next[0], 100);
    ck_assert_int_eq(harness_counter(feed.task, "records"), 40);
}
END_TEST

START_TEST(a_bounded_run_at_its_end_is_done_without_the_record_before)
{
    refuse_the_next_fetch();
    ck_assert_int_eq(start_known(100, "latest"), PH_OK);
    ck_assert_msg(feed_until(&feed, INT64_MAX, WAIT_MS) == PH_END, "%s", feed_error(&feed));
    ck_assert_int_eq(feed.total, 0);
}
END_TEST

START_TEST(a_known_position_at_the_start_of_the_log_has_no_record_before)
{
    ck_assert_int_eq(start_known(0, "none"), PH_OK);
    ck_assert_int_eq(feed_until(&feed, 100, WAIT_MS), PH_OK);
    ck_assert_int_eq(harness_counter(feed.task, "records"), 100);
}
END_TEST

START_TEST(a_known_position_beyond_the_end_is_refused_at_once)
{
    ck_assert_int_eq(start_known(101, "none"), PH_ERROR);
    ck_assert_str_eq(
        feed_error(&feed),
        "topic \"events\", partition 0: offset 101 is not there, Kafka has 0 to 100: the topic "
        "was made anew or lost its end; pipehost positions set MANIFEST --partition events/0 "
        "--to earliest (or latest, or an offset) goes on without what is missing");
}
END_TEST

START_TEST(a_partition_is_not_started_twice)
{
    open_feed("earliest", "none", NULL);
    start_feed();
    ck_assert_int_eq(feed.harness->descriptor->source->start(
                         feed.task->self, &feed.partitions.items[1],
                         &(struct ph_position){.partition_id = 1}, harness_error(feed.harness)),
                     PH_ERROR);
    ck_assert_str_eq(feed_error(&feed), "topic \"events\", partition 1 is being read already");
}
END_TEST

START_TEST(committed_positions_become_the_group_s_offsets)
{
    mock_produce(&mock, 0, 100);
    open_feed("earliest", "none", "monitored");
    start_feed();
    ck_assert_int_eq(feed_until(&feed, 100, WAIT_MS), PH_OK);
    for (int64_t next = 1; next <= 42; next++) {
        struct ph_position position = {.partition_id = 0, .next_offset = next};
        ck_assert_int_eq(feed.harness->descriptor->source->committed(feed.task->self, &position, 1,
                                                                     harness_error(feed.harness)),
                         PH_OK);
    }
    /* The first goes out at once, the last of the others with the end. */
    harness_deactivate(feed.task);
    ck_assert_int_eq(mock_committed(&mock, "monitored", 0), 42);
    ck_assert_int_eq(mock_committed(&mock, "monitored", 1), RD_KAFKA_OFFSET_INVALID);
}
END_TEST

START_TEST(committed_positions_are_sent_without_a_further_call)
{
    mock_produce(&mock, 0, 100);
    open_feed("earliest", "none", "monitored");
    start_feed();
    ck_assert_int_eq(feed_until(&feed, 100, WAIT_MS), PH_OK);
    for (int64_t next = 1; next <= 42; next++) {
        struct ph_position position = {.partition_id = 0, .next_offset = next};
        ck_assert_int_eq(feed.harness->descriptor->source->committed(feed.task->self, &position, 1,
                                                                     harness_error(feed.harness)),
                         PH_OK);
    }
    int64_t until_ns = harness_now_ns() + WAIT_MS * INT64_C(1000000);
    while (mock_committed(&mock, "monitored", 0) != 42) {
        ck_assert_int_lt(harness_now_ns(), until_ns);
        ck_assert_int_ge(harness_pump(feed.task, 1000), 0);
    }
}
END_TEST

START_TEST(startup_mode_group_goes_on_where_the_group_is)
{
    mock_produce(&mock, 0, 100);
    mock_produce(&mock, 1, 100);
    open_feed("earliest", "none", "monitored");
    start_feed();
    struct ph_position position = {.partition_id = 0, .next_offset = 60};
    ck_assert_int_eq(feed.harness->descriptor->source->committed(feed.task->self, &position, 1,
                                                                 harness_error(feed.harness)),
                     PH_OK);
    feed_close(&feed);
    open_feed("group-offsets", "latest-offset", "monitored");
    start_feed();
    ck_assert_int_eq(feed.starts[0], 60);
    ck_assert_int_eq(feed.starts[1], 0);
    ck_assert(harness_logged(feed.harness, "partition 1: group \"monitored\" has no offset"));
    ck_assert_int_eq(feed_until(&feed, INT64_MAX, WAIT_MS), PH_END);
    ck_assert_int_eq(feed.total, 140);
}
END_TEST

START_TEST(a_task_that_was_deactivated_can_start_again)
{
    mock_produce(&mock, 0, 100);
    open_feed("earliest", "none", NULL);
    start_feed();
    ck_assert_int_eq(feed_until(&feed, 100, WAIT_MS), PH_OK);
    harness_deactivate(feed.task);
    start_feed();
    ck_assert_int_eq(feed_until(&feed, 200, WAIT_MS), PH_OK);
    ck_assert_int_eq(harness_counter(feed.task, "records"), 200);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("source-kafka reading");
    TCase *tcase = tcase_create("mock cluster");
    tcase_set_timeout(tcase, 300);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_bounded_run_gives_all_records_in_order_and_ends);
    tcase_add_test(tcase, a_start_asks_for_all_partitions_at_once);
    tcase_add_test(tcase, a_full_writer_gets_the_kept_record_first);
    tcase_add_test(tcase, a_bounded_run_leaves_out_what_came_after_its_start);
    tcase_add_test(tcase, a_bounded_run_of_an_empty_topic_ends_at_once);
    tcase_add_test(tcase, a_sleeping_host_is_woken_by_each_new_record);
    tcase_add_test(tcase, the_lag_of_a_source_that_is_not_polled_goes_on_growing);
    tcase_add_test(tcase, a_partition_found_later_is_read_beside_the_others);
    tcase_add_test(tcase, a_partition_is_not_started_twice);
    tcase_add_test(tcase, the_record_before_a_known_position_comes_first_and_is_not_counted);
    tcase_add_test(tcase, a_bounded_run_at_its_end_still_shows_the_record_before);
    tcase_add_loop_test(tcase, a_record_before_that_is_deleted_before_it_is_read_is_done_without, 0,
                        2);
    tcase_add_test(tcase, a_bounded_run_at_its_end_is_done_without_the_record_before);
    tcase_add_test(tcase, a_known_position_at_the_start_of_the_log_has_no_record_before);
    tcase_add_test(tcase, a_known_position_beyond_the_end_is_refused_at_once);
    tcase_add_test(tcase, committed_positions_become_the_group_s_offsets);
    tcase_add_test(tcase, committed_positions_are_sent_without_a_further_call);
    tcase_add_test(tcase, startup_mode_group_goes_on_where_the_group_is);
    tcase_add_test(tcase, a_task_that_was_deactivated_can_start_again);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
