/* SPDX-License-Identifier: Apache-2.0 */
#include "job/reads.h"

#include <stdlib.h>

bool reads_init(struct node *n)
{
    n->reads = calloc(n->manifest->input_count + 1u, sizeof *n->reads);
    for (uint32_t i = 0; n->reads != NULL && i < n->manifest->input_count; i++) {
        /* One element more: its first says that the plugin spoke of this input. */
        n->reads[i] = calloc(node_input(n, i)->outputs[0].schema->field_count + 1u, sizeof(bool));
        if (n->reads[i] == NULL) {
            reads_fini(n);
        }
    }
    return n->reads != NULL;
}

void reads_fini(struct node *n)
{
    for (uint32_t i = 0; n->reads != NULL && i < n->manifest->input_count; i++) {
        free(n->reads[i]);
    }
    free((void *)n->reads);
    free(n->wanted);
    n->reads = NULL;
    n->wanted = NULL;
}

void reads_begin(struct node *n, uint32_t input)
{
    n->reads[input][0] = true;
}

void reads_add(struct node *n, uint32_t input, uint32_t column)
{
    reads_begin(n, input);
    n->reads[input][1 + column] = true;
}

/* Whether a column of an input is looked at, or passed on to somebody who does. */
static bool wants(const struct node *reader, uint32_t input, uint32_t column)
{
    const bool *reads = reader->reads[input];
    if (!reads[0] || reads[1 + column]) {
        return true;
    }
    return reader->wanted != NULL && column < reader->outputs[0].draft.inherited &&
           reader->wanted[column];
}

static void ask_reader(struct node *n, const struct node *reader)
{
    for (uint32_t input = 0; input < reader->manifest->input_count; input++) {
        if (node_input(reader, input) != n) {
            continue;
        }
        for (uint32_t column = 0; column < n->outputs[0].schema->field_count; column++) {
            n->wanted[column] = n->wanted[column] || wants(reader, input, column);
        }
    }
}

bool reads_trace(struct job *job)
{
    for (uint32_t i = job->node_count; i-- > 0;) {
        struct node *n = &job->nodes[job->manifest->order[i]];
        if (n->output_count == 0) {
            continue;
        }
        n->wanted = calloc(n->outputs[0].schema->field_count + 1u, sizeof *n->wanted);
        if (n->wanted == NULL) {
            return false;
        }
        for (uint32_t r = 0; r < job->node_count; r++) {
            ask_reader(n, &job->nodes[r]);
        }
        for (uint32_t f = 0; n->fields != NULL && f < n->outputs[0].schema->field_count; f++) {
            n->fields[f].is_unread = !n->wanted[f];
        }
    }
    return true;
}
