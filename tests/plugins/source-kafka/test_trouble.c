/* SPDX-License-Identifier: Apache-2.0 */
/** What source-kafka does and says when something is wrong, on librdkafka's mock cluster. */
#include "feed.h"
#include "mock.h"

#include <check.h>
#include <dlfcn.h>
#include <stdlib.h>

#define WAIT_MS   200000
#define NS_PER_MS INT64_C(1000000)
/* Nobody listens there: it is reserved, and below the ports that the kernel hands out. */
#define NO_BROKER "127.0.0.1:1"
#define SECRET    "tr0ub4dor&3"

static struct mock mock;
static struct feed feed;
static bool cluster_is_unknown;
static int64_t asked_end; /* what an answer says of each partition; -1 = the truth */
static int asked_count;   /* such answers */

/* The plugin's calls come to these first: the executable goes before the libraries. */
#define FIRST __attribute__((visibility("default")))

static void find_real(const char *name, void *function)
{
    void *symbol = dlsym(RTLD_NEXT, name);
    memcpy(function, &symbol, sizeof symbol);
}

FIRST char *rd_kafka_clusterid(rd_kafka_t *rk, int timeout_ms)
{
    char *(*real)(rd_kafka_t *, int);
    find_real("rd_kafka_clusterid", (void *)&real);
    return cluster_is_unknown ? NULL : real(rk, timeout_ms);
}

FIRST rd_kafka_resp_err_t rd_kafka_offsets_for_times(rd_kafka_t *rk,
                                                     rd_kafka_topic_partition_list_t *list,
                                                     int timeout_ms)
{
    rd_kafka_resp_err_t (*real)(rd_kafka_t *, rd_kafka_topic_partition_list_t *, int);
    find_real("rd_kafka_offsets_for_times", (void *)&real);
    bool is_of_ends = list->cnt > 0 && list->elems[0].offset == RD_KAFKA_OFFSET_END;
    rd_kafka_resp_err_t code = real(rk, list, timeout_ms);
    if (asked_end < 0 || !is_of_ends || code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return code;
    }
    for (int i = 0; i < list->cnt; i++) {
        list->elems[i].offset = asked_end;
    }
    asked_count++;
    return code;
}

static void open_bounded(const char *brokers, const char *topic, const char *group,
                         const char *bounded_mode)
{
    static const struct harness_item properties[] = {{"fetch.wait.max.ms", "10"},
                                                     {"reconnect.backoff.max.ms", "200"}};
    const struct harness_setting settings[] = {
        {.key = "brokers", .text = brokers},
        {.key = "topic", .text = topic},
        {.key = "startup_mode", .text = "earliest"},
        {.key = "bounded_mode", .text = bounded_mode},
        {.key = "rdkafka", .items = properties, .item_count = 2},
        {.key = group == NULL ? NULL : "group", .text = group},
        {0},
    };
    ck_assert_msg(feed_open(&feed, settings), "%s", feed_error(&feed));
    feed.check = mock_made;
}

static void open_feed(const char *brokers, const char *topic, const char *group)
{
    open_bounded(brokers, topic, group, "none");
}

static void start_feed(void)
{
    ck_assert_msg(feed_start(&feed) == PH_OK, "%s", feed_error(&feed));
}

static const struct ph_error *error(void)
{
    return &feed.harness->error;
}

static bool error_has(const char *text)
{
    return strstr(feed_error(&feed), text) != NULL;
}

static void setup(void)
{
    cluster_is_unknown = false;
    asked_end = -1;
    asked_count = 0;
    mock_open(&mock, 1, 2);
}

static void teardown(void)
{
    feed_close(&feed);
    mock_close(&mock);
}

START_TEST(a_broker_that_does_not_answer_is_retriable_and_named)
{
    int64_t began_ns = harness_now_ns();
    open_feed(NO_BROKER, MOCK_TOPIC, NULL);
    ck_assert_int_eq(harness_activate(feed.task), PH_ERROR);
    ck_assert_uint_eq(error()->flags, PH_ERR_RETRIABLE);
    ck_assert_str_eq(error()->config_key, "/brokers");
    ck_assert_str_eq(error()->foreign_code, "_TRANSPORT");
    ck_assert_msg(error_has("Kafka at " NO_BROKER " cannot be reached: "), "%s", feed_error(&feed));
    ck_assert_msg(error_has("Connection refused"), "%s", feed_error(&feed));
    ck_assert_int_lt(harness_now_ns() - began_ns, 60000 * NS_PER_MS);
}
END_TEST

