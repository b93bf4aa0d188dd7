/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Positions as records of a compacted topic of the sink's cluster, for sources of another one. All
 * stand in its partition 0, whose order says which is the last; pipelines share it. A record's key
 * is PIPELINE/SINK/SOURCE/TOPIC/PARTITION, its value a note.
 */
#ifndef SINK_KAFKA_POSITIONS_TOPIC_H
#define SINK_KAFKA_POSITIONS_TOPIC_H

#include "positions.h"

/** Room for a key: names of 64 bytes, a topic of 249, a number. */
#define POSITIONS_KEY_SIZE 640

/** Sees to it that the topic is there, and compacted. [worker] */
__attribute__((warn_unused_result)) int32_t positions_topic_ensure(struct producer *p,
                                                                   struct ph_error *err);
/** Puts h's note into the open transaction. [worker] */
__attribute__((warn_unused_result)) int32_t positions_topic_add(struct producer *p,
                                                                const struct held *h,
                                                                struct ph_error *err);
/** Writes the key; answers its length. [any] */
uint32_t positions_topic_key(char key[POSITIONS_KEY_SIZE], const struct ph_host *host,
                             const struct held *h);
/** The other way: what a key says of a pipeline, into key itself, which source and topic then point
 * into. False: it is another pipeline's, or none of ours. [any] */
bool positions_topic_split_key(char *key, const struct ph_host *host, const char *pipeline,
                               struct ph_partition *partition);
/** Says whether the topic is there; never makes it. [worker] */
__attribute__((warn_unused_result)) int32_t positions_topic_find(const struct producer *p,
                                                                 bool *is_there,
                                                                 struct ph_error *err);
/** One record; the key is the taker's to change. */
typedef int32_t (*positions_take)(void *taker, char key[POSITIONS_KEY_SIZE],
                                  const struct note *note, struct ph_error *err);
/** Gives take each record of the topic whose key may be one of positions, in their order: the last
 * one of a key counts. positions_reader.c [worker] */
__attribute__((warn_unused_result)) int32_t positions_topic_each(const struct producer *p,
                                                                 bool is_stable,
                                                                 positions_take take, void *taker,
                                                                 struct ph_error *err);
/** As group_offsets_read. positions_reader.c [worker] */
__attribute__((warn_unused_result)) int32_t positions_topic_read(struct producer *p,
                                                                 const struct positions *positions,
                                                                 bool is_stable, struct note *found,
                                                                 struct ph_error *err);
/** Adds all that the topic has of found->pipeline, but what is of the cluster `except`, which
 * groups have; "" = nothing is. A topic that is not there has nothing. positions_reader.c [worker]
 */
__attribute__((warn_unused_result)) int32_t positions_topic_list(struct producer *p,
                                                                 const char *except, bool is_stable,
                                                                 struct positions *found,
                                                                 struct ph_error *err);

#endif
