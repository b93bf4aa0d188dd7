/* SPDX-License-Identifier: Apache-2.0 */
/** The consumer of one lane: connected, asked while it is away, and taken down. */
#ifndef SOURCE_KAFKA_CLIENT_H
#define SOURCE_KAFKA_CLIENT_H

#include "kafka/link.h"
#include "settings.h"

/** The host's services that this plugin needs. */
struct services {
    const struct ph_log *log;
    const struct ph_clock *clock;
    const struct ph_wait *wait;
    const struct ph_metrics *metrics;
};

struct client {
    const struct settings *settings;
    struct link link;
    rd_kafka_topic_t *topics[SETTINGS_TOPICS_MAX];
    int32_t partition_counts[SETTINGS_TOPICS_MAX]; /**< when it connected */
    int64_t probe_at_ns;       /**< while it is away: when to ask again whether it is back */
    char lost[LINK_TEXT_SIZE]; /**< a topic that is there no more, in librdkafka's words; or "" */
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
/** PH_ERROR: a topic is there no more, or was not for a moment. What has its name by now may be
 * another one, whose records must not be taken for the next ones. [worker] */
__attribute__((warn_unused_result)) int32_t client_check(const struct client *c,
                                                         struct ph_error *err);
/** While the brokers are away: asks at times whether they are back. Answers when to call again,
 * monotonic ns; 0 = they are there. Never blocks. [worker] */
int64_t client_probe(struct client *c);

#endif
