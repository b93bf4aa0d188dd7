/* SPDX-License-Identifier: Apache-2.0 */
/** Where the records are, as a manifest says it: brokers and the names of topics. */
#ifndef KAFKA_PLACE_H
#define KAFKA_PLACE_H

#include "pipehost/config.h"
#include "pipehost/error.h"

/** Sets *err for the config key that pointer, a JSON pointer, names. Returns PH_ERROR. [any] */
int32_t place_refuse(struct ph_error *err, const char *pointer, const char *sentence);
/** The text of a config key; null = it is not set, or empty. [control] */
const char *place_text(const struct ph_config *config, const char *name);
/** *brokers, from the config key of that name. [control] */
__attribute__((warn_unused_result)) int32_t place_brokers(const struct ph_config *config,
                                                          const char **brokers,
                                                          struct ph_error *err);
/** Whether Kafka allows a topic of that name; pointer names the config key. [any] */
__attribute__((warn_unused_result)) int32_t place_check_topic(const char *topic,
                                                              const char *pointer,
                                                              struct ph_error *err);

#endif
