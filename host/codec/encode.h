/* SPDX-License-Identifier: Apache-2.0 */
/** Rows as JSON objects, or spliced into the records that they stem from. An encoder is constant:
 * any thread may use it. */
#ifndef CODEC_ENCODE_H
#define CODEC_ENCODE_H

#include "pipehost/encode.h"

enum encode_timestamps { ENCODE_ISO8601, ENCODE_SQL, ENCODE_UNIX_MS };
enum encode_json_columns { ENCODE_NESTED, ENCODE_STRING };

struct encode_options {
    enum encode_timestamps timestamps;
    enum encode_json_columns json_columns;
    bool is_splice;          /**< into the source record's value */
    const uint32_t *columns; /**< which ones, in this order; null = all */
    uint32_t column_count;
};

struct encoder;

/** schema must outlive it, options need not. Null: out of memory. */
__attribute__((warn_unused_result)) struct encoder *encoder_create(
    const struct ph_schema *schema, const struct encode_options *options);
void encoder_destroy(struct encoder *e); /**< accepts null */

/**
 * ph_encode.row. Bytes columns are base64 (RFC 4648, 4). A float64 that JSON does not have
 * (infinite, not a number) is null. A json value's line breaks, which stand between its parts,
 * become blanks.
 */
__attribute__((warn_unused_result)) uint32_t encoder_row(const struct encoder *e,
                                                         const struct ph_batch *batch, uint32_t row,
                                                         char *out, uint32_t capacity);

#endif
