/* SPDX-License-Identifier: Apache-2.0 */
/** Keeps secrets out of what people see: a process-wide list of known ones, and the places where
 * passwords stand inside connection strings. */
#ifndef MANIFEST_SECRET_H
#define MANIFEST_SECRET_H

#include "base/buf.h"

#define SECRET_LENGTH_MIN 4 /**< shorter ones would blacken every text */
#define SECRET_COUNT_MAX  1024
#define SECRET_MASK       "***"

/** From now on secret_redact hides this value. Values that are too short or plain words ("true",
 * "none") are ignored. False when memory or the list is full. [any] */
__attribute__((warn_unused_result)) bool secret_register(const char *value);

/** The same for the passwords inside a connection string. */
__attribute__((warn_unused_result)) bool secret_register_dsn(const char *dsn);

/** Replaces each known secret in text by "***", in place. For log_set_redactor as well. [any] */
void secret_redact(char *text);

/** True for a text that is as a whole a value that secret_redact hides. [any] */
bool secret_is_known(const char *text, size_t length);

/** Forgets all: for tests, and before exit. No other thread may log meanwhile. */
void secret_clear(void);

/** True for a name that says that its value is a secret: password, sasl.password, api_key, ... */
bool secret_is_name(const char *name, size_t length);

/**
 * Appends text with passwords replaced by "***", in the forms
 * scheme://user:PASSWORD@host/?password=…, jdbc:… of it, and key=value pairs. In doubt it hides
 * more. Returns true when something was hidden.
 */
bool secret_mask_dsn(const char *text, size_t length, struct buf *out);

#endif
