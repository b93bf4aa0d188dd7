/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/manifest.h"

#include "base/buf.h"
#include "manifest/environment.h"
#include "manifest/file.h"
#include "manifest/interpolate.h"
#include "manifest/memory.h"
#include "manifest/operators.h"
#include "manifest/origin.h"
#include "manifest/place.h"
#include "manifest/reader.h"
#include "manifest/sets.h"
#include "manifest/state_folder.h"
#include "manifest/syntax.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

static const char *const on_error_names[] = {"dead_letter", "skip", "fail"};

const char *manifest_on_error_name(enum manifest_on_error on_error)
{
    return on_error_names[on_error];
}

int32_t manifest_find_operator(const struct manifest *m, const char *name)
{
    for (uint32_t i = 0; i < m->operator_count; i++) {
        if (strcmp(m->operators[i].name, name) == 0) {
            return (int32_t)i;
        }
    }
    return -1;
}

bool manifest_place(const struct manifest *m, const char *pointer, uint32_t *line, uint32_t *column)
{
    struct place place = place_find(m->text, m->text_length, pointer);
    place_line_column(m->text, place.value_offset, line, column);
    return place.found;
}

void manifest_destroy(struct manifest *m)
{
    if (m != NULL) {
        json_decref(m->root);
        json_decref(m->added);
        origin_destroy(m->origin);
        memory_free(&m->memory);
        free(m);
    }
}

static struct manifest *create(const char *path)
{
    struct manifest *m = calloc(1, sizeof *m);
    if (m == NULL) {
        return NULL;
    }
    m->origin = origin_create();
    m->path = memory_copy(&m->memory, path, strlen(path));
    m->description = "";
    m->parallelism = 1;
    m->record_max_bytes = 1u << 20;
    m->checkpoint_interval_ms = 10000;
    m->commit_min_delay_ms = 10;
    m->drain_timeout_ms = 30000;
    m->dead_letter_stop_above_percent = 50;
    m->dead_letter_max_mib = 64;
    m->dead_letter_files = 4;
    if (m->origin == NULL || m->path == NULL) {
        manifest_destroy(m);
        return NULL;
    }
    return m;
}

static bool find_dir(struct reader *r)
{
    struct manifest *m = r->m;
    const char *slash = strrchr(m->path, '/');
    size_t length = slash == NULL ? 0 : slash == m->path ? 1 : (size_t)(slash - m->path);
    const char *folder = slash == NULL ? "." : memory_copy(&m->memory, m->path, length);
    char *absolute = folder == NULL ? NULL : realpath(folder, NULL);
    if (folder == NULL) {
        return reader_no_memory(r);
    }
    if (absolute == NULL) {
        manifest_errors_add(r->errs, m, NULL, "its folder cannot be found");
        return false;
    }
    m->dir = memory_copy(&m->memory, absolute, strlen(absolute));
    free(absolute);
    return m->dir != NULL || reader_no_memory(r);
}

static bool refuse(struct reader *r, const char *sentence)
{
    manifest_errors_add(r->errs, r->m, NULL, "%s", sentence);
    return false;
}

static bool is_blank(const char *text, size_t length)
{
    return strspn(text, " \t\r\n") == length;
}

static bool check_encoding(struct reader *r)
{
    const char *text = r->m->text;
    size_t length = r->m->text_length;
    if (length > MANIFEST_TEXT_MAX) {
        return refuse(r, "a manifest is at most 1024 KiB long");
    }
    if (length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        return refuse(r, "it begins with a byte order mark: save it as UTF-8 without one");
    }
    if (length >= 2 && (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0)) {
        return refuse(r, "it is UTF-16: save it as UTF-8");
    }
    if (is_blank(text, length)) {
        return refuse(r, "the file is empty");
    }
    if (memchr(text, '\0', length) != NULL) {
        return refuse(r, "it holds a NUL byte: this is not a text file");
    }
    if (place_depth(text, length) > MANIFEST_DEPTH_MAX) {
        return refuse(r, "it nests deeper than 64 levels");
    }
    return true;
}

static void refuse_duplicate(void *context, const struct pointer *at, size_t key_offset,
                             size_t first_offset)
{
    struct reader *r = context;
    uint32_t line;
    uint32_t column;
    const char *name = strrchr(at->text, '/');
    place_line_column(r->m->text, first_offset, &line, &column);
    manifest_errors_add_offset(r->errs, r->m, at->text, key_offset,
                               "duplicate key \"%.100s\", the first is at %u:%u",
                               name == NULL ? "" : name + 1, line, column);
}

