/* SPDX-License-Identifier: Apache-2.0 */
/** Rows on their way to a topic of librdkafka's mock cluster: what counts as written, and when. */
#include "rig.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#define PRODUCE 0 /* Kafka's ApiKey */

static struct rig rig;

static void open_with(const struct harness_setting *more)
{
    struct harness_setting settings[8] = {{.key = "brokers", .text = rig.brokers},
                                          {.key = "topic", .text = RIG_TOPIC}};
    for (int i = 0; more != NULL && more[i].key != NULL; i++) {
        settings[2 + i] = more[i];
    }
    ck_assert_msg(rig_bind(&rig, settings), "%s", rig_error(&rig)->text);
    ck_assert_msg(rig_activate(&rig), "%s", rig_error(&rig)->text);
}

static void setup(void)
{
    rig_cluster(&rig, 4);
}

static void teardown(void)
{
    rig_close(&rig);
}

static const struct harness_cell two_rows[] = {CELL_TEXT("a"), CELL_NULL, CELL_TEXT("b\n"),
                                               CELL_TEXT("{\"k\":1}")};

START_TEST(each_row_becomes_a_record)
{
    open_with(NULL);
    ck_assert_int_eq(rig_write(&rig, two_rows, 2), PH_OK);
    ck_assert_int_eq(rig_commit(&rig), PH_OK);
    ck_assert_int_eq(rig_count(&rig, "{\"text\":\"a\",\"raw\":null}"), 1);
    ck_assert_int_eq(rig_count(&rig, "{\"text\":\"b\\n\",\"raw\":{\"k\":1}}"), 1);
    ck_assert_int_eq(harness_counter(rig.task, "records"), 2);
    ck_assert_int_eq(harness_counter(rig.task, "unreported_records"), 0);
}
END_TEST

START_TEST(columns_are_chosen_and_ordered)
{
    const struct harness_item items[] = {{NULL, "raw"}};
    const struct harness_setting columns[] = {{.key = "columns", .items = items, .item_count = 1},
                                              {0}};
    open_with(columns);
    ck_assert_int_eq(rig_write(&rig, two_rows, 2), PH_OK);
    ck_assert_int_eq(rig_commit(&rig), PH_OK);
    ck_assert_int_eq(rig_count(&rig, "{\"raw\":{\"k\":1}}"), 1);
}
END_TEST

START_TEST(a_row_that_nothing_can_be_spliced_into_is_refused)
{
    const struct harness_setting splice[] = {{.key = "value", .text = "splice"}, {0}};
    open_with(splice);
    ck_assert_int_eq(rig_write(&rig, two_rows, 2), PH_OK);
    ck_assert_int_eq(rig_commit(&rig), PH_OK);
    ck_assert_uint_eq(rig.task->reject_count, 1);
    ck_assert_uint_eq(rig.task->rejects[0].row, 0);
    ck_assert_str_eq(rig.task->rejects[0].code, "no_object");
    ck_assert_int_eq(rig_count(&rig, "{\"k\":1,\"text\":\"b\\n\"}"), 1);
}
END_TEST

START_TEST(nothing_counts_before_its_report)
{
    open_with(NULL);
    ck_assert_int_eq(rd_kafka_mock_broker_set_rtt(rig.cluster, 1, 3000), 0);
    ck_assert_int_eq(rig_write(&rig, two_rows, 2), PH_OK);
    ck_assert_int_eq(rig_call_commit(&rig), PH_PENDING);
    ck_assert_int_eq(harness_counter(rig.task, "records"), 0);
    ck_assert_int_eq(harness_counter(rig.task, "unreported_records"), 2);
    ck_assert_uint_eq(rig.task->done_count, 0);
    ck_assert(rig_wait_done(&rig));
    ck_assert(!ph_error_is_set(&rig.task->done_error));
    ck_assert_int_eq(harness_counter(rig.task, "records"), 2);
}
END_TEST

START_TEST(an_epoch_without_rows_is_durable_at_once)
{
    open_with(NULL);
    ck_assert_int_eq(rig_call_commit(&rig), PH_OK);
}
END_TEST

START_TEST(a_record_above_the_limit_is_refused_and_its_neighbours_are_not)
{
    static char large[2000];
    const struct harness_item items[] = {{"message.max.bytes", "1000"}};
    const struct harness_setting limit[] = {{.key = "rdkafka", .items = items, .item_count = 1},
                                            {0}};
    memset(large, 'x', sizeof large);
    const struct harness_cell cells[] = {
        CELL_TEXT("before"), CELL_NULL,          CELL_BYTES(large, sizeof large),
        CELL_NULL,           CELL_TEXT("after"), CELL_NULL};
    open_with(limit);
    ck_assert_int_eq(rig_write(&rig, cells, 3), PH_OK);
    ck_assert_int_eq(rig_commit(&rig), PH_OK);
    ck_assert_uint_eq(rig.task->reject_count, 1);
    ck_assert_uint_eq(rig.task->rejects[0].row, 1);
    ck_assert_str_eq(rig.task->rejects[0].code, "MSG_SIZE_TOO_LARGE");
    ck_assert_str_eq(rig.task->rejects[0].reason,
                     "the record's key and value have 2022 bytes, more than the 1000 that topic "
                     "\"located\" takes (max.message.bytes)");
    ck_assert_int_eq(rig_count(&rig, "{\"text\":\"before\",\"raw\":null}"), 1);
    ck_assert_int_eq(rig_count(&rig, "{\"text\":\"after\",\"raw\":null}"), 1);
}
END_TEST

