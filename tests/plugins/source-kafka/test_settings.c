/* SPDX-License-Identifier: Apache-2.0 */
/** What a manifest may say to source-kafka, and each refusal's sentence. No network. */
#include "feed.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#define PLACE                                                                                      \
    {.key = "brokers", .text = "127.0.0.1:9092"},                                                  \
    {                                                                                              \
        .key = "topic", .text = "events"                                                           \
    }

static struct feed feed;

static void teardown(void)
{
    feed_close(&feed);
}

static void refuses(const struct harness_setting *settings, const char *key, const char *sentence)
{
    ck_assert(!feed_open(&feed, settings));
    ck_assert_uint_eq(feed.harness->error.flags, PH_ERR_CONFIG);
    ck_assert_str_eq(feed.harness->error.config_key, key);
    ck_assert_str_eq(feed_error(&feed), sentence);
}

static void refuses_property(const char *name, const char *value, const char *sentence)
{
    char key[PH_ERROR_KEY_SIZE];
    const struct harness_item items[] = {{name, value}};
    const struct harness_setting settings[] = {
        PLACE, {.key = "rdkafka", .items = items, .item_count = 1}, {0}};
    (void)snprintf(key, sizeof key, "/rdkafka/%s", name);
    refuses(settings, key, sentence);
}

START_TEST(brokers_and_topic_are_enough)
{
    const struct harness_setting settings[] = {PLACE, {0}};
    ck_assert_msg(feed_open(&feed, settings), "%s", feed_error(&feed));
}
END_TEST

START_TEST(a_topic_has_a_name_that_kafka_allows)
{
    const struct harness_setting settings[] = {
        {.key = "brokers", .text = "127.0.0.1:9092"}, {.key = "topic", .text = "a b"}, {0}};
    refuses(settings, "/topic",
            "topic is no name that Kafka allows: up to 249 of a-z A-Z 0-9 . _ -");
}
END_TEST

#define BROKERS                                                                                    \
    {                                                                                              \
        .key = "brokers", .text = "127.0.0.1:9092"                                                 \
    }

START_TEST(a_topic_is_needed)
{
    const struct harness_setting settings[] = {BROKERS, {0}};
    refuses(settings, "/topic",
            "topic is missing: write the topic to read, or a list of them as topics");
}
END_TEST

START_TEST(several_topics_are_a_list)
{
    const struct harness_item items[] = {{NULL, "events"}, {NULL, "late-events"}};
    const struct harness_setting settings[] = {
        BROKERS, {.key = "topics", .items = items, .item_count = 2}, {0}};
    ck_assert_msg(feed_open(&feed, settings), "%s", feed_error(&feed));
}
END_TEST

START_TEST(a_topic_and_a_list_of_topics_are_refused)
{
    const struct harness_item items[] = {{NULL, "events"}};
    const struct harness_setting settings[] = {
        PLACE, {.key = "topics", .items = items, .item_count = 1}, {0}};
    refuses(settings, "/topics", "there is a topic and a list of topics: keep one of both");
}
END_TEST

START_TEST(a_topic_named_twice_is_refused)
{
    const struct harness_item items[] = {{NULL, "events"}, {NULL, "events"}};
    const struct harness_setting settings[] = {
        BROKERS, {.key = "topics", .items = items, .item_count = 2}, {0}};
    refuses(settings, "/topics/1", "the topic is named twice");
}
END_TEST

START_TEST(empty_brokers_are_refused)
{
    const struct harness_setting settings[] = {
        {.key = "brokers", .text = ""}, {.key = "topic", .text = "events"}, {0}};
    refuses(settings, "/brokers", "brokers is empty: write host:port");
}
END_TEST

START_TEST(startup_mode_group_needs_a_group)
{
    const struct harness_setting settings[] = {
        PLACE, {.key = "startup_mode", .text = "group"}, {0}};
    refuses(settings, "/group", "startup_mode group needs the group whose offsets to use");
}
END_TEST

START_TEST(startup_mode_timestamp_needs_a_timestamp)
{
    const struct harness_setting settings[] = {
        PLACE, {.key = "startup_mode", .text = "timestamp"}, {0}};
    refuses(settings, "/startup_timestamp", "startup_mode timestamp needs startup_timestamp");
}
END_TEST

START_TEST(a_timestamp_without_its_mode_is_refused)
{
    const struct harness_setting settings[] = {
        PLACE, {.key = "startup_timestamp", .text = "2024-05-01"}, {0}};
    refuses(settings, "/startup_timestamp",
            "startup_timestamp is only used with startup_mode timestamp");
}
END_TEST

START_TEST(a_timestamp_that_is_none_is_refused)
{
    const struct harness_setting settings[] = {PLACE,
                                               {.key = "startup_mode", .text = "timestamp"},
                                               {.key = "startup_timestamp", .text = "yesterday"},
                                               {0}};
    refuses(settings, "/startup_timestamp",
            "startup_timestamp is neither ISO 8601 (2024-05-01T00:00:00Z) nor milliseconds since "
            "1970");
}
END_TEST

START_TEST(each_spelling_of_the_modes_is_known)
{
    static const char *const modes[] = {"latest",        "earliest",        "group",
                                        "latest-offset", "earliest-offset", "group-offsets"};
    static const char *const bounds[] = {"none", "latest", "unbounded", "latest-offset"};
    const struct harness_setting settings[] = {PLACE,
                                               {.key = "group", .text = "g"},
                                               {.key = "startup_mode", .text = modes[_i % 6]},
                                               {.key = "bounded_mode", .text = bounds[_i % 4]},
                                               {0}};
    ck_assert_msg(feed_open(&feed, settings), "%s", feed_error(&feed));
}
END_TEST

