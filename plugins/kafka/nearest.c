/* SPDX-License-Identifier: Apache-2.0 */
#include "nearest.h"

#include <string.h>

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Levenshtein's distance with one row of the table; both lengths are at most NEAREST_MAX. */
static size_t distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
    size_t row[NEAREST_MAX + 1];
    for (size_t j = 0; j <= b_length; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= a_length; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t replace = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = least(replace, least(row[j], row[j - 1]) + 1);
        }
    }
    return row[b_length];
}

void nearest_init(struct nearest *n, const char *wanted)
{
    /* A third of the name mistyped is no longer a slip. */
    *n = (struct nearest){wanted, NULL, strlen(wanted) / 3 + 2};
}

void nearest_offer(struct nearest *n, const char *name)
{
    size_t wanted_length = strlen(n->wanted);
    size_t length = strlen(name);
    if (length > NEAREST_MAX || wanted_length > NEAREST_MAX) {
        return;
    }
    size_t d = distance(n->wanted, wanted_length, name, length);
    if (d < n->best_distance) {
        n->best_distance = d;
        n->best = name;
    }
}