static bool parse(struct reader *r)
{
    struct manifest *m = r->m;
    json_error_t error;
    m->root = json_loadb(m->text, m->text_length, JSON_DECODE_ANY, &error);
    if (m->root == NULL) {
        return syntax_refuse(r, &error);
    }
    if (!place_duplicates(m->text, m->text_length, refuse_duplicate, r)) {
        return reader_no_memory(r);
    }
    if (!json_is_object(m->root)) {
        reader_fail(r, NULL,
                    "a manifest is an object: { \"pipeline\": ..., \"operators\": [...] }");
        return false;
    }
    return true;
}

static void read_pipeline(struct reader *r)
{
    const char *name = NULL;
    if (reader_get(r, r->m->root, "pipeline") == NULL) {
        reader_fail(r, NULL, "a manifest needs a \"pipeline\", its name");
        return;
    }
    reader_text(r, r->m->root, "pipeline", 1024, &name);
    if (name != NULL && !reader_is_name(name)) {
        reader_fail(r, "pipeline",
                    "a name has 1 to 64 of the characters A-Z a-z 0-9 _ . - and no dot first");
        return;
    }
    r->m->pipeline = name;
}

/* A member object that has integers only. */
struct section_key {
    const char *name;
    int64_t minimum;
    int64_t maximum;
    int64_t *out;
};

static void read_section(struct reader *r, const char *section, const struct section_key *keys,
                         size_t count)
{
    const char *names[4];
    json_t *object = reader_object(r, r->m->root, section);
    if (object == NULL) {
        return;
    }
    pointer_push_text(&r->at, section);
    for (size_t i = 0; i < count; i++) {
        names[i] = keys[i].name;
    }
    reader_check_keys(r, object, names, count);
    for (size_t i = 0; i < count; i++) {
        reader_integer(r, object, keys[i].name, keys[i].minimum, keys[i].maximum, keys[i].out);
    }
    pointer_pop(&r->at);
}

static void read_numbers(struct reader *r)
{
    struct manifest *m = r->m;
    int64_t parallelism = m->parallelism;
    int64_t record_max_bytes = m->record_max_bytes;
    const int64_t day_ms = INT64_C(24) * 3600 * 1000;
    const struct section_key memory[] = {{"limit_mib", 1, 1 << 20, &m->memory_limit_mib}};
    const struct section_key record[] = {{"max_bytes", 1, 64 << 20, &record_max_bytes}};
    const struct section_key checkpoint[] = {
        {"interval_ms", 1, day_ms, &m->checkpoint_interval_ms}};
    const struct section_key commit[] = {{"min_delay_ms", 0, 60000, &m->commit_min_delay_ms},
                                         {"max_rows", 1, 10000000, &m->commit_max_rows}};
    const struct section_key drain[] = {{"timeout_ms", 0, day_ms, &m->drain_timeout_ms}};
    reader_integer(r, m->root, "parallelism", 1, 64, &parallelism);
    reader_integer(r, m->root, "linger_ms", 0, 60000, &m->linger_ms);
    read_section(r, "memory", memory, COUNT(memory));
    read_section(r, "record", record, COUNT(record));
    read_section(r, "checkpoint", checkpoint, COUNT(checkpoint));
    read_section(r, "commit", commit, COUNT(commit));
    read_section(r, "drain", drain, COUNT(drain));
    m->parallelism = (uint32_t)parallelism;
    m->record_max_bytes = (uint32_t)record_max_bytes;
    if (m->checkpoint_interval_ms < 100) {
        manifest_warnings_add(r->errs, m, "/checkpoint/interval_ms",
                              "committing every %d ms costs the database more than the rows do; "
                              "100 or more is usual",
                              (int)m->checkpoint_interval_ms);
    }
}

static void read_dead_letter(struct reader *r)
{
    static const char *const keys[] = {"file", "max_mib", "files", "stop_above_percent",
                                       "operator"};
    int64_t percent = r->m->dead_letter_stop_above_percent;
    int64_t files = r->m->dead_letter_files;
    json_t *object = reader_object(r, r->m->root, "dead_letter");
    if (object != NULL) {
        pointer_push_text(&r->at, "dead_letter");
        reader_check_keys(r, object, keys, COUNT(keys));
        reader_text(r, object, "operator", 1024, &r->m->dead_letter_operator);
        reader_path(r, object, "file", &r->m->dead_letter_file);
        reader_integer(r, object, "max_mib", 1, 1 << 20, &r->m->dead_letter_max_mib);
        reader_integer(r, object, "files", 1, 1000, &files);
        reader_integer(r, object, "stop_above_percent", 0, 100, &percent);
        pointer_pop(&r->at);
    }
    r->m->dead_letter_stop_above_percent = (uint32_t)percent;
    r->m->dead_letter_files = (uint32_t)files;
}

