/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/reader.h"

#include "manifest/memory.h"
#include "manifest/nearest.h"
#include "manifest/origin.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void reader_fail(struct reader *r, const char *key, const char *format, ...)
{
    va_list args;
    if (key != NULL) {
        pointer_push_text(&r->at, key);
    }
    if (!origin_has_failed(r->m->origin, r->at.text)) {
        va_start(args, format);
        manifest_errors_add_va(r->errs, r->m, r->at.text, MANIFEST_AT_VALUE, format, args);
        va_end(args);
    }
    if (key != NULL) {
        pointer_pop(&r->at);
    }
}

void reader_fail_key(struct reader *r, const char *key, const char *format, ...)
{
    va_list args;
    pointer_push_text(&r->at, key);
    va_start(args, format);
    manifest_errors_add_va(r->errs, r->m, r->at.text, MANIFEST_AT_KEY, format, args);
    va_end(args);
    pointer_pop(&r->at);
}

bool reader_no_memory(struct reader *r)
{
    r->errs->out_of_memory = true;
    return false;
}

static bool is_known(const char *key, const char *const *known, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(key, known[i]) == 0) {
            return true;
        }
    }
    return false;
}

void reader_check_keys(struct reader *r, json_t *object, const char *const *known, size_t count)
{
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        if (is_known(key, known, count)) {
            continue;
        }
        struct nearest n;
        char hint[NEAREST_HINT_SIZE];
        nearest_init(&n, key);
        for (size_t i = 0; i < count; i++) {
            nearest_offer(&n, known[i]);
        }
        reader_fail_key(r, key, "unknown key \"%.100s\"%s", key, nearest_hint(&n, hint));
    }
}

json_t *reader_get(struct reader *r, json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);
    bool empty = json_is_string(value) && json_string_length(value) == 0;
    if (empty && (origin_flags(r->m->origin, value) & ORIGIN_REPLACED) != 0) {
        return NULL;
    }
    return value;
}

json_t *reader_object(struct reader *r, json_t *object, const char *key)
{
    json_t *value = reader_get(r, object, key);
    if (value != NULL && !json_is_object(value)) {
        reader_fail(r, key, "\"%s\" must be an object", key);
        return NULL;
    }
    return value;
}

bool reader_is_convertible(struct reader *r, const json_t *node)
{
    return json_is_string(node) && origin_flags(r->m->origin, node) != 0;
}

const char *reader_copy(struct reader *r, const char *text, size_t length)
{
    const char *copy = memory_copy(&r->m->memory, text, length);
    if (copy == NULL) {
        (void)reader_no_memory(r);
    }
    return copy;
}

void reader_text(struct reader *r, json_t *object, const char *key, size_t max_length,
                 const char **out)
{
    json_t *value = reader_get(r, object, key);
    if (value == NULL) {
        return;
    }
    if (!json_is_string(value)) {
        reader_fail(r, key, "\"%s\" must be a text in quotes", key);
    } else if (json_string_length(value) > max_length) {
        reader_fail(r, key, "\"%s\" is longer than %zu bytes", key, max_length);
    } else {
        const char *copy = reader_copy(r, json_string_value(value), json_string_length(value));
        *out = copy != NULL ? copy : *out;
    }
}

bool reader_parse_integer(const char *text, int64_t *out)
{
    bool negative = text[0] == '-';
    const char *at = text + (negative ? 1 : 0);
    int64_t value = 0;
    if (*at == '\0') {
        return false;
    }
    for (; *at != '\0'; at++) {
        if (*at < '0' || *at > '9' || value < (INT64_MIN + (*at - '0')) / 10) {
            return false;
        }
        value = value * 10 - (*at - '0');
    }
    if (!negative && value == INT64_MIN) {
        return false;
    }
    *out = negative ? value : -value;
    return true;
}

bool reader_parse_bool(const char *text, bool *out)
{
    *out = strcmp(text, "true") == 0;
    return *out || strcmp(text, "false") == 0;
}

