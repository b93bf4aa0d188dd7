/* SPDX-License-Identifier: Apache-2.0 */
/** The configuration of one client of librdkafka. */
#ifndef SOURCE_KAFKA_CONF_H
#define SOURCE_KAFKA_CONF_H

#include "settings.h"

#include "pipehost/host.h"

#include <librdkafka/rdkafka.h>

/** How much one client reads ahead: it stops fetching when either is reached. */
struct conf_prefetch {
    int64_t value_bytes; /**< of the records' values, the only bytes that librdkafka counts */
    int64_t records;
};

/** The share of one lane. [any] */
struct conf_prefetch conf_prefetch(const struct settings *s, uint32_t lane_count);

/** A configuration with pipehost's defaults, the manifest's properties, and what pipehost rules.
 * Null with err set. [worker] */
rd_kafka_conf_t *conf_create(const struct settings *s, const struct ph_task *task,
                             struct ph_error *err);

#endif