START_TEST(the_lag_is_unknown_until_kafka_says_where_partitions_end)
{
    const char *brokers = _i == 0 ? NO_BROKER : mock.brokers;
    open_feed(brokers, MOCK_TOPIC, NULL);
    const struct ph_source_ops *source = feed.harness->descriptor->source;
    mock_produce(&mock, 0, 10);
    ck_assert_int_eq(harness_counter(feed.task, "lag_records"), -1);
    ck_assert_int_eq(harness_activate(feed.task), _i == 0 ? PH_ERROR : PH_OK);
    ck_assert_int_eq(harness_counter(feed.task, "lag_records"), -1);
    if (_i == 1) {
        /* As a host does while the start waits for somebody else. */
        ck_assert_int_eq(source->serve(feed.task->self, harness_error(feed.harness)), PH_OK);
        ck_assert_int_eq(harness_counter(feed.task, "lag_records"), -1);
        start_feed();
        ck_assert_int_eq(feed_until(&feed, 10, WAIT_MS), PH_OK);
        int64_t until_ns = harness_now_ns() + WAIT_MS * NS_PER_MS;
        while (harness_counter(feed.task, "lag_records") != 0) {
            ck_assert_int_lt(harness_now_ns(), until_ns);
            ck_assert_int_ge(feed_poll(&feed), 0);
            ck_assert_int_ge(harness_pump(feed.task, 100), 0);
        }
    }
}
END_TEST

START_TEST(a_start_can_be_tried_again)
{
    open_feed(mock.brokers, MOCK_TOPIC, NULL);
    mock_produce(&mock, 0, 10);
    rd_kafka_mock_broker_set_down(mock.cluster, 1);
    ck_assert_int_eq(harness_activate(feed.task), PH_ERROR);
    ck_assert_uint_eq(error()->flags, PH_ERR_RETRIABLE);
    rd_kafka_mock_broker_set_up(mock.cluster, 1);
    start_feed();
    ck_assert_int_eq(feed_until(&feed, 10, WAIT_MS), PH_OK);
}
END_TEST

START_TEST(a_cluster_without_a_name_is_asked_again)
{
    char sentence[200];
    (void)snprintf(sentence, sizeof sentence,
                   "Kafka at %s does not tell the cluster's id, which is kept with each position",
                   mock.brokers);
    open_feed(mock.brokers, MOCK_TOPIC, NULL);
    cluster_is_unknown = true;
    ck_assert_int_eq(feed_start(&feed), PH_ERROR);
    ck_assert_uint_eq(error()->flags, PH_ERR_RETRIABLE);
    ck_assert_str_eq(feed_error(&feed), sentence);
    ck_assert_uint_eq(feed.partitions.count, 0);
    cluster_is_unknown = false;
    start_feed();
    ck_assert_str_ne(feed.partitions.items[0].cluster, "");
}
END_TEST

START_TEST(a_host_that_stops_ends_a_start)
{
    int64_t began_ns = harness_now_ns();
    open_feed(NO_BROKER, MOCK_TOPIC, NULL);
    feed.task->is_cancelled = true;
    ck_assert_int_eq(harness_activate(feed.task), PH_ERROR);
    ck_assert_msg(error_has("stopped while connecting"), "%s", feed_error(&feed));
    ck_assert_int_lt(harness_now_ns() - began_ns, 60000 * NS_PER_MS);
}
END_TEST