START_TEST(what_pipehost_rules_is_refused_with_the_key_to_use)
{
    refuses_property("group.id", "g",
                     "rdkafka property \"group.id\" cannot be set: use the key group");
}
END_TEST

START_TEST(what_loads_code_is_refused)
{
    static const char *const names[] = {"plugin.library.paths", "ssl.engine.location",
                                        "ssl.engine.id", "ssl.providers", "interceptors"};
    char sentence[PH_ERROR_TEXT_SIZE];
    (void)snprintf(sentence, sizeof sentence,
                   "rdkafka property \"%s\" cannot be set: it loads code", names[_i]);
    refuses_property(names[_i], "x", sentence);
}
END_TEST

START_TEST(what_runs_a_command_is_refused)
{
    refuses_property("sasl.kerberos.kinit.cmd", "true",
                     "rdkafka property \"sasl.kerberos.kinit.cmd\" cannot be set: Kerberos runs a "
                     "command for its tickets");
}
END_TEST

START_TEST(a_mechanism_that_runs_a_command_is_refused)
{
    refuses_property("sasl.mechanism", "gssapi",
                     "sasl.mechanism GSSAPI cannot be used: it runs a command for its tickets; use "
                     "PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER");
}
END_TEST

START_TEST(sasl_without_a_mechanism_is_refused)
{
    refuses_property("security.protocol", "SASL_SSL",
                     "security.protocol SASL_SSL needs sasl.mechanism: PLAIN, SCRAM-SHA-256, "
                     "SCRAM-SHA-512 or OAUTHBEARER");
}
END_TEST

START_TEST(a_mistyped_property_gets_the_nearest_name)
{
    refuses_property(
        "fetch.max.byte", "1000000",
        "rdkafka property \"fetch.max.byte\" is not one that a source may set, did you "
        "mean \"fetch.max.bytes\"?");
}
END_TEST

START_TEST(a_property_that_nothing_is_like_is_refused)
{
    refuses_property("batch.num.messages", "1",
                     "rdkafka property \"batch.num.messages\" is not one that a source may set");
}
END_TEST

START_TEST(a_wrong_value_is_told_by_librdkafka)
{
    refuses_property("security.protocol", "tls",
                     "librdkafka refuses \"security.protocol\": Invalid value \"tls\" for "
                     "configuration property \"security.protocol\"");
}
END_TEST

START_TEST(the_shown_properties_hold_no_secret)
{
    const struct harness_setting settings[] = {PLACE, {0}};
    ck_assert(feed_open(&feed, settings));
    const struct ph_descriptor *d = feed.harness->descriptor;
    const struct ph_config_key *map = &d->config[d->config_count - 1];
    ck_assert_str_eq(map->name, "rdkafka");
    ck_assert_uint_eq(map->flags, PH_CONFIG_SECRET_VALUES);
    ck_assert_ptr_nonnull(strstr(map->values, "security.protocol|"));
    ck_assert_ptr_nonnull(strstr(map->values, "|ssl.ca.location|"));
    ck_assert_ptr_null(strstr(map->values, "password"));
    ck_assert_ptr_null(strstr(map->values, "secret"));
    ck_assert_ptr_null(strstr(map->values, "username"));
    ck_assert_ptr_null(strstr(map->values, "pem"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("source-kafka settings");
    TCase *tcase = tcase_create("offline");
    tcase_add_checked_fixture(tcase, NULL, teardown);
    tcase_add_test(tcase, brokers_and_topic_are_enough);
    tcase_add_test(tcase, a_topic_has_a_name_that_kafka_allows);
    tcase_add_test(tcase, a_topic_is_needed);
    tcase_add_test(tcase, several_topics_are_a_list);
    tcase_add_test(tcase, a_topic_and_a_list_of_topics_are_refused);
    tcase_add_test(tcase, a_topic_named_twice_is_refused);
    tcase_add_test(tcase, empty_brokers_are_refused);
    tcase_add_test(tcase, startup_mode_group_needs_a_group);
    tcase_add_test(tcase, startup_mode_timestamp_needs_a_timestamp);
    tcase_add_test(tcase, a_timestamp_without_its_mode_is_refused);
    tcase_add_test(tcase, a_timestamp_that_is_none_is_refused);
    tcase_add_loop_test(tcase, each_spelling_of_the_modes_is_known, 0, 12);
    tcase_add_test(tcase, what_pipehost_rules_is_refused_with_the_key_to_use);
    tcase_add_loop_test(tcase, what_loads_code_is_refused, 0, 5);
    tcase_add_test(tcase, what_runs_a_command_is_refused);
    tcase_add_test(tcase, a_mechanism_that_runs_a_command_is_refused);
    tcase_add_test(tcase, sasl_without_a_mechanism_is_refused);
    tcase_add_test(tcase, a_mistyped_property_gets_the_nearest_name);
    tcase_add_test(tcase, a_property_that_nothing_is_like_is_refused);
    tcase_add_test(tcase, a_wrong_value_is_told_by_librdkafka);
    tcase_add_test(tcase, the_shown_properties_hold_no_secret);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
