/* SPDX-License-Identifier: Apache-2.0 */
/** Small pieces of memory that live and die together: a manifest's strings, a config's values. */
#ifndef MANIFEST_MEMORY_H
#define MANIFEST_MEMORY_H

#include "pipehost/abi.h"

struct memory_block;

/** Zeroed memory, or null; aligned for any type. first is the owner's list, null at the start. */
void *memory_alloc(struct memory_block **first, size_t count, size_t size);

/** A NUL-terminated copy, or null. */
char *memory_copy(struct memory_block **first, const char *text, size_t length);

void memory_free(struct memory_block **first);

#endif