/* The producer goes on: what the broker said was about the records. */
START_TEST(records_that_the_broker_finds_bad_are_poison)
{
    open_with(NULL);
    rd_kafka_mock_push_request_errors(rig.cluster, PRODUCE, 1,
                                      RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
    ck_assert_int_eq(rig_write(&rig, two_rows, 1), PH_OK);
    ck_assert_int_eq(rig_commit(&rig), PH_ERROR);
    ck_assert_uint_eq(rig_error(&rig)->flags, PH_ERR_POISON);
    ck_assert_str_eq(rig_error(&rig)->foreign_code, "MSG_SIZE_TOO_LARGE");
    ck_assert_uint_eq(rig.task->reject_count, 0);
    rig_abort(&rig);
    ck_assert_int_eq(rig_write(&rig, two_rows, 2), PH_OK);
    ck_assert_int_eq(rig_commit(&rig), PH_OK);
    ck_assert_int_eq(rig_count(&rig, "{\"text\":\"a\",\"raw\":null}"), 1);
}
END_TEST

START_TEST(a_topic_that_may_not_be_written_is_a_wrong_setting)
{
    open_with(NULL);
    rd_kafka_mock_push_request_errors(rig.cluster, PRODUCE, 1,
                                      RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    ck_assert_int_eq(rig_write(&rig, two_rows, 1), PH_OK);
    ck_assert_int_eq(rig_commit(&rig), PH_ERROR);
    ck_assert_uint_eq(rig_error(&rig)->flags, PH_ERR_CONFIG);
    ck_assert_str_eq(rig_error(&rig)->config_key, "/topic");
}
END_TEST

START_TEST(what_passes_is_tried_again_without_a_word)
{
    open_with(NULL);
    rd_kafka_mock_push_request_errors(rig.cluster, PRODUCE, 2,
                                      RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
                                      RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION);
    ck_assert_int_eq(rig_write(&rig, two_rows, 1), PH_OK);
    ck_assert_int_eq(rig_commit(&rig), PH_OK);
    ck_assert_int_eq(rig_count(&rig, "{\"text\":\"a\",\"raw\":null}"), 1);
}
END_TEST

START_TEST(a_broker_that_goes_away_is_waited_for)
{
    open_with(NULL);
    ck_assert_int_eq(rd_kafka_mock_broker_set_rtt(rig.cluster, 1, 5000), 0);
    ck_assert_int_eq(rig_write(&rig, two_rows, 2), PH_OK);
    ck_assert_int_eq(rig_call_commit(&rig), PH_PENDING);
    ck_assert_int_eq(rd_kafka_mock_broker_set_down(rig.cluster, 1), 0);
    int64_t end_ns = harness_now_ns() + RIG_WAIT_MS * INT64_C(1000000);
    while (!harness_logged(rig.harness, "cannot be reached") && harness_now_ns() < end_ns) {
        ck_assert_int_ge(harness_pump(rig.task, 50), 0);
    }
    ck_assert(harness_logged(rig.harness, "with 2 records that are not acknowledged"));
    ck_assert_uint_eq(rig.task->done_count, 0);
    ck_assert_int_eq(rd_kafka_mock_broker_set_rtt(rig.cluster, 1, 0), 0);
    ck_assert_int_eq(rd_kafka_mock_broker_set_up(rig.cluster, 1), 0);
    ck_assert(rig_wait_done(&rig));
    ck_assert(!ph_error_is_set(&rig.task->done_error));
    ck_assert(harness_logged(rig.harness, "is back after"));
    ck_assert_int_eq(rig_count(&rig, "{\"text\":\"a\",\"raw\":null}"), 1);
    ck_assert_int_eq(harness_counter(rig.task, "reconnects"), 1);
}
END_TEST

/* Every row is written once, however often write has to be called for its batch. */
START_TEST(a_full_queue_takes_more_when_reports_come)
{
    enum { ROWS = 4000, ROUNDS = 4 };
    static struct harness_cell cells[ROWS * 2];
    static char text[600];
    const struct harness_setting small[] = {{.key = "queue_mib", .text = "1"}, {0}};
    memset(text, 'y', sizeof text);
    for (int i = 0; i < ROWS; i++) {
        cells[i * 2] = (struct harness_cell)CELL_BYTES(text, sizeof text);
        cells[i * 2 + 1] = (struct harness_cell)CELL_NULL;
    }
    open_with(small);
    int waits = 0;
    for (int round = 0; round < ROUNDS; round++) {
        int32_t result = rig_write(&rig, cells, ROWS);
        for (; result == PH_MORE; waits++) {
            ck_assert_int_gt(harness_pump(rig.task, RIG_WAIT_MS), 0);
            result = rig.harness->descriptor->sink->write(
                rig.task->self, rig.batches[rig.batch_count - 1], harness_error(rig.harness));
        }
        ck_assert_int_eq(result, PH_OK);
    }
    ck_assert_int_gt(waits, 0);
    ck_assert_int_eq(rig_commit(&rig), PH_OK);
    ck_assert_int_eq(harness_counter(rig.task, "records"), ROWS * ROUNDS);
    ck_assert_uint_eq(rig.task->reject_count, 0);
}
END_TEST

START_TEST(an_aborted_epoch_leaves_nothing_on_its_way)
{
    open_with(NULL);
    ck_assert_int_eq(rd_kafka_mock_broker_set_down(rig.cluster, 1), 0);
    ck_assert_int_eq(rig_write(&rig, two_rows, 2), PH_OK);
    ck_assert_int_eq(rig_call_commit(&rig), PH_PENDING);
    rig_abort(&rig);
    ck_assert_int_eq(harness_counter(rig.task, "unreported_records"), 0);
    ck_assert_int_eq(rd_kafka_mock_broker_set_up(rig.cluster, 1), 0);
    ck_assert_int_eq(rig_write(&rig, two_rows, 2), PH_OK);
    ck_assert_int_eq(rig_commit(&rig), PH_OK);
    ck_assert_int_eq(rig_count(&rig, "{\"text\":\"a\",\"raw\":null}"), 1);
}
END_TEST

/* ---- a loop ---- */

static int32_t claim(const char *topic, const char *cluster)
{
    const struct ph_partition other = {
        .size = sizeof other, .topic = "other", .source = "events", .cluster = cluster};
    const struct ph_partition partitions[] = {
        other,
        {.size = sizeof other, .id = 1, .source = "events", .topic = topic, .cluster = cluster}};
    struct ph_position positions[2];
    return rig.harness->descriptor->sink->claim(rig.task->self, partitions, 2, positions,
                                                harness_error(rig.harness));
}

START_TEST(the_topic_that_the_source_reads_is_refused)
{
    char expected[300];
    open_with(NULL);
    char *cluster = rd_kafka_clusterid(rig.rk, RIG_WAIT_MS);
    ck_assert_ptr_nonnull(cluster);
    ck_assert_int_eq(claim(RIG_TOPIC, cluster), PH_ERROR);
    ck_assert_uint_eq(rig_error(&rig)->flags, PH_ERR_CONFIG);
    ck_assert_str_eq(rig_error(&rig)->config_key, "/topic");
    (void)snprintf(expected, sizeof expected,
                   "topic " RIG_TOPIC " of cluster %s is what source events reads: each record "
                   "written would be read again, for ever; write to another topic",
                   cluster);
    ck_assert_str_eq(rig_error(&rig)->text, expected);
    ck_assert_int_eq(claim("another", cluster), PH_OK);
    rd_kafka_mem_free(rig.rk, cluster);
    ck_assert_int_eq(claim(RIG_TOPIC, "of another cluster"), PH_OK);
    ck_assert_int_eq(claim(RIG_TOPIC, ""), PH_OK); /* a file, or a replay */
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sink-kafka writing");
    TCase *tcase = tcase_create("mock");
    tcase_set_timeout(tcase, 300);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, each_row_becomes_a_record);
    tcase_add_test(tcase, columns_are_chosen_and_ordered);
    tcase_add_test(tcase, a_row_that_nothing_can_be_spliced_into_is_refused);
    tcase_add_test(tcase, nothing_counts_before_its_report);
    tcase_add_test(tcase, an_epoch_without_rows_is_durable_at_once);
    tcase_add_test(tcase, a_record_above_the_limit_is_refused_and_its_neighbours_are_not);
    tcase_add_test(tcase, records_that_the_broker_finds_bad_are_poison);
    tcase_add_test(tcase, a_topic_that_may_not_be_written_is_a_wrong_setting);
    tcase_add_test(tcase, what_passes_is_tried_again_without_a_word);
    tcase_add_test(tcase, a_broker_that_goes_away_is_waited_for);
    tcase_add_test(tcase, a_full_queue_takes_more_when_reports_come);
    tcase_add_test(tcase, an_aborted_epoch_leaves_nothing_on_its_way);
    tcase_add_test(tcase, the_topic_that_the_source_reads_is_refused);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
