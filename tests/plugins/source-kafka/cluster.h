/* SPDX-License-Identifier: Apache-2.0 */
/** Topics and records on a real broker, for the tests that need one. */
#ifndef TEST_SOURCE_KAFKA_CLUSTER_H
#define TEST_SOURCE_KAFKA_CLUSTER_H

#include "pipehost/source.h"

#include <librdkafka/rdkafka.h>

#define CLUSTER_SEED 7u
#define CLUSTER_IPS  1000u

struct cluster {
    rd_kafka_t *rk; /**< a producer, also for administration */
    const char *brokers;
    char topic[64]; /**< a fresh one */
    int partitions;
};

/** Makes a fresh topic whose name begins with prefix. transactional_id null = no transactions. */
void cluster_open(struct cluster *c, const char *brokers, const char *prefix, int partitions,
                  const char *transactional_id);
/** The same, with records compressed by codec: "gzip", "snappy", "lz4", "zstd". */
void cluster_open_compressed(struct cluster *c, const char *brokers, const char *prefix,
                             int partitions, const char *codec);
/** Events first .. first + count of tests/support/event.h in each partition, acknowledged unless a
 * transaction is open. */
void cluster_produce(struct cluster *c, int64_t first, int64_t count);
/** One record without a key; value null = a tombstone. */
void cluster_produce_one(struct cluster *c, int32_t partition, const void *value, size_t length);
void cluster_flush(struct cluster *c);
/** Deletes the records of a partition below offset. */
void cluster_delete_below(struct cluster *c, int32_t partition, int64_t offset);
/** What the group has committed for a partition, or -1001. */
int64_t cluster_committed(const struct cluster *c, const char *group, int32_t partition);
void cluster_close(struct cluster *c);

/** feed_check_fn: the record is the event of its place. */
bool cluster_made(int32_t partition, const struct ph_record *record, void *data);

#endif
