/* SPDX-License-Identifier: Apache-2.0 */
/** The configuration of one producer of librdkafka. */
#ifndef SINK_KAFKA_CONF_H
#define SINK_KAFKA_CONF_H

#include "settings.h"

#include "pipehost/host.h"

#include <librdkafka/rdkafka.h>

/** Kafka's default of a topic's max.message.bytes, until the topic's own is known. */
#define CONF_TOPIC_BYTES 1048588

/** Room for an id of conf_write_id; the source of a replay has the names of two operators. */
#define CONF_ID_SIZE 320

/** How much a lane may have written without a report. */
struct conf_queue {
    int64_t value_bytes;
    int64_t records;
};

/** The share of one lane. [any] */
struct conf_queue conf_queue(const struct settings *s, uint32_t lane_count);

/** The size at which a batch is full: batch.size, or less where messages have to be smaller. [any]
 */
int64_t conf_batch_bytes(const rd_kafka_conf_t *conf, int64_t message_bytes);

/** How long a record waits for others of its batch, where the manifest does not say. [any] */
int64_t conf_linger_ms(const struct settings *s, uint32_t lane_count);

/** What a message's value and key may have together, where a topic takes batches of topic_bytes.
 * [any] */
int64_t conf_message_bytes(const struct settings *s, int64_t topic_bytes);

/**
 * What the cluster knows a sink of a pipeline by: its transactional.id, or with a source the id of
 * the group that has that one's positions. No name has a slash, so no two of them share an id.
 * [any]
 */
void conf_write_id(char id[CONF_ID_SIZE], const char *pipeline, const char *sink,
                   const char *source);

/** A configuration with pipehost's defaults, the manifest's properties, and what pipehost rules;
 * of the transactional.id where the sink is transactional. Null with err set. [worker] */
rd_kafka_conf_t *conf_create(const struct settings *s, const struct ph_task *task,
                             const char *transactional_id, int64_t message_bytes,
                             struct ph_error *err);

#endif
