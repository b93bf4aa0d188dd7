/* SPDX-License-Identifier: Apache-2.0 */
/** What the cluster says of consumer groups. */
#ifndef SINK_KAFKA_GROUP_REQUEST_H
#define SINK_KAFKA_GROUP_REQUEST_H

#include "producer.h"

typedef int32_t (*group_take_offsets)(void *owner, const rd_kafka_topic_partition_list_t *offsets,
                                      struct ph_error *err);
typedef int32_t (*group_take_name)(void *owner, const char *group, struct ph_error *err);

/** Gives take the offsets of a group, once: of the wanted partitions, null = of all that it has.
 * is_stable: waits for transactions under way to end. [worker] */
__attribute__((warn_unused_result)) int32_t group_request_offsets(
    struct producer *p, const char *group, const rd_kafka_topic_partition_list_t *wanted,
    bool is_stable, group_take_offsets take, void *owner, struct ph_error *err);
/** Gives take the name of each group that this user may see; take may ask for its offsets.
 * [worker] */
__attribute__((warn_unused_result)) int32_t group_request_names(struct producer *p,
                                                                group_take_name take, void *owner,
                                                                struct ph_error *err);

#endif
