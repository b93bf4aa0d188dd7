/* SPDX-License-Identifier: Apache-2.0 */
/** Refuses to write where the pipeline itself reads: it would feed itself for ever. */
#ifndef SINK_KAFKA_LOOP_H
#define SINK_KAFKA_LOOP_H

#include "producer.h"

#include "pipehost/batch.h"

/** PH_ERR_CONFIG where one of the partitions is of the topic that p writes to, in the cluster that
 * p is connected to. A cluster that does not say its name is taken for another one. [worker] */
__attribute__((warn_unused_result)) int32_t loop_check(const struct producer *p,
                                                       const struct ph_partition *partitions,
                                                       uint32_t count, struct ph_error *err);

#endif
