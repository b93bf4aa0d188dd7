/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Takes records out of librdkafka's queue and puts them into the host's writer, a batch at a time:
 *
 *   broker thread ──▶ consumer queue ──▶ messages[at .. count) ──▶ writer
 *                       bounded by         held back while the
 *                       prefetch           writer is full
 *
 * The queue's eventfd fires when the queue stops being empty. A consume call that gives fewer than
 * it was asked for has seen the queue empty, so that the next record fires again: sleeping is safe
 * only after such a call.
 */
#ifndef SOURCE_KAFKA_READER_H
#define SOURCE_KAFKA_READER_H

#include "client.h"
#include "conf.h"
#include "ends.h"
#include "headers.h"
#include "offsets.h"
#include "slots.h"

#include "pipehost/source.h"

#define READER_BATCH 1000

struct reader_totals {
    int64_t records;
    int64_t bytes; /**< of keys and values */
};

struct reader {
    struct client *client;
    rd_kafka_queue_t *queue;
    int queue_fd; /**< -1 = none */

    rd_kafka_message_t *messages[READER_BATCH]; /**< [at, count) are ours to destroy */
    uint32_t at;
    uint32_t count;

    struct slots slots;
    uint32_t assigned_count;    /**< of the slots: librdkafka fetches them, or they are done */
    uint32_t done_count;        /**< of the slots */
    struct offsets_edges edges; /**< before the first poll */

    struct headers headers; /**< of the record at hand */

    struct conf_prefetch prefetch;
    struct reader_totals totals;
    struct reader_totals nudged; /**< totals at the last nudge */
    struct ends ends;
    bool is_polled;
    int64_t holes_ns; /**< when a poll is due to pass the slots' holes; 0 = none */
};

/** [control] */
void reader_init(struct reader *r, struct client *client);
/** Opens the queue of a connected client. [worker] */
__attribute__((warn_unused_result)) int32_t reader_open(struct reader *r, struct ph_error *err);
/** Gives back all that belongs to the client, which must still be there, and forgets the
 * partitions. [worker] */
void reader_close(struct reader *r);
/** Fetching begins with the next poll: what is asked of a broker waits behind its fetches. [worker]
 */
__attribute__((warn_unused_result)) int32_t reader_start(struct reader *r,
                                                         const struct ph_partition *partition,
                                                         const struct ph_position *from,
                                                         struct ph_error *err);
/** ph_source_ops.poll. [worker] */
__attribute__((warn_unused_result)) int32_t reader_poll(struct reader *r, struct ph_writer *writer,
                                                        struct ph_error *err);
/** Records between our positions and the ends that the last answers named; -1: not all are known
 * yet. [worker] */
int64_t reader_lag(const struct reader *r);
/** For a reader that is not polled: asks for the ends as ends_ask does, and fails where one is
 * below what was read. [worker] */
__attribute__((warn_unused_result)) int32_t reader_check_ends(struct reader *r, int64_t now_ns,
                                                              struct ph_error *err);

#endif
