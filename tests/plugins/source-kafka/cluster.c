/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster.h"

#include "event.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TIMEOUT_MS 120000

static void must(bool holds, const char *what)
{
    if (!holds) {
        (void)fprintf(stderr, "cluster: %s failed\n", what);
        abort();
    }
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char reason[256];
    must(rd_kafka_conf_set(conf, name, value, reason, sizeof reason) == RD_KAFKA_CONF_OK, name);
}

/* Waits for the answer to an administrative request. */
static void take_result(rd_kafka_queue_t *queue, const char *what)
{
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, TIMEOUT_MS);
    must(event != NULL && rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR_NO_ERROR, what);
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
}

static void create_topic(struct cluster *c)
{
    char reason[256];
    rd_kafka_queue_t *queue = rd_kafka_queue_new(c->rk);
    rd_kafka_NewTopic_t *topic =
        rd_kafka_NewTopic_new(c->topic, c->partitions, 1, reason, sizeof reason);
    rd_kafka_CreateTopics(c->rk, &topic, 1, NULL, queue);
    take_result(queue, "CreateTopics");
    rd_kafka_NewTopic_destroy(topic);
}

/* One property of the producer beside what all have; property null = none. */
static void open_with(struct cluster *c, const char *brokers, const char *prefix, int partitions,
                      const char *property, const char *value)
{
    static int count;
    char reason[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    *c = (struct cluster){.brokers = brokers, .partitions = partitions};
    set(conf, "bootstrap.servers", brokers);
    set(conf, "linger.ms", "5");
    set(conf, "log_level", "0");
    if (property != NULL) {
        set(conf, property, value);
    }
    (void)snprintf(c->topic, sizeof c->topic, "%s-%lld-%d-%d", prefix, (long long)time(NULL),
                   (int)getpid(), count++);
    c->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, reason, sizeof reason);
    must(c->rk != NULL, "rd_kafka_new");
    create_topic(c);
}

void cluster_open(struct cluster *c, const char *brokers, const char *prefix, int partitions,
                  const char *transactional_id)
{
    open_with(c, brokers, prefix, partitions, transactional_id != NULL ? "transactional.id" : NULL,
              transactional_id);
}

void cluster_open_compressed(struct cluster *c, const char *brokers, const char *prefix,
                             int partitions, const char *codec)
{
    open_with(c, brokers, prefix, partitions, "compression.codec", codec);
}

static void produce(struct cluster *c, int32_t partition, const void *value, size_t length)
{
    for (;;) {
        rd_kafka_resp_err_t code =
            rd_kafka_producev(c->rk, RD_KAFKA_V_TOPIC(c->topic), RD_KAFKA_V_PARTITION(partition),
                              RD_KAFKA_V_VALUE((void *)(uintptr_t)value, length),
                              RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
            return;
        }
        must(code == RD_KAFKA_RESP_ERR__QUEUE_FULL, "rd_kafka_producev");
        (void)rd_kafka_poll(c->rk, 100);
    }
}

void cluster_produce(struct cluster *c, int64_t first, int64_t count)
{
    char value[EVENT_MAX_BYTES];
    for (int64_t offset = first; offset < first + count; offset++) {
        for (int32_t partition = 0; partition < c->partitions; partition++) {
            size_t length =
                event_write(value, sizeof value, CLUSTER_SEED, partition, offset, CLUSTER_IPS);
            produce(c, partition, value, length);
        }
    }
    cluster_flush(c);
}

void cluster_produce_one(struct cluster *c, int32_t partition, const void *value, size_t length)
{
    produce(c, partition, value, length);
    cluster_flush(c);
}

void cluster_flush(struct cluster *c)
{
    must(rd_kafka_flush(c->rk, TIMEOUT_MS) == RD_KAFKA_RESP_ERR_NO_ERROR, "rd_kafka_flush");
}

void cluster_delete_below(struct cluster *c, int32_t partition, int64_t offset)
{
    rd_kafka_queue_t *queue = rd_kafka_queue_new(c->rk);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, c->topic, partition)->offset = offset;
    rd_kafka_DeleteRecords_t *request = rd_kafka_DeleteRecords_new(list);
    rd_kafka_DeleteRecords(c->rk, &request, 1, NULL, queue);
    take_result(queue, "DeleteRecords");
    rd_kafka_DeleteRecords_destroy(request);
    rd_kafka_topic_partition_list_destroy(list);
}

int64_t cluster_committed(const struct cluster *c, const char *group, int32_t partition)
{
    char reason[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", c->brokers);
    set(conf, "group.id", group);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, reason, sizeof reason);
    must(rk != NULL, "rd_kafka_new");
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, c->topic, partition);
    must(rd_kafka_committed(rk, list, TIMEOUT_MS) == RD_KAFKA_RESP_ERR_NO_ERROR,
         "rd_kafka_committed");
    int64_t offset = list->elems[0].offset;
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy(rk);
    return offset;
}

void cluster_close(struct cluster *c)
{
    rd_kafka_destroy(c->rk);
}

bool cluster_made(int32_t partition, const struct ph_record *record, void *data)
{
    char value[EVENT_MAX_BYTES];
    size_t length =
        event_write(value, sizeof value, CLUSTER_SEED, partition, record->offset, CLUSTER_IPS);
    (void)data;
    return record->value_length == length && memcmp(record->value, value, length) == 0;
}
