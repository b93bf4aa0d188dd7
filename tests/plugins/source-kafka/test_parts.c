/* SPDX-License-Identifier: Apache-2.0 */
/** source-kafka's parts that need neither a host nor librdkafka's threads. */
#include "conf.h"
#include "error_table.h"
#include "instant.h"
#include "kafka/errors.h"
#include "kafka/nearest.h"
#include "properties.h"

#include <check.h>
#include <stdlib.h>

/* ---- instants */

static const struct {
    const char *text;
    int64_t ms;
} instants[] = {
    {"1714521600123", 1714521600123},
    {"0", 0},
    {"1970-01-01", 0},
    {"1970-01-01T00:00:00Z", 0},
    {"2024-05-01T00:00:00.123Z", 1714521600123},
    {"2024-05-01T00:00:00.1239Z", 1714521600123},
    {"2024-05-01 00:00:00.1", 1714521600100},
    {"2024-05-01T02:00:00+02:00", 1714521600000},
    {"2024-04-30T18:30-0530", 1714521600000},
    {"2024-02-29T12:00:00Z", 1709208000000},
    {"2000-02-29", 951782400000},
    {"1969-12-31T23:59:59.999Z", -1},
};

START_TEST(an_instant_is_read)
{
    int64_t ms = -7;
    ck_assert_msg(instant_parse(instants[_i].text, &ms), "%s", instants[_i].text);
    ck_assert_int_eq(ms, instants[_i].ms);
}
END_TEST

static const char *const no_instants[] = {
    "",
    "-1",
    "yesterday",
    "2024-13-01",
    "2024-02-30",
    "2023-02-29",
    "1900-02-29",
    "2024-05-01T",
    "2024-5-1",
    "2024-05-01Z",
    "2024-05-01T24:00:00",
    "2024-05-01T00:00:00.Z",
    "12 ",
    "2024-05-01T00:00:00+2",
    "2024-05-01T00:00:00Zulu",
    "99999999999999999999",
};

START_TEST(what_is_no_instant_is_refused)
{
    int64_t ms = 0;
    ck_assert_msg(!instant_parse(no_instants[_i], &ms), "%s", no_instants[_i]);
}
END_TEST

/* ---- errors */

static const struct {
    rd_kafka_resp_err_t code;
    uint32_t at_start;
    uint32_t while_reading;
} meanings[] = {
    {RD_KAFKA_RESP_ERR__TRANSPORT, PH_ERR_RETRIABLE, PH_ERR_RETRIABLE},
    {RD_KAFKA_RESP_ERR__RESOLVE, PH_ERR_RETRIABLE, PH_ERR_RETRIABLE},
    {RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, PH_ERR_RETRIABLE, PH_ERR_RETRIABLE},
    {RD_KAFKA_RESP_ERR__AUTHENTICATION, PH_ERR_CONFIG, PH_ERR_RETRIABLE},
    {RD_KAFKA_RESP_ERR__SSL, PH_ERR_CONFIG, PH_ERR_RETRIABLE},
    {RD_KAFKA_RESP_ERR__INVALID_ARG, PH_ERR_CONFIG, PH_ERR_FATAL},
    {RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, PH_ERR_CONFIG, PH_ERR_FATAL},
    {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, PH_ERR_CONFIG, PH_ERR_FATAL},
    {RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE, PH_ERR_RETRIABLE, PH_ERR_RETRIABLE},
    {RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET, PH_ERR_CONFIG, PH_ERR_CONFIG},
    {RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE, PH_ERR_CONFIG, PH_ERR_CONFIG},
    {RD_KAFKA_RESP_ERR__BAD_MSG, PH_ERR_FATAL, PH_ERR_FATAL},
    {RD_KAFKA_RESP_ERR__BAD_COMPRESSION, PH_ERR_FATAL, PH_ERR_FATAL},
    {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, PH_ERR_FATAL, PH_ERR_FATAL},
    {RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, PH_ERR_CONFIG, PH_ERR_RETRIABLE},
    {RD_KAFKA_RESP_ERR__FATAL, PH_ERR_FATAL, PH_ERR_FATAL},
    {RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, PH_ERR_RETRIABLE, PH_ERR_RETRIABLE},
};

START_TEST(an_error_means_what_the_table_says)
{
    ck_assert_uint_eq(errors_flags(meanings[_i].code, ERRORS_AT_START), meanings[_i].at_start);
    ck_assert_uint_eq(errors_flags(meanings[_i].code, ERRORS_AT_WORK), meanings[_i].while_reading);
}
END_TEST

START_TEST(each_known_error_has_exactly_one_flag)
{
    const struct rd_kafka_err_desc *all;
    size_t count;
    rd_kafka_get_err_descs(&all, &count);
    for (size_t i = 0; i < count; i++) {
        for (int phase = ERRORS_AT_START; phase <= ERRORS_AT_WORK; phase++) {
            uint32_t flags = errors_flags(all[i].code, (enum errors_phase)phase);
            ck_assert(flags == PH_ERR_RETRIABLE || flags == PH_ERR_CONFIG || flags == PH_ERR_FATAL);
        }
    }
}
END_TEST

