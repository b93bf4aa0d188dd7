/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/nearest.h"

#include <stdio.h>
#include <string.h>

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

uint32_t nearest_distance(const char *a, const char *b, uint32_t limit)
{
    size_t m = strlen(a);
    size_t n = strlen(b);
    if (m > NEAREST_LENGTH_MAX || n > NEAREST_LENGTH_MAX || (m > n ? m - n : n - m) > limit) {
        return limit + 1;
    }
    /* Three rows of the usual table: the one being made, the last, and the one before for swaps. */
    uint32_t rows[3][NEAREST_LENGTH_MAX + 1] = {{0}};
    uint32_t *before = rows[0];
    uint32_t *last = rows[1];
    uint32_t *row = rows[2];
    for (uint32_t j = 0; j <= n; j++) {
        last[j] = j;
    }
    for (uint32_t i = 1; i <= m; i++) {
        row[0] = i;
        for (uint32_t j = 1; j <= n; j++) {
            bool same = lower(a[i - 1]) == lower(b[j - 1]);
            row[j] = least(least(last[j] + 1, row[j - 1] + 1), last[j - 1] + (same ? 0u : 1u));
            if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
                lower(a[i - 2]) == lower(b[j - 1])) {
                row[j] = least(row[j], before[j - 2] + 1);
            }
        }
        uint32_t *oldest = before;
        before = last;
        last = row;
        row = oldest;
    }
    return last[n] > limit ? limit + 1 : last[n];
}

void nearest_init(struct nearest *n, const char *wanted)
{
    *n = (struct nearest){.wanted = wanted, .distance = NEAREST_LENGTH_MAX};
}

void nearest_offer(struct nearest *n, const char *name)
{
    size_t wanted_length = strlen(n->wanted);
    size_t name_length = strlen(name);
    size_t longer = wanted_length > name_length ? wanted_length : name_length;
    uint32_t limit = longer > NEAREST_LENGTH_MAX ? 0 : (uint32_t)longer / 3;
    if (n->distance == 0 || name_length < 2) {
        return; /* one letter is like any other */
    }
    limit = limit < n->distance ? limit : n->distance - 1;
    uint32_t distance = nearest_distance(n->wanted, name, limit);
    if (distance <= limit) {
        (void)snprintf(n->best, sizeof n->best, "%s", name);
        n->distance = distance;
    }
}

const char *nearest_hint(const struct nearest *n, char out[NEAREST_HINT_SIZE])
{
    out[0] = '\0';
    if (n->best[0] != '\0') {
        (void)snprintf(out, NEAREST_HINT_SIZE, ", did you mean \"%s\"?", n->best);
    }
    return out;
}
