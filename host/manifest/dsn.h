/* SPDX-License-Identifier: Apache-2.0 */
/** Finds where passwords stand inside a connection string: a URI, a jdbc: URI, or key=value pairs
 * (libpq, JAAS). */
#ifndef MANIFEST_DSN_H
#define MANIFEST_DSN_H

#include "pipehost/abi.h"

#define DSN_RANGES_MAX 16

struct dsn_range {
    size_t start;
    size_t length;
};

/** Answers how many, in order and without overlap. Where there are more than fit, the last one
 * reaches to the end of the text. */
uint32_t dsn_find(const char *text, size_t length, struct dsn_range ranges[DSN_RANGES_MAX]);

#endif