static const struct error_class classes[] = {
    {PH_ERR_RETRIABLE, PH_ERR_RETRIABLE,
     "_FENCED INVALID_MSG_SIZE RECORD_LIST_TOO_LARGE INVALID_REQUIRED_ACKS INVALID_TIMESTAMP "
     "UNSUPPORTED_FOR_MESSAGE_FORMAT POLICY_VIOLATION UNSUPPORTED_COMPRESSION_TYPE "
     "INVALID_RECORD OFFSET_METADATA_TOO_LARGE PRODUCER_FENCED INVALID_PRODUCER_EPOCH "
     "INVALID_TRANSACTION_TIMEOUT "
     "TRANSACTIONAL_ID_AUTHORIZATION_FAILED"},
    {PH_ERR_RETRIABLE, PH_ERR_FATAL, "_UNKNOWN_PARTITION"},
    {PH_ERR_CONFIG, PH_ERR_RETRIABLE,
     "INVALID_GROUP_ID GROUP_AUTHORIZATION_FAILED CLUSTER_AUTHORIZATION_FAILED"},
    {PH_ERR_CONFIG, PH_ERR_FATAL,
     "_UNKNOWN_TOPIC UNKNOWN_TOPIC_OR_PART TOPIC_EXCEPTION TOPIC_AUTHORIZATION_FAILED"},
    {PH_ERR_CONFIG, PH_ERR_CONFIG, "_AUTO_OFFSET_RESET OFFSET_OUT_OF_RANGE"},
    {PH_ERR_FATAL, PH_ERR_FATAL, "_BAD_MSG _FATAL INVALID_MSG MSG_SIZE_TOO_LARGE"},
};

START_TEST(each_code_of_the_library_has_its_class)
{
    error_table_check(classes, sizeof classes / sizeof classes[0]);
}
END_TEST

START_TEST(an_error_is_set_with_its_name_and_its_key)
{
    struct ph_error err;
    ph_error_clear(&err);
    ck_assert_int_eq(
        errors_set(&err, RD_KAFKA_RESP_ERR__AUTHENTICATION, ERRORS_AT_START, "no %s", "entry"),
        PH_ERROR);
    ck_assert_str_eq(err.text, "no entry");
    ck_assert_str_eq(err.foreign_code, "_AUTHENTICATION");
    ck_assert_str_eq(err.config_key, "/rdkafka/sasl.password");
    (void)errors_set(&err, RD_KAFKA_RESP_ERR__TRANSPORT, ERRORS_AT_START, "later");
    ck_assert_str_eq(err.text, "no entry");
    ck_assert_str_eq(err.foreign_code, "_AUTHENTICATION");
}
END_TEST

/* ---- nearest names */

START_TEST(the_nearest_of_the_names_is_offered)
{
    struct nearest near;
    nearest_init(&near, "evnets");
    nearest_offer(&near, "orders");
    nearest_offer(&near, "events");
    nearest_offer(&near, "event-log");
    ck_assert_str_eq(near.best, "events");
}
END_TEST

START_TEST(nothing_near_is_nothing)
{
    struct nearest near;
    nearest_init(&near, "events");
    nearest_offer(&near, "payments");
    ck_assert_ptr_null(near.best);
}
END_TEST

/* ---- secrets */

static const struct ph_value hidden_items[] = {
    {.is_set = true, .name = "sasl.mechanism", .text = "PLAIN", .text_length = 5},
    {.is_set = true, .name = "sasl.username", .text = "me", .text_length = 2},
    {.is_set = true, .name = "sasl.password", .text = "s3cr3t", .text_length = 6},
};
static const struct ph_value properties = {.is_set = true, .items = hidden_items, .item_count = 3};

START_TEST(a_hidden_value_is_blotted_out_wherever_it_stands)
{
    char text[] = "s3cr3t, PLAIN\nme s3cr3ts3cr3t";
    properties_redact(&properties, text);
    ck_assert_str_eq(text, "***, PLAIN me ******");
}
END_TEST

/* ---- prefetch */

START_TEST(the_prefetch_is_divided_between_values_and_what_stands_around_them)
{
    struct settings s = {.prefetch_bytes = 64 << 20};
    struct conf_prefetch one = conf_prefetch(&s, 1);
    struct conf_prefetch four = conf_prefetch(&s, 4);
    ck_assert_int_eq(one.value_bytes, 32 << 20);
    ck_assert_int_eq(one.records, 65536);
    ck_assert_int_eq(four.value_bytes, 8 << 20);
    ck_assert_int_eq(four.records, 16384);
}
END_TEST

START_TEST(the_prefetch_stays_within_librdkafka_s_limits)
{
    struct settings least = {.prefetch_bytes = 1};
    struct settings most = {.prefetch_bytes = INT64_C(1) << 40};
    ck_assert_int_ge(conf_prefetch(&least, 64).value_bytes, 1024);
    ck_assert_int_ge(conf_prefetch(&least, 64).records, 1);
    ck_assert_int_le(conf_prefetch(&most, 1).records, 10000000);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("source-kafka parts");
    TCase *tcase = tcase_create("pure");
    tcase_add_loop_test(tcase, an_instant_is_read, 0, sizeof instants / sizeof instants[0]);
    tcase_add_loop_test(tcase, what_is_no_instant_is_refused, 0,
                        sizeof no_instants / sizeof no_instants[0]);
    tcase_add_loop_test(tcase, an_error_means_what_the_table_says, 0,
                        sizeof meanings / sizeof meanings[0]);
    tcase_add_test(tcase, each_code_of_the_library_has_its_class);
    tcase_add_test(tcase, each_known_error_has_exactly_one_flag);
    tcase_add_test(tcase, an_error_is_set_with_its_name_and_its_key);
    tcase_add_test(tcase, the_nearest_of_the_names_is_offered);
    tcase_add_test(tcase, nothing_near_is_nothing);
    tcase_add_test(tcase, a_hidden_value_is_blotted_out_wherever_it_stands);
    tcase_add_test(tcase, the_prefetch_is_divided_between_values_and_what_stands_around_them);
    tcase_add_test(tcase, the_prefetch_stays_within_librdkafka_s_limits);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
