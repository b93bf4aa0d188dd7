/* SPDX-License-Identifier: Apache-2.0 */
/**
 * source-kafka against a real broker. From the environment: KAFKA_URL; KAFKA_SSL_URL,
 * KAFKA_CA_FILE, KAFKA_WEB_TRAFFIC_KEY and KAFKA_WEB_TRAFFIC_SECRET for a listener with SASL_SSL
 * and PLAIN; and KAFKA_RESTART, a FIFO whose other end kills and starts the broker for each line.
 */
#include "cluster.h"
#include "feed.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#define WAIT_MS       200000
#define NS_PER_MS     INT64_C(1000000)
#define PARTITIONS    4
#define MANY_EACH     75000 /* in each of the partitions: 300,000 */
#define SETTINGS_MAX  12
#define ABORTED_EVENT "an aborted record"

static struct cluster cluster;
static struct feed feed;

static const char *env(const char *name)
{
    const char *text = getenv(name);
    ck_assert_msg(text != NULL, "%s is not set", name);
    return text;
}

/* Opens the feed on brokers and topic; more ends with a key of null. */
static void open_at(const char *brokers, const char *topic, const struct harness_setting *more)
{
    struct harness_setting settings[SETTINGS_MAX] = {{.key = "brokers", .text = brokers},
                                                     {.key = "topic", .text = topic}};
    size_t count = 2;
    for (; more->key != NULL && count + 1 < SETTINGS_MAX; more++) {
        settings[count++] = *more;
    }
    ck_assert_msg(feed_open(&feed, settings), "%s", feed_error(&feed));
}

static void open_plain(const struct harness_setting *more)
{
    open_at(cluster.brokers, cluster.topic, more);
}

static const struct harness_setting from_begin_to_end[] = {
    {.key = "startup_mode", .text = "earliest"}, {.key = "bounded_mode", .text = "latest"}, {0}};

static const struct harness_setting from_begin_on[] = {{.key = "startup_mode", .text = "earliest"},
                                                       {0}};

static void start_feed(void)
{
    ck_assert_msg(feed_start(&feed) == PH_OK, "%s", feed_error(&feed));
}

static void ends(void)
{
    ck_assert_msg(feed_until(&feed, INT64_MAX, WAIT_MS) == PH_END, "%s, after %lld records",
                  feed_error(&feed), (long long)feed.total);
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
    cluster_open(&cluster, env("KAFKA_URL"), "real", PARTITIONS, NULL);
}

static void teardown(void)
{
    feed_close(&feed);
    cluster_close(&cluster);
}

/* ---- what is read */

START_TEST(all_of_many_records_come_once_and_in_order)
{
    cluster_produce(&cluster, 0, MANY_EACH);
    open_plain(from_begin_to_end);
    feed.check = cluster_made;
    start_feed();
    ends();
    for (uint32_t id = 0; id < PARTITIONS; id++) {
        ck_assert_int_eq(feed.records[id], MANY_EACH);
        ck_assert_int_eq(feed.next[id], MANY_EACH);
    }
}
END_TEST

START_TEST(a_bounded_run_stops_where_the_topic_ended)
{
    cluster_produce(&cluster, 0, 1000);
    open_plain(from_begin_to_end);
    feed.check = cluster_made;
    start_feed();
    cluster_produce(&cluster, 1000, 500);
    ends();
    ck_assert_int_eq(feed.total, INT64_C(1000) * PARTITIONS);
}
END_TEST

START_TEST(a_run_goes_on_at_the_offset_that_the_host_says)
{
    static const int64_t offsets[PARTITIONS] = {0, 999, 1000, 500};
    cluster_produce(&cluster, 0, 1000);
    open_plain(from_begin_to_end);
    feed.check = cluster_made;
    ck_assert_int_eq(feed_start_at(&feed, offsets), PH_OK);
    ends();
    ck_assert_int_eq(feed.records[0], 1000);
    ck_assert_int_eq(feed.records[1], 1);
    ck_assert_int_eq(feed.records[2], 0);
    ck_assert_int_eq(feed.records[3], 500);
}
END_TEST

