/* SPDX-License-Identifier: Apache-2.0 */
/** The manifest's `operators`. */
#ifndef MANIFEST_OPERATORS_H
#define MANIFEST_OPERATORS_H

#include "manifest/reader.h"

/** Reads the root's `operators`, their formats and their wiring. */
void operators_read(struct reader *r);

#endif
