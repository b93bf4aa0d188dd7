/*
 * The job by hand: consumes, parses, looks up, and fills blocks of rows; a second thread sends them
 * to Postgres, or the first one sends records to a topic, or both. One job at a time.
 */
#ifndef TESTS_BENCH_JOB_H
#define TESTS_BENCH_JOB_H

#include <librdkafka/rdkafka.h>
#include <signal.h>
#include <stdint.h>

#include "fetch.h"
#include "geocache.h"
#include "handoff.h"
#include "kafka_out.h"
#include "parse.h"
#include "rows.h"

/* What queued.max.messages.kbytes is set to. */
#define JOB_PREFETCH_KIB (64u * 1024)

/* Zeroed but for what is set before job_open(). */
struct job {
    const char *dsn; /* null: no rows for Postgres */
    const char *topic;
    int64_t count;              /* 0: until a signal */
    struct fetch_options fetch; /* without endpoint geodata comes from a function */
    rd_kafka_conf_t *conf;      /* the job takes it */
    rd_kafka_t *rk;
    rd_kafka_topic_t *rkt;
    rd_kafka_queue_t *queue;
    struct parser *parser;
    struct geocache *cache;     /* fields of rows; without rows fragments of records */
    struct geocache *fragments; /* where there are both, else null */
    struct fetcher *fetcher;
    struct rows_sink sink;
    struct kafka_out out; /* with a topic */
    struct handoff handoff;
    struct rows_block *block; /* being filled */
    int64_t next_offsets[ROWS_PARTITIONS_MAX];
    int64_t records;
    int64_t undecodable;
    size_t bytes_since_nudge;
    char *padded; /* for a record whose padding would reach into the next page */
};

/* Connects and takes over the positions. job_close() follows whatever this gives. */
__attribute__((warn_unused_result)) int job_open(struct job *job);

/* Works until `count` records are durable, or until *stopped and what was read is durable. */
__attribute__((warn_unused_result)) int job_run(struct job *job,
                                                const volatile sig_atomic_t *stopped);
void job_close(struct job *job);

#endif