START_TEST(startup_mode_latest_reads_only_what_comes)
{
    static const struct harness_setting none[] = {{0}};
    cluster_produce(&cluster, 0, 1000);
    open_plain(none);
    feed.check = cluster_made;
    start_feed();
    ck_assert_int_eq(feed.starts[0], 1000);
    cluster_produce(&cluster, 1000, 10);
    ck_assert_int_eq(feed_until(&feed, INT64_C(10) * PARTITIONS, WAIT_MS), PH_OK);
}
END_TEST

struct times {
    int64_t at_ms[2000]; /* of partition 0, by offset */
};

static bool note_time(int32_t partition, const struct ph_record *record, void *data)
{
    struct times *t = data;
    if (partition == 0 && record->offset < 2000) {
        t->at_ms[record->offset] = record->timestamp_ms;
    }
    return record->timestamp_ms > 0;
}

static void starts_at_time(int64_t at_ms, int64_t expected)
{
    char text[32];
    const struct harness_setting timed[] = {{.key = "startup_mode", .text = "timestamp"},
                                            {.key = "startup_timestamp", .text = text},
                                            {.key = "bounded_mode", .text = "latest"},
                                            {0}};
    (void)snprintf(text, sizeof text, "%lld", (long long)at_ms);
    feed_close(&feed);
    open_plain(timed);
    start_feed();
    ck_assert_int_eq(feed.starts[0], expected);
    ends();
    ck_assert_int_eq(feed.records[0], 2000 - expected);
}

START_TEST(startup_mode_timestamp_begins_at_the_first_record_of_that_time)
{
    static struct times times;
    cluster_produce(&cluster, 0, 1000);
    cluster_produce(&cluster, 1000, 1000);
    open_plain(from_begin_to_end);
    feed.check = note_time;
    feed.check_data = &times;
    start_feed();
    ends();
    int64_t first = 1500;
    while (first > 0 && times.at_ms[first - 1] >= times.at_ms[1500]) {
        first--;
    }
    starts_at_time(times.at_ms[1500], first);
    starts_at_time(0, 0);
    starts_at_time(INT64_C(4102444800000), 2000);
}
END_TEST

START_TEST(startup_mode_group_begins_at_the_committed_offsets)
{
    static const struct harness_setting first[] = {
        {.key = "startup_mode", .text = "earliest"}, {.key = "group", .text = "monitored"}, {0}};
    static const struct harness_setting second[] = {{.key = "startup_mode", .text = "group"},
                                                    {.key = "group", .text = "monitored"},
                                                    {.key = "bounded_mode", .text = "latest"},
                                                    {0}};
    cluster_produce(&cluster, 0, 100);
    open_plain(first);
    start_feed();
    const struct ph_position positions[] = {{.partition_id = 1, .next_offset = 30},
                                            {.partition_id = 3, .next_offset = 100}};
    ck_assert_int_eq(feed.harness->descriptor->source->committed(feed.task->self, positions, 2,
                                                                 harness_error(feed.harness)),
                     PH_OK);
    feed_close(&feed);
    open_plain(second);
    feed.check = cluster_made;
    start_feed();
    ck_assert_int_eq(feed.starts[1], 30);
    ck_assert_int_eq(feed.starts[3], 100);
    ends();
    ck_assert_int_eq(feed.total, 100 + 70 + 100);
}
END_TEST

static bool is_tombstone_then_empty(int32_t partition, const struct ph_record *record, void *data)
{
    (void)partition;
    (void)data;
    return record->key == NULL && record->value_length == 0 &&
           (record->value == NULL) == (record->offset == 0);
}

START_TEST(a_tombstone_is_told_from_an_empty_value)
{
    cluster_produce_one(&cluster, 0, NULL, 0);
    cluster_produce_one(&cluster, 0, "", 0);
    open_plain(from_begin_to_end);
    feed.check = is_tombstone_then_empty;
    start_feed();
    ends();
    ck_assert_int_eq(feed.total, 2);
}
END_TEST

