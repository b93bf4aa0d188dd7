/* SPDX-License-Identifier: Apache-2.0 */
/** The answer to a request of librdkafka's admin API. */
#ifndef SINK_KAFKA_ANSWER_H
#define SINK_KAFKA_ANSWER_H

#include "producer.h"

/** Waits for what comes into the queue, serving the producer. *answer is the caller's; null: the
 * time is over. PH_ERROR: the host wants no more of it. [worker] */
__attribute__((warn_unused_result)) int32_t answer_wait(struct producer *p, rd_kafka_queue_t *queue,
                                                        int64_t timeout_ms,
                                                        rd_kafka_event_t **answer,
                                                        struct ph_error *err);

#endif
