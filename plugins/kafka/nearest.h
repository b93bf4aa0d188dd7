/* SPDX-License-Identifier: Apache-2.0 */
/** "did you mean": the known name that is the fewest keystrokes away from a mistyped one. */
#ifndef KAFKA_NEAREST_H
#define KAFKA_NEAREST_H

#include <stddef.h>

/** Names longer than this are never near. */
#define NEAREST_MAX 128

struct nearest {
    const char *wanted;
    const char *best; /**< null: nothing is near enough */
    size_t best_distance;
};

/** [any] */
void nearest_init(struct nearest *n, const char *wanted);
/** Offers a candidate, which must outlive n. [any] */
void nearest_offer(struct nearest *n, const char *name);

#endif
