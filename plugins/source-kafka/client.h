/* SPDX-License-Identifier: Apache-2.0 */
/** One connection to the cluster: made, watched while it is away, and taken down. */
#ifndef SOURCE_KAFKA_CLIENT_H
#define SOURCE_KAFKA_CLIENT_H

#include "settings.h"

#include "pipehost/host.h"

#include <librdkafka/rdkafka.h>

#define CLIENT_TEXT_SIZE 512

/** The host's services that this plugin needs. */
struct services {
    const struct ph_log *log;
    const struct ph_clock *clock;
    const struct ph_wait *wait;
    const struct ph_metrics *metrics;
};

struct client {
    const struct settings *settings;
    const struct services *services;
    const struct ph_task *task;
    rd_kafka_t *rk;
    rd_kafka_topic_t *topics[SETTINGS_TOPICS_MAX];
    rd_kafka_queue_t *events; /**< errors and answers; served by client_serve */
    int events_fd;            /**< readable when `events` has something; -1 = none */

    /* Written by librdkafka's callbacks, which run within client_serve. */
    bool is_connected; /**< a start is behind us: trouble is logged instead of returned */
    bool is_away;      /**< no broker can be reached */
    int64_t away_since_ns;
    int64_t probe_at_ns; /**< when to ask again whether they are back */
    int64_t error_count;
    int64_t reconnect_count;
    rd_kafka_resp_err_t trouble; /**< the last error of a connection */
    char trouble_text[CLIENT_TEXT_SIZE];
};

/** Makes c empty: client_close may be called from now on. [control] */
void client_init(struct client *c, const struct settings *settings, const struct services *services,
                 const struct ph_task *task);
/** Connects, signs in, and sees to it that the topics are there. [worker] */
__attribute__((warn_unused_result)) int32_t client_open(struct client *c, struct ph_error *err);
/** Ends at once, whether the brokers answer or not. Messages and queues of the client must be gone.
 * [worker] */
void client_close(struct client *c);

/** The metadata of one of the settings' topics, fresh; free with rd_kafka_metadata_destroy.
 * [worker] */
__attribute__((warn_unused_result)) int32_t client_topic(struct client *c, uint32_t index,
                                                         const struct rd_kafka_metadata **metadata,
                                                         struct ph_error *err);
/** Runs librdkafka's callbacks. Never blocks. [worker] */
void client_serve(struct client *c);
/** While the brokers are away: asks at times whether they are back. Answers when to call again,
 * monotonic ns; 0 = they are there. Never blocks. [worker] */
int64_t client_probe(struct client *c);
/** [any] */
__attribute__((format(printf, 3, 4))) void client_log(const struct client *c, int32_t level,
                                                      const char *format, ...);
/** Empties an eventfd. [any] */
void client_drain(int fd);
/** An eventfd that queue makes readable when it stops being empty; -1 with err set. [worker] */
__attribute__((warn_unused_result)) int client_watch(struct client *c, rd_kafka_queue_t *queue,
                                                     struct ph_error *err);
/** Forgets and closes what client_watch made; -1 is ignored. [worker] */
void client_unwatch(struct client *c, rd_kafka_queue_t *queue, int fd);

#endif
