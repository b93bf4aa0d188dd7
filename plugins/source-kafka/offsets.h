/* SPDX-License-Identifier: Apache-2.0 */
/** Questions to the brokers about offsets. Each blocks for the round trip. */
#ifndef SOURCE_KAFKA_OFFSETS_H
#define SOURCE_KAFKA_OFFSETS_H

#include "client.h"

#include "pipehost/batch.h"

/** What a partition holds: offsets from low up to, but not including, high. */
struct offsets_range {
    int64_t low;
    int64_t high;
};

/** [worker] */
__attribute__((warn_unused_result)) int32_t offsets_query(struct client *c, const char *topic,
                                                          int32_t partition,
                                                          struct offsets_range *range,
                                                          struct ph_error *err);

/** The ranges of many partitions, asked for together: two round trips instead of as many for each
 * partition. */
struct offsets_edges {
    rd_kafka_topic_partition_list_t *lows; /**< null = nobody asked, or no answer came */
    rd_kafka_topic_partition_list_t *highs;
    bool is_asked;
};

/** partitions: of the caller. What is not answered offsets_edge asks for alone. [worker] */
void offsets_ask_edges(struct client *c, const rd_kafka_topic_partition_list_t *partitions,
                       struct offsets_edges *e);
/** [worker] */
void offsets_edges_fini(struct offsets_edges *e);
/** The range of one of them, or of any other. [worker] */
__attribute__((warn_unused_result)) int32_t offsets_edge(struct client *c,
                                                         const struct offsets_edges *e,
                                                         const char *topic, int32_t partition,
                                                         struct offsets_range *range,
                                                         struct ph_error *err);

/** Where to begin in each partition by the startup mode: absolute offsets. [worker] */
__attribute__((warn_unused_result)) int32_t offsets_resolve(struct client *c,
                                                            const struct ph_partition *partitions,
                                                            uint32_t count, int64_t *next_offsets,
                                                            struct ph_error *err);

#endif
