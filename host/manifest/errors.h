/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What is wrong with a manifest, all of it in one pass. A message is ready to print: place,
 * pointer, sentence, then the offending line and a caret. No secret is in it.
 *
 *   process-events.json:12:18: /operators/0/config/topik: unknown key "topik", did you mean
 * "topic"? "config": { "topik": "events" },
 *                 ^
 */
#ifndef MANIFEST_ERRORS_H
#define MANIFEST_ERRORS_H

#include "pipehost/abi.h"

#include <stdarg.h>

#define MANIFEST_ERRORS_MAX 20

struct manifest;

struct manifest_messages {
    char *texts[MANIFEST_ERRORS_MAX];  /**< without a line break at the end */
    char *fields[MANIFEST_ERRORS_MAX]; /**< the place for log_event: file, line, column, pointer,
                                          operator, as far as the message has them; never null */
    uint32_t count;
    uint32_t dropped; /**< came when the list was full */
};

struct manifest_errors {
    struct manifest_messages errors;   /**< any of them: exit code 78 */
    struct manifest_messages warnings; /**< the pipeline runs all the same */
    bool out_of_memory;                /**< a message may be missing */
};

enum manifest_spot { MANIFEST_AT_VALUE, MANIFEST_AT_KEY };

void manifest_errors_init(struct manifest_errors *errs);
void manifest_errors_fini(struct manifest_errors *errs);

/** True after any error, also one that found no room. */
bool manifest_errors_any(const struct manifest_errors *errs);

/**
 * Adds an error at the value of a JSON pointer ("" = the whole manifest); a pointer to what the
 * text lacks stands at its nearest parent. pointer may be null: a message about the file, without a
 * place. The manifest must not have been destroyed.
 */
__attribute__((format(printf, 4, 5))) void manifest_errors_add(struct manifest_errors *errs,
                                                               const struct manifest *m,
                                                               const char *pointer,
                                                               const char *format, ...);

/** The same, where the caret stands under the value or under its key. */
__attribute__((format(printf, 5, 0))) void manifest_errors_add_va(struct manifest_errors *errs,
                                                                  const struct manifest *m,
                                                                  const char *pointer,
                                                                  enum manifest_spot spot,
                                                                  const char *format, va_list args);

/** At a byte of the text, for what has no place as a value: a syntax error, a duplicate. */
__attribute__((format(printf, 5, 6))) void manifest_errors_add_offset(struct manifest_errors *errs,
                                                                      const struct manifest *m,
                                                                      const char *pointer,
                                                                      size_t offset,
                                                                      const char *format, ...);

/** A message that is not about the manifest's text: an env file, a --set. */
__attribute__((format(printf, 2, 3))) void manifest_errors_add_plain(struct manifest_errors *errs,
                                                                     const char *format, ...);

/** Tells them on stderr as the log's format wants it: in text as they are, warnings first; in JSON
 * one log line each. */
void manifest_errors_print(const struct manifest_errors *errs);

/** Logs the first error as one line of the log, without the manifest's line. */
void manifest_errors_log_first(const struct manifest_errors *errs);

/** A warning that is not about the manifest's text. */
__attribute__((format(printf, 2, 3))) void manifest_warnings_add_plain(struct manifest_errors *errs,
                                                                       const char *format, ...);

__attribute__((format(printf, 4, 5))) void manifest_warnings_add(struct manifest_errors *errs,
                                                                 const struct manifest *m,
                                                                 const char *pointer,
                                                                 const char *format, ...);

#endif
