/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/config_value.h"

#include "manifest/memory.h"
#include "manifest/nearest.h"
#include "manifest/units.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a value is made of, whether the manifest or a default gives it. */
struct maker {
    struct reader *r;
    struct memory_block **memory;
    const struct ph_config_key *key;
    json_t *node;
    bool may_convert; /* node is a string that may stand for a number or bool */
    bool is_default;
};

static const char *list_end(const char *list)
{
    const char *bar = strchr(list, '|');
    return bar == NULL ? list + strlen(list) : bar;
}

/* The index of name in a list "a|b|c", or -1. */
static int64_t list_index(const char *list, const char *name)
{
    size_t length = strlen(name);
    int64_t index = 0;
    for (const char *at = list; at != NULL && *at != '\0'; index++) {
        const char *end = list_end(at);
        if ((size_t)(end - at) == length && memcmp(at, name, length) == 0) {
            return index;
        }
        at = *end == '|' ? end + 1 : end;
    }
    return -1;
}

bool config_value_listed(const char *list, const char *name)
{
    return list_index(list, name) >= 0;
}

static bool set_text(struct maker *k, struct ph_value *v, const char *text)
{
    size_t length = text == NULL ? 0 : strlen(text);
    v->text = text == NULL ? NULL : memory_copy(k->memory, text, length);
    v->text_length = (uint32_t)length;
    return v->text != NULL || reader_no_memory(k->r);
}

__attribute__((format(printf, 2, 3))) static bool refuse(struct maker *k, const char *format, ...)
{
    char sentence[512];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    reader_fail(k->r, k->key->name, "%s\"%s\" must be %s",
                k->is_default ? "the plugin's own default is wrong: " : "", k->key->name, sentence);
    return false;
}

static bool make_text(struct maker *k, struct ph_value *v)
{
    if (!json_is_string(k->node)) {
        return refuse(k, "a text in quotes");
    }
    return set_text(k, v, json_string_value(k->node));
}

static bool make_path(struct maker *k, struct ph_value *v)
{
    const char *text = json_string_value(k->node);
    if (text == NULL || text[0] == '\0') {
        return refuse(k, "a path in quotes");
    }
    v->text = reader_resolve(k->memory, k->r->m->dir, text);
    v->text_length = v->text == NULL ? 0 : (uint32_t)strlen(v->text);
    return v->text != NULL || reader_no_memory(k->r);
}

static bool make_enum(struct maker *k, struct ph_value *v)
{
    const char *text = json_string_value(k->node);
    const char *list = k->key->values == NULL ? "" : k->key->values;
    v->integer = text == NULL ? -1 : list_index(list, text);
    if (v->integer >= 0) {
        return set_text(k, v, text);
    }
    struct nearest n;
    char name[NEAREST_LENGTH_MAX + 1];
    char all[256] = "";
    char hint[NEAREST_HINT_SIZE];
    size_t length = 0;
    nearest_init(&n, text == NULL ? "" : text);
    for (const char *at = list; *at != '\0';) {
        const char *end = list_end(at);
        const char *before = at == list ? "" : *end == '\0' ? " or " : ", ";
        (void)snprintf(name, sizeof name, "%.*s", (int)(end - at), at);
        int more = snprintf(all + length, sizeof all - length, "%s\"%s\"", before, name);
        length += more > 0 && length + (size_t)more < sizeof all ? (size_t)more : 0;
        nearest_offer(&n, name);
        at = *end == '|' ? end + 1 : end;
    }
    return refuse(k, "%s%s", all, nearest_hint(&n, hint));
}

static bool make_bool(struct maker *k, struct ph_value *v)
{
    bool value = json_is_true(k->node);
    bool ok = json_is_boolean(k->node) ||
              (k->may_convert && reader_parse_bool(json_string_value(k->node), &value));
    v->integer = value ? 1 : 0;
    return ok || refuse(k, "true or false");
}