void reader_integer(struct reader *r, json_t *object, const char *key, int64_t minimum,
                    int64_t maximum, int64_t *out)
{
    json_t *value = reader_get(r, object, key);
    int64_t number = 0;
    if (value == NULL) {
        return;
    }
    bool ok = json_is_integer(value) || (reader_is_convertible(r, value) &&
                                         reader_parse_integer(json_string_value(value), &number));
    if (json_is_integer(value)) {
        number = json_integer_value(value);
    }
    if (!ok || number < minimum || number > maximum) {
        reader_fail(r, key, "\"%s\" must be a whole number from %" PRId64 " to %" PRId64, key,
                    minimum, maximum);
        return;
    }
    *out = number;
}

void reader_bool(struct reader *r, json_t *object, const char *key, bool *out)
{
    json_t *value = reader_get(r, object, key);
    bool converted;
    if (value == NULL) {
        return;
    }
    if (json_is_boolean(value)) {
        *out = json_is_true(value);
    } else if (reader_is_convertible(r, value) &&
               reader_parse_bool(json_string_value(value), &converted)) {
        *out = converted;
    } else {
        reader_fail(r, key, "\"%s\" must be true or false", key);
    }
}

static void list_names(char *out, size_t size, const char *const *names, uint32_t count)
{
    size_t length = 0;
    for (uint32_t i = 0; i < count && length < size; i++) {
        const char *before = i == 0 ? "" : i + 1 == count ? " or " : ", ";
        int n = snprintf(out + length, size - length, "%s\"%s\"", before, names[i]);
        length += n > 0 ? (size_t)n : 0;
    }
}

void reader_enum(struct reader *r, json_t *object, const char *key, const char *const *names,
                 uint32_t count, uint32_t *out)
{
    json_t *value = reader_get(r, object, key);
    const char *text = json_string_value(value);
    if (value == NULL) {
        return;
    }
    for (uint32_t i = 0; text != NULL && i < count; i++) {
        if (strcmp(text, names[i]) == 0) {
            *out = i;
            return;
        }
    }
    char all[256] = "";
    char hint[NEAREST_HINT_SIZE] = "";
    list_names(all, sizeof all, names, count);
    if (text != NULL) {
        struct nearest n;
        nearest_init(&n, text);
        for (uint32_t i = 0; i < count; i++) {
            nearest_offer(&n, names[i]);
        }
        (void)nearest_hint(&n, hint);
    }
    reader_fail(r, key, "\"%s\" must be %s%s", key, all, hint);
}

const char *reader_resolve(struct memory_block **memory, const char *dir, const char *path)
{
    size_t dir_length = strlen(dir);
    size_t path_length = strlen(path);
    if (path[0] == '/') {
        return memory_copy(memory, path, path_length);
    }
    while (path_length >= 2 && path[0] == '.' && path[1] == '/') {
        path += 2;
        path_length -= 2;
    }
    char *out = memory_alloc(memory, dir_length + path_length + 2, 1);
    if (out != NULL) {
        bool root = dir_length == 1 && dir[0] == '/';
        memcpy(out, dir, dir_length);
        out[dir_length] = '/';
        memcpy(out + dir_length + (root ? 0 : 1), path, path_length + 1);
    }
    return out;
}

void reader_path(struct reader *r, json_t *object, const char *key, const char **out)
{
    const char *path = NULL;
    reader_text(r, object, key, 4096, &path);
    if (path != NULL && path[0] == '\0') {
        reader_fail(r, key, "\"%s\" must not be empty", key);
    } else if (path != NULL) {
        *out = reader_resolve(&r->m->memory, r->m->dir, path);
        if (*out == NULL) {
            (void)reader_no_memory(r);
        }
    }
}

bool reader_is_name(const char *text)
{
    static const char legal[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
    size_t length = strlen(text);
    return length > 0 && length <= MANIFEST_NAME_MAX && strspn(text, legal) == length &&
           text[0] != '.';
}
