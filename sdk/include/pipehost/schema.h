/* SPDX-License-Identifier: Apache-2.0 */
/** Column types and schemas. A schema is made by the host, constant, and lives as long as any batch
 * that has it. */
#ifndef PIPEHOST_SCHEMA_H
#define PIPEHOST_SCHEMA_H

#include "pipehost/abi.h"

#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

enum ph_type {
    PH_TYPE_NONE = 0,
    PH_TYPE_BOOL = 1,         /**< bitmap, one bit a row, least significant first */
    PH_TYPE_INT32 = 2,        /**< int32_t */
    PH_TYPE_INT64 = 3,        /**< int64_t */
    PH_TYPE_FLOAT64 = 4,      /**< double */
    PH_TYPE_STRING = 5,       /**< struct ph_view, UTF-8 */
    PH_TYPE_BYTES = 6,        /**< struct ph_view */
    PH_TYPE_TIMESTAMP_MS = 7, /**< int64_t, milliseconds since 1970-01-01T00:00:00Z */
    PH_TYPE_TIMESTAMP_US = 8, /**< int64_t, microseconds since 1970-01-01T00:00:00Z */
    PH_TYPE_JSON = 9          /**< struct ph_view, the exact text of one JSON value, UTF-8 */
};

enum ph_field_flags {
    PH_FIELD_REQUIRED = 1u << 0 /**< never null */
};

struct ph_field {
    const char *name; /**< NUL-terminated UTF-8, unique in its schema */
    uint32_t type;    /**< enum ph_type */
    uint32_t flags;   /**< enum ph_field_flags */
};

struct ph_schema {
    uint32_t size;
    uint32_t field_count;
    const struct ph_field *fields;
};

/** The column's index, or -1. [any] */
static inline int32_t ph_schema_find(const struct ph_schema *s, const char *name)
{
    for (uint32_t i = 0; i < s->field_count; i++) {
        if (strcmp(s->fields[i].name, name) == 0) {
            return (int32_t)i;
        }
    }
    return -1;
}

/** The type's name as a manifest writes it: "string", "timestamp(3)", ... [any] */
static inline const char *ph_type_name(uint32_t type)
{
    switch (type) {
    case PH_TYPE_BOOL:
        return "bool";
    case PH_TYPE_INT32:
        return "int32";
    case PH_TYPE_INT64:
        return "int64";
    case PH_TYPE_FLOAT64:
        return "float64";
    case PH_TYPE_STRING:
        return "string";
    case PH_TYPE_BYTES:
        return "bytes";
    case PH_TYPE_TIMESTAMP_MS:
        return "timestamp(3)";
    case PH_TYPE_TIMESTAMP_US:
        return "timestamp(6)";
    case PH_TYPE_JSON:
        return "json";
    default:
        return "none";
    }
}

/** True for the types whose values are struct ph_view. [any] */
static inline bool ph_type_is_view(uint32_t type)
{
    return type == PH_TYPE_STRING || type == PH_TYPE_BYTES || type == PH_TYPE_JSON;
}

/** Bytes a value takes in a column's `values`; 0 for bool, which is a bitmap. [any] */
static inline uint32_t ph_type_width(uint32_t type)
{
    switch (type) {
    case PH_TYPE_INT32:
        return 4;
    case PH_TYPE_INT64:
    case PH_TYPE_FLOAT64:
    case PH_TYPE_TIMESTAMP_MS:
    case PH_TYPE_TIMESTAMP_US:
        return 8;
    case PH_TYPE_STRING:
    case PH_TYPE_BYTES:
    case PH_TYPE_JSON:
        return 16;
    default:
        return 0;
    }
}

#ifdef __cplusplus
}
#endif
#endif
