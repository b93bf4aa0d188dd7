/* SPDX-License-Identifier: Apache-2.0 */
/** A topic that a start looks for, and with it brokers that answer. */
#ifndef KAFKA_TOPIC_H
#define KAFKA_TOPIC_H

#include "link.h"

/**
 * Connects, signs in, and gives the fresh metadata of a topic that is there; free with
 * rd_kafka_metadata_destroy. Otherwise err says what is in the way; key, a JSON pointer, names the
 * topic in the config. [worker]
 */
__attribute__((warn_unused_result)) int32_t topic_find(struct link *l, rd_kafka_topic_t *topic,
                                                       const char *key,
                                                       const struct rd_kafka_metadata **metadata,
                                                       struct ph_error *err);

#endif
