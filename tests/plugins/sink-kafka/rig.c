/* SPDX-License-Identifier: Apache-2.0 */
#include "rig.h"

#include <check.h>
#include <stdlib.h>

static const struct ph_field fields[] = {{"text", PH_TYPE_STRING, 0}, {"raw", PH_TYPE_JSON, 0}};

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char reason[256];
    ck_assert_msg(rd_kafka_conf_set(conf, name, value, reason, sizeof reason) == RD_KAFKA_CONF_OK,
                  "%s", reason);
}

void rig_cluster(struct rig *r, int partitions)
{
    char reason[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "test.mock.num.brokers", "1");
    set(conf, "log_level", "0");
    r->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, reason, sizeof reason);
    ck_assert_msg(r->rk != NULL, "%s", reason);
    r->cluster = rd_kafka_handle_mock_cluster(r->rk);
    r->brokers = rd_kafka_mock_cluster_bootstraps(r->cluster);
    ck_assert_int_eq(rd_kafka_mock_topic_create(r->cluster, RIG_TOPIC, partitions, 1), 0);
}

bool rig_bind(struct rig *r, const struct harness_setting *settings)
{
    uint32_t count = 0;
    while (settings[count].key != NULL) {
        count++;
    }
    r->schema = harness_schema_of(fields, 2);
    r->harness = harness_open(SINK_KAFKA_SO, NULL, "pipeline", "located");
    ck_assert_ptr_nonnull(r->harness);
    r->harness->host.delivery = r->is_exact ? PH_DELIVERY_TRANSACTIONAL : PH_DELIVERY_DURABLE;
    return harness_init(r->harness, settings, count) == PH_OK &&
           harness_bind(r->harness, (const struct ph_schema *const[]){&r->schema}, 1) == PH_OK;
}

bool rig_activate(struct rig *r)
{
    r->task = harness_task_create(r->harness, 0);
    return r->task != NULL && harness_activate(r->task) == PH_OK;
}

static void release_batches(struct rig *r)
{
    for (uint32_t i = 0; i < r->batch_count; i++) {
        harness_batch_release(r->batches[i]);
    }
    r->batch_count = 0;
}

void rig_close(struct rig *r)
{
    if (r->task != NULL) {
        harness_task_destroy(r->task);
    }
    release_batches(r);
    if (r->harness != NULL) {
        harness_close(r->harness);
    }
    if (r->rk != NULL) {
        rd_kafka_destroy(r->rk);
    }
    *r = (struct rig){0};
}

int32_t rig_write(struct rig *r, const struct harness_cell *cells, uint32_t rows)
{
    ck_assert_uint_lt(r->batch_count, sizeof r->batches / sizeof r->batches[0]);
    struct ph_batch *batch = harness_batch(&r->schema, cells, rows);
    r->batches[r->batch_count++] = batch;
    return r->harness->descriptor->sink->write(r->task->self, batch, harness_error(r->harness));
}

int32_t rig_call_commit(struct rig *r)
{
    const struct ph_position position = {.next_offset = r->next_offset};
    struct ph_epoch epoch = {.size = (uint32_t)sizeof epoch,
                             .id = ++r->epoch_id,
                             .positions = &position,
                             .position_count = r->next_offset > 0};
    return r->harness->descriptor->sink->commit(r->task->self, &epoch, harness_error(r->harness));
}

bool rig_wait_done(struct rig *r)
{
    int64_t end_ns = harness_now_ns() + RIG_WAIT_MS * INT64_C(1000000);
    while (r->task->done_epoch_id != r->epoch_id && harness_now_ns() < end_ns) {
        ck_assert_int_ge(harness_pump(r->task, 100), 0);
    }
    return r->task->done_epoch_id == r->epoch_id;
}

int32_t rig_commit(struct rig *r)
{
    int32_t result = rig_call_commit(r);
    if (result == PH_PENDING) {
        ck_assert_msg(rig_wait_done(r), "the epoch is never answered");
        r->harness->error = r->task->done_error;
        result = ph_error_is_set(&r->task->done_error) ? PH_ERROR : PH_OK;
    }
    release_batches(r);
    return result;
}

void rig_abort(struct rig *r)
{
    r->harness->descriptor->sink->abort(r->task->self);
    release_batches(r);
}

const struct ph_error *rig_error(const struct rig *r)
{
    return &r->harness->error;
}

int rig_count(const struct rig *r, const char *value)
{
    char reason[256];
    int partitions = 4;
    int found = 0;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", r->brokers);
    set(conf, "group.id", "count");
    set(conf, "enable.partition.eof", "true");
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, reason, sizeof reason);
    ck_assert_msg(rk != NULL, "%s", reason);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
    for (int p = 0; p < partitions; p++) {
        rd_kafka_topic_partition_list_add(list, RIG_TOPIC, p)->offset = RD_KAFKA_OFFSET_BEGINNING;
    }
    ck_assert_int_eq(rd_kafka_assign(rk, list), 0);
    rd_kafka_topic_partition_list_destroy(list);
    while (partitions > 0) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(rk, RIG_WAIT_MS);
        ck_assert_ptr_nonnull(m);
        partitions -= m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
        found += m->err == 0 && m->len == strlen(value) && memcmp(m->payload, value, m->len) == 0;
        rd_kafka_message_destroy(m);
    }
    rd_kafka_destroy(rk);
    return found;
}
