/* SPDX-License-Identifier: Apache-2.0 */
/** Where values stand in a JSON text. The text has been parsed before: it is valid JSON. */
#ifndef MANIFEST_PLACE_H
#define MANIFEST_PLACE_H

#include "pipehost/abi.h"

struct pointer;

struct place {
    size_t key_offset; /**< of the key's opening quote; the value's offset where there is no key */
    size_t value_offset;
    bool found; /**< false: the pointer's nearest parent */
};

/** Walks to a JSON pointer. */
struct place place_find(const char *text, size_t length, const char *pointer);

/** The first byte of the token that the byte at offset belongs to. The text may be invalid, but
 * holds no NUL. */
size_t place_token(const char *text, size_t length, size_t offset);

/** Line and column from 1; the column counts code points. */
void place_line_column(const char *text, size_t offset, uint32_t *line, uint32_t *column);

/** Deepest nesting of objects and arrays; works on any text, valid or not. */
uint32_t place_depth(const char *text, size_t length);

/** Told for each member whose name its object has before: where it stands, and where the first did.
 */
typedef void (*place_duplicate)(void *context, const struct pointer *at, size_t key_offset,
                                size_t first_offset);

/** Finds duplicate names by walking the whole text, which nests at most MANIFEST_DEPTH_MAX deep.
 * False when memory ran out. */
__attribute__((warn_unused_result)) bool place_duplicates(const char *text, size_t length,
                                                          place_duplicate duplicate, void *context);

#endif