START_TEST(an_unknown_topic_is_a_matter_of_config)
{
    open_feed(mock.brokers, "event", NULL);
    rd_kafka_mock_topic_set_error(mock.cluster, "event", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    ck_assert_int_eq(harness_activate(feed.task), PH_ERROR);
    ck_assert_uint_eq(error()->flags, PH_ERR_CONFIG);
    ck_assert_str_eq(error()->config_key, "/topic");
    ck_assert_str_eq(error()->foreign_code, "UNKNOWN_TOPIC_OR_PART");
    ck_assert_msg(error_has("has no topic \"event\""), "%s", feed_error(&feed));
}
END_TEST

START_TEST(a_forbidden_topic_is_a_matter_of_config)
{
    open_feed(mock.brokers, MOCK_TOPIC, NULL);
    rd_kafka_mock_topic_set_error(mock.cluster, MOCK_TOPIC,
                                  RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    ck_assert_int_eq(harness_activate(feed.task), PH_ERROR);
    ck_assert_uint_eq(error()->flags, PH_ERR_CONFIG);
    ck_assert_str_eq(error()->config_key, "/topic");
}
END_TEST

START_TEST(a_broker_that_goes_away_is_waited_for_and_said_once)
{
    mock_produce(&mock, 0, 10);
    open_feed(mock.brokers, MOCK_TOPIC, NULL);
    start_feed();
    ck_assert_int_eq(feed_until(&feed, 10, WAIT_MS), PH_OK);
    rd_kafka_mock_broker_set_down(mock.cluster, 1);
    ck_assert(feed_until_logged(&feed, "cannot be reached", WAIT_MS));
    rd_kafka_mock_broker_set_up(mock.cluster, 1);
    ck_assert(feed_until_logged(&feed, "is back after", WAIT_MS));
    mock_produce(&mock, 0, 10);
    ck_assert_int_eq(feed_until(&feed, 20, WAIT_MS), PH_OK);
    uint32_t said = 0;
    for (uint32_t i = 0; i < feed.harness->log_count; i++) {
        said += strstr(feed.harness->log_lines[i], "cannot be reached") != NULL ? 1u : 0u;
    }
    ck_assert_uint_eq(said, 1);
    ck_assert_int_eq(harness_counter(feed.task, "reconnects"), 1);
    ck_assert_int_gt(harness_counter(feed.task, "errors"), 0);
}
END_TEST

START_TEST(an_end_without_a_broker_is_quick)
{
    mock_produce(&mock, 0, 10);
    open_feed(mock.brokers, MOCK_TOPIC, "monitored");
    start_feed();
    ck_assert_int_eq(feed_until(&feed, 10, WAIT_MS), PH_OK);
    rd_kafka_mock_broker_set_down(mock.cluster, 1);
    struct ph_position position = {.partition_id = 0, .next_offset = 5};
    ck_assert_int_eq(feed.harness->descriptor->source->committed(feed.task->self, &position, 1,
                                                                 harness_error(feed.harness)),
                     PH_OK);
    int64_t began_ns = harness_now_ns();
    harness_deactivate(feed.task);
    ck_assert_int_lt(harness_now_ns() - began_ns, 50000 * NS_PER_MS);
}
END_TEST

START_TEST(a_silent_coordinator_does_not_hold_up_the_end)
{
    mock_produce(&mock, 0, 10);
    open_feed(mock.brokers, MOCK_TOPIC, "monitored");
    start_feed();
    ck_assert_int_eq(feed_until(&feed, 10, WAIT_MS), PH_OK);
    rd_kafka_mock_broker_set_rtt(mock.cluster, 1, 60000);
    struct ph_position position = {.partition_id = 0, .next_offset = 5};
    ck_assert_int_eq(feed.harness->descriptor->source->committed(feed.task->self, &position, 1,
                                                                 harness_error(feed.harness)),
                     PH_OK);
    int64_t began_ns = harness_now_ns();
    harness_deactivate(feed.task);
    ck_assert_int_lt(harness_now_ns() - began_ns, 50000 * NS_PER_MS);
}
END_TEST

START_TEST(errors_of_a_fetch_that_pass_leave_no_gap)
{
    mock_produce(&mock, 0, 100);
    open_feed(mock.brokers, MOCK_TOPIC, NULL);
    rd_kafka_mock_push_request_errors(
        mock.cluster, 1 /* Fetch */, 3, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
        RD_KAFKA_RESP_ERR_UNKNOWN, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT);
    start_feed();
    ck_assert_int_eq(feed_until(&feed, 100, WAIT_MS), PH_OK);
    ck_assert_int_eq(feed.next[0], 100);
}
END_TEST

START_TEST(a_topic_that_becomes_forbidden_is_fatal)
{
    mock_produce(&mock, 0, 100);
    open_feed(mock.brokers, MOCK_TOPIC, NULL);
    rd_kafka_mock_push_request_errors(
        mock.cluster, 1 /* Fetch */, 3, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
        RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    start_feed();
    /* A fetch that asks for another partition alone may have got the error: records come first. */
    ck_assert_int_eq(feed_until(&feed, 101, WAIT_MS), PH_ERROR);
    ck_assert_uint_eq(error()->flags, PH_ERR_FATAL);
    ck_assert_str_eq(error()->config_key, "/topic");
    ck_assert_msg(error_has("topic \"events\", partition "), "%s", feed_error(&feed));
}
END_TEST

START_TEST(an_offset_that_is_not_there_is_refused_and_says_what_is)
{
    int64_t offsets[] = {1000, 0};
    mock_produce(&mock, 0, 100);
    open_feed(mock.brokers, MOCK_TOPIC, NULL);
    ck_assert_int_eq(feed_start_at(&feed, offsets), PH_OK);
    ck_assert_int_eq(feed_until(&feed, 1, WAIT_MS), PH_ERROR);
    ck_assert_uint_eq(error()->flags, PH_ERR_CONFIG);
    ck_assert_msg(
        error_has("topic \"events\", partition 0: offset 1000 is not there, Kafka has 0 to "
                  "100: the topic was made anew"),
        "%s", feed_error(&feed));
}
END_TEST

/* As a host does whose output is full, until the ends were asked for. */
static int32_t serve_while_asked(int64_t lag)
{
    const struct ph_source_ops *source = feed.harness->descriptor->source;
    int64_t until_ns = harness_now_ns() + WAIT_MS * NS_PER_MS;
    while (harness_counter(feed.task, "lag_records") != lag) {
        ck_assert_int_lt(harness_now_ns(), until_ns);
        if (source->serve(feed.task->self, harness_error(feed.harness)) != PH_OK) {
            return PH_ERROR;
        }
        ck_assert_int_ge(harness_pump(feed.task, 100), 0);
    }
    return PH_OK;
}

START_TEST(a_log_that_ends_below_what_was_read_is_refused_while_nothing_is_polled)
{
    mock_produce(&mock, 0, 10);
    open_feed(mock.brokers, MOCK_TOPIC, NULL);
    start_feed();
    ck_assert_int_eq(feed_until(&feed, 10, WAIT_MS), PH_OK);
    asked_end = 4;
    ck_assert_int_eq(serve_while_asked(INT64_MAX), PH_ERROR);
    ck_assert_int_gt(asked_count, 1);
    ck_assert_uint_eq(error()->flags, PH_ERR_CONFIG);
    ck_assert_msg(error_has("topic \"events\", partition 0: offset 10 is not there, Kafka has 0 to "
                            "4: the topic was made anew or lost its end; pipehost positions set"),
                  "%s", feed_error(&feed));
}
END_TEST

/* One answer says so. */
static void serve_until_told(int64_t end)
{
    const struct ph_source_ops *source = feed.harness->descriptor->source;
    int64_t until_ns = harness_now_ns() + WAIT_MS * NS_PER_MS;
    asked_end = end;
    asked_count = 0;
    while (asked_count == 0) {
        ck_assert_int_lt(harness_now_ns(), until_ns);
        ck_assert_int_eq(source->serve(feed.task->self, harness_error(feed.harness)), PH_OK);
        ck_assert_int_ge(harness_pump(feed.task, 100), 0);
    }
    ck_assert_int_eq(asked_count, 1);
}

START_TEST(an_end_that_is_wrong_now_and_then_ends_nothing)
{
    mock_produce(&mock, 0, 10);
    open_feed(mock.brokers, MOCK_TOPIC, NULL);
    start_feed();
    ck_assert_int_eq(feed_until(&feed, 10, WAIT_MS), PH_OK);
    serve_until_told(4);
    serve_until_told(14);
    serve_until_told(4);
    asked_end = 15;
    ck_assert_int_eq(serve_while_asked(5 + 15), PH_OK);
}
END_TEST

START_TEST(a_bounded_run_beyond_the_end_of_the_log_is_refused_and_not_done)
{
    int64_t offsets[] = {101, 0};
    mock_produce(&mock, 0, 100);
    open_bounded(mock.brokers, MOCK_TOPIC, NULL, "latest");
    ck_assert_int_eq(feed_start_at(&feed, offsets), PH_ERROR);
    ck_assert_uint_eq(error()->flags, PH_ERR_CONFIG);
    ck_assert_msg(
        error_has("topic \"events\", partition 0: offset 101 is not there, Kafka has 0 to "
                  "100: the topic was made anew"),
        "%s", feed_error(&feed));
}
END_TEST

START_TEST(a_bounded_run_at_the_end_of_the_log_is_done)
{
    int64_t offsets[] = {100, 0};
    mock_produce(&mock, 0, 100);
    open_bounded(mock.brokers, MOCK_TOPIC, NULL, "latest");
    ck_assert_int_eq(feed_start_at(&feed, offsets), PH_OK);
    ck_assert_int_eq(feed_until(&feed, 1, WAIT_MS), PH_END);
}
END_TEST

START_TEST(secrets_do_not_reach_the_log_or_an_error)
{
    const struct harness_item properties[] = {{"security.protocol", "SASL_PLAINTEXT"},
                                              {"sasl.mechanism", "PLAIN"},
                                              {"sasl.username", "user-" SECRET},
                                              {"sasl.password", SECRET},
                                              {"debug", "all"}};
    const struct harness_setting settings[] = {
        {.key = "brokers", .text = mock.brokers},
        {.key = "topic", .text = MOCK_TOPIC},
        {.key = "rdkafka", .items = properties, .item_count = 5},
        {0},
    };
    ck_assert_msg(feed_open(&feed, settings), "%s", feed_error(&feed));
    ck_assert_int_eq(harness_activate(feed.task), PH_ERROR);
    ck_assert(!error_has(SECRET));
    ck_assert(harness_logged(feed.harness, "librdkafka: "));
    ck_assert(!harness_logged(feed.harness, SECRET));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("source-kafka trouble");
    TCase *tcase = tcase_create("mock cluster");
    tcase_set_timeout(tcase, 300);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_broker_that_does_not_answer_is_retriable_and_named);
    tcase_add_loop_test(tcase, the_lag_is_unknown_until_kafka_says_where_partitions_end, 0, 2);
    tcase_add_test(tcase, a_start_can_be_tried_again);
    tcase_add_test(tcase, a_cluster_without_a_name_is_asked_again);
    tcase_add_test(tcase, a_host_that_stops_ends_a_start);
    tcase_add_test(tcase, an_unknown_topic_is_a_matter_of_config);
    tcase_add_test(tcase, a_forbidden_topic_is_a_matter_of_config);
    tcase_add_test(tcase, a_broker_that_goes_away_is_waited_for_and_said_once);
    tcase_add_test(tcase, an_end_without_a_broker_is_quick);
    tcase_add_test(tcase, a_silent_coordinator_does_not_hold_up_the_end);
    tcase_add_test(tcase, errors_of_a_fetch_that_pass_leave_no_gap);
    tcase_add_test(tcase, a_topic_that_becomes_forbidden_is_fatal);
    tcase_add_test(tcase, an_offset_that_is_not_there_is_refused_and_says_what_is);
    tcase_add_test(tcase, a_log_that_ends_below_what_was_read_is_refused_while_nothing_is_polled);
    tcase_add_test(tcase, an_end_that_is_wrong_now_and_then_ends_nothing);
    tcase_add_test(tcase, a_bounded_run_beyond_the_end_of_the_log_is_refused_and_not_done);
    tcase_add_test(tcase, a_bounded_run_at_the_end_of_the_log_is_done);
    tcase_add_test(tcase, secrets_do_not_reach_the_log_or_an_error);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
