/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The file of records that could not go on: one JSON object a line.
 *
 *   {"time":"2024-05-01T00:00:00.123456Z","pipeline":"p","operator":"rows","source":"events","topic":"t","partition":0,
 *    "offset":12,"timestamp_ms":1714521600000,"key":"k","code":"22001","reason":"...","value":"..."}
 *
 * No two letters of a file have one time, and a later one's is higher: it is the letter's place.
 * value is the source record's bytes as text, or value_base64 where they are not UTF-8; so is key.
 * "timestamp_ms" and "key" are missing where the record has none or it was not kept. "sub" follows
 * the offset where a UDF made several rows of the record; "value_bytes" is the whole length of a
 * value that was cut. A letter that an earlier process wrote of a record that is read again is
 * not written once more. Thread-safe.
 */
#ifndef DELIVERY_DEAD_LETTER_H
#define DELIVERY_DEAD_LETTER_H

#include "pipehost/host.h"

/** Longer values are cut to this: as long as a record may be at most, record.max_bytes. */
#define DEAD_LETTER_VALUE_MAX (UINT32_C(64) << 20)

struct dead_letters;

struct dead_letter {
    const char *operator_name;
    const struct ph_partition *partition; /**< null = stems from no record */
    int64_t offset;
    uint32_t sub_index;
    bool has_sub_index;
    int64_t timestamp_ms; /**< the record's, -1 = none */
    struct ph_bytes key;  /**< data null = none is known */
    const char *code;
    const char *reason;
    struct ph_bytes value; /**< data null = none is known */
};

struct dead_letter_settings {
    const char *path;
    uint64_t max_bytes;  /**< of the file and of each older one; 0 = LETTER_FILE_MAX_BYTES */
    uint32_t file_count; /**< with the older ones; 0 = LETTER_FILE_COUNT */
};

struct dead_letters_recalled {
    uint64_t count;     /**< letters whose records are read again */
    uint64_t forgotten; /**< more of them than memory is given for: they may be written twice */
};

/** Opens the file at the first add; pipeline and settings are copied. Null: out of memory.
 * [control] */
__attribute__((warn_unused_result)) struct dead_letters *dead_letters_create(
    const char *pipeline, const struct dead_letter_settings *settings);
void dead_letters_destroy(struct dead_letters *d);
/** Whether the file can be written, as far as one can say without making it. PH_ERR_CONFIG where
 * not. [control] */
__attribute__((warn_unused_result)) int32_t dead_letters_check(struct dead_letters *d,
                                                               struct ph_error *err);
/** Where a partition is read from: letters of records behind that are recalled. [control] */
__attribute__((warn_unused_result)) int32_t dead_letters_begin_at(
    struct dead_letters *d, const struct ph_partition *partition, int64_t offset,
    struct ph_error *err);
/** Reads what earlier processes wrote; once all partitions have begun, before the first add. The
 * error is retriable. [control] */
__attribute__((warn_unused_result)) int32_t dead_letters_recall(
    struct dead_letters *d, struct dead_letters_recalled *recalled, struct ph_error *err);
/** Appends a line, all of it or nothing, unless it is there already. The error names the file and
 * is retriable: a full disk may get room. [any] */
__attribute__((warn_unused_result)) int32_t dead_letters_add(struct dead_letters *d,
                                                             const struct dead_letter *letter,
                                                             struct ph_error *err);
/** Makes all lines durable that were added before. Cheap when there are none. [any] */
__attribute__((warn_unused_result)) int32_t dead_letters_sync(struct dead_letters *d,
                                                              struct ph_error *err);
uint64_t dead_letters_count(struct dead_letters *d); /**< added since create [any] */

#endif
