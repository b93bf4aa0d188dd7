/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/format_read.h"

#include "manifest/memory.h"
#include "manifest/nearest.h"

#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

struct type_name {
    const char *name;
    uint32_t type;
};

static const struct type_name type_names[] = {
    {"bool", PH_TYPE_BOOL},
    {"int32", PH_TYPE_INT32},
    {"int64", PH_TYPE_INT64},
    {"float64", PH_TYPE_FLOAT64},
    {"string", PH_TYPE_STRING},
    {"bytes", PH_TYPE_BYTES},
    {"timestamp", PH_TYPE_TIMESTAMP_MS},
    {"timestamp(3)", PH_TYPE_TIMESTAMP_MS},
    {"timestamp(6)", PH_TYPE_TIMESTAMP_US},
    {"json", PH_TYPE_JSON},
};

/* key: the member that holds the type, null where the type is r->at itself. */
static void read_type(struct reader *r, const char *key, const json_t *value,
                      struct manifest_field *field)
{
    const char *text = json_string_value(value);
    struct nearest n;
    char hint[NEAREST_HINT_SIZE];
    nearest_init(&n, text == NULL ? "" : text);
    for (size_t i = 0; text != NULL && i < COUNT(type_names); i++) {
        if (strcmp(text, type_names[i].name) == 0) {
            field->type = type_names[i].type;
            return;
        }
        nearest_offer(&n, type_names[i].name);
    }
    reader_fail(r, key,
                "a type is one of bool, int32, int64, float64, string, bytes, timestamp(3), "
                "timestamp(6), json%s",
                nearest_hint(&n, hint));
}

static const char *const metadata_names[] = {[MANIFEST_IN_VALUE] = "",
                                             [MANIFEST_KEY] = "$key",
                                             [MANIFEST_VALUE] = "$value",
                                             [MANIFEST_HEADERS] = "$headers",
                                             [MANIFEST_TIMESTAMP] = "$timestamp",
                                             [MANIFEST_OFFSET] = "$offset",
                                             [MANIFEST_PARTITION] = "$partition",
                                             [MANIFEST_TOPIC] = "$topic"};

static void read_metadata(struct reader *r, const char *from, struct manifest_field *field)
{
    struct nearest n;
    char hint[NEAREST_HINT_SIZE];
    nearest_init(&n, from);
    for (uint32_t i = MANIFEST_KEY; i < COUNT(metadata_names); i++) {
        if (strcmp(from, metadata_names[i]) == 0) {
            field->metadata = (enum manifest_metadata)i;
            return;
        }
        nearest_offer(&n, metadata_names[i]);
    }
    reader_fail(r, "from",
                "\"from\" is one of $key, $value, $headers, $timestamp, $offset, $partition, "
                "$topic, or a JSON pointer%s",
                nearest_hint(&n, hint));
}

/* The types that such a field may have; null: this one fits. */
static const char *metadata_types(const struct manifest_field *f)
{
    bool is_text = f->type == PH_TYPE_STRING || f->type == PH_TYPE_BYTES;
    bool is_time = f->type == PH_TYPE_TIMESTAMP_MS || f->type == PH_TYPE_TIMESTAMP_US;
    switch (f->metadata) {
    case MANIFEST_KEY:
        return is_text ? NULL : "string or bytes";
    case MANIFEST_VALUE:
        return is_text || f->type == PH_TYPE_JSON ? NULL : "string, bytes or json";
    case MANIFEST_HEADERS:
        return f->type == PH_TYPE_JSON ? NULL : "json";
    case MANIFEST_TIMESTAMP:
        return is_time ? NULL : "timestamp(3) or timestamp(6)";
    case MANIFEST_OFFSET:
        return f->type == PH_TYPE_INT64 ? NULL : "int64";
    case MANIFEST_PARTITION:
        return f->type == PH_TYPE_INT32 || f->type == PH_TYPE_INT64 ? NULL : "int32 or int64";
    case MANIFEST_TOPIC:
        return f->type == PH_TYPE_STRING ? NULL : "string";
    default:
        return NULL;
    }
}

static void check_metadata(struct reader *r, const json_t *object, const struct manifest_field *f)
{
    const char *types = metadata_types(f);
    if (types != NULL) {
        reader_fail(r, "type", "a field from \"%s\" is %s", metadata_names[f->metadata], types);
    }
    if (f->metadata != MANIFEST_IN_VALUE && json_object_get(object, "parse") != NULL) {
        reader_fail(r, "parse", "\"parse\" is for what stands in the JSON, not for \"%s\"",
                    metadata_names[f->metadata]);
    }
}

/* "/a/b~1c" into {"a", "b/c"}. */
static void read_from(struct reader *r, json_t *object, struct manifest_field *field)
{
    const char *from = NULL;
    reader_text(r, object, "from", 4096, &from);
    if (from == NULL) {
        return;
    }
    if (from[0] == '$') {
        read_metadata(r, from, field);
        return;
    }
    if (from[0] != '/') {
        reader_fail(r, "from",
                    "\"from\" must be a JSON pointer, such as \"/user/id\", or a name such as "
                    "\"$key\"");
        return;
    }
    const char **path = memory_alloc(&r->m->memory, MANIFEST_FIELD_PATH_MAX, sizeof *path);
    char *out = memory_alloc(&r->m->memory, strlen(from) + 1, 1);
    if (path == NULL || out == NULL) {
        (void)reader_no_memory(r);
        return;
    }
    uint32_t count = 0;
    for (const char *at = from; *at == '/'; count++) {
        if (count == MANIFEST_FIELD_PATH_MAX) {
            reader_fail(r, "from", "\"from\" has more than %d parts", MANIFEST_FIELD_PATH_MAX);
            return;
        }
        at++;
        path[count] = out;
        for (int c; (c = pointer_next_byte(&at)) >= 0;) {
            *out++ = (char)c;
        }
        *out++ = '\0';
    }
    field->path = path;
    field->path_count = count;
}

