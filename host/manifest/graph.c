/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/graph.h"

#include "manifest/letters_way.h"
#include "manifest/memory.h"
#include "manifest/nearest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int32_t graph_find(struct reader *r, const char *key, const char *name)
{
    const struct manifest *m = r->m;
    struct nearest n;
    char hint[NEAREST_HINT_SIZE];
    nearest_init(&n, name);
    for (uint32_t i = 0; i < m->operator_count; i++) {
        if (strcmp(m->operators[i].name, name) == 0) {
            return (int32_t)i;
        }
        nearest_offer(&n, m->operators[i].name);
    }
    reader_fail(r, key, "there is no operator \"%.64s\"%s", name, nearest_hint(&n, hint));
    return -1;
}

/* key: "input" for a single name, null where r->at is an element. */
static void add_input(struct reader *r, struct manifest_operator *op, const char *key,
                      const json_t *value)
{
    const char *name = json_string_value(value);
    if (name == NULL) {
        reader_fail(r, key, "\"input\" must be an operator's name or a list of names");
        return;
    }
    int32_t index = graph_find(r, key, name);
    for (uint32_t i = 0; index >= 0 && i < op->input_count; i++) {
        if (op->inputs[i] == (uint32_t)index) {
            reader_fail(r, key, "\"%s\" is an input already", name);
            return;
        }
    }
    if (index >= 0) {
        op->inputs[op->input_count++] = (uint32_t)index;
    }
}

static void read_inputs(struct reader *r, struct manifest_operator *op, json_t *object)
{
    json_t *value = reader_get(r, object, "input");
    size_t count = json_is_array(value) ? json_array_size(value) : 1;
    if (value == NULL) {
        return;
    }
    if (count > GRAPH_INPUTS_MAX) {
        reader_fail(r, "input", "there are more than %d inputs", GRAPH_INPUTS_MAX);
        return;
    }
    op->inputs = memory_alloc(&r->m->memory, count, sizeof *op->inputs);
    if (op->inputs == NULL) {
        (void)reader_no_memory(r);
        return;
    }
    if (!json_is_array(value)) {
        add_input(r, op, "input", value);
        return;
    }
    pointer_push_text(&r->at, "input");
    for (size_t i = 0; i < count; i++) {
        pointer_push_index(&r->at, i);
        add_input(r, op, NULL, json_array_get(value, i));
        pointer_pop(&r->at);
    }
    pointer_pop(&r->at);
}

enum visit { VISIT_NEW, VISIT_OPEN, VISIT_DONE };

struct visitor {
    struct manifest *m;
    enum visit *states;
    uint32_t *stack; /* the operators that are open, from the first visited */
    uint32_t depth;
    uint32_t ordered;
    bool cycle; /* the stack holds it, from stack[cycle_start] on */
    uint32_t cycle_start;
};

/* Recursion is as deep as MANIFEST_OPERATORS_MAX at most. Stops at the first cycle. */
static void visit(struct visitor *v, uint32_t index)
{
    const struct manifest_operator *op = &v->m->operators[index];
    v->states[index] = VISIT_OPEN;
    v->stack[v->depth++] = index;
    for (uint32_t i = 0; i < op->input_count && !v->cycle; i++) {
        uint32_t input = op->inputs[i];
        if (v->states[input] == VISIT_NEW) {
            visit(v, input);
        } else if (v->states[input] == VISIT_OPEN) {
            v->cycle = true;
            while (v->stack[v->cycle_start] != input) {
                v->cycle_start++;
            }
        }
    }
    if (v->cycle) {
        return;
    }
    v->depth--;
    v->states[index] = VISIT_DONE;
    v->m->order[v->ordered++] = index;
}

static size_t append_name(char *path, size_t length, size_t size, const char *name)
{
    int n = snprintf(path + length, size - length, "%s%s", length == 0 ? "" : " -> ", name);
    return n < 0 || (size_t)n >= size - length ? size - 1 : length + (size_t)n;
}

/* The stack leads from a reader to what it reads; records flow the other way. */
static void report_cycle(struct reader *r, const struct visitor *v)
{
    char path[768] = "";
    size_t length = 0;
    uint32_t last = v->stack[v->depth - 1];
    for (uint32_t i = v->depth; i > v->cycle_start; i--) {
        const char *name = r->m->operators[v->stack[i - 1]].name;
        length = append_name(path, length, sizeof path, name);
    }
    (void)append_name(path, length, sizeof path, r->m->operators[last].name);
    pointer_push_index(&r->at, last);
    reader_fail(r, "input", "the operators form a cycle: %s", path);
    pointer_pop(&r->at);
}

static void sort_operators(struct reader *r)
{
    struct manifest *m = r->m;
    struct visitor v = {.m = m};
    m->order = memory_alloc(&m->memory, m->operator_count, sizeof *m->order);
    v.states = calloc(m->operator_count, sizeof *v.states);
    v.stack = calloc(m->operator_count, sizeof *v.stack);
    if (m->order == NULL || v.states == NULL || v.stack == NULL) {
        (void)reader_no_memory(r);
    } else {
        for (uint32_t i = 0; i < m->operator_count && !v.cycle; i++) {
            if (v.states[i] == VISIT_NEW) {
                visit(&v, i);
            }
        }
        if (v.cycle) {
            report_cycle(r, &v);
        }
    }
    free(v.states);
    free(v.stack);
}

void graph_read(struct reader *r, json_t *operators)
{
    for (uint32_t i = 0; i < r->m->operator_count; i++) {
        pointer_push_index(&r->at, i);
        read_inputs(r, &r->m->operators[i], json_array_get(operators, i));
        pointer_pop(&r->at);
    }
    letters_way_add(r);
    if (r->m->operator_count > 0) {
        sort_operators(r);
    }
}
