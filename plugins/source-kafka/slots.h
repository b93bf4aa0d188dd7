/* SPDX-License-Identifier: Apache-2.0 */
/** The partitions that one lane reads, by the host's number and by Kafka's. */
#ifndef SOURCE_KAFKA_SLOTS_H
#define SOURCE_KAFKA_SLOTS_H

#include "settings.h"

#include "pipehost/batch.h"

#include <librdkafka/rdkafka.h>

#define SLOTS_NONE UINT32_MAX

struct slot {
    uint32_t partition_id; /**< the host's number */
    int32_t partition;     /**< Kafka's number */
    const char *topic;     /**< the settings' */
    int64_t next_offset;   /**< all below were given to the writer, or are not records */
    int64_t first_offset;  /**< the records from here on are the pipeline's */
    int64_t end_offset;    /**< of a bounded run; INT64_MAX otherwise */
    int64_t hole_end;      /**< no record is between next_offset and it; below next_offset = none */
    int64_t asked_end;     /**< that an answer to a question named last; -1 = none yet */
    bool is_done;          /**< next_offset has reached end_offset */
    bool is_beyond;        /**< so it was when the partition's end was asked for last */
};

/** The slots of one topic: by Kafka's number, SLOTS_NONE = not read here. */
struct slots_topic {
    uint32_t *slot_of;
    uint32_t count;
};

struct slots {
    const struct settings *settings;
    struct slot *items;
    uint32_t count;
    uint32_t capacity;
    struct slots_topic topics[SETTINGS_TOPICS_MAX]; /**< in the settings' order */
    /** Of the message before: one fetch brings many of one topic. */
    const rd_kafka_topic_t *last_handle;
    const struct slots_topic *last;
};

/** [control] */
void slots_init(struct slots *s, const struct settings *settings);
/** Forgets all; they are empty then. [worker] */
void slots_fini(struct slots *s);
/** A new slot with these numbers and no offsets, for the caller to fill in; null with err set: it
 * is there already, the topic is not one of the settings, or there is no memory. The pointer is
 * good until the next add. [worker] */
__attribute__((warn_unused_result)) struct slot *slots_add(struct slots *s,
                                                           const struct ph_partition *partition,
                                                           struct ph_error *err);
/** Takes back the slot that was added last. [worker] */
void slots_remove_last(struct slots *s);
/** The slot of the host's partition, looked for from *hint on; null = not of this lane. [worker] */
const struct slot *slots_find(const struct slots *s, uint32_t partition_id, uint32_t *hint);

/** For this room: makes `last` that of handle. */
void slots_turn_to(struct slots *s, const rd_kafka_topic_t *handle);

/** The slot of a message that has a topic; null for a partition that was never started. [worker] */
static inline struct slot *slots_of_message(struct slots *s, const rd_kafka_message_t *m)
{
    if (m->rkt != s->last_handle) {
        slots_turn_to(s, m->rkt);
    }
    uint32_t number = (uint32_t)m->partition;
    if (number >= s->last->count || s->last->slot_of[number] == SLOTS_NONE) {
        return NULL;
    }
    return &s->items[s->last->slot_of[number]];
}

#endif
