/* SPDX-License-Identifier: Apache-2.0 */
/** The operators' wiring: who reads from whom, and that nobody reads from himself in the end. */
#ifndef MANIFEST_GRAPH_H
#define MANIFEST_GRAPH_H

#include "manifest/reader.h"

#define GRAPH_INPUTS_MAX 64

/** The operator of that name, or -1 and an error at a key of what r->at is. */
int32_t graph_find(struct reader *r, const char *key, const char *name);

/** Resolves every operator's `input` and fills the manifest's order. The operators' names are read.
 */
void graph_read(struct reader *r, json_t *operators);

#endif
