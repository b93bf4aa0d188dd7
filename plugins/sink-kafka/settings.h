/* SPDX-License-Identifier: Apache-2.0 */
/** The operator's configuration, read and checked without a network. */
#ifndef SINK_KAFKA_SETTINGS_H
#define SINK_KAFKA_SETTINGS_H

#include "pipehost/config.h"
#include "pipehost/error.h"

/** All pointers are borrowed from the host's values, which live as long as the operator. */
struct settings {
    const char *brokers;
    const char *topic;
    const char *key;  /**< the column; null = records without a key */
    bool is_splice;   /**< value: the source's record with the new columns */
    bool has_headers; /**< where each record came from */
    const char *partitioner;
    const char *compression;
    bool is_transactional;           /**< by what the pipeline asks of its sinks */
    int64_t transaction_interval_ms; /**< from the end of one to that of the next, at least */
    int64_t transaction_timeout_ms;  /**< then the broker aborts it */
    bool is_always_topic;            /**< positions go to the topic, wherever the source reads */
    const char *positions_topic;
    int64_t queue_bytes;               /**< of all lanes together */
    const struct ph_value *columns;    /**< a list; not set = all */
    const struct ph_value *properties; /**< the rdkafka map */
};

#define SETTINGS_KEY_COUNT 13u
extern const struct ph_config_key settings_keys[SETTINGS_KEY_COUNT];

/** [control] */
__attribute__((warn_unused_result)) int32_t settings_read(struct settings *s,
                                                          const struct ph_config *config,
                                                          struct ph_error *err);

#endif
