/* SPDX-License-Identifier: Apache-2.0 */
/** The operator's configuration, read and checked without a network. */
#ifndef SOURCE_KAFKA_SETTINGS_H
#define SOURCE_KAFKA_SETTINGS_H

#include "pipehost/config.h"
#include "pipehost/error.h"

#define SETTINGS_TOPICS_MAX 64u

enum startup_mode { STARTUP_LATEST, STARTUP_EARLIEST, STARTUP_GROUP, STARTUP_TIMESTAMP };

/** All pointers are borrowed from the host's values, which live as long as the operator. */
struct settings {
    const char *brokers;
    const char *topics[SETTINGS_TOPICS_MAX];
    uint32_t topic_count;  /**< at least 1 */
    const char *topic_key; /**< the config key that names them, as a JSON pointer */
    const char *group;     /**< null: no offsets are kept for monitors */
    enum startup_mode startup_mode;
    bool is_bounded;
    int64_t discovery_interval_ms;     /**< 0 = never look for new partitions */
    int64_t startup_timestamp_ms;      /**< of STARTUP_TIMESTAMP */
    int64_t prefetch_bytes;            /**< of all lanes together */
    const struct ph_value *properties; /**< the rdkafka map */
};

#define SETTINGS_KEY_COUNT 10u
extern const struct ph_config_key settings_keys[SETTINGS_KEY_COUNT];

/** [control] */
__attribute__((warn_unused_result)) int32_t settings_read(struct settings *s,
                                                          const struct ph_config *config,
                                                          struct ph_error *err);

#endif
