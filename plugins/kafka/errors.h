/* SPDX-License-Identifier: Apache-2.0 */
/** What each error of librdkafka means to the host: one judge, with rules for every client and the
 * plugin's own, which go first. A code without a rule is retriable. */
#ifndef KAFKA_ERRORS_H
#define KAFKA_ERRORS_H

#include "pipehost/error.h"

#include <librdkafka/rdkafka.h>

enum errors_phase {
    ERRORS_AT_START, /**< before the first record: what cannot come right by itself is config */
    ERRORS_AT_WORK   /**< of a record, or of the connection of a running pipeline */
};

struct errors_rule {
    rd_kafka_resp_err_t code;
    uint32_t at_start; /**< one of enum ph_error_flags */
    uint32_t at_work;
    const char *key; /**< the config key to blame, as a JSON pointer; null = none */
};

struct errors_rules {
    const struct errors_rule *rules;
    size_t count;
};

/** Those of the plugin that this is compiled into, which defines them. */
extern const struct errors_rules errors_rules;

/** One of enum ph_error_flags. [any] */
uint32_t errors_flags(rd_kafka_resp_err_t code, enum errors_phase phase);
/** The config key that is to blame, as a JSON pointer; null = none. [any] */
const char *errors_key(rd_kafka_resp_err_t code);
/** Sets *err with the flags, Kafka's name and the key of code. Returns PH_ERROR. [any] */
__attribute__((format(printf, 4, 5))) int32_t errors_set(struct ph_error *err,
                                                         rd_kafka_resp_err_t code,
                                                         enum errors_phase phase,
                                                         const char *format, ...);

#endif
