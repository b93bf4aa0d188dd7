/* SPDX-License-Identifier: Apache-2.0 */
/**
 * JSON records to columns. Fields may come in any order; those that are not declared are skipped.
 *
 * Checked in every record: UTF-8, strings closed and without raw control characters, one object and
 * nothing behind it, and the grammar of all brackets, commas and colons down to DECODE_MAX_DEPTH.
 * Declared fields are checked to the last byte. Not checked: the digits, literals and escapes of
 * values that are skipped.
 */
#ifndef CODEC_DECODE_H
#define CODEC_DECODE_H

#include "batch/target.h"
#include "pipehost/error.h"

#define DECODE_MAX_DEPTH    1024u
#define DECODE_MAX_FIELDS   1024u
#define DECODE_MAX_SEGMENTS 32u
#define DECODE_MAX_METADATA 64u  /**< fields that do not stand in the JSON */
#define DECODE_MAX_NAME     255u /**< bytes of a field's name or a path segment */

/** How a timestamp is written. */
enum decode_parse {
    DECODE_ISO8601 = 0, /**< 2024-05-01T00:00:00.123Z and its relatives */
    DECODE_UNIX_S = 1,  /**< seconds since 1970, fractions allowed */
    DECODE_UNIX_MS = 2,
    DECODE_PATTERN = 3 /**< strptime */
};

/** What a field is that does not stand in the record's JSON. */
enum decode_metadata {
    DECODE_IN_VALUE = 0,
    DECODE_KEY,
    DECODE_VALUE, /**< the whole of it */
    DECODE_HEADERS,
    DECODE_TIMESTAMP,
    DECODE_OFFSET,
    DECODE_PARTITION,
    DECODE_TOPIC
};

struct decode_field {
    enum decode_metadata metadata; /**< with it, path, parse and pattern say nothing */
    const char *name;              /**< of the column */
    uint32_t type;                 /**< enum ph_type */
    bool required;                 /**< null and missing are refused */
    enum decode_parse parse;
    const char *pattern; /**< for DECODE_PATTERN */
    /** Where the value stands, the unescaped segments of a JSON pointer; path_length 0 = the member
     * called name. */
    const char *const *path;
    uint32_t path_length;
    /** Nobody looks at the column: the value is skipped as one that is not declared, and the column
     * is left alone. Whether it is required, null or there twice is seen all the same. */
    bool is_unread;
};

struct decoder;

/**
 * One for each task that decodes. Fields are copied. Null: err says which field is wrong (unknown
 * type, two columns of one name, a bad pattern, limits). [control]
 */
__attribute__((warn_unused_result)) struct decoder *decoder_create(
    const struct decode_field *fields, uint32_t count, struct ph_error *err);
void decoder_destroy(struct decoder *d);

/** The columns that rows will have, in the order of fields; for schema_create. fields[count] is
 * filled with borrowed names. [control] */
void decoder_list_columns(const struct decode_field *fields, uint32_t count,
                          struct ph_field *columns);

/** Bytes of unescaped text that a record may need for each of its own bytes: for
 * batch_writer_options. */
uint32_t decoder_spare(const struct decoder *d);

/** What a decoder needs of the writer beside decoder_spare. */
struct decoder_needs {
    bool keys;
    bool headers;
    uint32_t extra; /**< bytes of text for each record */
};

struct decoder_needs decoder_needs(const struct decoder *d);
/** decoder_row, or what does more where some field does not stand in the JSON. */
target_decode_fn decoder_function(const struct decoder *d);
/** A target_decode_fn for a record without a value: a row of nulls but for the fields that do not
 * stand in the JSON. Code "tombstone": a field is required. [worker] */
int32_t decoder_tombstone(void *decoder, struct row_target *target, const uint8_t *value,
                          uint32_t length, struct row_fault *fault);

/**
 * A target_decode_fn; decoder is the struct decoder. Codes: "json" (not a JSON document), "type",
 * "missing", "duplicate", "range", "timestamp", "depth", "memory". [worker]
 */
int32_t decoder_row(void *decoder, struct row_target *target, const uint8_t *json, uint32_t length,
                    struct row_fault *fault);

#endif
