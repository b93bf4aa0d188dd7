/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The process's log on stderr: sentences for an operator, as text lines or as one JSON object a
 * line. A line is written with one write call. Lines longer than 4 KiB are cut. Thread-safe. Nobody
 * who logs waits for stderr (base/log_queue.h): lines that find no room are counted, and told once
 * there is room again.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "pipehost/host.h"

enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

/** Default before any call: text, PH_LOG_INFO, stderr. Flushes what goes to the last fd. [control]
 */
void log_init(enum log_format format, int32_t level, int fd);

enum log_format log_format_get(void); /**< [any] */

/** Sees each line's text before it is written and may shorten it in place, and own with it: how a
 * secret that a library prints stays out of the log. own marks the host's own words
 * (base/wording.h), or is null where they are not known. Null = none. Called on the logging thread.
 * [control] */
typedef void (*log_redactor)(char *text, unsigned char *own);
void log_set_redactor(log_redactor redactor);

/** True where a line of this level is written: for callers whose text costs something. [any] */
bool log_enabled(int32_t level);

/** component: an operator's name, or null for the host itself. [any] */
__attribute__((format(printf, 3, 4))) void log_write(int32_t level, const char *component,
                                                     const char *format, ...);

/**
 * A line with machine-readable members in JSON format: fields is the inside of a JSON object
 * without braces ("\"rows\":12"), text the sentence that the text format prints. The redactor sees
 * the text only, since a number in the fields may look like a secret: what fields hold, numbers and
 * names, is the caller's to keep clean. [any]
 */
void log_event(int32_t level, const char *component, const char *text, const char *fields);

/** The same for a text that the caller has redacted, and knows better how to. [any] */
void log_event_redacted(int32_t level, const char *component, const char *text, const char *fields);

/** Waits until what was logged is written, as long as stderr takes it: before an _exit, which gives
 * the log's thread no time. An exit flushes by itself. [any] */
void log_flush(void);

#endif
