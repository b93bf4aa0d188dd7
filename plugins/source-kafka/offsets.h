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
/** Where to begin in each partition by the startup mode: absolute offsets. [worker] */
__attribute__((warn_unused_result)) int32_t offsets_resolve(struct client *c,
                                                            const struct ph_partition *partitions,
                                                            uint32_t count, int64_t *next_offsets,
                                                            struct ph_error *err);

#endif
