/* SPDX-License-Identifier: Apache-2.0 */
#include "job/reach.h"

#define WORDS (MANIFEST_OPERATORS_MAX / 64)

void reach_init(struct job *job)
{
    memset(job->reaches, 0, sizeof job->reaches);
    for (uint32_t i = 0; i < job->node_count; i++) {
        const struct node *n = &job->nodes[job->manifest->order[i]];
        uint64_t *own = job->reaches[n->index];
        own[n->index / 64] |= UINT64_C(1) << (n->index % 64);
        for (uint32_t k = 0; k < n->manifest->input_count; k++) {
            const uint64_t *input = job->reaches[node_input(n, k)->index];
            for (uint32_t w = 0; w < WORDS; w++) {
                own[w] |= input[w];
            }
        }
    }
}

const struct node *reach_find_double(const struct node *n, uint32_t *a, uint32_t *b)
{
    const struct job *job = n->job;
    for (uint32_t i = 0; i < job->node_count; i++) {
        const struct node *source = &job->nodes[i];
        uint32_t ways = 0;
        for (uint32_t k = 0; source->manifest->input_count == 0 && k < n->manifest->input_count;
             k++) {
            if (!reach_has(job, source, node_input(n, k))) {
                continue;
            }
            *(ways == 0 ? a : b) = k;
            if (++ways == 2) {
                return source;
            }
        }
    }
    return NULL;
}
