/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Rows as PostgreSQL's binary COPY stream (manual, COPY, "Binary Format"): for each row a 16-bit
 * count of fields; for each field a 32-bit length, or -1 for null, and its bytes; network order.
 */
#ifndef SINK_POSTGRES_ENCODE_H
#define SINK_POSTGRES_ENCODE_H

#include "plan.h"

/** What is staged here before it goes to libpq: enough for few system calls, little enough for the
 * server to begin early. */
#define ENCODE_PIECE_BYTES (128u * 1024u)

/** One input column of the running batch, and how to write it. */
struct encode_source {
    const uint8_t *validity;
    const void *values;
    const uint8_t *const *buffers;
    enum plan_op op;
    uint32_t version_bytes; /**< in front of a text: 1 for jsonb */
};

struct encoder {
    uint8_t *data;
    size_t used;
    size_t capacity;
    struct encode_source *sources; /**< one for each column of the plan */
};

/** Why the encoder stopped before the last row. */
enum encode_stop {
    ENCODE_END,  /**< all rows are encoded */
    ENCODE_FULL, /**< a piece is full: send it and go on at the row */
    ENCODE_BAD,  /**< the row's value does not fit its column; nothing of the row is encoded */
    ENCODE_MEMORY
};

struct encode_fault {
    uint32_t column; /**< index in the plan */
    const char *sqlstate;
    const char *reason;
};

int32_t encoder_init(struct encoder *e, uint32_t columns, struct ph_error *err);
void encoder_fini(struct encoder *e);
/** Begins a stream: forgets what is staged and writes the stream's head. */
void encoder_begin(struct encoder *e);
/** Forgets what is staged, and gives the room of a very long row back. */
void encoder_sent(struct encoder *e);
/** Ends the stream. */
void encoder_end(struct encoder *e);

/** Encodes rows of the batch from *row on; *row is then the row that it stopped at. */
enum encode_stop encoder_rows(struct encoder *e, const struct plan *plan,
                              const struct ph_batch *batch, uint32_t *row,
                              struct encode_fault *fault);

#endif
