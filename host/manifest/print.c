/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/print.h"

#include "manifest/origin.h"
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

/* A string of the manifest that held a ${}, and what is shown of it. */
struct replaced {
    const char *text;
    const struct origin_piece *pieces;
    size_t piece_count;
    struct buf masked; /* the text without passwords, as config_print has it */
    struct buf shown;  /* the same with what ${} gave masked where it is a secret */
};

static void replaced_fini(struct replaced *r)
{
    buf_fini(&r->masked);
    buf_fini(&r->shown);
}

static bool replaced_init(struct replaced *r, const json_t *original)
{
    struct buf blotted;
    size_t done = 0;
    size_t length = json_string_length(original);
    buf_init(&blotted, CONFIG_TEXT_MAX);
    buf_init(&r->masked, CONFIG_TEXT_MAX);
    buf_init(&r->shown, CONFIG_TEXT_MAX);
    bool is_secret = secret_is_known(r->text, length);
    if (is_secret) {
        buf_append_text(&blotted, SECRET_MASK);
        done = length;
    }
    for (size_t i = 0; i < r->piece_count && !is_secret; i++) {
        const struct origin_piece *piece = &r->pieces[i];
        if (secret_is_known(r->text + piece->start, piece->length)) {
            buf_append(&blotted, r->text + done, piece->start - done);
            buf_append_text(&blotted, SECRET_MASK);
            done = piece->start + piece->length;
        }
    }
    buf_append(&blotted, r->text + done, length - done);
    buf_append(&r->masked, "", 0);
    buf_append(&r->shown, "", 0);
    (void)secret_mask_dsn(r->text, length, &r->masked);
    (void)secret_mask_dsn(blotted.data, blotted.length, &r->shown);
    bool ok = !blotted.failed && !r->masked.failed && !r->shown.failed;
    buf_fini(&blotted);
    return ok;
}

/* The length of what stands before the end, or SIZE_MAX where text ends otherwise. */
static size_t length_before(const char *text, const char *end)
{
    size_t length = strlen(text);
    size_t end_length = strlen(end);
    bool found = length >= end_length && strcmp(text + length - end_length, end) == 0;
    return found ? length - end_length : SIZE_MAX;
}

/* A path that is printed has a folder in front. What was made of the text in another way is
 * searched for every secret. */
static bool hide_string(const struct replaced *r, json_t *printed)
{
    const char *text = json_string_value(printed);
    size_t before = length_before(text, r->text);
    before = before == SIZE_MAX ? length_before(text, r->masked.data) : before;
    struct buf out;
    buf_init(&out, CONFIG_TEXT_MAX);
    buf_append_text(&out, text);
    if (before == SIZE_MAX && !out.failed) {
        secret_redact(out.data);
    } else if (!out.failed) {
        out.length = before;
        buf_append_text(&out, r->shown.data);
    }
    bool ok = !out.failed && json_string_set(printed, out.data) == 0;
    buf_fini(&out);
    return ok;
}

/* Hides in what is printed of a value the secrets that variables put there. */
static bool hide(const struct manifest *m, const json_t *original, json_t *printed)
{
    struct replaced r = {.text = json_string_value(original)};
    r.pieces = origin_pieces(m->origin, original, &r.piece_count);
    bool ok = true;
    if (json_is_string(original) && json_is_string(printed) && r.pieces != NULL) {
        ok = replaced_init(&r, original) && hide_string(&r, printed);
        replaced_fini(&r);
    }
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)original, key, value)
    {
        ok = hide(m, value, json_object_get(printed, key)) && ok;
    }
    for (size_t i = 0; i < json_array_size(original); i++) {
        ok = hide(m, json_array_get(original, i), json_array_get(printed, i)) && ok;
    }
    return ok;
}

/* For a string that may quote anything. */
static bool hide_all(json_t *string)
{
    char *copy = json_is_string(string) ? strdup(json_string_value(string)) : NULL;
    if (copy == NULL) {
        return !json_is_string(string);
    }
    secret_redact(copy);
    bool ok = json_string_set(string, copy) == 0;
    free(copy);
    return ok;
}

/* The default of dead_letter.file lies in state_dir, which a variable may have made. */
static bool hide_in_letter_file(const struct manifest *m, json_t *root)
{
    const char *given =
        json_string_value(json_object_get(json_object_get(m->root, "dead_letter"), "file"));
    size_t count;
    bool is_made = origin_pieces(m->origin, json_object_get(m->root, "state_dir"), &count) != NULL;
    return (given != NULL && given[0] != '\0') || !is_made ||
           hide_all(json_object_get(json_object_get(root, "dead_letter"), "file"));
}

/* An object of the manifest but for the names in it: the log and files are full of them, and
 * without them what is printed would be another manifest. */
static bool hide_but_names(const struct manifest *m, const json_t *original, json_t *printed)
{
    static const char *const names[] = {"pipeline", "operators", "name", "plugin", "input"};
    bool ok = hide_all(json_object_get(printed, "description"));
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)original, key, value)
    {
        bool is_name = false;
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
            is_name = is_name || strcmp(key, names[i]) == 0;
        }
        ok = (is_name || hide(m, value, json_object_get(printed, key))) && ok;
    }
    return ok;
}

static bool hide_secrets(const struct manifest *m, json_t *root)
{
    bool ok = hide_but_names(m, m->root, root) && hide_in_letter_file(m, root);
    json_t *originals = json_object_get(m->root, "operators");
    json_t *printed = json_object_get(root, "operators");
    for (size_t i = 0; i < json_array_size(originals); i++) {
        ok = hide_but_names(m, json_array_get(originals, i), json_array_get(printed, i)) && ok;
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
    return ok && hide_secrets(m, root);
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
