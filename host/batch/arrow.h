/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Export through the Arrow C Data Interface
 * (https://arrow.apache.org/docs/format/CDataInterface.html), without a copy: string and json are
 * "vu", bytes "vz", timestamps "tsm:UTC" and "tsu:UTC". An exported batch is a struct array that
 * holds a reference until it is released. [any]
 */
#ifndef BATCH_ARROW_H
#define BATCH_ARROW_H

#include "pipehost/batch.h"

#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE

#define ARROW_FLAG_DICTIONARY_ORDERED 1
#define ARROW_FLAG_NULLABLE           2
#define ARROW_FLAG_MAP_KEYS_SORTED    4

struct ArrowSchema {
    const char *format;
    const char *name;
    const char *metadata;
    int64_t flags;
    int64_t n_children;
    struct ArrowSchema **children;
    struct ArrowSchema *dictionary;
    void (*release)(struct ArrowSchema *);
    void *private_data;
};

struct ArrowArray {
    int64_t length;
    int64_t null_count;
    int64_t offset;
    int64_t n_buffers;
    int64_t n_children;
    const void **buffers;
    struct ArrowArray **children;
    struct ArrowArray *dictionary;
    void (*release)(struct ArrowArray *);
    void *private_data;
};

#endif

/** PH_OK, or PH_ERROR where memory ran out; *out is released then. */
__attribute__((warn_unused_result)) int32_t arrow_export_schema(const struct ph_schema *schema,
                                                                struct ArrowSchema *out);
__attribute__((warn_unused_result)) int32_t arrow_export_batch(const struct ph_batch *batch,
                                                               struct ArrowArray *out);

#endif
