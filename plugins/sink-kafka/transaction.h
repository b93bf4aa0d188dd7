/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The transactions of one producer.
 *
 *   closed --init--> ready --begin--> open --commit or abort--> ready
 *
 * init, commit and abort wait for the coordinator inside librdkafka, which gives no descriptor to
 * wait for. So each of them runs on a thread of its own for as long as it lasts (a few a second at
 * most). That thread calls librdkafka and makes the producer's events_fd readable at its end,
 * nothing else; the worker goes on serving delivery reports, for which commit and abort wait as
 * well. After a call that failed the producer must be closed: a late answer of the broker could end
 * the next transaction instead.
 *
 * flush is none of these: it leaves the transaction open and cannot fail. As long as it runs no
 * record waits for company (linger.ms); without it the last ones before a commit would.
 */
#ifndef SINK_KAFKA_TRANSACTION_H
#define SINK_KAFKA_TRANSACTION_H

#include "producer.h"

#include <pthread.h>
#include <stdatomic.h>

enum transaction_call {
    TRANSACTION_NO_CALL,
    TRANSACTION_INIT,
    TRANSACTION_FLUSH,
    TRANSACTION_COMMIT,
    TRANSACTION_ABORT
};

/** The offsets that go into a transaction, of one group. */
struct group_offsets {
    char *group;
    rd_kafka_topic_partition_list_t *list;
};

struct transaction {
    struct producer *producer;
    bool is_ready; /**< no producer of this transactional.id but ours has one open */
    bool is_open;
    int64_t began_ns;           /**< the last one; 0 = that one was committed or aborted */
    enum transaction_call call; /**< under way, or over and not taken */
    pthread_t thread;           /**< of the call */
    atomic_bool is_over;
    atomic_bool is_cancelled;
    const struct group_offsets *offsets; /**< of a commit; the caller's until it is over */
    uint32_t offset_count;
    rd_kafka_error_t *error; /**< the thread's until is_over */
};

/** [control] */
void transaction_init(struct transaction *t, struct producer *producer);
/** Waits for a call under way, which sees that it is not wanted any more within a second or so, but
 * while it sends offsets, some seconds for each group. Before producer_close. [worker] */
void transaction_close(struct transaction *t);

/** Begins the next one where none is open. [worker] */
__attribute__((warn_unused_result)) int32_t transaction_begin(struct transaction *t,
                                                              struct ph_error *err);
/** Says why librdkafka has given up what is open, which takes no more records then and purges those
 * that it had; PH_OK: it has not. Between calls. [worker] */
__attribute__((warn_unused_result)) int32_t transaction_check(const struct transaction *t,
                                                              struct ph_error *err);
/** True where the broker may have ended the last one by itself, for its age. Between calls.
 * [worker] */
bool transaction_is_overdue(const struct transaction *t);
/** Starts a call. [worker] */
__attribute__((warn_unused_result)) int32_t transaction_call(struct transaction *t,
                                                             enum transaction_call call,
                                                             struct ph_error *err);
/** True where a call is over, whose result transaction_take then says. [worker] */
bool transaction_is_over(const struct transaction *t);
__attribute__((warn_unused_result)) int32_t transaction_take(struct transaction *t,
                                                             struct ph_error *err);
/** Ends a flush, where one is under way; within some milliseconds. [worker] */
void transaction_end_flush(struct transaction *t);
/** Starts a call and waits for it, serving the producer. [worker] */
__attribute__((warn_unused_result)) int32_t transaction_run(struct transaction *t,
                                                            enum transaction_call call,
                                                            struct ph_error *err);
/** Aborts what is open, for a moment at most; for the end of the process. [worker] */
void transaction_give_up(struct transaction *t);

#endif