static bool in_limits(const struct ph_config_key *key, int64_t value)
{
    bool limited = key->minimum != 0 || key->maximum != 0;
    return !limited || (value >= key->minimum && value <= key->maximum);
}

static bool make_integer(struct maker *k, struct ph_value *v)
{
    const struct ph_config_key *key = k->key;
    v->integer = json_integer_value(k->node);
    bool ok = json_is_integer(k->node) ||
              (k->may_convert && reader_parse_integer(json_string_value(k->node), &v->integer));
    if (ok && in_limits(key, v->integer)) {
        return true;
    }
    char unit[64] = "";
    if (key->unit != NULL) {
        (void)snprintf(unit, sizeof unit, " (%s)", key->unit);
    }
    if (key->minimum == 0 && key->maximum == 0) {
        return refuse(k, "a whole number%s", unit);
    }
    return refuse(k, "a whole number from %" PRId64 " to %" PRId64 "%s", key->minimum, key->maximum,
                  unit);
}

static bool make_real(struct maker *k, struct ph_value *v)
{
    v->real = json_number_value(k->node);
    if (json_is_number(k->node)) {
        return true;
    }
    const char *text = k->may_convert ? json_string_value(k->node) : "";
    char *end;
    v->real = strtod(text, &end);
    return (end != text && *end == '\0' && isfinite(v->real)) || refuse(k, "a number");
}

typedef bool (*units_parse)(const char *text, int64_t *out);
typedef const char *(*units_format)(int64_t value, char out[UNITS_TEXT_SIZE]);

static bool make_units(struct maker *k, struct ph_value *v, units_parse parse, units_format format,
                       const char *wanted)
{
    const struct ph_config_key *key = k->key;
    v->integer = json_integer_value(k->node);
    bool ok = (json_is_integer(k->node) && v->integer >= 0) ||
              (json_is_string(k->node) && parse(json_string_value(k->node), &v->integer));
    if (!ok) {
        return refuse(k, "%s", wanted);
    }
    if (!in_limits(key, v->integer)) {
        char low[UNITS_TEXT_SIZE];
        char high[UNITS_TEXT_SIZE];
        return refuse(k, "from %s to %s", format(key->minimum, low), format(key->maximum, high));
    }
    return true;
}

static bool make_duration(struct maker *k, struct ph_value *v)
{
    return make_units(
        k, v, units_parse_duration, units_format_duration,
        "a duration such as \"500ms\", \"10s\", \"5m\", \"2h\" or \"7d\", or a number "
        "of milliseconds");
}

static bool make_size(struct maker *k, struct ph_value *v)
{
    return make_units(k, v, units_parse_size, units_format_size,
                      "a size such as \"64KiB\", \"64MiB\" or \"1GiB\", or a number of bytes");
}

static struct ph_value *make_items(struct maker *k, size_t count)
{
    struct ph_value *items = memory_alloc(k->memory, count + 1, sizeof *items);
    if (items == NULL) {
        (void)reader_no_memory(k->r);
    }
    return items;
}

static bool make_list(struct maker *k, struct ph_value *v)
{
    size_t count = json_array_size(k->node);
    if (!json_is_array(k->node) || count > CONFIG_ITEMS_MAX) {
        return refuse(k, "a list of at most %d texts, such as [\"a\", \"b\"]", CONFIG_ITEMS_MAX);
    }
    struct ph_value *items = make_items(k, count);
    for (size_t i = 0; items != NULL && i < count; i++) {
        const json_t *item = json_array_get(k->node, i);
        if (!json_is_string(item)) {
            return refuse(k, "a list of texts in quotes, and item %zu is not one", i + 1);
        }
        items[i] = (struct ph_value){.size = sizeof *items, .type = PH_CONFIG_STRING};
        items[i].is_set = true;
        if (!set_text(k, &items[i], json_string_value(item))) {
            return false;
        }
    }
    v->items = items;
    v->item_count = (uint32_t)count;
    return items != NULL;
}

