/* SPDX-License-Identifier: Apache-2.0 */
/**
 * source-kafka against a real broker: several topics, each codec, each way to sign in. From the
 * environment as real_source.c.
 */
#include "cluster.h"
#include "feed.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#define WAIT_MS 200000
#define EACH    2000
/* With Kafka 4; with the brokers before it, each librdkafka's does. */
#define SCRAM_WORKS_SINCE 0x020601ff

static struct cluster one;
static struct cluster two;
static struct feed feed;

static const char *env(const char *name)
{
    const char *text = getenv(name);
    ck_assert_msg(text != NULL, "%s is not set", name);
    return text;
}

static void setup(void)
{
    cluster_open(&one, env("KAFKA_URL"), "topics-a", 3, NULL);
    cluster_open(&two, env("KAFKA_URL"), "topics-b", 2, NULL);
}

static void teardown(void)
{
    feed_close(&feed);
    cluster_close(&one);
    cluster_close(&two);
}

/* A bounded run over both topics; group null = none. */
static void open_both(const char *group)
{
    const struct harness_item topics[] = {{NULL, one.topic}, {NULL, two.topic}};
    struct harness_setting settings[] = {
        {.key = "brokers", .text = one.brokers},
        {.key = "topics", .items = topics, .item_count = 2},
        {.key = "startup_mode", .text = group != NULL ? "group" : "earliest"},
        {.key = "bounded_mode", .text = "latest"},
        {.key = group != NULL ? "group" : NULL, .text = group},
        {0}};
    ck_assert_msg(feed_open(&feed, settings), "%s", feed_error(&feed));
    feed.check = cluster_made;
}

static void ends(void)
{
    ck_assert_msg(feed_until(&feed, INT64_MAX, WAIT_MS) == PH_END, "%s, after %lld records",
                  feed_error(&feed), (long long)feed.total);
}

/* The feed's number of a partition of a topic. */
static uint32_t id_of(const char *topic, int32_t partition)
{
    uint32_t id = 0;
    while (id < feed.partitions.count && (strcmp(feed.partitions.items[id].topic, topic) != 0 ||
                                          feed.partitions.items[id].partition != partition)) {
        id++;
    }
    ck_assert_uint_lt(id, feed.partitions.count);
    return id;
}

START_TEST(two_topics_are_read_each_partition_by_itself)
{
    cluster_produce(&one, 0, EACH);
    cluster_produce(&two, 0, EACH / 2);
    open_both(NULL);
    ck_assert_msg(feed_start(&feed) == PH_OK, "%s", feed_error(&feed));
    ck_assert_uint_eq(feed.partitions.count, 5);
    ends();
    for (int32_t partition = 0; partition < 3; partition++) {
        ck_assert_int_eq(feed.records[id_of(one.topic, partition)], EACH);
    }
    for (int32_t partition = 0; partition < 2; partition++) {
        ck_assert_int_eq(feed.records[id_of(two.topic, partition)], EACH / 2);
    }
}
END_TEST

START_TEST(offsets_are_committed_and_resolved_by_topic)
{
    cluster_produce(&one, 0, 100);
    cluster_produce(&two, 0, 100);
    open_both("by-topic");
    ck_assert_msg(feed_start(&feed) == PH_OK, "%s", feed_error(&feed));
    const struct ph_position positions[] = {
        {.partition_id = id_of(one.topic, 1), .next_offset = 10},
        {.partition_id = id_of(two.topic, 1), .next_offset = 90}};
    ck_assert_int_eq(feed.harness->descriptor->source->committed(feed.task->self, positions, 2,
                                                                 harness_error(feed.harness)),
                     PH_OK);
    feed_close(&feed);
    ck_assert_int_eq(cluster_committed(&one, "by-topic", 1), 10);
    ck_assert_int_eq(cluster_committed(&two, "by-topic", 1), 90);
    open_both("by-topic");
    ck_assert_msg(feed_start(&feed) == PH_OK, "%s", feed_error(&feed));
    ck_assert_int_eq(feed.starts[id_of(one.topic, 1)], 10);
    ck_assert_int_eq(feed.starts[id_of(two.topic, 1)], 90);
    ends();
    ck_assert_int_eq(feed.total, 100 + 90 + 100 + 100 + 10);
}
END_TEST

