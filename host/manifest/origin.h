/* SPDX-License-Identifier: Apache-2.0 */
/** Remembers which of a manifest's strings are not as the text has them. */
#ifndef MANIFEST_ORIGIN_H
#define MANIFEST_ORIGIN_H

#include "pipehost/abi.h"

struct json_t;
struct manifest_origin;

/** Where what a ${} gave stands in its string. */
struct origin_piece {
    size_t start;
    size_t length;
};

enum origin_flags {
    ORIGIN_REPLACED = 1u << 0, /**< held a ${} */
    ORIGIN_SET = 1u << 1       /**< stands on the command line */
};

struct manifest_origin *origin_create(void);
void origin_destroy(struct manifest_origin *o);

/** False when memory ran out. */
__attribute__((warn_unused_result)) bool origin_mark(struct manifest_origin *o,
                                                     const struct json_t *node, uint32_t flags);

/** The same for a string that held a ${}; own is what its text gives itself (reference_reduce).
 * Both are copied. */
__attribute__((warn_unused_result)) bool origin_mark_replaced(struct manifest_origin *o,
                                                              const struct json_t *node,
                                                              const char *own,
                                                              const struct origin_piece *pieces,
                                                              size_t count);

/** What a string that held a ${} gives itself, or null for one that held none. */
const char *origin_own(struct manifest_origin *o, const struct json_t *node);

/** What its ${} gave, in the string's order; null for one that held none. */
const struct origin_piece *origin_pieces(struct manifest_origin *o, const struct json_t *node,
                                         size_t *count);

/** The node's flags. Strings only: jansson shares the nodes of true, false and null. */
uint32_t origin_flags(struct manifest_origin *o, const struct json_t *node);

/** Everything at and below the pointer comes from a --set whose address was shown. */
__attribute__((warn_unused_result)) bool origin_add_set(struct manifest_origin *o,
                                                        const char *pointer, const char *shown);

/** The address of the --set that a pointer's value comes from, or null. o may be null. */
const char *origin_find_set(const struct manifest_origin *o, const char *pointer);

/** The address of a --set that made something below the pointer, or null. o may be null. */
const char *origin_find_set_below(const struct manifest_origin *o, const char *pointer);

/** The value at the pointer could not be made, which has been told: what is wrong with the text
 * that stands there instead is no news. */
__attribute__((warn_unused_result)) bool origin_add_failed(struct manifest_origin *o,
                                                           const char *pointer);

/** True where the pointer's own value was told so. o may be null. */
bool origin_has_failed(const struct manifest_origin *o, const char *pointer);

#endif
