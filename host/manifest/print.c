/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/print.h"

#include "manifest/secret.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define CONFIG_TEXT_MAX (8u << 20)

/* The way to a value of the top level: a section, or null, and a key. */
struct at {
    json_t *root;
    const char *section;
    const char *key;
};

/* Takes the value; replaces what the manifest says in its own way, such as a number in quotes. */
static bool set(struct at at, json_t *value)
{
    json_t *object = at.root;
    if (at.section != NULL) {
        object = json_object_get(at.root, at.section);
        if (!json_is_object(object)) {
            object = json_object();
            if (json_object_set_new(at.root, at.section, object) != 0) {
                json_decref(value);
                return false;
            }
        }
    }
    return json_object_set_new(object, at.key, value) == 0;
}

static bool set_numbers(json_t *root, const struct manifest *m)
{
    const struct {
        const char *section;
        const char *key;
        int64_t value;
    } numbers[] = {{NULL, "parallelism", m->parallelism},
                   {NULL, "linger_ms", m->linger_ms},
                   {"record", "max_bytes", m->record_max_bytes},
                   {"checkpoint", "interval_ms", m->checkpoint_interval_ms},
                   {"commit", "min_delay_ms", m->commit_min_delay_ms},
                   {"drain", "timeout_ms", m->drain_timeout_ms},
                   {"dead_letter", "max_mib", m->dead_letter_max_mib},
                   {"dead_letter", "files", m->dead_letter_files},
                   {"dead_letter", "stop_above_percent", m->dead_letter_stop_above_percent}};
    bool ok = true;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        ok = set((struct at){root, numbers[i].section, numbers[i].key},
                 json_integer(numbers[i].value)) &&
             ok;
    }
    if (m->memory_limit_mib != 0) { /* else the graph decides */
        ok = set((struct at){root, "memory", "limit_mib"}, json_integer(m->memory_limit_mib)) && ok;
    }
    if (m->commit_max_rows != 0) { /* else the sink */
        ok = set((struct at){root, "commit", "max_rows"}, json_integer(m->commit_max_rows)) && ok;
    }
    return ok;
}

static bool set_words(json_t *root, const struct manifest *m)
{
    return set((struct at){root, NULL, "on_error"},
               json_string(manifest_on_error_name(m->on_error))) &&
           (m->exactly_once == MANIFEST_ONCE_WHERE_POSSIBLE || /* neither word says that */
            set((struct at){root, NULL, "exactly_once"},
                json_boolean(m->exactly_once == MANIFEST_ONCE_REQUIRED))) &&
           set((struct at){root, NULL, "state_dir"}, json_string(m->state_dir)) &&
           set((struct at){root, "dead_letter", "file"}, json_string(m->dead_letter_file));
}

static bool set_operator(json_t *object, const struct manifest_operator *op,
                         const struct config *config)
{
    struct buf text;
    buf_init(&text, CONFIG_TEXT_MAX);
    config_print(config, &text);
    json_t *node =
        text.failed || text.data == NULL ? NULL : json_loadb(text.data, text.length, 0, NULL);
    buf_fini(&text);
    return node != NULL && json_object_set_new(object, "config", node) == 0 &&
           json_object_set_new(object, "on_error",
                               json_string(manifest_on_error_name(op->on_error))) == 0;
}

/* What stands outside of configs may hold a secret too, where a variable put it there. */
static bool redact(json_t *node)
{
    bool ok = true;
    if (json_is_string(node)) {
        char *copy = strdup(json_string_value(node));
        if (copy == NULL) {
            return false;
        }
        secret_redact(copy);
        ok = json_string_set(node, copy) == 0;
        free(copy);
    }
    const char *key;
    json_t *value;
    json_object_foreach(node, key, value)
    {
        ok = redact(value) && ok;
    }
    for (size_t i = 0; i < json_array_size(node); i++) {
        ok = redact(json_array_get(node, i)) && ok;
    }
    return ok;
}

static bool fill(json_t *root, const struct manifest *m, const struct config *const *configs)
{
    json_t *operators = json_object_get(root, "operators");
    bool ok = set_numbers(root, m) && set_words(root, m);
    for (uint32_t i = 0; ok && i < json_array_size(operators); i++) {
        ok = set_operator(json_array_get(operators, i), &m->operators[i], configs[i]);
    }
    return ok && redact(root);
}

bool manifest_print(const struct manifest *m, const struct config *const *configs, struct buf *out)
{
    json_t *root = json_deep_copy(m->root);
    bool ok = root != NULL && fill(root, m, configs);
    char *text = ok ? json_dumps(root, JSON_INDENT(2)) : NULL;
    if (text != NULL) {
        buf_append_text(out, text);
        buf_append_text(out, "\n");
    }
    free(text);
    json_decref(root);
    return text != NULL && !out->failed;
}
