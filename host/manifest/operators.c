/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/operators.h"

#include "manifest/format_read.h"
#include "manifest/graph.h"
#include "manifest/memory.h"

#include <string.h>

static const char *const operator_keys[] = {"name",   "plugin",   "input", "config",
                                            "format", "on_error", "state", "description"};

/* A name that cannot be read stays "", which is nobody's name. */
static void read_name(struct reader *r, uint32_t index, json_t *object)
{
    struct manifest_operator *op = &r->m->operators[index];
    if (reader_get(r, object, "name") == NULL) {
        reader_fail(r, NULL, "an operator needs a \"name\"");
        return;
    }
    const char *name = NULL;
    reader_text(r, object, "name", 1024, &name);
    if (name == NULL) {
        return;
    }
    if (!reader_is_name(name)) {
        reader_fail(r, "name",
                    "a name has 1 to 64 of the characters A-Z a-z 0-9 _ . - and no dot first");
        return;
    }
    for (uint32_t i = 0; i < index; i++) {
        if (strcmp(r->m->operators[i].name, name) == 0) {
            reader_fail(r, "name", "the name \"%s\" is taken by /operators/%u", name, i);
            return;
        }
    }
    op->name = name;
}

static bool is_plugin_id(const char *id)
{
    size_t length = strlen(id);
    return length >= 1 && length <= MANIFEST_NAME_MAX && id[0] >= 'a' && id[0] <= 'z' &&
           strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789-") == length;
}

static void read_plugin(struct reader *r, struct manifest_operator *op, json_t *object)
{
    const char *text = NULL;
    if (reader_get(r, object, "plugin") == NULL) {
        reader_fail(r, NULL, "an operator needs a \"plugin\"");
        return;
    }
    reader_text(r, object, "plugin", 1024, &text);
    if (text == NULL) {
        return;
    }
    const char *colon = strchr(text, ':');
    size_t length = colon == NULL ? strlen(text) : (size_t)(colon - text);
    const char *name = reader_copy(r, text, length);
    if (name == NULL) {
        return;
    }
    if (strchr(name, '/') != NULL) {
        reader_fail(r, "plugin",
                    "\"plugin\" is a name, not a path; name the folder with --plugin-dir");
    } else if (!reader_is_name(name) || (colon != NULL && !is_plugin_id(colon + 1))) {
        reader_fail(r, "plugin", "\"plugin\" must be NAME, for the file NAME.so, or NAME:ID");
    } else {
        op->plugin_name = name;
        op->plugin_id = colon == NULL ? "" : colon + 1;
    }
}

/* One word so far: state that outlives the process has no checkpoints to live in. */
static void read_state(struct reader *r, struct manifest_operator *op, json_t *object)
{
    static const char *const names[] = {"volatile"};
    uint32_t index = 1;
    reader_enum(r, object, "state", names, 1, &index);
    op->is_state_volatile = index == 0;
}

static void read_operator(struct reader *r, uint32_t index, json_t *object)
{
    static const char *const on_error_names[] = {"dead_letter", "skip", "fail"};
    struct manifest_operator *op = &r->m->operators[index];
    *op = (struct manifest_operator){.name = "",
                                     .place = index,
                                     .plugin_name = "",
                                     .plugin_id = "",
                                     .description = "",
                                     .on_error = r->m->on_error};
    if (!json_is_object(object)) {
        reader_fail(r, NULL, "an operator must be an object");
        return;
    }
    reader_check_keys(r, object, operator_keys, sizeof operator_keys / sizeof operator_keys[0]);
    read_name(r, index, object);
    read_plugin(r, op, object);
    reader_text(r, object, "description", 4096, &op->description);
    uint32_t on_error = op->on_error;
    reader_enum(r, object, "on_error", on_error_names, 3, &on_error);
    op->on_error = (enum manifest_on_error)on_error;
    read_state(r, op, object);
    op->config = reader_object(r, object, "config");
    json_t *format = reader_object(r, object, "format");
    if (format != NULL) {
        pointer_push_text(&r->at, "format");
        op->format = format_read(r, format);
        pointer_pop(&r->at);
    }
}

void operators_read(struct reader *r)
{
    json_t *operators = json_object_get(r->m->root, "operators");
    size_t count = json_array_size(operators);
    if (operators == NULL) {
        reader_fail(r, NULL, "a manifest needs \"operators\"");
        return;
    }
    if (!json_is_array(operators) || count == 0) {
        reader_fail(r, "operators", "\"operators\" must be a list of at least one operator");
        return;
    }
    if (count > MANIFEST_OPERATORS_MAX) {
        reader_fail(r, "operators", "there are more than %d operators", MANIFEST_OPERATORS_MAX);
        return;
    }
    r->m->operators = memory_alloc(&r->m->memory, count + 1, sizeof *r->m->operators);
    if (r->m->operators == NULL) {
        (void)reader_no_memory(r);
        return;
    }
    pointer_push_text(&r->at, "operators");
    for (uint32_t i = 0; i < count; i++) {
        pointer_push_index(&r->at, i);
        read_operator(r, i, json_array_get(operators, i));
        pointer_pop(&r->at);
        r->m->operator_count = i + 1;
    }
    graph_read(r, operators);
    pointer_pop(&r->at);
}
