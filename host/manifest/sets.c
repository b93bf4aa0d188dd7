/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/sets.h"

#include "base/buf.h"
#include "base/escape.h"
#include "manifest/nearest.h"
#include "manifest/origin.h"
#include "manifest/place.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One --set while it is applied. Its value is never shown: it may be a secret. */
struct set {
    struct reader *r;
    char address[1024]; /* up to the '=' */
    const char *value;
    char pointer[1100]; /* from the manifest's root */
};

__attribute__((format(printf, 2, 3))) static bool fail(struct set *s, const char *format, ...)
{
    char sentence[512];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    manifest_errors_add_plain(s->r->errs, "--set %.200s: %s", s->address, sentence);
    return false;
}

/* Without '=' nothing tells an address from a secret, so neither is shown. */
static bool split(struct set *s, const char *text)
{
    const char *equals = strchr(text, '=');
    if (equals == NULL || equals == text || (size_t)(equals - text) >= sizeof s->address) {
        manifest_errors_add_plain(
            s->r->errs, "--set needs OPERATOR/pointer=value or /pointer=value, for example "
                        "--set events/config/startup_mode=earliest");
        return false;
    }
    memcpy(s->address, text, (size_t)(equals - text));
    s->address[equals - text] = '\0';
    s->value = equals + 1;
    if (!escape_is_utf8(s->address, (size_t)(equals - text))) {
        manifest_errors_add_plain(s->r->errs, "--set: an address is not UTF-8");
        return false;
    }
    return escape_is_utf8(s->value, strlen(s->value)) || fail(s, "the value is not UTF-8");
}

static int32_t find_operator(struct set *s, const char *name, size_t length)
{
    json_t *operators = json_object_get(s->r->m->root, "operators");
    struct nearest n;
    char wanted[MANIFEST_NAME_MAX + 1];
    char hint[NEAREST_HINT_SIZE];
    (void)snprintf(wanted, sizeof wanted, "%.*s", (int)length, name);
    nearest_init(&n, wanted);
    size_t index;
    json_t *op;
    json_array_foreach(operators, index, op)
    {
        const char *known = json_string_value(json_object_get(op, "name"));
        if (known != NULL && strlen(known) == length && memcmp(known, name, length) == 0) {
            return (int32_t)index;
        }
        if (known != NULL) {
            nearest_offer(&n, known);
        }
    }
    (void)fail(s, "there is no operator \"%s\"%s", wanted, nearest_hint(&n, hint));
    return -1;
}

static bool resolve(struct set *s)
{
    const char *slash = strchr(s->address, '/');
    size_t name_length = slash == NULL ? 0 : (size_t)(slash - s->address);
    if (slash == NULL || slash[1] == '\0') {
        return fail(s, "an address is OPERATOR/pointer or /pointer");
    }
    size_t depth = 0;
    for (const char *at = slash; at != NULL; at = strchr(at + 1, '/')) {
        depth++;
    }
    if (depth > MANIFEST_DEPTH_MAX) {
        return fail(s, "the address is deeper than %d", MANIFEST_DEPTH_MAX);
    }
    if (name_length == 0) {
        (void)snprintf(s->pointer, sizeof s->pointer, "%s", s->address);
        return true;
    }
    int32_t index = find_operator(s, s->address, name_length);
    (void)snprintf(s->pointer, sizeof s->pointer, "/operators/%d%s", (int)index, slash);
    return index >= 0;
}

static bool mark_strings(struct set *s, const json_t *node)
{
    bool ok = true;
    if (json_is_string(node)) {
        return origin_mark(s->r->m->origin, node, ORIGIN_SET);
    }
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)node, key, value)
    {
        ok = ok && mark_strings(s, value);
    }
    for (size_t i = 0; i < json_array_size(node); i++) {
        ok = ok && mark_strings(s, json_array_get(node, i));
    }
    return ok;
}

static json_t *make_value(struct set *s)
{
    json_t *value = NULL;
    if (strchr("{[\"", s->value[0]) == NULL || s->value[0] == '\0') {
        value = json_string(s->value);
        if (value == NULL) {
            (void)reader_no_memory(s->r);
        }
    } else if (place_depth(s->value, strlen(s->value)) > MANIFEST_DEPTH_MAX) {
        (void)fail(s, "the value nests deeper than %d", MANIFEST_DEPTH_MAX);
    } else {
        json_error_t error;
        value = json_loads(s->value, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &error);
        if (value == NULL && json_error_code(&error) == json_error_out_of_memory) {
            (void)reader_no_memory(s->r);
        } else if (value == NULL) {
            (void)fail(
                s,
                "the value begins like JSON and is not: fault at column %d; texts in it stand in "
                "double quotes",
                error.column);
        }
    }
    if (value != NULL && !mark_strings(s, value)) {
        (void)reader_no_memory(s->r);
    }
    return value;
}

