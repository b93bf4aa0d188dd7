/* SPDX-License-Identifier: Apache-2.0 */
/** The line of a manifest that an error is about, with a caret below it and without secrets. */
#ifndef MANIFEST_SNIPPET_H
#define MANIFEST_SNIPPET_H

#include "base/buf.h"

#define SNIPPET_WIDTH 96 /**< columns shown of a longer line */

/**
 * Appends two lines, each with a line break in front. Values that follow a key named like a secret,
 * and passwords inside connection strings, are shown as "***". The text need not be valid JSON.
 */
void snippet_append(struct buf *out, const char *text, size_t length, size_t offset);

#endif
