/* SPDX-License-Identifier: Apache-2.0 */
/** What a manifest may say to sink-kafka, and each refusal's sentence. No network. */
#include "common_settings.h"
#include "rig.h"

#include <stdlib.h>

static struct rig rig;

static void teardown(void)
{
    rig_close(&rig);
}

static bool open_subject(const struct harness_setting *settings)
{
    return rig_bind(&rig, settings);
}

static struct harness *harness_of_subject(void)
{
    return rig.harness;
}

const struct common_subject common_subject = {open_subject, harness_of_subject, teardown};

START_TEST(a_transaction_has_time_to_be_committed)
{
    const struct harness_item items[] = {{"transaction.timeout.ms", "5000"}};
    const struct harness_item short_items[] = {{"transaction.timeout.ms", "1000"}};
    const struct harness_setting good[] = {
        PLACE, {.key = "rdkafka", .items = items, .item_count = 1}, {0}};
    const struct harness_setting slow[] = {PLACE,
                                           {.key = "transaction_interval_ms", .text = "2501"},
                                           {.key = "rdkafka", .items = items, .item_count = 1},
                                           {0}};
    const struct harness_setting brief[] = {
        PLACE, {.key = "rdkafka", .items = short_items, .item_count = 1}, {0}};
    ck_assert_msg(rig_bind(&rig, good), "%s", rig_error(&rig)->text);
    rig_close(&rig);
    refuses(slow, "/transaction_interval_ms",
            "transaction_interval_ms may be half of transaction.timeout.ms at most");
    rig_close(&rig);
    refuses(brief, "/rdkafka/transaction.timeout.ms",
            "transaction.timeout.ms must be from 5000 to 900000");
}
END_TEST

START_TEST(positions_have_a_topic_of_their_own)
{
    const struct harness_setting same[] = {
        PLACE, {.key = "positions_topic", .text = "events"}, {0}};
    refuses(same, "/positions_topic",
            "positions_topic must be the name of a topic for positions alone");
}
END_TEST

START_TEST(a_key_is_a_column)
{
    const struct harness_setting settings[] = {PLACE, {.key = "key", .text = "texd"}, {0}};
    refuses(settings, "/key", "the input has no column \"texd\", did you mean \"text\"?");
}
END_TEST

START_TEST(columns_are_columns)
{
    const struct harness_item items[] = {{NULL, "text"}, {NULL, "nothing-like-it"}};
    const struct harness_setting settings[] = {
        PLACE, {.key = "columns", .items = items, .item_count = 2}, {0}};
    refuses(settings, "/columns/1", "the input has no column \"nothing-like-it\"");
}
END_TEST

START_TEST(a_column_is_written_once)
{
    const struct harness_item items[] = {{NULL, "text"}, {NULL, "raw"}, {NULL, "text"}};
    const struct harness_setting settings[] = {
        PLACE, {.key = "columns", .items = items, .item_count = 3}, {0}};
    refuses(settings, "/columns/2", "column \"text\" is named twice");
}
END_TEST

START_TEST(what_pipehost_rules_is_refused_with_the_reason)
{
    refuses_property("acks", "1",
                     "rdkafka property \"acks\" cannot be set: a record counts as written when all "
                     "replicas in sync have it");
    rig_close(&rig);
    refuses_property("compression.type", "lz4",
                     "rdkafka property \"compression.type\" cannot be set: use the key "
                     "compression");
    rig_close(&rig);
    refuses_property("transactional.id", "x",
                     "rdkafka property \"transactional.id\" cannot be set: it is made of the "
                     "pipeline's and the sink's name");
}
END_TEST

START_TEST(a_mistyped_property_gets_the_nearest_name)
{
    refuses_property("linger.msec", "1",
                     "rdkafka property \"linger.msec\" is not one that a sink may set, did you "
                     "mean \"linger.ms\"?");
}
END_TEST

START_TEST(a_sink_without_topic_exits_with_the_nearest_name)
{
    rig_cluster(&rig, 1);
    const struct harness_setting settings[] = {
        {.key = "brokers", .text = rig.brokers}, {.key = "topic", .text = "locatde"}, {0}};
    rd_kafka_mock_topic_set_error(rig.cluster, "locatde", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    ck_assert_msg(rig_bind(&rig, settings), "%s", rig_error(&rig)->text);
    ck_assert(!rig_activate(&rig));
    ck_assert_uint_eq(rig_error(&rig)->flags, PH_ERR_CONFIG);
    ck_assert_str_eq(rig_error(&rig)->config_key, "/topic");
    ck_assert_msg(
        strstr(rig_error(&rig)->text, "has no topic \"locatde\", did you mean \"located\"?"), "%s",
        rig_error(&rig)->text);
}
END_TEST

START_TEST(a_broker_that_is_not_there_is_retriable)
{
    const struct harness_setting settings[] = {
        {.key = "brokers", .text = "127.0.0.1:1"}, {.key = "topic", .text = "located"}, {0}};
    ck_assert_msg(rig_bind(&rig, settings), "%s", rig_error(&rig)->text);
    ck_assert(!rig_activate(&rig));
    ck_assert_uint_eq(rig_error(&rig)->flags, PH_ERR_RETRIABLE);
    ck_assert_msg(strstr(rig_error(&rig)->text, "Kafka at 127.0.0.1:1 cannot be reached: "), "%s",
                  rig_error(&rig)->text);
}
END_TEST

START_TEST(tls_to_a_listener_without_it_is_said)
{
    rig_cluster(&rig, 1);
    const struct harness_item items[] = {{"security.protocol", "ssl"}};
    const struct harness_setting settings[] = {{.key = "brokers", .text = rig.brokers},
                                               {.key = "topic", .text = RIG_TOPIC},
                                               {.key = "rdkafka", .items = items, .item_count = 1},
                                               {0}};
    ck_assert_msg(rig_bind(&rig, settings), "%s", rig_error(&rig)->text);
    ck_assert(!rig_activate(&rig));
    ck_assert_uint_eq(rig_error(&rig)->flags, PH_ERR_CONFIG);
    ck_assert_str_eq(rig_error(&rig)->config_key, "/rdkafka/security.protocol");
    ck_assert_msg(strstr(rig_error(&rig)->text, "is this a listener without TLS?"), "%s",
                  rig_error(&rig)->text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sink-kafka settings");
    TCase *tcase = tcase_create("settings");
    tcase_set_timeout(tcase, 300);
    tcase_add_checked_fixture(tcase, NULL, teardown);
    tcase_add_test(tcase, a_transaction_has_time_to_be_committed);
    tcase_add_test(tcase, positions_have_a_topic_of_their_own);
    tcase_add_test(tcase, a_key_is_a_column);
    tcase_add_test(tcase, columns_are_columns);
    tcase_add_test(tcase, a_column_is_written_once);
    tcase_add_test(tcase, what_pipehost_rules_is_refused_with_the_reason);
    tcase_add_test(tcase, a_mistyped_property_gets_the_nearest_name);
    tcase_add_test(tcase, a_sink_without_topic_exits_with_the_nearest_name);
    tcase_add_test(tcase, a_broker_that_is_not_there_is_retriable);
    tcase_add_test(tcase, tls_to_a_listener_without_it_is_said);
    suite_add_tcase(suite, common_settings_tests());
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
