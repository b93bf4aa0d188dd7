/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Where the partitions of this task stand, and where Kafka keeps that: of a topic in the sink's own
 * cluster as an offset of the group pipehost/PIPELINE/SINK/SOURCE, of any other as a record of a
 * compacted topic. Either goes into the transaction of the records.
 */
#ifndef SINK_KAFKA_POSITIONS_H
#define SINK_KAFKA_POSITIONS_H

#include "position_note.h"
#include "transaction.h"

/** One partition's. */
struct held {
    uint32_t id;
    int32_t partition;
    const char *pipeline; /**< that it is kept for, borrowed */
    char *source;
    char *topic;
    char cluster[NOTE_CLUSTER_SIZE]; /**< of the topic */
    bool in_topic;     /**< its position is kept in the positions topic, not in a group */
    bool is_elsewhere; /**< it was found in the other place: the claim's transaction moves it */
    bool is_mine;      /**< its position was read or written as ours */
    struct note note;  /**< as it was read or written last */
};

struct positions {
    struct held *items; /**< ascending by id */
    uint32_t count;
    uint32_t capacity;
    const char *pipeline;        /**< of the partitions to come, borrowed */
    char owner[NOTE_OWNER_SIZE]; /**< this task of this process, and no other */
};

/** [control] */
void positions_init(struct positions *p, const struct link *l);
void positions_fini(struct positions *p);
/** Remembers a partition. [worker] */
__attribute__((warn_unused_result)) int32_t positions_hold(struct positions *p,
                                                           const struct ph_partition *partition,
                                                           struct ph_error *err);
/** Null: it is not held. [worker] */
struct held *positions_find(const struct positions *p, uint32_t id);

/** The next one in a group that is the first of its source, from *at on; null: there is no other.
 * [worker] */
const struct held *positions_next_source(const struct positions *p, uint32_t *at);

#endif
