/* SPDX-License-Identifier: Apache-2.0 */
/** The headers of a record, for a host that wants them. */
#ifndef SOURCE_KAFKA_HEADERS_H
#define SOURCE_KAFKA_HEADERS_H

#include "pipehost/source.h"

#include <librdkafka/rdkafka.h>

struct headers {
    uint8_t *bytes; /**< as ph_record has them; the next record's take the same place */
    size_t capacity;
};

/** Gives the record the message's headers, or none; good until the next call. [worker] */
__attribute__((warn_unused_result)) int32_t headers_take(struct headers *h,
                                                         const rd_kafka_message_t *m,
                                                         struct ph_record *record,
                                                         struct ph_error *err);
/** [worker] */
void headers_fini(struct headers *h);

#endif
