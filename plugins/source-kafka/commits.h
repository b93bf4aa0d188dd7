/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The group's offsets, for lag monitors: at most one commit in flight and about one a second,
 * whatever the pace of `committed`. Nothing depends on them.
 *
 * They go through the admin interface: a consumer's own commit in flight would hold up the client's
 * end until the coordinator answers, or for socket.timeout.ms.
 */
#ifndef SOURCE_KAFKA_COMMITS_H
#define SOURCE_KAFKA_COMMITS_H

#include "client.h"

struct commits {
    struct client *client;
    rd_kafka_queue_t *answers; /**< wakes by the client's events_fd; null = no group */
    rd_kafka_topic_partition_list_t *offsets; /**< the newest of each partition; null = no group */
    bool is_dirty;                            /**< offsets has what Kafka lacks */
    bool is_in_flight;
    bool is_failing; /**< said so already */
    int64_t next_ns; /**< not before */
};

/** [worker] */
void commits_init(struct commits *m, struct client *client);
/** Before the client is closed. [worker] */
void commits_fini(struct commits *m);
/** Everything of a partition below next_offset is done with. [worker] */
void commits_note(struct commits *m, const char *topic, int32_t partition, int64_t next_offset);
/** Takes the answer, sends what is due. Answers when to call again, monotonic ns; 0 = no need.
 * Never blocks. [worker] */
int64_t commits_step(struct commits *m);
/** Sends the last ones and waits a moment for the answer. [worker] */
void commits_flush(struct commits *m);

#endif
