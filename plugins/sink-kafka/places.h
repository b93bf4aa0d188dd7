/* SPDX-License-Identifier: Apache-2.0 */
/** Where records came from, as headers: source.topic, source.partition, source.offset. [worker] */
#ifndef SINK_KAFKA_PLACES_H
#define SINK_KAFKA_PLACES_H

#include "pipehost/batch.h"
#include "pipehost/error.h"

#include <librdkafka/rdkafka.h>

struct place {
    uint32_t id;
    char *topic; /**< owned */
    char partition[12];
};

struct places {
    struct place *items;
    uint32_t count;
    uint32_t last; /**< found last: most rows of a batch are of one partition */
};

/** Takes the partitions in the place of those before. */
__attribute__((warn_unused_result)) int32_t places_set(struct places *p,
                                                       const struct ph_partition *partitions,
                                                       uint32_t count, struct ph_error *err);
void places_fini(struct places *p);
/** Headers for a row, the caller's to give on or destroy; null: out of memory. */
rd_kafka_headers_t *places_headers(struct places *p, const struct ph_batch *batch, uint32_t row);

#endif
