/* SPDX-License-Identifier: Apache-2.0 */
/** The names of the cluster's consumer groups. */
#ifndef SINK_KAFKA_GROUP_NAMES_H
#define SINK_KAFKA_GROUP_NAMES_H

#include "producer.h"

typedef int32_t (*group_take_name)(void *owner, const char *group, struct ph_error *err);

/** Gives take the name of each group that this user may see; take may ask for its offsets, and ends
 * the list by an error. A broker that has just begun says that it has no groups before it reads
 * those that it has: only after none_ms that is believed. [worker] */
__attribute__((warn_unused_result)) int32_t group_names_list(struct producer *p, int64_t none_ms,
                                                             group_take_name take, void *owner,
                                                             struct ph_error *err);

#endif
