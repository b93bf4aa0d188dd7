/* SPDX-License-Identifier: Apache-2.0 */
/** What a sink may set beside the connection. */
#ifndef SINK_KAFKA_PROPERTIES_H
#define SINK_KAFKA_PROPERTIES_H

#include "kafka/properties.h"

#define PROPERTIES(OPEN, HIDDEN)                                                                   \
    PROPERTIES_CONNECTION(OPEN, HIDDEN)                                                            \
    OPEN("retry.backoff.ms")                                                                       \
    OPEN("message.max.bytes")                                                                      \
    OPEN("batch.size")                                                                             \
    OPEN("batch.num.messages")                                                                     \
    OPEN("linger.ms")                                                                              \
    OPEN("queue.buffering.max.ms")                                                                 \
    OPEN("queue.buffering.backpressure.threshold")                                                 \
    OPEN("sticky.partitioning.linger.ms")                                                          \
    OPEN("request.timeout.ms")                                                                     \
    OPEN("max.in.flight")                                                                          \
    OPEN("max.in.flight.requests.per.connection")                                                  \
    OPEN("transaction.timeout.ms")                                                                 \
    OPEN("compression.level")

#endif
