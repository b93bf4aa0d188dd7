/* SPDX-License-Identifier: Apache-2.0 */
/** Turns the rows of batches into messages, a group at a time. [worker] */
#ifndef SINK_KAFKA_WRITER_H
#define SINK_KAFKA_WRITER_H

#include "places.h"
#include "producer.h"
#include "rows.h"

#define WRITER_GROUP 256

struct writer {
    const struct rows *rows;
    const struct ph_task *task;
    struct producer *producer;
    struct places places;
    bool has_headers;
    const struct ph_batch *batch; /**< half written, null = none */
    uint32_t next_row;            /**< of it */
    int count;                    /**< of the group */
    rd_kafka_message_t messages[WRITER_GROUP];
    uint32_t message_rows[WRITER_GROUP]; /**< the row of each */
    int64_t refused;                     /**< rows set aside so far */
};

/** As ph_sink_ops.write: PH_MORE while the producer is full. */
__attribute__((warn_unused_result)) int32_t writer_write(struct writer *w,
                                                         const struct ph_batch *batch,
                                                         struct ph_error *err);
/** Forgets a batch that is half written. */
void writer_reset(struct writer *w);

#endif
