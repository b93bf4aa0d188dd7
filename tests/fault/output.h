/* A Kafka output as others see it: the records that are committed, how far the topic goes, and
 * the offsets of the group in which its sink keeps its positions. Joins no group, commits nothing.
 */
#ifndef TESTS_FAULT_OUTPUT_H
#define TESTS_FAULT_OUTPUT_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

#define OUTPUT_PARTITIONS_MAX 16

struct output {
    rd_kafka_t *reader; /* read_committed: records, and positions that wait for their transaction */
    rd_kafka_t *asker;  /* read_uncommitted: positions as they are, and ends with what is open */
    const char *topic;
    int32_t count;                          /* partitions */
    int64_t read_to[OUTPUT_PARTITIONS_MAX]; /* the reader has had all below */
};

/* False: said on stderr; output_close is due all the same. */
bool output_open(struct output *o, const char *brokers, const char *group, const char *topic);
void output_close(struct output *o);

/* The next record that is committed, for rd_kafka_message_destroy; null: none came in time. */
rd_kafka_message_t *output_next(struct output *o, int timeout_ms);
/* Where each partition ends, transactions under way included. False: no answer. */
bool output_ends(struct output *o, int64_t *ends);
/* The group's offset of each partition of a source topic, 0 where it has none. is_stable: not
 * while a transaction that moves them is under way. False: no answer in time. */
bool output_positions(struct output *o, bool is_stable, const char *source, int32_t count,
                      int64_t *next_offsets);

#endif
