/* SPDX-License-Identifier: Apache-2.0 */
/** A JSON pointer (RFC 6901) that grows and shrinks with a walk. One that does not fit ends at its
 * last whole segment: it then names a parent. */
#ifndef MANIFEST_POINTER_H
#define MANIFEST_POINTER_H

#include "pipehost/abi.h"

struct pointer {
    char text[1024];
    size_t length;
    uint32_t cut; /**< segments that were pushed and did not fit */
};

void pointer_init(struct pointer *p);
void pointer_push(struct pointer *p, const char *key, size_t length);
void pointer_push_text(struct pointer *p, const char *key);
void pointer_push_index(struct pointer *p, size_t index);
void pointer_pop(struct pointer *p);

/** The next byte of a segment, with ~0 and ~1 undone; -1 at its end ('/' or NUL). */
int pointer_next_byte(const char **at);

#endif
