/* SPDX-License-Identifier: Apache-2.0 */
/** Looks at times whether the topics have more partitions than the host was told of. */
#ifndef SOURCE_KAFKA_FINDER_H
#define SOURCE_KAFKA_FINDER_H

#include "client.h"

#include "pipehost/source.h"

struct finder {
    struct client *client;
    const struct ph_partitions *service;
    int32_t known[SETTINGS_TOPICS_MAX]; /**< the host knows those below */
    int64_t next_ns;                    /**< when to look again; 0 = never */
};

/** service null = this host takes no partitions later: nothing is looked for. [control] */
void finder_init(struct finder *f, struct client *client, const struct ph_partitions *service);
/** The host was told of the first `count` partitions of a topic. From now on it is looked for more,
 * unless the settings say otherwise. [worker] */
void finder_know(struct finder *f, uint32_t topic, int32_t count);
/** The connection is gone: nothing is looked for until finder_know. [worker] */
void finder_stop(struct finder *f);
/** Looks if it is time: a round trip to a broker, and half a second at most. Answers when to call
 * again, monotonic ns; 0 = never. [worker] */
int64_t finder_step(struct finder *f);

#endif
