/* SPDX-License-Identifier: Apache-2.0 */
/** What a start says when Kafka does not let it in: a client without a broker, told of made-up
 * errors, on a clock of its own. */
#include "kafka/topic.h"

#include <check.h>
#include <stdlib.h>

#define NS_PER_S INT64_C(1000000000)
#define BROKERS  "127.0.0.1:1"

static struct {
    struct link link;
    struct ph_value items[1];
    struct ph_value map;
    rd_kafka_topic_t *topic;
    const char *trouble;
    rd_kafka_resp_err_t code; /**< reported at each serve; 0 = none */
    int64_t now_ns;
    int32_t woken_by;  /**< what waits answer */
    char warning[256]; /**< the last one */
    uint32_t warning_count;
    struct ph_error err;
} rig;

static void log_write(const struct ph_host *host, int32_t level, const char *text)
{
    (void)host;
    if (level == PH_LOG_WARNING && strncmp(text, "librdkafka: ", 12) != 0) {
        (void)snprintf(rig.warning, sizeof rig.warning, "%s", text);
        rig.warning_count++;
    }
}

/* Each look at the clock is a second later. */
static int64_t monotonic_ns(const struct ph_host *host)
{
    (void)host;
    return rig.now_ns += NS_PER_S;
}

static int32_t watch(const struct ph_task *task, int fd, uint32_t events, struct ph_error *err)
{
    (void)task;
    (void)fd;
    (void)events;
    (void)err;
    return PH_OK;
}

static int32_t block(const struct ph_task *task, int fd, uint32_t events, int64_t at_ns)
{
    (void)task;
    (void)fd;
    (void)events;
    (void)at_ns;
    return rig.woken_by;
}

static void serve(void *owner)
{
    (void)owner;
    if (rig.code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        (void)link_take_error(&rig.link, rig.code, rig.trouble);
        (void)link_take_error(&rig.link, RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, "");
    }
}

static const struct ph_host host = {.pipeline_name = "p", .operator_name = "o", .lane_count = 1};
static const struct ph_task task = {.host = &host};
static const struct ph_log log_service = {.write = log_write};
static const struct ph_clock clock_service = {.monotonic_ns = monotonic_ns};
static const struct ph_wait wait_service = {.watch = watch, .block = block};

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char reason[256];
    ck_assert_msg(rd_kafka_conf_set(conf, name, value, reason, sizeof reason) == RD_KAFKA_CONF_OK,
                  "%s", reason);
}

static void open_link(void)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", BROKERS);
    set(conf, "log_level", "0"); /* nobody but this thread uses the link */
    rig.woken_by = PH_IDLE;
    rig.link = (struct link){.brokers = BROKERS,
                             .task = &task,
                             .log = &log_service,
                             .clock = &clock_service,
                             .wait = &wait_service,
                             .serve = serve,
                             .events_fd = -1};
    ph_error_clear(&rig.err);
    ck_assert_int_eq(link_create(&rig.link, RD_KAFKA_PRODUCER, conf, &rig.err), PH_OK);
    rig.topic = link_create_topic(&rig.link, "events", &rig.err);
    ck_assert_ptr_nonnull(rig.topic);
}

static void close_link(void)
{
    rd_kafka_topic_destroy(rig.topic);
    link_close(&rig.link, 0);
}

static void use_mechanism(const char *mechanism)
{
    rig.items[0] = (struct ph_value){.name = "sasl.mechanism",
                                     .text = mechanism,
                                     .text_length = (uint32_t)strlen(mechanism),
                                     .is_set = true};
    rig.map = (struct ph_value){.is_set = true, .items = rig.items, .item_count = 1};
    rig.link.properties = &rig.map;
}

static void fails(rd_kafka_resp_err_t code, const char *trouble, uint32_t flags, const char *key)
{
    const struct rd_kafka_metadata *metadata = NULL;
    rig.code = code;
    rig.trouble = trouble;
    ck_assert_int_eq(topic_find(&rig.link, rig.topic, "/topic", &metadata, &rig.err), PH_ERROR);
    ck_assert_uint_eq(rig.err.flags, flags);
    ck_assert_str_eq(rig.err.config_key, key);
}

START_TEST(a_refused_password_is_a_wrong_setting)
{
    use_mechanism("PLAIN");
    fails(RD_KAFKA_RESP_ERR__AUTHENTICATION, "Authentication failed", PH_ERR_CONFIG,
          "/rdkafka/sasl.password");
    ck_assert_str_eq(rig.err.text,
                     "Kafka at " BROKERS " refuses the connection: Authentication failed");
}
END_TEST

