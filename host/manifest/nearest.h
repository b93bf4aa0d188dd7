/* SPDX-License-Identifier: Apache-2.0 */
/** The known name that somebody meant. */
#ifndef MANIFEST_NEAREST_H
#define MANIFEST_NEAREST_H

#include "pipehost/abi.h"

#define NEAREST_LENGTH_MAX 64

/** Edits (insert, delete, replace, swap neighbours: optimal string alignment, without case) from a
 * to b, or limit + 1 when it takes more than limit or a name is longer than NEAREST_LENGTH_MAX. */
uint32_t nearest_distance(const char *a, const char *b, uint32_t limit);

/** The best of the names looked at so far. */
struct nearest {
    const char *wanted;
    uint32_t distance;
    char best[NEAREST_LENGTH_MAX + 1]; /**< at most a third of the letters differ; "" = none */
};

void nearest_init(struct nearest *n, const char *wanted);
void nearest_offer(struct nearest *n, const char *name);

/** Room for `, did you mean "…"?`; longer names are not suggested. */
#define NEAREST_HINT_SIZE (NEAREST_LENGTH_MAX + 24)

/** The hint to append to a sentence, or "". */
const char *nearest_hint(const struct nearest *n, char out[NEAREST_HINT_SIZE]);

#endif
