/* SPDX-License-Identifier: Apache-2.0 */
#include "common_settings.h"

void accepts(const struct harness_setting *settings)
{
    ck_assert_msg(common_subject.open(settings), "%s", common_subject.harness()->error.text);
}

void refuses(const struct harness_setting *settings, const char *key, const char *sentence)
{
    ck_assert(!common_subject.open(settings));
    const struct ph_error *err = &common_subject.harness()->error;
    ck_assert_uint_eq(err->flags, PH_ERR_CONFIG);
    ck_assert_str_eq(err->config_key, key);
    ck_assert_str_eq(err->text, sentence);
}

void refuses_property(const char *name, const char *value, const char *sentence)
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
    accepts(settings);
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

START_TEST(empty_brokers_are_refused)
{
    const struct harness_setting settings[] = {
        {.key = "brokers", .text = ""}, {.key = "topic", .text = "events"}, {0}};
    refuses(settings, "/brokers", "brokers is empty: write host:port");
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

START_TEST(a_make_believe_cluster_is_refused)
{
    refuses_property("test.mock.num.brokers", "1",
                     "rdkafka property \"test.mock.num.brokers\" cannot be set: it would replace "
                     "the cluster by a make-believe one");
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
    accepts(settings);
    const struct ph_descriptor *d = common_subject.harness()->descriptor;
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

TCase *common_settings_tests(void)
{
    TCase *tcase = tcase_create("common");
    tcase_add_checked_fixture(tcase, NULL, common_subject.close);
    tcase_add_test(tcase, brokers_and_topic_are_enough);
    tcase_add_test(tcase, a_topic_has_a_name_that_kafka_allows);
    tcase_add_test(tcase, empty_brokers_are_refused);
    tcase_add_loop_test(tcase, what_loads_code_is_refused, 0, 5);
    tcase_add_test(tcase, what_runs_a_command_is_refused);
    tcase_add_test(tcase, a_make_believe_cluster_is_refused);
    tcase_add_test(tcase, a_mechanism_that_runs_a_command_is_refused);
    tcase_add_test(tcase, sasl_without_a_mechanism_is_refused);
    tcase_add_test(tcase, a_wrong_value_is_told_by_librdkafka);
    tcase_add_test(tcase, the_shown_properties_hold_no_secret);
    return tcase;
}