static bool is_not_aborted(int32_t partition, const struct ph_record *record, void *data)
{
    (void)partition;
    (void)data;
    return record->value_length != strlen(ABORTED_EVENT) ||
           memcmp(record->value, ABORTED_EVENT, record->value_length) != 0;
}

static void commit_records(int64_t first, int64_t count)
{
    ck_assert_ptr_null(rd_kafka_begin_transaction(cluster.rk));
    cluster_produce(&cluster, first, count);
    ck_assert_ptr_null(rd_kafka_commit_transaction(cluster.rk, -1));
}

/* A topic of one partition: 100 records, a commit marker, 50 aborted records, an abort marker. */
#define TRANSACTIONS_END 152
static void make_transactions(void)
{
    cluster_close(&cluster);
    cluster_open(&cluster, env("KAFKA_URL"), "real", 1, "source-kafka-test");
    ck_assert_ptr_null(rd_kafka_init_transactions(cluster.rk, 30000));
    commit_records(0, 100);
    ck_assert_ptr_null(rd_kafka_begin_transaction(cluster.rk));
    for (int i = 0; i < 50; i++) {
        cluster_produce_one(&cluster, 0, ABORTED_EVENT, strlen(ABORTED_EVENT));
    }
    ck_assert_ptr_null(rd_kafka_abort_transaction(cluster.rk, -1));
}

START_TEST(aborted_records_are_left_out_and_a_bounded_run_passes_the_markers)
{
    make_transactions();
    open_plain(from_begin_to_end);
    feed.check = is_not_aborted;
    start_feed();
    ends();
    ck_assert_int_eq(feed.total, 100);
    ck_assert_int_eq(feed.next[0], TRANSACTIONS_END);
}
END_TEST

/* Then retention may take them, and the next run begins where the log does. */
START_TEST(a_run_without_an_end_passes_the_markers_when_nothing_comes)
{
    static const int64_t offsets[] = {TRANSACTIONS_END};
    make_transactions();
    open_plain(from_begin_on);
    feed.check = is_not_aborted;
    start_feed();
    int64_t until_ns = harness_now_ns() + WAIT_MS * NS_PER_MS;
    while (feed.next[0] < TRANSACTIONS_END) {
        ck_assert_msg(harness_now_ns() < until_ns, "the position stays at %lld",
                      (long long)feed.next[0]);
        ck_assert_int_ge(feed_poll(&feed), 0);
        ck_assert_int_ge(harness_pump(feed.task, 2000), 0);
    }
    ck_assert_int_eq(feed.total, 100);
    feed_close(&feed);
    cluster_delete_below(&cluster, 0, TRANSACTIONS_END);
    open_plain(from_begin_on);
    ck_assert_int_eq(feed_start_at(&feed, offsets), PH_OK);
    commit_records(0, 10);
    ck_assert_msg(feed_until(&feed, 10, WAIT_MS) == PH_OK, "%s", feed_error(&feed));
}
END_TEST

/* Retention has taken all that was read, and nothing else. */
START_TEST(a_position_where_the_log_begins_now_is_read_on_from)
{
    struct ph_position from = {.partition_id = 2, .fingerprint = 7, .next_offset = 40};
    cluster_produce(&cluster, 2, 100);
    cluster_delete_below(&cluster, 2, 40);
    open_plain(from_begin_on);
    const struct ph_source_ops *source = feed.harness->descriptor->source;
    ck_assert_int_eq(harness_activate(feed.task), PH_OK);
    ck_assert_int_eq(
        source->partitions(feed.task->self, &feed.partitions.list, harness_error(feed.harness)),
        PH_OK);
    feed.next[2] = 40;
    ck_assert_int_eq(source->start(feed.task->self, &feed.partitions.items[2], &from,
                                   harness_error(feed.harness)),
                     PH_OK);
    ck_assert_int_eq(feed_until(&feed, 60, WAIT_MS), PH_OK);
    ck_assert_int_eq(feed.next[2], 100);
}
END_TEST

