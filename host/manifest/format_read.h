/* SPDX-License-Identifier: Apache-2.0 */
/** Reads an operator's `format` object. */
#ifndef MANIFEST_FORMAT_READ_H
#define MANIFEST_FORMAT_READ_H

#include "manifest/reader.h"

/** r->at is the format. Null after an error. */
struct manifest_format *format_read(struct reader *r, json_t *format);

#endif
