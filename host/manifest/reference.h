/* SPDX-License-Identifier: Apache-2.0 */
/** The ${} in a text: what of it comes from outside, and what the text itself gives. */
#ifndef MANIFEST_REFERENCE_H
#define MANIFEST_REFERENCE_H

#include "base/buf.h"

#define REFERENCE_MARK '\x01'

/** Appends text as it stands in its file: a ${} becomes its default, or REFERENCE_MARK where it has
 * none; $$ becomes one dollar sign. */
void reference_reduce(const char *text, size_t length, struct buf *out);

/** True for a text that gives nothing itself: one ${} or several, and no default. */
bool reference_is_all(const char *text, size_t length);

/** True where some byte of a reduced text is not REFERENCE_MARK. */
bool reference_has_literal(const char *reduced, size_t length);

#endif
