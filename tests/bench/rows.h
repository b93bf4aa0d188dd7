/*
 * Rows on their way to Postgres, and the transactions that make them durable together with the
 * positions in Kafka that they cover. [one thread at a time]
 */
#ifndef TESTS_BENCH_ROWS_H
#define TESTS_BENCH_ROWS_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ROWS_PARTITIONS_MAX 64
#define ROWS_BLOCK_BYTES    (256u * 1024)

/* Tuples as COPY BINARY wants them. `data` has room for one more row of ROWS_ROW_MAX bytes whenever
 * len is below ROWS_BLOCK_BYTES. */
#define ROWS_ROW_MAX (5u * 1024 * 1024)
struct rows_block {
    char *data;
    size_t len;
    int rows;
    bool idle; /* the source had nothing more after these */
    int64_t next_offsets[ROWS_PARTITIONS_MAX];
};

struct rows_sink {
    PGconn *conn;
    const char *table;
    const char *topic;
    int32_t partitions;
    int epoch_rows_max;
    bool copying;
    int epoch_rows;
    int64_t fence;
    int64_t next_offsets[ROWS_PARTITIONS_MAX]; /* of what was sent */
    int64_t committed[ROWS_PARTITIONS_MAX];    /* of what is durable */
    int64_t commits;
};

/* Connects, takes the topic's positions over from whoever had them, and leaves them in `committed`.
 */
__attribute__((warn_unused_result)) int rows_open(struct rows_sink *sink, const char *dsn);
void rows_close(struct rows_sink *sink);

/* Sends the block; commits when the source is idle or the epoch is large enough. -1 after printing
 * why. */
__attribute__((warn_unused_result)) int rows_take(struct rows_sink *sink,
                                                  const struct rows_block *block);

#endif
