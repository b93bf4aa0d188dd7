/* SPDX-License-Identifier: Apache-2.0 */
/** What of a row becomes the record's key and value. Constant after bind. */
#ifndef SINK_KAFKA_ROWS_H
#define SINK_KAFKA_ROWS_H

#include "producer.h"

/** Room that an integer key takes behind its value. */
#define ROWS_KEY_BYTES 24u

/** The columns of one input. */
struct rows_input {
    const struct ph_schema *schema;
    void *encoder;
    int32_t key; /**< the column's index, -1 = none */
};

struct rows {
    const struct ph_encode *encode;
    struct rows_input *inputs;
    uint32_t input_count;
};

/** [control] */
__attribute__((warn_unused_result)) int32_t rows_bind(struct rows *r, const struct settings *s,
                                                      const struct ph_host *host,
                                                      const struct ph_encode *encode,
                                                      struct ph_binding *binding,
                                                      struct ph_error *err);
void rows_fini(struct rows *r); /**< accepts one that was never bound [control] */

/** The input that a batch is of. [any] */
const struct rows_input *rows_find(const struct rows *r, const struct ph_batch *batch);
/**
 * Writes the value to room and points message's value and key at it, or into the batch. Answers as
 * ph_encode.row does: the bytes of room taken; more than capacity: so many are enough; 0: there is
 * nothing to splice into. [worker]
 */
uint32_t rows_write(const struct rows *r, const struct rows_input *input,
                    const struct ph_batch *batch, uint32_t row, char *room, uint32_t capacity,
                    rd_kafka_message_t *message);

#endif
