/* SPDX-License-Identifier: Apache-2.0 */
/** A topic's own settings. */
#ifndef SINK_KAFKA_TOPIC_SETTING_H
#define SINK_KAFKA_TOPIC_SETTING_H

#include "kafka/link.h"

/** The value of a setting; false: the topic is not there, or does not say. [worker] */
bool topic_setting_ask(const struct link *l, const char *topic, const char *name, char *text,
                       size_t size);

#endif