static void read_parse(struct reader *r, json_t *object, struct manifest_field *field)
{
    static const char *const names[] = {"iso8601", "unix_s", "unix_ms"};
    const char *text = NULL;
    reader_text(r, object, "parse", 256, &text);
    if (text == NULL) {
        return;
    }
    if (field->type != PH_TYPE_TIMESTAMP_MS && field->type != PH_TYPE_TIMESTAMP_US) {
        reader_fail(r, "parse", "\"parse\" is for timestamps, and this field is %s",
                    ph_type_name(field->type));
        return;
    }
    if (strchr(text, '%') != NULL) {
        field->parse = MANIFEST_PARSE_STRPTIME;
        field->parse_pattern = text;
        return;
    }
    struct nearest n;
    char hint[NEAREST_HINT_SIZE];
    nearest_init(&n, text);
    for (uint32_t i = 0; i < COUNT(names); i++) {
        if (strcmp(text, names[i]) == 0) {
            field->parse = (enum manifest_parse)i;
            return;
        }
        nearest_offer(&n, names[i]);
    }
    reader_fail(r, "parse",
                "\"parse\" must be iso8601, unix_s, unix_ms or a pattern such as "
                "\"%%Y-%%m-%%d %%H:%%M:%%S\"%s",
                nearest_hint(&n, hint));
}

static void read_field(struct reader *r, const char *name, json_t *value,
                       struct manifest_field *field)
{
    static const char *const keys[] = {"type", "required", "from", "parse"};
    const char **path = memory_alloc(&r->m->memory, 1, sizeof *path);
    size_t length = strlen(name);
    if (length == 0 || length > MANIFEST_FIELD_NAME_MAX) {
        reader_fail(r, NULL, "a field's name has 1 to %d bytes", MANIFEST_FIELD_NAME_MAX);
        return;
    }
    field->name = reader_copy(r, name, length);
    if (path == NULL || field->name == NULL) {
        (void)reader_no_memory(r);
        return;
    }
    path[0] = field->name;
    field->path = path;
    field->path_count = 1;
    if (!json_is_object(value)) {
        read_type(r, NULL, value, field);
        return;
    }
    reader_check_keys(r, value, keys, COUNT(keys));
    json_t *type = reader_get(r, value, "type");
    if (type == NULL) {
        reader_fail(r, NULL, "a field needs a \"type\"");
    } else {
        read_type(r, "type", type, field);
    }
    reader_bool(r, value, "required", &field->required);
    read_from(r, value, field);
    if (field->type != PH_TYPE_NONE) {
        read_parse(r, value, field);
        check_metadata(r, value, field);
    }
}

static void read_fields(struct reader *r, json_t *fields, struct manifest_format *format)
{
    size_t count = json_object_size(fields);
    if (count == 0 || count > MANIFEST_FIELDS_MAX) {
        reader_fail(r, NULL, "\"fields\" must hold 1 to %d fields", MANIFEST_FIELDS_MAX);
        return;
    }
    format->fields = memory_alloc(&r->m->memory, count, sizeof *format->fields);
    if (format->fields == NULL) {
        (void)reader_no_memory(r);
        return;
    }
    const char *name;
    json_t *value;
    json_object_foreach(fields, name, value)
    {
        pointer_push_text(&r->at, name);
        read_field(r, name, value, &format->fields[format->field_count++]);
        pointer_pop(&r->at);
    }
}

static void read_json(struct reader *r, json_t *object, struct manifest_format *format)
{
    static const char *const keys[] = {"fields", "timestamps", "json_columns", "tombstones"};
    static const char *const timestamps[] = {"iso8601", "sql", "unix_ms"};
    static const char *const json_columns[] = {"nested", "string"};
    static const char *const tombstones[] = {"dead_letter", "skip", "null"};
    uint32_t tombstones_index = 0;
    uint32_t timestamps_index = 0;
    uint32_t json_columns_index = 0;
    reader_check_keys(r, object, keys, COUNT(keys));
    reader_enum(r, object, "timestamps", timestamps, COUNT(timestamps), &timestamps_index);
    reader_enum(r, object, "json_columns", json_columns, COUNT(json_columns), &json_columns_index);
    reader_enum(r, object, "tombstones", tombstones, COUNT(tombstones), &tombstones_index);
    format->tombstones = (enum manifest_tombstones)tombstones_index;
    format->timestamps = (enum manifest_timestamps)timestamps_index;
    format->json_columns = (enum manifest_json_columns)json_columns_index;
    format->has_output = json_object_get(object, "timestamps") != NULL ||
                         json_object_get(object, "json_columns") != NULL;
    json_t *fields = reader_object(r, object, "fields");
    if (fields != NULL) {
        pointer_push_text(&r->at, "fields");
        read_fields(r, fields, format);
        pointer_pop(&r->at);
    }
}

struct manifest_format *format_read(struct reader *r, json_t *object)
{
    static const char *const keys[] = {"json"};
    struct manifest_format *format = memory_alloc(&r->m->memory, 1, sizeof *format);
    if (format == NULL) {
        (void)reader_no_memory(r);
        return NULL;
    }
    reader_check_keys(r, object, keys, COUNT(keys));
    json_t *json = reader_object(r, object, "json");
    if (json_object_get(object, "json") == NULL) {
        reader_fail(r, NULL, "a \"format\" needs a \"json\" object");
    } else if (json != NULL) {
        pointer_push_text(&r->at, "json");
        read_json(r, json, format);
        pointer_pop(&r->at);
    }
    return format;
}
