/* SPDX-License-Identifier: Apache-2.0 */
/**
 * "pipehost.encode/1": rows as JSON text, by the `format` of the sink's operator. One writer for
 * all sinks, so that a timestamp looks the same wherever it goes. A manifest that gives a `format`
 * to an operator that never calls create in bind is refused.
 */
#ifndef PIPEHOST_ENCODE_H
#define PIPEHOST_ENCODE_H

#include "pipehost/host.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PH_SERVICE_ENCODE "pipehost.encode/1"

enum ph_encode_form {
    PH_ENCODE_ROW = 0, /**< an object of the columns, in one line */
    /** The source record's value as it came, with the columns added before its last brace. */
    PH_ENCODE_SPLICE = 1
};

struct ph_encode_options {
    uint32_t size;
    uint32_t form; /**< enum ph_encode_form */
    /** Which columns, in this order; null = all of them, or with PH_ENCODE_SPLICE those that do not
     * come from the source. Copied. */
    const uint32_t *columns;
    uint32_t column_count;
    uint32_t reserved;
};

struct ph_encode {
    uint32_t size;
    uint32_t reserved;
    /** A writer of rows of schema, which is one of the inputs; null with err set. In bind, where it
     * says for the plugin that it looks at these columns, as ph_binding.reads does. [control] */
    void *(*create)(const struct ph_host *host, const struct ph_schema *schema,
                    const struct ph_encode_options *options, struct ph_error *err);
    void (*destroy)(void *encoder); /**< accepts null [control] */
    /**
     * Writes row of batch to out, without a line break behind it. Answers the bytes written; more
     * than capacity: nothing counts as written, and so many bytes are enough; 0: there is nothing
     * to splice into, as the row stems from no source record that is a JSON object. Tasks may share
     * an encoder. [any]
     */
    uint32_t (*row)(const void *encoder, const struct ph_batch *batch, uint32_t row, void *out,
                    uint32_t capacity);
};

#ifdef __cplusplus
}
#endif
#endif