START_TEST(deleted_records_are_fatal_and_named)
{
    static const int64_t offsets[PARTITIONS] = {0};
    cluster_produce(&cluster, 0, 100);
    cluster_delete_below(&cluster, 2, 40);
    open_plain(_i == 0 ? from_begin_to_end : from_begin_on);
    if (_i == 0) { /* a bounded run asks for the ends at its start */
        ck_assert_int_eq(feed_start_at(&feed, offsets), PH_ERROR);
    } else {
        ck_assert_int_eq(feed_start_at(&feed, offsets), PH_OK);
        ck_assert_int_eq(feed_until(&feed, INT64_MAX, WAIT_MS), PH_ERROR);
    }
    ck_assert_uint_eq(error()->flags, PH_ERR_CONFIG);
    ck_assert_msg(error_has("partition 2: offset 0 is not there, Kafka has 40 to 100: the records "
                            "were deleted before they were read"),
                  "%s", feed_error(&feed));
}
END_TEST

/* ---- a broker that is killed in the middle */

static void restart_broker(void)
{
    FILE *fifo = fopen(env("KAFKA_RESTART"), "w");
    ck_assert_ptr_nonnull(fifo);
    ck_assert_int_ge(fputs("restart\n", fifo), 0);
    ck_assert_int_eq(fclose(fifo), 0);
}

START_TEST(a_broker_killed_in_the_middle_costs_no_record)
{
    static const struct harness_setting little[] = {{.key = "startup_mode", .text = "earliest"},
                                                    {.key = "bounded_mode", .text = "latest"},
                                                    {.key = "prefetch_mib", .text = "4"},
                                                    {0}};
    cluster_produce(&cluster, 0, MANY_EACH);
    open_plain(little);
    feed.check = cluster_made;
    start_feed();
    feed.room = INT64_C(2) * MANY_EACH;
    ck_assert_int_eq(feed_until(&feed, INT64_C(2) * MANY_EACH, WAIT_MS), PH_OK);
    restart_broker();
    feed.room = 0;
    const struct ph_source_ops *source = feed.harness->descriptor->source;
    int64_t until_ns = harness_now_ns() + WAIT_MS * NS_PER_MS;
    while (!harness_logged(feed.harness, "is back after")) {
        ck_assert_int_lt(harness_now_ns(), until_ns);
        ck_assert_int_ge(harness_pump(feed.task, 100), 0);
        ck_assert_int_eq(source->serve(feed.task->self, harness_error(feed.harness)), PH_OK);
    }
    ck_assert(harness_logged(feed.harness, "cannot be reached"));
    feed.room = -1;
    ends();
    ck_assert_int_eq(feed.total, INT64_C(4) * MANY_EACH);
}
END_TEST

/* ---- TLS and passwords */

struct sasl {
    struct harness_item items[5];
    struct harness_setting settings[4];
};

static const struct harness_setting *sasl(struct sasl *s, const char *password, const char *ca)
{
    *s = (struct sasl){.items = {{"security.protocol", "SASL_SSL"},
                                 {"sasl.mechanism", "PLAIN"},
                                 {"sasl.username", env("KAFKA_WEB_TRAFFIC_KEY")},
                                 {"sasl.password", password},
                                 {"ssl.ca.location", ca}}};
    s->settings[0] = from_begin_to_end[0];
    s->settings[1] = from_begin_to_end[1];
    s->settings[2] = (struct harness_setting){.key = "rdkafka", .items = s->items, .item_count = 5};
    return s->settings;
}

/* Activates, which must be refused as a matter of config before the time is up. */
static void is_refused(const char *key, int64_t within_ms)
{
    int64_t began_ns = harness_now_ns();
    ck_assert_int_eq(harness_activate(feed.task), PH_ERROR);
    ck_assert_int_lt(harness_now_ns() - began_ns, within_ms * NS_PER_MS);
    ck_assert_msg(error()->flags == PH_ERR_CONFIG, "%s", feed_error(&feed));
    ck_assert_msg(strcmp(error()->config_key, key) == 0, "%s: %s", error()->config_key,
                  feed_error(&feed));
    (void)printf("  %s\n", feed_error(&feed));
}