/* Until 2.6.1 librdkafka's SCRAM is refused by Kafka 4 with the right password. */
START_TEST(an_old_librdkafkas_scram_is_explained)
{
    use_mechanism("SCRAM-SHA-512");
    fails(RD_KAFKA_RESP_ERR__AUTHENTICATION, "Authentication failed", PH_ERR_CONFIG,
          "/rdkafka/sasl.password");
    ck_assert_msg((strstr(rig.err.text, "Authentication failed; is this Kafka 4?") != NULL) ==
                      (rd_kafka_version() < 0x020601ff),
                  "%s", rig.err.text);
}
END_TEST

static const struct {
    rd_kafka_resp_err_t code;
    const char *text;
} endings[] = {
    {RD_KAFKA_RESP_ERR__SSL, "SSL handshake failed: Disconnected"},
    {RD_KAFKA_RESP_ERR__SSL, "SSL handshake failed: error:0A000126: unexpected eof while reading"},
    {RD_KAFKA_RESP_ERR__TRANSPORT, "Disconnected while in state SSL_HANDSHAKE"},
};

START_TEST(a_connection_that_ends_when_tls_begins_is_explained)
{
    fails(endings[_i].code, endings[_i].text, PH_ERR_CONFIG, "/rdkafka/security.protocol");
    ck_assert_ptr_nonnull(strstr(rig.err.text, "is this a listener without TLS?"));
    ck_assert_ptr_nonnull(strstr(rig.err.text, endings[_i].text));
}
END_TEST

START_TEST(a_certificate_of_nobody_known_is_a_wrong_setting)
{
    fails(RD_KAFKA_RESP_ERR__SSL, "certificate verify failed", PH_ERR_CONFIG,
          "/rdkafka/ssl.ca.location");
}
END_TEST

START_TEST(brokers_that_are_away_may_come_back)
{
    fails(RD_KAFKA_RESP_ERR__TRANSPORT, "Connection refused", PH_ERR_RETRIABLE, "/brokers");
    ck_assert_str_eq(rig.err.text, "Kafka at " BROKERS " cannot be reached: Connection refused");
}
END_TEST

START_TEST(brokers_that_say_nothing_are_given_up)
{
    fails(RD_KAFKA_RESP_ERR_NO_ERROR, "", PH_ERR_RETRIABLE, "/brokers");
    ck_assert_str_eq(rig.err.text,
                     "Kafka at " BROKERS " cannot be reached: no answer within the time-out");
}
END_TEST

START_TEST(a_start_without_an_answer_says_once_what_it_waits_for)
{
    for (int i = 0; i < 2; i++) {
        ph_error_clear(&rig.err);
        fails(RD_KAFKA_RESP_ERR_NO_ERROR, "", PH_ERR_RETRIABLE, "/brokers");
        ck_assert_uint_eq(rig.warning_count, 1);
        ck_assert_str_eq(rig.warning, "connecting to Kafka at " BROKERS
                                      ": no answer for 1.0 s, this try ends after 10 s");
    }
}
END_TEST

START_TEST(a_start_that_waits_is_cancelled)
{
    rig.woken_by = PH_CANCELLED;
    fails(RD_KAFKA_RESP_ERR_NO_ERROR, "", PH_ERR_RETRIABLE, "");
    ck_assert_str_eq(rig.err.text, "stopped while connecting to Kafka at " BROKERS);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("kafka topic");
    TCase *tcase = tcase_create("start");
    tcase_set_timeout(tcase, 300);
    tcase_add_checked_fixture(tcase, open_link, close_link);
    tcase_add_test(tcase, a_refused_password_is_a_wrong_setting);
    tcase_add_test(tcase, an_old_librdkafkas_scram_is_explained);
    tcase_add_loop_test(tcase, a_connection_that_ends_when_tls_begins_is_explained, 0,
                        sizeof endings / sizeof endings[0]);
    tcase_add_test(tcase, a_certificate_of_nobody_known_is_a_wrong_setting);
    tcase_add_test(tcase, brokers_that_are_away_may_come_back);
    tcase_add_test(tcase, brokers_that_say_nothing_are_given_up);
    tcase_add_test(tcase, a_start_without_an_answer_says_once_what_it_waits_for);
    tcase_add_test(tcase, a_start_that_waits_is_cancelled);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
