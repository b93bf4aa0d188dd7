/* SPDX-License-Identifier: Apache-2.0 */
#include "conf.h"

#include "kafka/preset.h"
#include "kafka/properties.h"

#include <stdlib.h>

/* What librdkafka allocates for a message whose value it does not copy is about twice this. */
#define RECORD_SHARE_BYTES 128
/* What a batch of one record has beside value and key: 61 bytes of head, some lengths, and with
 * headers their names, a topic of up to 249 bytes, two numbers. */
#define BATCH_HEAD_BYTES   128
#define BATCH_HEADER_BYTES 512
/* Records of positions, which go behind a full queue. */
#define POSITIONS_MAX 100000
/* The least that librdkafka takes for message.max.bytes. */
#define MESSAGE_BYTES_MIN 1000

/* An epoch without a transaction is over when its last record is reported: none may wait for
 * company for long. */
#define LINGER_MS 1
/* A transaction ends with a flush, for which none waits. Before that long is better: librdkafka
 * (2.0.2, idempotent) has one batch of a partition on its way, and as long as a record behind it is
 * older than this its thread turns without a pause. */
#define LINGER_TRANSACTIONAL_MS 100
/* A queue that is full of batches that are not waits for nothing else. */
#define LINGER_BYTES_PER_MS (320 * 1024)

/* Set after the properties: no manifest changes these. */
static const struct preset rules[] = {
    {"enable.idempotence", "true"},
    {"acks", "all"},
    {"delivery.report.only.error", "false"},
    {"queue.buffering.max.kbytes", "2097151"},
};

struct conf_queue conf_queue(const struct settings *s, uint32_t lane_count)
{
    int64_t lane_bytes = s->queue_bytes / (lane_count > 0 ? lane_count : 1);
    return (struct conf_queue){lane_bytes, lane_bytes / RECORD_SHARE_BYTES};
}

int64_t conf_linger_ms(const struct settings *s, uint32_t lane_count)
{
    if (!s->is_transactional) {
        return LINGER_MS;
    }
    int64_t ms = conf_queue(s, lane_count).value_bytes / LINGER_BYTES_PER_MS;
    return ms < LINGER_MS ? LINGER_MS : ms > LINGER_TRANSACTIONAL_MS ? LINGER_TRANSACTIONAL_MS : ms;
}

int64_t conf_message_bytes(const struct settings *s, int64_t topic_bytes)
{
    int64_t bytes = topic_bytes - BATCH_HEAD_BYTES - (s->has_headers ? BATCH_HEADER_BYTES : 0);
    const struct ph_value *map = s->properties;
    for (uint32_t i = 0; map != NULL && map->is_set && i < map->item_count; i++) {
        if (strcmp(map->items[i].name, "message.max.bytes") == 0) {
            int64_t wanted = strtoll(map->items[i].text, NULL, 10);
            bytes = wanted < bytes ? wanted : bytes;
        }
    }
    return bytes < MESSAGE_BYTES_MIN ? MESSAGE_BYTES_MIN : bytes;
}

static int64_t get_integer(const rd_kafka_conf_t *conf, const char *name, int64_t otherwise)
{
    char text[24];
    size_t size = sizeof text;
    return rd_kafka_conf_get(conf, name, text, &size) == RD_KAFKA_CONF_OK ? strtoll(text, NULL, 10)
                                                                          : otherwise;
}

/* A batch of several records must not be larger than the topic takes either. */
int64_t conf_batch_bytes(const rd_kafka_conf_t *conf, int64_t message_bytes)
{
    int64_t batch_bytes = get_integer(conf, "batch.size", message_bytes);
    return message_bytes < batch_bytes ? message_bytes : batch_bytes;
}

static int32_t set_sizes(rd_kafka_conf_t *conf, int64_t message_bytes, struct ph_error *err)
{
    int64_t batch_bytes = conf_batch_bytes(conf, message_bytes);
    if (preset_set_integer(conf, "message.max.bytes", message_bytes, err) != PH_OK) {
        return PH_ERROR;
    }
    return preset_set_integer(conf, "batch.size", batch_bytes, err);
}

void conf_write_id(char id[CONF_ID_SIZE], const char *pipeline, const char *sink,
                   const char *source)
{
    (void)snprintf(id, CONF_ID_SIZE, "pipehost/%s/%s%s%s", pipeline, sink,
                   source == NULL ? "" : "/", source == NULL ? "" : source);
}

/* Records wait as long as their transaction may; without one for ever. */
static int32_t set_transaction(rd_kafka_conf_t *conf, const struct settings *s,
                               const char *transactional_id, struct ph_error *err)
{
    int64_t timeout_ms = s->transaction_timeout_ms;
    if (!s->is_transactional) {
        return preset_set_integer(conf, "message.timeout.ms", 0, err);
    }
    if (preset_set(conf, "transactional.id", transactional_id, err) != PH_OK ||
        preset_set_integer(conf, "transaction.timeout.ms", timeout_ms, err) != PH_OK ||
        preset_set_integer(conf, "message.timeout.ms", timeout_ms, err) != PH_OK) {
        return PH_ERROR;
    }
    /* A request that may wait longer than that is refused by librdkafka. */
    return get_integer(conf, "socket.timeout.ms", 0) > timeout_ms
               ? preset_set_integer(conf, "socket.timeout.ms", timeout_ms, err)
               : PH_OK;
}

static int32_t fill(rd_kafka_conf_t *conf, const struct settings *s, const struct ph_task *task,
                    const char *transactional_id, int64_t message_bytes, struct ph_error *err)
{
    struct conf_queue queue = conf_queue(s, task->host->lane_count);
    if (preset_connection(conf, err) != PH_OK ||
        preset_set_integer(conf, "linger.ms", conf_linger_ms(s, task->host->lane_count), err) !=
            PH_OK ||
        properties_apply(s->properties, conf, err) != PH_OK ||
        preset_set_all(conf, rules, sizeof rules / sizeof rules[0], err) != PH_OK ||
        set_transaction(conf, s, transactional_id, err) != PH_OK ||
        preset_client(conf, s->brokers, task, err) != PH_OK ||
        preset_set_key(conf, "partitioner", s->partitioner, "/partitioner", err) != PH_OK ||
        preset_set_key(conf, "compression.codec", s->compression, "/compression", err) != PH_OK ||
        set_sizes(conf, message_bytes, err) != PH_OK) {
        return PH_ERROR;
    }
    return preset_set_integer(conf, "queue.buffering.max.messages", queue.records + POSITIONS_MAX,
                              err);
}

rd_kafka_conf_t *conf_create(const struct settings *s, const struct ph_task *task,
                             const char *transactional_id, int64_t message_bytes,
                             struct ph_error *err)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    if (fill(conf, s, task, transactional_id, message_bytes, err) != PH_OK) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    return conf;
}
