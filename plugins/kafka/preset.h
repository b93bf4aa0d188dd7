/* SPDX-License-Identifier: Apache-2.0 */
/** Properties that pipehost sets by itself in the configuration of a client of librdkafka. All set
 * err where librdkafka refuses one. */
#ifndef KAFKA_PRESET_H
#define KAFKA_PRESET_H

#include "pipehost/host.h"

#include <librdkafka/rdkafka.h>

struct preset {
    const char *name;
    const char *value;
};

/** [any] */
__attribute__((warn_unused_result)) int32_t preset_set(rd_kafka_conf_t *conf, const char *name,
                                                       const char *value, struct ph_error *err);
/** The same; key, a JSON pointer, is the config key to blame. [any] */
__attribute__((warn_unused_result)) int32_t preset_set_key(rd_kafka_conf_t *conf, const char *name,
                                                           const char *value, const char *key,
                                                           struct ph_error *err);
/** [any] */
__attribute__((warn_unused_result)) int32_t preset_set_integer(rd_kafka_conf_t *conf,
                                                               const char *name, int64_t value,
                                                               struct ph_error *err);
/** [any] */
__attribute__((warn_unused_result)) int32_t preset_set_all(rd_kafka_conf_t *conf,
                                                           const struct preset *presets,
                                                           size_t count, struct ph_error *err);
/** How to behave towards brokers, as far as a manifest may say otherwise. [any] */
__attribute__((warn_unused_result)) int32_t preset_connection(rd_kafka_conf_t *conf,
                                                              struct ph_error *err);
/** Where the brokers are, who this client is, and what no manifest changes. [any] */
__attribute__((warn_unused_result)) int32_t preset_client(rd_kafka_conf_t *conf,
                                                          const char *brokers,
                                                          const struct ph_task *task,
                                                          struct ph_error *err);

#endif
