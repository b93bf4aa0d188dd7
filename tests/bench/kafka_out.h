/*
 * Records on their way to a topic: each the source's with geodata before its last brace, sent
 * without a copy from blocks that librdkafka reports on. The positions that are reported stand in a
 * file. [one thread]
 */
#ifndef TESTS_BENCH_KAFKA_OUT_H
#define TESTS_BENCH_KAFKA_OUT_H

#include <librdkafka/rdkafka.h>

#include "parse.h"
#include "rows.h"

#define KAFKA_OUT_BLOCK_BYTES (256u * 1024)
#define KAFKA_OUT_BLOCKS      128u
#define KAFKA_OUT_GROUP       256
#define KAFKA_OUT_EPOCH       50000 /* records between two writes of the positions */

struct kafka_block {
    char *data;
    size_t len;
    uint32_t unreported;
    int64_t next_offsets[ROWS_PARTITIONS_MAX]; /* behind its last record; set when it is full */
};

struct kafka_out {
    const char *topic;
    const char *positions; /* the file */
    rd_kafka_conf_t *conf; /* with brokers and how to get to them; taken */
    int32_t partitions;    /* of the source */
    rd_kafka_t *rk;
    rd_kafka_topic_t *rkt;
    rd_kafka_queue_t *reports;
    struct kafka_block blocks[KAFKA_OUT_BLOCKS];
    uint32_t first; /* the oldest with records that are not reported, free-running */
    uint32_t open;  /* the one being filled, free-running */
    rd_kafka_message_t group[KAFKA_OUT_GROUP];
    int group_len;
    int file;
    int64_t reported; /* records */
    int64_t saved;    /* of them, when the positions were written */
    int64_t commits;
};

/* Connects; `committed` becomes what the file says, 0 where there is none. -1 after printing why.
 */
__attribute__((warn_unused_result)) int kafka_out_open(struct kafka_out *out, int64_t *committed);
/* Waits for every report and writes the positions. */
__attribute__((warn_unused_result)) int kafka_out_end(struct kafka_out *out,
                                                      const int64_t *next_offsets);
void kafka_out_close(struct kafka_out *out);

/* The record's text with `fragment` in the place of its last brace. next_offsets: behind the record
 * before it. */
__attribute__((warn_unused_result)) int kafka_out_put(struct kafka_out *out,
                                                      const rd_kafka_message_t *m, struct view key,
                                                      struct view fragment,
                                                      const int64_t *next_offsets);
/* Sends what is waiting and takes the reports that are there. */
__attribute__((warn_unused_result)) int kafka_out_step(struct kafka_out *out);

#endif
