/* SPDX-License-Identifier: Apache-2.0 */
/** Replaces ${V}, ${V:-default}, ${V:?message}, ${file:PATH} and $$ inside string values. JSON has
 * been parsed before, so no value can change the structure. */
#ifndef MANIFEST_INTERPOLATE_H
#define MANIFEST_INTERPOLATE_H

#include "manifest/environment.h"
#include "manifest/reader.h"

#define INTERPOLATE_VALUE_MAX (128u << 10) /**< bytes that one string may become */
#define INTERPOLATE_TOTAL_MAX (4u << 20)   /**< bytes that all may become together */
#define INTERPOLATE_FILE_MAX  (64u << 10)

/** Walks the manifest's whole tree; strings that held a ${} are marked in its origin. */
void interpolate_tree(struct reader *r, const struct environment *e);

#endif
