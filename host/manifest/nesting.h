/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Where in a manifest a text stands that may be broken, found by its brackets alone. Before a
 * plugin is known nobody can say which values in a map of its config (librdkafka's properties) are
 * harmless.
 */
#ifndef MANIFEST_NESTING_H
#define MANIFEST_NESTING_H

#include "pipehost/abi.h"

#define NESTING_DEPTH_MAX 64u

struct nesting {
    uint32_t depth;
    bool is_object[NESTING_DEPTH_MAX + 1];
    bool wants_key; /**< the next string of this object is a key */
    bool in_format; /**< the operator's member that is read is its "format" */
};

/** The next byte outside strings. */
void nesting_step(struct nesting *n, char c);

/** The next string, without its quotes. True where it is a key. */
bool nesting_string(struct nesting *n, const char *text, size_t length);

/** True inside an object that is itself a member of an operator's config. */
bool nesting_in_config_map(const struct nesting *n);

#endif