START_TEST(records_come_over_tls_with_a_password)
{
    struct sasl s;
    cluster_produce(&cluster, 0, 5000);
    open_at(env("KAFKA_SSL_URL"), cluster.topic,
            sasl(&s, env("KAFKA_WEB_TRAFFIC_SECRET"), env("KAFKA_CA_FILE")));
    feed.check = cluster_made;
    start_feed();
    ends();
    ck_assert_int_eq(feed.total, INT64_C(5000) * PARTITIONS);
}
END_TEST

START_TEST(a_wrong_password_is_said_at_once)
{
    struct sasl s;
    open_at(env("KAFKA_SSL_URL"), cluster.topic, sasl(&s, "wr0ng-secret", env("KAFKA_CA_FILE")));
    is_refused("/rdkafka/sasl.password", 60000);
    ck_assert(!error_has("wr0ng-secret"));
    ck_assert(!harness_logged(feed.harness, "wr0ng-secret"));
}
END_TEST

START_TEST(a_certificate_of_nobody_known_is_said_at_once)
{
    struct sasl s;
    open_at(env("KAFKA_SSL_URL"), cluster.topic,
            sasl(&s, env("KAFKA_WEB_TRAFFIC_SECRET"), "/etc/ssl/certs/ca-certificates.crt"));
    is_refused("/rdkafka/ssl.ca.location", 60000);
}
END_TEST

START_TEST(tls_to_a_listener_without_it_is_said_at_once)
{
    struct sasl s;
    open_at(env("KAFKA_URL"), cluster.topic,
            sasl(&s, env("KAFKA_WEB_TRAFFIC_SECRET"), env("KAFKA_CA_FILE")));
    is_refused("/rdkafka/security.protocol", 60000);
    ck_assert_msg(error_has("is this a listener without TLS?"), "%s", feed_error(&feed));
}
END_TEST

START_TEST(a_topic_that_is_not_there_is_said_at_once_with_the_nearest)
{
    char wanted[80];
    (void)snprintf(wanted, sizeof wanted, "%s9", cluster.topic);
    open_at(env("KAFKA_URL"), wanted, from_begin_to_end);
    is_refused("/topic", 60000);
    ck_assert_msg(error_has(", did you mean \"real-"), "%s", feed_error(&feed));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("source-kafka");
    TCase *tcase = tcase_create("real broker");
    tcase_set_timeout(tcase, 500);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, all_of_many_records_come_once_and_in_order);
    tcase_add_test(tcase, a_bounded_run_stops_where_the_topic_ended);
    tcase_add_test(tcase, a_run_goes_on_at_the_offset_that_the_host_says);
    tcase_add_test(tcase, startup_mode_latest_reads_only_what_comes);
    tcase_add_test(tcase, startup_mode_timestamp_begins_at_the_first_record_of_that_time);
    tcase_add_test(tcase, startup_mode_group_begins_at_the_committed_offsets);
    tcase_add_test(tcase, a_tombstone_is_told_from_an_empty_value);
    tcase_add_test(tcase, aborted_records_are_left_out_and_a_bounded_run_passes_the_markers);
    tcase_add_test(tcase, a_run_without_an_end_passes_the_markers_when_nothing_comes);
    tcase_add_test(tcase, a_position_where_the_log_begins_now_is_read_on_from);
    tcase_add_loop_test(tcase, deleted_records_are_fatal_and_named, 0, 2);
    tcase_add_test(tcase, a_topic_that_is_not_there_is_said_at_once_with_the_nearest);
    if (getenv("KAFKA_SSL_URL") != NULL) {
        tcase_add_test(tcase, records_come_over_tls_with_a_password);
        tcase_add_test(tcase, a_wrong_password_is_said_at_once);
        tcase_add_test(tcase, a_certificate_of_nobody_known_is_said_at_once);
        tcase_add_test(tcase, tls_to_a_listener_without_it_is_said_at_once);
    }
    if (getenv("KAFKA_RESTART") != NULL) {
        tcase_add_test(tcase, a_broker_killed_in_the_middle_costs_no_record);
    }
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