static void read_exactly_once(struct reader *r)
{
    bool is_wanted = true;
    if (reader_get(r, r->m->root, "exactly_once") != NULL) {
        reader_bool(r, r->m->root, "exactly_once", &is_wanted);
        r->m->exactly_once = is_wanted ? MANIFEST_ONCE_REQUIRED : MANIFEST_ONCE_GIVEN_UP;
    }
}

/* Memory for two parts with a slash between, or null. */
static const char *join(struct reader *r, const char *a, const char *b)
{
    size_t size = strlen(a) + strlen(b) + 2;
    char *out = memory_alloc(&r->m->memory, size, 1);
    if (out == NULL) {
        (void)reader_no_memory(r);
        return NULL;
    }
    (void)snprintf(out, size, "%s/%s", a, b);
    return out;
}

static void default_state_dir(struct reader *r, const struct environment *e)
{
    char folder[PATH_MAX];
    const char *pipeline = r->m->pipeline;
    const char *state = environment_get(e, "XDG_STATE_HOME", 14);
    const char *home = environment_get(e, "HOME", 4);
    if (pipeline == NULL) {
        return;
    }
    if (state_folder(state, home, folder, sizeof folder)) {
        r->m->state_dir = join(r, folder, pipeline);
    } else {
        reader_fail(r, NULL, "neither HOME nor XDG_STATE_HOME is set: give a \"state_dir\"");
    }
}

static void read_root(struct reader *r, const struct environment *e)
{
    static const char *const keys[] = {"$schema",     "pipeline",     "description", "operators",
                                       "parallelism", "linger_ms",    "memory",      "record",
                                       "checkpoint",  "commit",       "drain",       "on_error",
                                       "dead_letter", "exactly_once", "state_dir"};
    struct manifest *m = r->m;
    uint32_t on_error = m->on_error;
    const char *schema = NULL;
    reader_check_keys(r, m->root, keys, COUNT(keys));
    reader_text(r, m->root, "$schema", 4096, &schema);
    read_pipeline(r);
    reader_text(r, m->root, "description", 4096, &m->description);
    read_numbers(r);
    reader_enum(r, m->root, "on_error", on_error_names, COUNT(on_error_names), &on_error);
    m->on_error = (enum manifest_on_error)on_error;
    read_dead_letter(r);
    read_exactly_once(r);
    reader_path(r, m->root, "state_dir", &m->state_dir);
    if (m->state_dir == NULL) {
        default_state_dir(r, e);
    }
    if (m->dead_letter_file == NULL && m->state_dir != NULL) {
        m->dead_letter_file = join(r, m->state_dir, "dead.jsonl");
    }
    operators_read(r);
}

static void read_text(struct reader *r, const struct manifest_options *opts)
{
    struct environment e;
    environment_init(&e, opts->environment);
    for (uint32_t i = 0; i < opts->env_file_count; i++) {
        environment_load_file(&e, opts->env_files[i], r->errs);
    }
    if (check_encoding(r) && parse(r)) {
        sets_apply(r, opts->sets, opts->set_count);
        if (!opts->no_interpolation) {
            interpolate_tree(r, &e);
        }
        read_root(r, &e);
    }
    environment_fini(&e);
}

int32_t manifest_load_text(const char *path, const char *text, size_t length,
                           const struct manifest_options *opts, struct manifest **out,
                           struct manifest_errors *errs)
{
    static const struct manifest_options none;
    struct reader r = {.m = create(path), .errs = errs};
    *out = NULL;
    pointer_init(&r.at);
    if (r.m != NULL) {
        r.m->text = memory_copy(&r.m->memory, text, length);
        r.m->text_length = length;
    }
    if (r.m == NULL || r.m->text == NULL) {
        (void)reader_no_memory(&r);
    } else if (find_dir(&r)) {
        read_text(&r, opts == NULL ? &none : opts);
    }
    if (manifest_errors_any(errs)) {
        manifest_destroy(r.m);
        return PH_ERROR;
    }
    *out = r.m;
    return PH_OK;
}

int32_t manifest_load(const char *path, const struct manifest_options *opts, struct manifest **out,
                      struct manifest_errors *errs)
{
    struct buf text;
    char why[FILE_WHY_SIZE];
    int32_t result = PH_ERROR;
    *out = NULL;
    buf_init(&text, MANIFEST_TEXT_MAX);
    if (file_read(AT_FDCWD, path, &text, why)) {
        result = manifest_load_text(path, text.data, text.length, opts, out, errs);
    } else {
        manifest_errors_add_plain(errs, "cannot read the manifest \"%s\": %s", path, why);
    }
    buf_fini(&text);
    return result;
}