/* A number or bool in a map is the text that a manifest would write. */
static bool set_scalar_text(struct maker *k, struct ph_value *v, const json_t *node)
{
    char text[64];
    if (json_is_string(node)) {
        return set_text(k, v, json_string_value(node));
    }
    if (json_is_integer(node)) {
        (void)snprintf(text, sizeof text, "%" PRId64, (int64_t)json_integer_value(node));
    } else if (json_is_real(node)) {
        (void)snprintf(text, sizeof text, "%.15g", json_real_value(node));
    } else if (json_is_boolean(node)) {
        (void)snprintf(text, sizeof text, "%s", json_is_true(node) ? "true" : "false");
    } else {
        return false;
    }
    return set_text(k, v, text);
}

static bool make_map_item(struct maker *k, struct ph_value *v, const char *name, const json_t *node)
{
    *v = (struct ph_value){.size = sizeof *v, .type = PH_CONFIG_STRING, .is_set = true};
    v->name = memory_copy(k->memory, name, strlen(name));
    if (v->name == NULL) {
        return reader_no_memory(k->r);
    }
    if (!set_scalar_text(k, v, node)) {
        pointer_push_text(&k->r->at, k->key->name);
        reader_fail(k->r, name, "\"%.100s\" must be a text in quotes, a number, true or false",
                    name);
        pointer_pop(&k->r->at);
        return false;
    }
    return true;
}

static bool make_map(struct maker *k, struct ph_value *v)
{
    size_t count = json_object_size(k->node);
    if (!json_is_object(k->node) || count > CONFIG_ITEMS_MAX) {
        return refuse(k, "an object of at most %d names with texts", CONFIG_ITEMS_MAX);
    }
    struct ph_value *items = make_items(k, count);
    const char *name;
    json_t *value;
    bool ok = items != NULL;
    json_object_foreach(k->node, name, value)
    {
        /* An item whose variables came out empty counts as absent. */
        if (items == NULL || reader_get(k->r, k->node, name) == NULL) {
            continue;
        }
        ok = make_map_item(k, &items[v->item_count], name, value) && ok;
        v->item_count++;
    }
    v->items = items;
    return ok;
}

static bool make(struct maker *k, struct ph_value *v)
{
    switch (k->key->type) {
    case PH_CONFIG_STRING:
    case PH_CONFIG_SECRET:
        return make_text(k, v);
    case PH_CONFIG_BOOL:
        return make_bool(k, v);
    case PH_CONFIG_INT:
        return make_integer(k, v);
    case PH_CONFIG_FLOAT:
        return make_real(k, v);
    case PH_CONFIG_ENUM:
        return make_enum(k, v);
    case PH_CONFIG_DURATION:
        return make_duration(k, v);
    case PH_CONFIG_SIZE:
        return make_size(k, v);
    case PH_CONFIG_PATH:
        return make_path(k, v);
    case PH_CONFIG_LIST:
        return make_list(k, v);
    case PH_CONFIG_MAP:
        return make_map(k, v);
    default:
        reader_fail(k->r, k->key->name,
                    "the plugin gives \"%s\" a type that this pipehost does not know: %u",
                    k->key->name, k->key->type);
        return false;
    }
}

bool config_value_read(struct reader *r, struct memory_block **memory,
                       const struct ph_config_key *key, json_t *node, struct ph_value *out)
{
    struct maker k = {r, memory, key, node, reader_is_convertible(r, node), false};
    out->is_set = make(&k, out);
    return out->is_set;
}

bool config_value_default(struct reader *r, struct memory_block **memory,
                          const struct ph_config_key *key, struct ph_value *out)
{
    bool composite = key->type == PH_CONFIG_LIST || key->type == PH_CONFIG_MAP;
    json_t *node =
        composite ? json_loads(key->default_text, 0, NULL) : json_string(key->default_text);
    struct maker k = {r, memory, key, node, true, true};
    if (node == NULL && !composite) {
        return reader_no_memory(r);
    }
    out->is_set = make(&k, out);
    out->is_default = out->is_set;
    json_decref(node);
    return out->is_set;
}
