/* SPDX-License-Identifier: Apache-2.0 */
/** Epochs as transactions on the mock cluster: how one that failed is told, and aborted. */
#include "rig.h"

#include "pipehost/positions.h"

#include <check.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>

/* Kafka's ApiKeys. */
#define PRODUCE               0
#define ADD_PARTITIONS_TO_TXN 24

#define GROUP_ONE             "pipehost/pipeline/located/one"

/* transaction.timeout.ms. */
#define USUAL_MS "60000"
#define SHORT_MS "8000"

static struct rig rig;

static const struct harness_cell one_row[] = {CELL_TEXT("a"), CELL_NULL};

static void open_exact(const char *timeout_ms)
{
    const struct harness_item items[] = {{"transaction.timeout.ms", timeout_ms}};
    rig_cluster(&rig, 4);
    const struct harness_setting settings[] = {{.key = "brokers", .text = rig.brokers},
                                               {.key = "topic", .text = RIG_TOPIC},
                                               {.key = "rdkafka", .items = items, .item_count = 1},
                                               {0}};
    rig.is_exact = true;
    ck_assert_msg(rig_bind(&rig, settings), "%s", rig_error(&rig)->text);
    ck_assert_msg(rig_activate(&rig), "%s", rig_error(&rig)->text);
}

static void teardown(void)
{
    rig_close(&rig);
}

/* ---- offsets of groups */

