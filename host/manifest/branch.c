/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/branch.h"

#include "manifest/memory.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

/* Marks everything that the operator's records come to, itself too. */
static void mark_behind(const struct manifest *m, uint32_t from, bool *marks)
{
    memset(marks, 0, m->operator_count * sizeof *marks);
    for (uint32_t i = 0; i < m->operator_count; i++) {
        uint32_t index = m->order[i];
        const struct manifest_operator *op = &m->operators[index];
        marks[index] = index == from;
        for (uint32_t k = 0; k < op->input_count; k++) {
            marks[index] = marks[index] || marks[op->inputs[k]];
        }
    }
}

/* Marks everything whose records come to the operator, itself too. */
static void mark_before(const struct manifest *m, uint32_t to, bool *marks)
{
    memset(marks, 0, m->operator_count * sizeof *marks);
    marks[to] = true;
    for (uint32_t i = m->operator_count; i-- > 0;) {
        uint32_t index = m->order[i];
        const struct manifest_operator *op = &m->operators[index];
        for (uint32_t k = 0; marks[index] && k < op->input_count; k++) {
            marks[op->inputs[k]] = true;
        }
    }
}

static bool find(const struct manifest *m, const char *source, const char *operator_name,
                 uint32_t *from, uint32_t *over)
{
    bool behind[MANIFEST_OPERATORS_MAX] = {false};
    int32_t first = manifest_find_operator(m, source);
    int32_t second = manifest_find_operator(m, operator_name);
    if (first < 0 || second < 0 || m->operators[first].input_count > 0) {
        return false;
    }
    *from = (uint32_t)first;
    *over = (uint32_t)second;
    mark_behind(m, *from, behind);
    return behind[*over];
}

bool branch_is_possible(const struct manifest *m, const char *source, const char *operator_name)
{
    uint32_t from;
    uint32_t over;
    return find(m, source, operator_name, &from, &over);
}

/* Takes out what is not kept, and numbers the others anew. */
static void keep_only(struct manifest *m, const bool *kept)
{
    uint32_t numbers[MANIFEST_OPERATORS_MAX] = {0};
    uint32_t count = 0;
    uint32_t ordered = 0;
    for (uint32_t i = 0; i < m->operator_count; i++) {
        numbers[i] = count;
        count += kept[i];
    }
    for (uint32_t i = 0; i < m->operator_count; i++) {
        struct manifest_operator *op = &m->operators[i];
        uint32_t inputs = 0;
        for (uint32_t k = 0; kept[i] && k < op->input_count; k++) {
            if (kept[op->inputs[k]]) {
                op->inputs[inputs++] = numbers[op->inputs[k]];
            }
        }
        op->input_count = inputs;
    }
    for (uint32_t i = 0; i < m->operator_count; i++) {
        if (kept[m->order[i]]) {
            m->order[ordered++] = numbers[m->order[i]];
        }
    }
    for (uint32_t i = 0; i < m->operator_count; i++) {
        if (kept[i]) {
            m->operators[numbers[i]] = m->operators[i];
        }
    }
    m->operator_count = count;
}

static bool replace_source(struct manifest *m, struct manifest_operator *source,
                           const struct branch *b)
{
    char name[BRANCH_NAME_MAX + 1];
    (void)snprintf(name, sizeof name, "%s:%s", b->source, b->operator_name);
    json_decref(m->added); /* of what is taken out */
    m->added = json_pack("{s:s, s:s, s:s, s:s}", "path", b->file, "source", b->source, "operator",
                         b->operator_name, "pipeline", m->pipeline);
    source->config = m->added;
    source->plugin_name = "source-dead-letters";
    source->plugin_id = "";
    source->name = memory_copy(&m->memory, name, strlen(name));
    return m->added != NULL && source->name != NULL;
}

bool branch_cut(struct manifest *m, const struct branch *b)
{
    bool behind_source[MANIFEST_OPERATORS_MAX] = {false};
    bool behind[MANIFEST_OPERATORS_MAX] = {false};
    bool before[MANIFEST_OPERATORS_MAX] = {false};
    bool kept[MANIFEST_OPERATORS_MAX] = {false};
    uint32_t from;
    uint32_t over;
    if (!find(m, b->source, b->operator_name, &from, &over)) {
        return false;
    }
    mark_behind(m, from, behind_source);
    mark_behind(m, over, behind);
    mark_before(m, over, before);
    for (uint32_t i = 0; i < m->operator_count; i++) {
        kept[i] = behind_source[i] && (behind[i] || before[i]);
        m->operators[i].on_error = MANIFEST_DEAD_LETTER;
    }
    m->dead_letter_stop_above_percent = 100;
    return replace_source(m, &m->operators[from], b) && (keep_only(m, kept), true);
}
