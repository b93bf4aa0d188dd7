/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What a group has committed, read by a consumer that lives for this one question and joins
 * nothing. rd_kafka_ListConsumerGroupOffsets would need no consumer, but librdkafka 2.0.2 crashes
 * in it when the coordinator moves or goes away: it tries a request again that is null.
 */
#ifndef SINK_KAFKA_COMMITTED_H
#define SINK_KAFKA_COMMITTED_H

#include "producer.h"

/**
 * Fills in offsets and their metadata. is_stable: waits for transactions under way to end. The
 * producer is open and is served meanwhile. [worker]
 */
__attribute__((warn_unused_result)) int32_t committed_read(struct producer *p, const char *group,
                                                           bool is_stable,
                                                           rd_kafka_topic_partition_list_t *offsets,
                                                           struct ph_error *err);

#endif