static void commit_offset(const char *group, const char *metadata)
{
    char reason[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    ck_assert_int_eq(rd_kafka_conf_set(conf, "bootstrap.servers", rig.brokers, NULL, 0), 0);
    ck_assert_int_eq(rd_kafka_conf_set(conf, "group.id", group, NULL, 0), 0);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, reason, sizeof reason);
    ck_assert_msg(rk != NULL, "%s", reason);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *offset = rd_kafka_topic_partition_list_add(list, "read", 0);
    offset->offset = 5;
    if (metadata != NULL) {
        offset->metadata = strdup(metadata);
        ck_assert_ptr_nonnull(offset->metadata);
        offset->metadata_size = strlen(metadata);
    }
    ck_assert_int_eq(rd_kafka_commit(rk, list, 0), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy(rk);
}

static int32_t try_claim_groups(void)
{
    char *cluster = rd_kafka_clusterid(rig.rk, RIG_WAIT_MS);
    ck_assert_ptr_nonnull(cluster);
    const struct ph_partition one = {
        .size = sizeof one, .source = "one", .topic = "read", .cluster = cluster};
    struct ph_partition partitions[] = {one, one};
    struct ph_position positions[2];
    partitions[1].id = 1;
    partitions[1].source = "two";
    int32_t result = rig.harness->descriptor->sink->claim(rig.task->self, partitions, 2, positions,
                                                          harness_error(rig.harness));
    if (result == PH_OK) {
        ck_assert_int_eq(positions[1].next_offset, 5);
    }
    rd_kafka_mem_free(rig.rk, cluster);
    return result;
}

static void claim_groups(void)
{
    int32_t result = try_claim_groups();
    ck_assert_msg(result == PH_OK, "%s", rig_error(&rig)->text);
}

static void open_groups(const char *timeout_ms)
{
    open_exact(timeout_ms);
    ck_assert_int_eq(rd_kafka_mock_topic_create(rig.cluster, "read", 1, 1), 0);
    commit_offset(GROUP_ONE, NULL);
    commit_offset("pipehost/pipeline/located/two", NULL);
    claim_groups();
}

static void setup_groups(void)
{
    open_groups(USUAL_MS);
}

static void setup_short(void)
{
    open_groups(SHORT_MS);
}

/* As the host does: a producer that cannot go on is followed by a new one. */
static void write_again(void)
{
    for (int i = 0; i < 10; i++) {
        if (rig_write(&rig, one_row, 1) == PH_OK && rig_commit(&rig) == PH_OK) {
            return;
        }
        ck_assert_msg(rig_error(&rig)->flags == PH_ERR_RETRIABLE, "%s", rig_error(&rig)->text);
        rig_abort(&rig);
        claim_groups();
    }
    ck_abort_msg("the epoch is never written: %s", rig_error(&rig)->text);
}

/* All that a record's report says then is that it was purged. */
START_TEST(a_topic_that_may_not_be_written_is_a_wrong_setting)
{
    rd_kafka_mock_push_request_errors(rig.cluster, ADD_PARTITIONS_TO_TXN, 1,
                                      RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    ck_assert_int_eq(rig_write(&rig, one_row, 1), PH_OK);
    ck_assert_int_eq(rig_commit(&rig), PH_ERROR);
    ck_assert_ptr_nonnull(strstr(rig_error(&rig)->text, "Topic authorization failed"));
    ck_assert_uint_eq(rig_error(&rig)->flags, PH_ERR_CONFIG);
    ck_assert_str_eq(rig_error(&rig)->config_key, "/topic");
}
END_TEST

/* Without a pause, as long as that is taken. */
static void write_until_it_fails(void)
{
    int32_t result = PH_OK;
    int64_t end_ns = harness_now_ns() + RIG_WAIT_MS * INT64_C(1000000);
    struct ph_batch *batch = harness_batch(&rig.schema, one_row, 1);
    while (result != PH_ERROR && harness_now_ns() < end_ns) {
        if (result == PH_MORE) {
            ck_assert_int_ge(harness_pump(rig.task, 100), 0);
        }
        result =
            rig.harness->descriptor->sink->write(rig.task->self, batch, harness_error(rig.harness));
    }
    harness_batch_release(batch);
    ck_assert_int_eq(result, PH_ERROR);
}

/* Records behind the bad one are purged, and may be reported before it. */
START_TEST(a_record_that_the_broker_finds_bad_is_poison_whatever_comes_behind_it)
{
    rd_kafka_mock_push_request_errors(rig.cluster, PRODUCE, 1, RD_KAFKA_RESP_ERR_INVALID_RECORD);
    write_until_it_fails();
    ck_assert_str_eq(rig_error(&rig)->foreign_code, "INVALID_RECORD");
    ck_assert_uint_eq(rig_error(&rig)->flags, PH_ERR_POISON);
    rig_abort(&rig);
    rig.next_offset = 6;
    write_again();
}
END_TEST

/* ---- shut out */

/* Whichever call it is that fails first. */
static void be_shut_out(void)
{
    rd_kafka_mock_push_request_errors(rig.cluster, PRODUCE, 1,
                                      RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH);
    write_until_it_fails();
    ck_assert_uint_eq(rig_error(&rig)->flags, PH_ERR_RETRIABLE);
    rig_abort(&rig);
}

START_TEST(a_producer_with_an_overdue_transaction_goes_on_where_nobody_took_over)
{
    ck_assert_int_eq(rig_write(&rig, one_row, 1), PH_OK);
    int64_t end_ns = harness_now_ns() + strtoll(SHORT_MS, NULL, 10) * INT64_C(1000000);
    while (harness_now_ns() < end_ns) {
        ck_assert_int_ge(harness_pump(rig.task, 100), 0);
    }
    be_shut_out();
    claim_groups();
    ck_assert(harness_logged(rig.harness, "nobody else took over: going on with a new one"));
    write_again();
}
END_TEST

/* What happens while a claim waits: the new owner signs late, or the process is to end. */
#define LATE_MS 4000 /* more than a transaction that is overdue would be waited for */

static void wait_for_the_wait(void)
{
    int64_t end_ns = harness_now_ns() + RIG_WAIT_MS * INT64_C(1000000);
    while (!harness_logged(rig.harness, "was shut out: waiting up to 120 s")) {
        ck_assert_int_lt(harness_now_ns(), end_ns);
        (void)poll(NULL, 0, 10);
    }
}

static void *sign_late(void *arg)
{
    (void)arg;
    wait_for_the_wait();
    (void)poll(NULL, 0, LATE_MS);
    commit_offset(GROUP_ONE, "{\"next_offset\":5,\"owner\":\"another process\"}");
    return NULL;
}

static void *stop(void *arg)
{
    (void)arg;
    wait_for_the_wait();
    __atomic_store_n(&rig.task->is_cancelled, true, __ATOMIC_RELEASE);
    return NULL;
}

static void claim_beside(void *(*beside)(void *))
{
    pthread_t thread;
    be_shut_out();
    ck_assert_int_eq(pthread_create(&thread, NULL, beside, NULL), 0);
    ck_assert_int_eq(try_claim_groups(), PH_ERROR);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert(!harness_logged(rig.harness, "going on with a new one"));
}

START_TEST(a_new_owner_may_take_its_time_to_sign)
{
    claim_beside(sign_late);
    ck_assert_uint_eq(rig_error(&rig)->flags, PH_ERR_FENCED);
    ck_assert_ptr_nonnull(
        strstr(rig_error(&rig)->text, "read[0] was taken over by another process"));
}
END_TEST

/* In whichever question it was. A claim that heard nothing would have gone on in the end. */
static void assert_stopped(void)
{
    const char *text = rig_error(&rig)->text;
    ck_assert_msg(strncmp(text, "stopped while ", strlen("stopped while ")) == 0, "%s", text);
}

START_TEST(who_waits_for_a_name_can_be_stopped)
{
    claim_beside(stop);
    assert_stopped();
}
END_TEST

/* ---- commits */

static int32_t commit_groups(void)
{
    const struct ph_position positions[] = {{.partition_id = 0, .next_offset = 6},
                                            {.partition_id = 1, .next_offset = 6}};
    const struct ph_epoch epoch = {.size = (uint32_t)sizeof epoch,
                                   .id = ++rig.epoch_id,
                                   .positions = positions,
                                   .position_count = 2};
    return rig.harness->descriptor->sink->commit(rig.task->self, &epoch,
                                                 harness_error(rig.harness));
}

/* While the first group's are on their way nothing of the second's may be gone. */
START_TEST(an_abort_may_come_while_offsets_are_sent)
{
    ck_assert_int_eq(rd_kafka_mock_broker_set_rtt(rig.cluster, 1, 300), 0);
    ck_assert_int_eq(rig_write(&rig, one_row, 1), PH_OK);
    ck_assert_int_eq(commit_groups(), PH_PENDING);
    int64_t end_ns = harness_now_ns() + RIG_WAIT_MS * INT64_C(1000000);
    while (harness_counter(rig.task, "unreported_records") > 0 && harness_now_ns() < end_ns) {
        ck_assert_int_ge(harness_pump(rig.task, 100), 0);
    }
    ck_assert_int_eq(harness_counter(rig.task, "unreported_records"), 0);
    ck_assert_uint_eq(rig.task->done_count, 0);
    rig_abort(&rig);
    ck_assert_int_eq(rd_kafka_mock_broker_set_rtt(rig.cluster, 1, 0), 0);
    claim_groups();
    ck_assert_int_eq(rig_write(&rig, one_row, 1), PH_OK);
    ck_assert_int_eq(commit_groups(), PH_PENDING);
    ck_assert(rig_wait_done(&rig));
    ck_assert_msg(!ph_error_is_set(&rig.task->done_error), "%s", rig.task->done_error.text);
}
END_TEST

/* ---- a topic of positions */

/* Of another cluster: the position is kept in a topic, which the mock makes when it is asked for.
 */
static const struct ph_partition elsewhere = {
    .size = sizeof elsewhere, .source = "events", .topic = "read", .cluster = "elsewhere"};

static int32_t claim_one(const struct ph_partition *partition, int64_t *next_offset)
{
    struct ph_position position = {0};
    int32_t result = rig.harness->descriptor->sink->claim(rig.task->self, partition, 1, &position,
                                                          harness_error(rig.harness));
    *next_offset = position.next_offset;
    return result;
}

static void claim_topic(void)
{
    int64_t next_offset;
    ck_assert_msg(claim_one(&elsewhere, &next_offset) == PH_OK, "%s", rig_error(&rig)->text);
}

static void setup_topic(void)
{
    open_exact(USUAL_MS);
    claim_topic();
}

/* As a process that starts. */
static void start_again(void)
{
    harness_task_destroy(rig.task);
    ck_assert_msg(rig_activate(&rig), "%s", rig_error(&rig)->text);
}

/* No row is to blame for it. */
START_TEST(a_positions_topic_that_refuses_is_a_wrong_setting_of_its_own)
{
    rig.next_offset = 7;
    rd_kafka_mock_push_request_errors(rig.cluster, PRODUCE, 1, RD_KAFKA_RESP_ERR_INVALID_RECORD);
    ck_assert_int_eq(rig_commit(&rig), PH_ERROR);
    ck_assert_uint_eq(rig_error(&rig)->flags, PH_ERR_CONFIG);
    ck_assert_str_eq(rig_error(&rig)->config_key, "/positions_topic");
    ck_assert_ptr_nonnull(
        strstr(rig_error(&rig)->text, "topic \"pipehost-positions\" of Kafka at "));
    ck_assert_ptr_nonnull(strstr(rig_error(&rig)->text, " did not take a position: "));
}
END_TEST

static const struct ph_positions_ops *kept_ops(void)
{
    return rig.harness->descriptor->ops->get_extension(rig.harness->op, PH_EXTENSION_POSITIONS);
}

static void set_kept(const struct ph_partition *partition, int64_t next_offset)
{
    const struct ph_position position = {.next_offset = next_offset};
    int32_t result =
        kept_ops()->set(rig.task->self, partition, &position, 1, harness_error(rig.harness));
    ck_assert_msg(result == PH_OK, "%s", rig_error(&rig)->text);
}

START_TEST(a_position_of_another_cluster_is_refused_with_the_command_that_accepts_it)
{
    struct ph_partition moved = elsewhere;
    int64_t next_offset;
    moved.cluster = "new";
    rig.next_offset = 7;
    ck_assert_int_eq(rig_commit(&rig), PH_OK);
    start_again();
    ck_assert_int_eq(claim_one(&moved, &next_offset), PH_ERROR);
    ck_assert_uint_eq(rig_error(&rig)->flags, PH_ERR_CONFIG);
    ck_assert_str_eq(
        rig_error(&rig)->text,
        "the position of read[0] in pipehost-positions is of cluster elsewhere, but the topic is "
        "read from cluster new; pipehost positions set MANIFEST --sink located --to earliest (or "
        "latest, or an offset) goes on in that one");
    start_again();
    set_kept(&moved, 3);
    start_again();
    ck_assert_msg(claim_one(&moved, &next_offset) == PH_OK, "%s", rig_error(&rig)->text);
    ck_assert_int_eq(next_offset, 3);
}
END_TEST

/* ---- a slow cluster */

static void setup_always_topic(void)
{
    rig_cluster(&rig, 1);
    const struct harness_setting settings[] = {{.key = "brokers", .text = rig.brokers},
                                               {.key = "topic", .text = RIG_TOPIC},
                                               {.key = "positions", .text = "topic"},
                                               {0}};
    rig.is_exact = true;
    ck_assert_msg(rig_bind(&rig, settings), "%s", rig_error(&rig)->text);
    ck_assert_msg(rig_activate(&rig), "%s", rig_error(&rig)->text);
}

START_TEST(who_asks_for_the_topics_of_a_slow_cluster_hears_a_stop)
{
    struct ph_kept_positions list = {.size = sizeof list};
    ck_assert_int_eq(rd_kafka_mock_broker_set_rtt(rig.cluster, 1, 30000), 0);
    rig.task->is_cancelled = true;
    ck_assert_int_eq(
        kept_ops()->list(rig.task->self, "pipeline", &list, harness_error(rig.harness)), PH_ERROR);
    ck_assert_ptr_nonnull(strstr(rig_error(&rig)->text, "was asked for its topics"));
    ck_assert_int_eq(rd_kafka_mock_broker_set_rtt(rig.cluster, 1, 0), 0);
}
END_TEST

START_TEST(a_cluster_that_takes_seconds_to_list_its_topics_is_waited_for)
{
    struct ph_kept_positions list = {.size = sizeof list};
    ck_assert_int_eq(rd_kafka_mock_broker_set_rtt(rig.cluster, 1, 4500), 0);
    int32_t result =
        kept_ops()->list(rig.task->self, "pipeline", &list, harness_error(rig.harness));
    ck_assert_int_eq(rd_kafka_mock_broker_set_rtt(rig.cluster, 1, 0), 0);
    ck_assert_msg(result == PH_OK, "%s", rig_error(&rig)->text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sink-kafka exact");
    TCase *groups = tcase_create("groups");
    tcase_set_timeout(groups, 300);
    tcase_add_checked_fixture(groups, setup_groups, teardown);
    tcase_add_test(groups, a_topic_that_may_not_be_written_is_a_wrong_setting);
    tcase_add_test(groups, a_record_that_the_broker_finds_bad_is_poison_whatever_comes_behind_it);
    tcase_add_test(groups, a_new_owner_may_take_its_time_to_sign);
    tcase_add_test(groups, who_waits_for_a_name_can_be_stopped);
    tcase_add_test(groups, an_abort_may_come_while_offsets_are_sent);
    suite_add_tcase(suite, groups);
    TCase *late = tcase_create("late");
    tcase_set_timeout(late, 300);
    tcase_add_checked_fixture(late, setup_short, teardown);
    tcase_add_test(late, a_producer_with_an_overdue_transaction_goes_on_where_nobody_took_over);
    suite_add_tcase(suite, late);
    TCase *topic = tcase_create("topic");
    tcase_set_timeout(topic, 300);
    tcase_add_checked_fixture(topic, setup_topic, teardown);
    tcase_add_test(topic, a_positions_topic_that_refuses_is_a_wrong_setting_of_its_own);
    tcase_add_test(topic,
                   a_position_of_another_cluster_is_refused_with_the_command_that_accepts_it);
    suite_add_tcase(suite, topic);
    TCase *slow = tcase_create("slow");
    tcase_set_timeout(slow, 300);
    tcase_add_checked_fixture(slow, setup_always_topic, teardown);
    tcase_add_test(slow, who_asks_for_the_topics_of_a_slow_cluster_hears_a_stop);
    tcase_add_test(slow, a_cluster_that_takes_seconds_to_list_its_topics_is_waited_for);
    suite_add_tcase(suite, slow);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
