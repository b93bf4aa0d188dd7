/* SPDX-License-Identifier: Apache-2.0 */
/** An operator's `format`: how bytes become columns at a source, and columns bytes at a sink. */
#ifndef MANIFEST_FORMAT_H
#define MANIFEST_FORMAT_H

#include "pipehost/schema.h"

#define MANIFEST_FIELDS_MAX     256
#define MANIFEST_FIELD_PATH_MAX 32
#define MANIFEST_FIELD_NAME_MAX 128

enum manifest_parse {
    MANIFEST_PARSE_ISO8601,
    MANIFEST_PARSE_UNIX_S,
    MANIFEST_PARSE_UNIX_MS,
    MANIFEST_PARSE_STRPTIME
};

enum manifest_timestamps {
    MANIFEST_TIMESTAMPS_ISO8601,
    MANIFEST_TIMESTAMPS_SQL,
    MANIFEST_TIMESTAMPS_UNIX_MS
};

enum manifest_json_columns { MANIFEST_JSON_NESTED, MANIFEST_JSON_STRING };

/** A field's `from` that begins with a dollar: it does not stand in the JSON. */
enum manifest_metadata {
    MANIFEST_IN_VALUE,
    MANIFEST_KEY,
    MANIFEST_VALUE,
    MANIFEST_HEADERS,
    MANIFEST_TIMESTAMP,
    MANIFEST_OFFSET,
    MANIFEST_PARTITION,
    MANIFEST_TOPIC
};

/** What becomes of a record without a value. */
enum manifest_tombstones {
    MANIFEST_TOMBSTONES_LETTER,
    MANIFEST_TOMBSTONES_SKIP,
    MANIFEST_TOMBSTONES_NULL
};

/** One column that a source's decoder makes. */
struct manifest_field {
    const char *name;
    uint32_t type; /**< enum ph_type */
    bool required;
    enum manifest_metadata metadata;
    enum manifest_parse parse; /**< of a timestamp */
    const char *parse_pattern; /**< for strptime; null otherwise */
    const char *const *path;   /**< `from` in unescaped segments; default: the name alone */
    uint32_t path_count;       /**< 1 .. MANIFEST_FIELD_PATH_MAX */
};

struct manifest_format {
    struct manifest_field *fields;
    uint32_t field_count;                /**< 0 where `fields` is absent: a sink's format */
    enum manifest_tombstones tombstones; /**< of a source */
    enum manifest_timestamps timestamps;
    enum manifest_json_columns json_columns;
    bool has_output; /**< `timestamps` or `json_columns` is given: only a sink has them */
};

#endif
