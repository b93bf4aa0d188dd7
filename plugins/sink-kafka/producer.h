/* SPDX-License-Identifier: Apache-2.0 */
/**
 * One idempotent producer: made, fed, listened to, taken down. What is produced counts as written
 * when its report has come; reports come through a queue that wakes the worker. A producer that
 * gave a record up is closed, and the epoch written again by a new one.
 */
#ifndef SINK_KAFKA_PRODUCER_H
#define SINK_KAFKA_PRODUCER_H

#include "arena.h"
#include "conf.h"
#include "kafka/link.h"
#include "settings.h"

/** The host's services that this plugin needs. */
struct services {
    const struct ph_log *log;
    const struct ph_clock *clock;
    const struct ph_wait *wait;
    const struct ph_metrics *metrics;
    const struct ph_epochs *epochs;
    const struct ph_encode *encode;
};

struct producer {
    const struct settings *settings;
    struct link link;
    char transactional_id[CONF_ID_SIZE]; /**< "" = none */
    rd_kafka_topic_t *topic;
    bool has_positions_topic; /**< it was looked after once */
    struct arena arena;

    int64_t records_max;         /**< that may be unreported */
    int64_t unreported;          /**< records that were produced and have no report yet */
    int64_t unreported_bytes;    /**< keys and values of the rows among them */
    bool is_waiting_room;        /**< full: nothing is taken before half of it is free again */
    rd_kafka_resp_err_t failure; /**< why the first record of those was given up; 0 = none was */
    bool has_lost_position;      /**< that one was a position's */
    char failure_text[LINK_TEXT_SIZE];

    int64_t message_bytes; /**< what a value and its key may have together */
    int64_t batch_bytes;   /**< at which a batch of one partition is full */
    int64_t partitions;    /**< that the topic had when the producer was made */
    struct {
        int64_t records;
        int64_t bytes;
    } totals; /**< reported as written; over all connections */
};

/** Makes p empty: producer_close may be called from now on. [control] */
void producer_init(struct producer *p, const struct settings *settings,
                   const struct services *services, const struct ph_task *task);
/** Connects, signs in, sees to it that the topic is there and learns how large a record it takes.
 * [worker] */
__attribute__((warn_unused_result)) int32_t producer_open(struct producer *p, struct ph_error *err);
/** Forgets what is on its way and ends at once, whether the brokers answer or not. [worker] */
void producer_close(struct producer *p);

/** True where it may be given more. [worker] */
bool producer_has_room(struct producer *p);
/**
 * Takes messages whose values stand in the arena, `_private` their chunks. Each one's err says
 * whether it was taken; those refused hold their chunk no more. [worker]
 */
void producer_send(struct producer *p, rd_kafka_message_t *messages, int count);
/** The same for one message with headers, which become the producer's where it takes it. [worker]
 */
void producer_send_with(struct producer *p, rd_kafka_message_t *message,
                        rd_kafka_headers_t *headers);
/** Whether some of what is unreported may wait for company. False: there is more than all
 * partitions can have without one of them having a full batch. [worker] */
bool producer_may_linger(const struct producer *p);
/** Takes reports and errors. Never blocks. [worker] */
void producer_serve(struct producer *p);
/** The same, after its events_fd became readable. [worker] */
void producer_wake(struct producer *p);
/** What was produced since the last commit is of no interest any more. False: the producer is
 * closed, as something of it is on its way or it can do no more. [worker] */
bool producer_forget(struct producer *p);
/** Nothing of the transaction that was aborted counts any more. [worker] */
void producer_forgive(struct producer *p);
/** Sets err by what became of the records so far: PH_OK, none was given up. [worker] */
__attribute__((warn_unused_result)) int32_t producer_check(const struct producer *p,
                                                           struct ph_error *err);

#endif
