/* SPDX-License-Identifier: Apache-2.0 */
/** --set OPERATOR/pointer=value and --set /pointer=value: changes to the tree before it is read. */
#ifndef MANIFEST_SETS_H
#define MANIFEST_SETS_H

#include "manifest/reader.h"

#define SETS_MAX 256

/** A value that begins with {, [ or " is JSON; anything else is text that is converted where a
 * number or bool is wanted. Objects on the way are made. */
void sets_apply(struct reader *r, const char *const *sets, uint32_t count);

#endif
