/* SPDX-License-Identifier: Apache-2.0 */
/** How large a batch of records the topic takes. */
#ifndef SINK_KAFKA_BATCH_LIMIT_H
#define SINK_KAFKA_BATCH_LIMIT_H

#include "producer.h"

/** Bytes; 0 = the topic does not say. [worker] */
int64_t batch_limit_ask(struct producer *p);

#endif
