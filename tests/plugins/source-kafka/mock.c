/* SPDX-License-Identifier: Apache-2.0 */
#include "mock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char reason[256];
    if (rd_kafka_conf_set(conf, name, value, reason, sizeof reason) != RD_KAFKA_CONF_OK) {
        (void)fprintf(stderr, "%s\n", reason);
        abort();
    }
}

static rd_kafka_t *client(rd_kafka_type_t type, rd_kafka_conf_t *conf)
{
    char reason[256];
    rd_kafka_t *rk = rd_kafka_new(type, conf, reason, sizeof reason);
    if (rk == NULL) {
        (void)fprintf(stderr, "%s\n", reason);
        abort();
    }
    return rk;
}

void mock_open(struct mock *m, int brokers, int partitions)
{
    char count[16];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    *m = (struct mock){0};
    (void)snprintf(count, sizeof count, "%d", brokers);
    set(conf, "test.mock.num.brokers", count);
    set(conf, "linger.ms", "0");
    set(conf, "log_level", "0");
    set(conf, "reconnect.backoff.max.ms", "200");
    m->rk = client(RD_KAFKA_PRODUCER, conf);
    m->cluster = rd_kafka_handle_mock_cluster(m->rk);
    m->brokers = rd_kafka_mock_cluster_bootstraps(m->cluster);
    if (partitions > MOCK_PARTITIONS ||
        rd_kafka_mock_topic_create(m->cluster, MOCK_TOPIC, partitions, brokers) != 0) {
        abort();
    }
}

void mock_produce(struct mock *m, int32_t partition, int count)
{
    for (int i = 0; i < count; i++) {
        char key[16];
        char value[48];
        int key_length = snprintf(key, sizeof key, "k%d", partition);
        int value_length = snprintf(value, sizeof value, "%d-%lld", partition,
                                    (long long)m->produced[partition]++);
        if (rd_kafka_producev(m->rk, RD_KAFKA_V_TOPIC(MOCK_TOPIC), RD_KAFKA_V_PARTITION(partition),
                              RD_KAFKA_V_KEY(key, (size_t)key_length),
                              RD_KAFKA_V_VALUE(value, (size_t)value_length),
                              RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END) != 0) {
            abort();
        }
    }
    if (rd_kafka_flush(m->rk, 10000) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        abort();
    }
}

int64_t mock_committed(const struct mock *m, const char *group, int32_t partition)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", m->brokers);
    set(conf, "group.id", group);
    rd_kafka_t *rk = client(RD_KAFKA_CONSUMER, conf);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, MOCK_TOPIC, partition);
    if (rd_kafka_committed(rk, list, 10000) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        abort();
    }
    int64_t offset = list->elems[0].offset;
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy(rk);
    return offset;
}

void mock_close(struct mock *m)
{
    rd_kafka_destroy(m->rk);
}

bool mock_made(int32_t partition, const struct ph_record *record, void *data)
{
    char key[16];
    char value[48];
    int key_length = snprintf(key, sizeof key, "k%d", partition);
    int value_length =
        snprintf(value, sizeof value, "%d-%lld", partition, (long long)record->offset);
    (void)data;
    return record->key_length == (uint32_t)key_length &&
           record->value_length == (uint32_t)value_length && record->headers == NULL &&
           record->timestamp_ms > 0 && memcmp(record->key, key, record->key_length) == 0 &&
           memcmp(record->value, value, record->value_length) == 0;
}