START_TEST(a_topic_of_several_that_is_not_there_is_named)
{
    (void)snprintf(two.topic, sizeof two.topic, "nowhere-to-be-found");
    open_both(NULL);
    ck_assert_int_eq(harness_activate(feed.task), PH_ERROR);
    ck_assert_uint_eq(feed.harness->error.flags, PH_ERR_CONFIG);
    ck_assert_str_eq(feed.harness->error.config_key, "/topics");
    ck_assert_msg(strstr(feed_error(&feed), "has no topic \"nowhere-to-be-found\"") != NULL, "%s",
                  feed_error(&feed));
}
END_TEST

/* ---- one topic, read whole */

static void read_whole(const char *brokers, const struct harness_item *items, uint32_t count)
{
    const struct harness_setting settings[] = {
        {.key = "brokers", .text = brokers},
        {.key = "topic", .text = one.topic},
        {.key = "startup_mode", .text = "earliest"},
        {.key = "bounded_mode", .text = "latest"},
        {.key = "rdkafka", .items = items, .item_count = count},
        {0}};
    ck_assert_msg(feed_open(&feed, settings), "%s", feed_error(&feed));
    feed.check = cluster_made;
}

static const char *const codecs[] = {"gzip", "snappy", "lz4", "zstd"};

START_TEST(records_of_each_codec_are_read)
{
    cluster_close(&one);
    cluster_open_compressed(&one, env("KAFKA_URL"), codecs[_i], 2, codecs[_i]);
    cluster_produce(&one, 0, EACH);
    read_whole(one.brokers, NULL, 0);
    ck_assert_msg(feed_start(&feed) == PH_OK, "%s", feed_error(&feed));
    ends();
    ck_assert_int_eq(feed.total, 2 * EACH);
}
END_TEST

static const char *const mechanisms[] = {"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"};

static void open_signed_in(const char *mechanism, const char *password)
{
    const struct harness_item items[] = {{"security.protocol", "SASL_SSL"},
                                         {"sasl.mechanism", mechanism},
                                         {"sasl.username", env("KAFKA_WEB_TRAFFIC_KEY")},
                                         {"sasl.password", password},
                                         {"ssl.ca.location", env("KAFKA_CA_FILE")}};
    read_whole(env("KAFKA_SSL_URL"), items, 5);
}

START_TEST(each_mechanism_signs_in)
{
    cluster_produce(&one, 0, EACH);
    open_signed_in(mechanisms[_i], env("KAFKA_WEB_TRAFFIC_SECRET"));
    int32_t result = feed_start(&feed);
    if (_i > 0 && result != PH_OK && rd_kafka_version() < SCRAM_WORKS_SINCE) {
        ck_assert_msg(strstr(feed_error(&feed), "older than 2.6.1") != NULL, "%s",
                      feed_error(&feed));
        return;
    }
    ck_assert_msg(result == PH_OK, "%s", feed_error(&feed));
    ends();
    ck_assert_int_eq(feed.total, 3 * EACH);
}
END_TEST

START_TEST(each_mechanism_says_that_the_password_is_wrong)
{
    open_signed_in(mechanisms[_i], "wr0ng-secret");
    ck_assert_int_eq(harness_activate(feed.task), PH_ERROR);
    ck_assert_msg(feed.harness->error.flags == PH_ERR_CONFIG, "%s", feed_error(&feed));
    ck_assert_str_eq(feed.harness->error.config_key, "/rdkafka/sasl.password");
    ck_assert(strstr(feed_error(&feed), "wr0ng-secret") == NULL);
    ck_assert(!harness_logged(feed.harness, "wr0ng-secret"));
    (void)printf("  %s\n", feed_error(&feed));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("source-kafka topics");
    TCase *tcase = tcase_create("real broker");
    tcase_set_timeout(tcase, 300);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, two_topics_are_read_each_partition_by_itself);
    tcase_add_test(tcase, offsets_are_committed_and_resolved_by_topic);
    tcase_add_test(tcase, a_topic_of_several_that_is_not_there_is_named);
    tcase_add_loop_test(tcase, records_of_each_codec_are_read, 0, 4);
    if (getenv("KAFKA_SSL_URL") != NULL) {
        tcase_add_loop_test(tcase, each_mechanism_signs_in, 0, 3);
        tcase_add_loop_test(tcase, each_mechanism_says_that_the_password_is_wrong, 0, 3);
    }
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
