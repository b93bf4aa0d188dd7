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
    static const char *const lists[] = {"", " ", ",", " , ,"};
    const struct harness_setting settings[] = {
        {.key = "brokers", .text = lists[_i]}, {.key = "topic", .text = "events"}, {0}};
    refuses(settings, "/brokers", "brokers is empty: write host:port");
}
END_TEST

/* Each of them reaches a listener. */
static const char *const good_brokers[] = {
    "localhost",
    "a.example.org:9092",
    "a:1,b:65535",
    ",,a:9092, b:9092 ,",
    "\ta:9092\n",
    "a: 9092",
    "a:009092",
    "a:9092/x",
    ":9092",
    "10.0.0.1:9092",
    "under_score-1:9092",
    "b\303\274cher:9092",
    "[::1]",
    "[::1]:9092",
    "[fe80::1%eth0]:9092",
    "[::ffff:10.0.0.1]:9092",
    "[localhost]:9092",
    "::1",
    "2001:db8::123",
    "0:0:0:0:0:0:0:1",
    "PLAINTEXT://a:9092",
    "plaintext://a/x,Plaintext://[::1]:9092",
    "plaintext://",
};
#define GOOD_BROKERS_COUNT (int)(sizeof good_brokers / sizeof good_brokers[0])

START_TEST(brokers_that_librdkafka_works_with_are_taken)
{
    const struct harness_setting settings[] = {
        {.key = "brokers", .text = good_brokers[_i]}, {.key = "topic", .text = "events"}, {0}};
    accepts(settings);
}
END_TEST

#define NO_PORT "has no port from 1 to 65535 behind the colon: write host:port"
#define NO_NAME                                                                                    \
    "has a character in its host's name that no name has: write host:port, and a comma between "   \
    "two of them"
#define NO_ADDRESS "has no address in its brackets: write [address]:port, or host:port"
#define COLONS                                                                                     \
    "has several colons: write host:port, with a comma between two of them and an IPv6 address "   \
    "in brackets, as [::1]:9092"
#define NO_PROTOCOL                                                                                \
    "begins with no protocol of Kafka: write host:port alone, or PLAINTEXT://, SSL://, "           \
    "SASL_PLAINTEXT:// or SASL_SSL:// before it"

static const struct {
    const char *list;
    const char *shown; /**< of it */
    const char *reason;
} bad_brokers[] = {
    {"a:x", "a:x", NO_PORT},
    {"a:", "a:", NO_PORT},
    {"a:0", "a:0", NO_PORT},
    {"a:99999", "a:99999", NO_PORT},
    {"a:65536", "a:65536", NO_PORT},
    {"a:18446744073709551617", "a:18446744073709551617", NO_PORT},
    {"a:-1", "a:-1", NO_PORT},
    {"a:9092x", "a:9092x", NO_PORT},
    {"a:9092;b", "a:9092;b", NO_PORT},
    {"a:9092 b", "a:9092 b", NO_PORT},
    {"[::1]:99999", "[::1]:99999", NO_PORT},
    {"a:9092,b:x,c:9092", "b:x", NO_PORT},
    {"a;b", "a;b", NO_NAME},
    {"a b", "a b", NO_NAME},
    {"a , b:9092", "a ", NO_NAME},
    {"a/x", "a/x", NO_NAME},
    {"\"a\":9092", "\"a\":9092", NO_NAME},
    {"a:9092,\nb:9092", "\nb:9092", NO_NAME},
    {"a:9092;b:9092", "a:9092;b:9092", COLONS},
    {"::1:9092", "::1:9092", COLONS},
    {"::1:19092", "::1:19092", COLONS},
    {"a:b:c", "a:b:c", COLONS},
    {"[::1", "[::1", NO_ADDRESS},
    {"[]:9092", "[]:9092", NO_ADDRESS},
    {"[::g]:9092", "[::g]:9092", NO_ADDRESS},
    {"[::1]9092", "[::1]9092", "goes on behind its bracket: write [address]:port"},
    {"http://a:1", "http://a:1", NO_PROTOCOL},
    {"://a:1", "://a:1", NO_PROTOCOL},
    {"kafka://me:secret@a:9092", "***@a:9092", NO_PROTOCOL},
    {"plaintext://a:x", "plaintext://a:x", NO_PORT},
    {"SSL://a:9092", "SSL://a:9092",
     "is not what the rdkafka property security.protocol says, which is plaintext: write host:port "
     "alone, or set security.protocol to SSL"},
};
#define BAD_BROKERS_COUNT (int)(sizeof bad_brokers / sizeof bad_brokers[0])

START_TEST(brokers_that_nobody_can_reach_are_refused_with_the_entry)
{
    char sentence[PH_ERROR_TEXT_SIZE];
    (void)snprintf(sentence, sizeof sentence, "brokers: \"%s\" %s", bad_brokers[_i].shown,
                   bad_brokers[_i].reason);
    const struct harness_setting settings[] = {
        {.key = "brokers", .text = bad_brokers[_i].list}, {.key = "topic", .text = "events"}, {0}};
    refuses(settings, "/brokers", sentence);
}
END_TEST

START_TEST(a_protocol_before_a_broker_is_the_one_of_the_property)
{
    const struct harness_item items[] = {{"security.protocol", "ssl"}};
    const struct harness_setting settings[] = {{.key = "brokers", .text = "SSL://a:9092,b"},
                                               {.key = "topic", .text = "events"},
                                               {.key = "rdkafka", .items = items, .item_count = 1},
                                               {0}};
    accepts(settings);
}
END_TEST

START_TEST(a_long_broker_is_shown_in_part)
{
    char host[300];
    memset(host, 'a', sizeof host);
    host[sizeof host - 1] = '\0';
    const struct harness_setting settings[] = {
        {.key = "brokers", .text = host}, {.key = "topic", .text = "events"}, {0}};
    ck_assert(!common_subject.open(settings));
    const char *text = common_subject.harness()->error.text;
    ck_assert_msg(strstr(text, "aaa...\" has a host of more than 253 characters") != NULL, "%s",
                  text);
    ck_assert_uint_lt(strlen(text), 200);
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
    tcase_add_loop_test(tcase, empty_brokers_are_refused, 0, 4);
    tcase_add_loop_test(tcase, brokers_that_librdkafka_works_with_are_taken, 0, GOOD_BROKERS_COUNT);
    tcase_add_loop_test(tcase, brokers_that_nobody_can_reach_are_refused_with_the_entry, 0,
                        BAD_BROKERS_COUNT);
    tcase_add_test(tcase, a_protocol_before_a_broker_is_the_one_of_the_property);
    tcase_add_test(tcase, a_long_broker_is_shown_in_part);
    tcase_add_loop_test(tcase, what_loads_code_is_refused, 0, 5);
    tcase_add_test(tcase, what_runs_a_command_is_refused);
    tcase_add_test(tcase, a_make_believe_cluster_is_refused);
    tcase_add_test(tcase, a_mechanism_that_runs_a_command_is_refused);
    tcase_add_test(tcase, sasl_without_a_mechanism_is_refused);
    tcase_add_test(tcase, a_wrong_value_is_told_by_librdkafka);
    tcase_add_test(tcase, the_shown_properties_hold_no_secret);
    return tcase;
}
