/* SPDX-License-Identifier: Apache-2.0 */
/** Keeps secrets out of what people see: a process-wide list of known ones, and the places where
 * passwords stand inside connection strings. */
#ifndef MANIFEST_SECRET_H
#define MANIFEST_SECRET_H

#include "base/buf.h"

#define SECRET_LENGTH_MIN 4 /**< shorter ones would blacken every text */
#define SECRET_COUNT_MAX  1024
#define SECRET_NAMES_MAX  1024
#define SECRET_MASK       "***"

/** From now on secret_redact hides this value. Values that are too short or plain words ("true",
 * "none") are ignored. False when memory or the list is full. [any] */
__attribute__((warn_unused_result)) bool secret_register(const char *value);

/** The same for the passwords inside a connection string. */
__attribute__((warn_unused_result)) bool secret_register_dsn(const char *dsn);

/** A name that everybody sees: of a pipeline, an operator or a plugin. Where a secret is a part of
 * it, as "events" is of "process-events", secret_redact leaves the name alone; one that is a secret
 * as a whole only in front of a sentence ("events: stopped"). One for which there is no room is
 * like any other text. [any] */
void secret_spare_name(const char *name);

/** Replaces each known secret in text by "***", in place. [any] */
void secret_redact(char *text);

/** The same but for what stands within one run of own words (base/wording.h), which are shortened
 * like the text. own may be null. For log_set_redactor. [any] */
void secret_redact_but(char *text, unsigned char *own);

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
