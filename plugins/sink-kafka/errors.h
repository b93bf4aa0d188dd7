/* SPDX-License-Identifier: Apache-2.0 */
/** What each error of librdkafka means to the host: the one table that decides. */
#ifndef SINK_KAFKA_ERRORS_H
#define SINK_KAFKA_ERRORS_H

#include "pipehost/error.h"

#include <librdkafka/rdkafka.h>

enum errors_phase {
    ERRORS_AT_START,     /**< of a connection, before the first record */
    ERRORS_WHILE_WRITING /**< of a record: librdkafka has given it up */
};

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
