/* SPDX-License-Identifier: Apache-2.0 */
/** One client of librdkafka and its connection to the cluster: made, watched while it is away, and
 * taken down. */
#ifndef KAFKA_LINK_H
#define KAFKA_LINK_H

#include "pipehost/pipehost.h"

#include <librdkafka/rdkafka.h>

#define LINK_TEXT_SIZE 512

struct link {
    /* Set by the owner, for good. */
    const char *brokers;
    const struct ph_value *properties; /**< the rdkafka map */
    const struct ph_task *task;
    const struct ph_log *log;
    const struct ph_clock *clock;
    const struct ph_wait *wait;
    void (*serve)(void *owner); /**< takes what `events` has; never blocks */
    void *owner;

    rd_kafka_t *rk;           /**< null = closed */
    rd_kafka_queue_t *events; /**< errors, and what else the owner asked for */
    int events_fd;            /**< readable when `events` has something; -1 = none */

    bool is_connected;     /**< a start is behind us: trouble is logged instead of returned */
    bool has_told_silence; /**< that nobody answers; once until a start is behind us */
    bool is_away;          /**< no broker can be reached */
    int64_t away_since_ns;
    rd_kafka_resp_err_t trouble; /**< the last error of a connection */
    char trouble_text[LINK_TEXT_SIZE];

    int64_t error_count; /**< over all connections, as the next one */
    int64_t reconnect_count;
};

/** Makes a client, with the link as its opaque value. Takes conf. After a failure link_close is
 * due. [worker] */
__attribute__((warn_unused_result)) int32_t link_create(struct link *l, rd_kafka_type_t type,
                                                        rd_kafka_conf_t *conf,
                                                        struct ph_error *err);
/** A topic's handle; null with err set. [worker] */
__attribute__((warn_unused_result)) rd_kafka_topic_t *link_create_topic(struct link *l,
                                                                        const char *name,
                                                                        struct ph_error *err);
/** The start is done: from now on trouble is logged. [worker] */
void link_connect(struct link *l);
/** Ends at once, whether the brokers answer or not: flags are rd_kafka_destroy_flags'. What was
 * made of the client must be gone. The counts go on over the next one. [worker] */
void link_close(struct link *l, int flags);

/** Forgets the client, which lives on with its threads: for one that read a topic which was
 * deleted. Before 2.6.1 librdkafka waits for ever to destroy it (confluentinc/librdkafka pull
 * request 4724). The process must be about to end. [worker] */
void link_abandon(struct link *l);

/** Takes an error that librdkafka reports. True: with it the brokers have gone away. [worker] */
bool link_take_error(struct link *l, rd_kafka_resp_err_t code, const char *reason);
/** The brokers that were away answer. [worker] */
void link_set_back(struct link *l);

/** Lets the host cancel a start that waits. [worker] */
__attribute__((warn_unused_result)) int32_t link_pause_until(const struct link *l, int64_t at_ns,
                                                             struct ph_error *err);
/** An eventfd that queue makes readable when it stops being empty; -1 with err set. [worker] */
__attribute__((warn_unused_result)) int link_watch(const struct link *l, rd_kafka_queue_t *queue,
                                                   struct ph_error *err);
/** Forgets and closes what link_watch made; -1 is ignored. [worker] */
void link_unwatch(const struct link *l, rd_kafka_queue_t *queue, int fd);
/** Empties an eventfd. [any] */
void link_drain(int fd);

/** Monotonic. [any] */
int64_t link_now_ns(const struct link *l);
/** Without the hidden properties' values. [any] */
__attribute__((format(printf, 3, 4))) void link_log(const struct link *l, int32_t level,
                                                    const char *format, ...);

#endif
