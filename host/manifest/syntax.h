/* SPDX-License-Identifier: Apache-2.0 */
/** What is wrong with a text that is no JSON, in words for its author. */
#ifndef MANIFEST_SYNTAX_H
#define MANIFEST_SYNTAX_H

#include "manifest/reader.h"

/** Adds the error that json_loadb gave for the manifest's text; answers false, for return. */
bool syntax_refuse(struct reader *r, const json_error_t *error);

#endif
