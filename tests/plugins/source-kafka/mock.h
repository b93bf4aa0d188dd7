/* SPDX-License-Identifier: Apache-2.0 */
/** librdkafka's mock cluster with one topic, and a producer for it. */
#ifndef TEST_SOURCE_KAFKA_MOCK_H
#define TEST_SOURCE_KAFKA_MOCK_H

#include "pipehost/source.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#define MOCK_TOPIC      "events"
#define MOCK_PARTITIONS 64

struct mock {
    rd_kafka_t *rk; /**< owns the cluster and produces */
    rd_kafka_mock_cluster_t *cluster;
    const char *brokers;
    int64_t produced[MOCK_PARTITIONS]; /**< by partition */
};

void mock_open(struct mock *m, int brokers, int partitions);
/** count records "PARTITION-OFFSET" with the key "kPARTITION", acknowledged. */
void mock_produce(struct mock *m, int32_t partition, int count);
/** What the group has committed for a partition, or -1001. */
int64_t mock_committed(const struct mock *m, const char *group, int32_t partition);
void mock_close(struct mock *m);

/** feed_check_fn: the record is what mock_produce made. */
bool mock_made(int32_t partition, const struct ph_record *record, void *data);

#endif