/* The segment at *at, unescaped; moves *at to the next '/' or the end. */
static bool next_segment(struct set *s, const char **at, char *out, size_t size)
{
    size_t length = 0;
    int c;
    while ((c = pointer_next_byte(at)) >= 0) {
        if (length + 1 >= size) {
            return fail(s, "the address has a part that is too long");
        }
        out[length++] = (char)c;
    }
    out[length] = '\0';
    return true;
}

/* RFC 6901: no leading zero. */
static bool parse_index(const char *segment, size_t count, size_t *index)
{
    int64_t value;
    if ((segment[0] == '0' && segment[1] != '\0') || !reader_parse_integer(segment, &value) ||
        value < 0 || (size_t)value >= count) {
        return false;
    }
    *index = (size_t)value;
    return true;
}

static bool leads_nowhere(struct set *s, const json_t *parent, const char *segment)
{
    size_t count = json_array_size(parent);
    if (!json_is_array(parent)) {
        return fail(s, "\"%.64s\" leads nowhere: there is no object or list above it", segment);
    }
    if (count == 0) {
        return fail(s, "\"%.64s\" leads nowhere: the list is empty; - adds an item", segment);
    }
    return fail(s, "\"%.64s\" leads nowhere: the list's items are 0 to %zu, and - adds one",
                segment, count - 1);
}

/* The child to go on in; an object that lacks it gets an empty one. */
static json_t *step(struct set *s, json_t *parent, const char *segment)
{
    size_t index;
    if (json_is_object(parent)) {
        json_t *child = json_object_get(parent, segment);
        if (child == NULL) {
            child = json_object();
            if (json_object_set_new(parent, segment, child) != 0) {
                (void)reader_no_memory(s->r);
                return NULL;
            }
        }
        return child;
    }
    if (json_is_array(parent) && parse_index(segment, json_array_size(parent), &index)) {
        return json_array_get(parent, index);
    }
    (void)leads_nowhere(s, parent, segment);
    return NULL;
}

/* Takes the value. Errors will know the new item by its index. */
static bool append(struct set *s, json_t *parent, json_t *value)
{
    char *end = s->pointer + strlen(s->pointer) - 1;
    (void)snprintf(end, sizeof s->pointer - (size_t)(end - s->pointer), "%zu",
                   json_array_size(parent));
    return json_array_append_new(parent, value) == 0 || reader_no_memory(s->r);
}

/* Takes the value. */
static bool put(struct set *s, json_t *parent, const char *segment, json_t *value)
{
    size_t index;
    if (json_is_object(parent)) {
        return json_object_set_new(parent, segment, value) == 0 || reader_no_memory(s->r);
    }
    if (json_is_array(parent) && strcmp(segment, "-") == 0) {
        return append(s, parent, value);
    }
    if (json_is_array(parent) && parse_index(segment, json_array_size(parent), &index)) {
        return json_array_set_new(parent, index, value) == 0 || reader_no_memory(s->r);
    }
    json_decref(value);
    return leads_nowhere(s, parent, segment);
}

/* The object or array that the address's last segment, left in segment, belongs to; or null. */
static json_t *find_parent(struct set *s, char *segment, size_t size)
{
    json_t *parent = s->r->m->root;
    const char *at = s->pointer + 1;
    if (!next_segment(s, &at, segment, size)) {
        return NULL;
    }
    while (*at == '/') {
        parent = step(s, parent, segment);
        at++;
        if (parent == NULL || !next_segment(s, &at, segment, size)) {
            return NULL;
        }
    }
    return parent;
}

static bool store(struct set *s)
{
    char segment[512];
    json_t *value = make_value(s);
    json_t *parent = value == NULL ? NULL : find_parent(s, segment, sizeof segment);
    if (parent == NULL) {
        json_decref(value);
        return false;
    }
    return put(s, parent, segment, value);
}

void sets_apply(struct reader *r, const char *const *sets, uint32_t count)
{
    if (count > SETS_MAX) {
        manifest_errors_add_plain(r->errs, "there are more than %d --set", SETS_MAX);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct set s = {.r = r};
        if (split(&s, sets[i]) && resolve(&s) && store(&s) &&
            !origin_add_set(r->m->origin, s.pointer, s.address)) {
            (void)reader_no_memory(r);
        }
    }
}
