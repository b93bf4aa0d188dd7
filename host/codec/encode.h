/* SPDX-License-Identifier: Apache-2.0 */
/** A row's columns as one JSON object. */
#ifndef CODEC_ENCODE_H
#define CODEC_ENCODE_H

#include "base/buf.h"
#include "pipehost/batch.h"

enum encode_timestamps { ENCODE_ISO8601, ENCODE_SQL, ENCODE_UNIX_MS };
enum encode_json_columns { ENCODE_NESTED, ENCODE_STRING };

struct encode_options {
    enum encode_timestamps timestamps;
    enum encode_json_columns json_columns;
    const uint32_t *columns; /**< which ones, in this order; null = all */
    uint32_t column_count;
};

/** Appends the object without a line break. Bytes columns are base64 (RFC 4648, 4). A float64 that
 * JSON does not have (infinite, not a number) is null. out->failed says whether it fitted. */
void encode_row(struct buf *out, const struct ph_batch *batch, uint32_t row,
                const struct encode_options *options);

#endif
