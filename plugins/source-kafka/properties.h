/* SPDX-License-Identifier: Apache-2.0 */
/** What a source may set beside the connection. */
#ifndef SOURCE_KAFKA_PROPERTIES_H
#define SOURCE_KAFKA_PROPERTIES_H

#include "kafka/properties.h"

#define PROPERTIES(OPEN, HIDDEN)                                                                   \
    PROPERTIES_CONNECTION(OPEN, HIDDEN)                                                            \
    OPEN("client.rack")                                                                            \
    OPEN("receive.message.max.bytes")                                                              \
    OPEN("fetch.error.backoff.ms")                                                                 \
    OPEN("fetch.max.bytes")                                                                        \
    OPEN("fetch.message.max.bytes")                                                                \
    OPEN("fetch.min.bytes")                                                                        \
    OPEN("fetch.wait.max.ms")                                                                      \
    OPEN("max.partition.fetch.bytes")                                                              \
    OPEN("check.crcs")                                                                             \
    OPEN("isolation.level")

#endif
