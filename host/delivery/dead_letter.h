/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The file of records that could not go on: one JSON object a line.
 *
 *   {"time":"2024-05-01T00:00:00.123Z","pipeline":"p","operator":"rows","source":"events","topic":"t","partition":0,
 *    "offset":12,"code":"22001","reason":"...","value":"..."}
 *
 * value is the source record's bytes as text, or value_base64 where they are not UTF-8. Mode 0600.
 * Thread-safe.
 */
#ifndef DELIVERY_DEAD_LETTER_H
#define DELIVERY_DEAD_LETTER_H

#include "pipehost/host.h"

struct dead_letters;

struct dead_letter {
    const char *operator_name;
    const struct ph_partition *partition; /**< null = stems from no record */
    int64_t offset;
    const char *code;
    const char *reason;
    struct ph_bytes value; /**< data null = none is known */
};

/** Opens the file at the first add; pipeline and path are copied. Null: out of memory. [control] */
__attribute__((warn_unused_result)) struct dead_letters *dead_letters_create(const char *pipeline,
                                                                             const char *path);
void dead_letters_destroy(struct dead_letters *d);
/** Whether the file can be written, as far as one can say without making it. PH_ERR_CONFIG where
 * not. [control] */
__attribute__((warn_unused_result)) int32_t dead_letters_check(struct dead_letters *d,
                                                               struct ph_error *err);
/** Appends a line, all of it or nothing. The error names the file and is
 * retriable: a full disk may get room. [any] */
__attribute__((warn_unused_result)) int32_t dead_letters_add(struct dead_letters *d,
                                                             const struct dead_letter *letter,
                                                             struct ph_error *err);
/** Makes all lines durable that were added before. Cheap when there are none. [any] */
__attribute__((warn_unused_result)) int32_t dead_letters_sync(struct dead_letters *d,
                                                              struct ph_error *err);
uint64_t dead_letters_count(struct dead_letters *d); /**< added since create [any] */

#endif
