/* SPDX-License-Identifier: Apache-2.0 */
/** All topics of the cluster that this user may see. */
#ifndef SINK_KAFKA_CLUSTER_TOPICS_H
#define SINK_KAFKA_CLUSTER_TOPICS_H

#include "producer.h"

/** The caller destroys *metadata. [worker] */
__attribute__((warn_unused_result)) int32_t cluster_topics_list(
    const struct producer *p, const struct rd_kafka_metadata **metadata, struct ph_error *err);

#endif
