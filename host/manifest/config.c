/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/config.h"

#include "manifest/config_value.h"
#include "manifest/dsn.h"
#include "manifest/memory.h"
#include "manifest/nearest.h"
#include "manifest/origin.h"
#include "manifest/reference.h"
#include "manifest/secret.h"
#include "manifest/units.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONFIG_KEYS_MAX 1024

struct config {
    struct ph_config face;
    struct memory_block *memory;
    struct ph_config_key *keys; /* copies as large as this host knows them */
    struct ph_value *values;    /* one for each key */
    uint32_t count;
};

/* One config while it is checked. */
struct check {
    struct reader r; /* r.at is the operator's config */
    struct config *c;
    json_t *object;
    const char *operator_name;
};

static const struct ph_value *get(const struct ph_config *config, const char *name)
{
    const struct config *c = config->host_data;
    for (uint32_t i = 0; i < c->count; i++) {
        if (strcmp(c->keys[i].name, name) == 0) {
            return &c->values[i];
        }
    }
    return NULL;
}

const struct ph_config *config_get(const struct config *c)
{
    return &c->face;
}

void config_destroy(struct config *c)
{
    if (c != NULL) {
        memory_free(&c->memory);
        free(c);
    }
}

static bool copy_text(struct config *c, const char **text)
{
    if (*text != NULL) {
        *text = memory_copy(&c->memory, *text, strlen(*text));
        return *text != NULL;
    }
    return true;
}

/* The row's size is what the plugin was built with: more than that is never read, and what it lacks
 * is zero. */
static bool copy_keys(struct check *k, const struct ph_config_key *keys, uint32_t count)
{
    struct config *c = k->c;
    size_t stride = count == 0 ? sizeof *keys : keys[0].size;
    size_t needed = offsetof(struct ph_config_key, name) + sizeof keys[0].name;
    if (count > CONFIG_KEYS_MAX || stride < needed) {
        pointer_pop(&k->r.at);
        reader_fail(&k->r, "plugin", "the plugin's table of config keys is malformed");
        return false;
    }
    size_t copied = stride < sizeof *keys ? stride : sizeof *keys;
    bool ok = true;
    for (uint32_t i = 0; ok && i < count; i++) {
        struct ph_config_key *key = &c->keys[i];
        memcpy(key, (const char *)keys + i * stride, copied);
        key->name = key->name == NULL ? "" : key->name;
        ok = copy_text(c, &key->name) && copy_text(c, &key->doc) && copy_text(c, &key->unit) &&
             copy_text(c, &key->default_text) && copy_text(c, &key->values);
    }
    c->count = count;
    return ok || reader_no_memory(&k->r);
}

static void check_unknown(struct check *k)
{
    const char *name;
    json_t *value;
    json_object_foreach(k->object, name, value)
    {
        struct nearest n;
        char hint[NEAREST_HINT_SIZE];
        bool known = false;
        nearest_init(&n, name);
        for (uint32_t i = 0; i < k->c->count && !known; i++) {
            known = strcmp(k->c->keys[i].name, name) == 0;
            nearest_offer(&n, k->c->keys[i].name);
        }
        if (!known) {
            reader_fail_key(&k->r, name, "unknown key \"%.100s\"%s", name, nearest_hint(&n, hint));
        }
    }
}

/* An item of a map whose value must not be seen. */
static bool is_hidden_item(const struct ph_config_key *key, const char *name)
{
    return (key->flags & PH_CONFIG_SECRET_VALUES) != 0 && !config_value_listed(key->values, name);
}

/* A secret item may hold others: a JAAS line its password. */
static bool register_text(const json_t *node, bool whole)
{
    const char *text = json_string_value(node);
    return text == NULL || ((!whole || secret_register(text)) && secret_register_dsn(text));
}

/* Before any error is told, since its line may show one. */
static bool register_secrets(const struct ph_config_key *key, json_t *node)
{
    const char *name;
    json_t *value;
    bool ok = true;
    if (key->type == PH_CONFIG_SECRET || (key->flags & PH_CONFIG_URL) != 0) {
        ok = register_text(node, key->type == PH_CONFIG_SECRET);
    }
    if (key->type == PH_CONFIG_MAP) {
        json_object_foreach(node, name, value)
        {
            ok = (!is_hidden_item(key, name) || register_text(value, true)) && ok;
        }
    }
    return ok;
}

/* "rows", "sasl.password" → ROWS_SASL_PASSWORD */
static void suggest_variable(char *out, size_t size, const char *operator_name, const char *key)
{
    (void)snprintf(out, size, "%s_%s", operator_name, key);
    for (char *at = out; *at != '\0'; at++) {
        bool letter = *at >= 'a' && *at <= 'z';
        bool legal = letter || (*at >= 'A' && *at <= 'Z') || (*at >= '0' && *at <= '9');
        *at = letter ? (char)(*at - 'a' + 'A') : legal ? *at : '_';
    }
}

/* r.at is where the member `name` stands. */
static void check_literal(struct check *k, const char *name, const json_t *node)
{
    char variable[2 * MANIFEST_NAME_MAX];
    uint32_t flags = origin_flags(k->r.m->origin, node);
    suggest_variable(variable, sizeof variable, k->operator_name, name);
    if ((flags & ORIGIN_SET) != 0) {
        reader_fail(&k->r, name,
                    "a secret on the command line is seen by everybody on this machine; write "
                    "\"${%s}\" and set that variable",
                    variable);
        return;
    }
    pointer_push_text(&k->r.at, name);
    manifest_warnings_add(k->r.errs, k->r.m, k->r.at.text,
                          "a secret stands in the manifest itself; write \"${%s}\" and set that "
                          "variable",
                          variable);
    pointer_pop(&k->r.at);
}

/* How much of a value is a secret that stands in the manifest itself or on the command line. */
enum literal { LITERAL_NONE, LITERAL_PASSWORD, LITERAL_WHOLE };

/* Passwords within a value are looked for in what it gives itself: those that a ${} gives are none.
 */
static enum literal find_literal(const struct check *k, const json_t *node)
{
    struct dsn_range ranges[DSN_RANGES_MAX];
    const char *own = origin_own(k->r.m->origin, node);
    own = own == NULL ? json_string_value(node) : own;
    if (own == NULL) {
        return LITERAL_NONE;
    }
    uint32_t count = dsn_find(own, strlen(own), ranges);
    for (uint32_t i = 0; i < count; i++) {
        if (reference_has_literal(own + ranges[i].start, ranges[i].length)) {
            return LITERAL_PASSWORD;
        }
    }
    return count == 0 && reference_has_literal(own, strlen(own)) ? LITERAL_WHOLE : LITERAL_NONE;
}

static void check_literals(struct check *k, const struct ph_config_key *key, json_t *node)
{
    const char *name;
    json_t *value;
    enum literal found = find_literal(k, node);
    if ((key->type == PH_CONFIG_SECRET && found != LITERAL_NONE) ||
        ((key->flags & PH_CONFIG_URL) != 0 && found == LITERAL_PASSWORD)) {
        check_literal(k, key->name, node);
    }
    if (key->type != PH_CONFIG_MAP) {
        return;
    }
    pointer_push_text(&k->r.at, key->name);
    json_object_foreach(node, name, value)
    {
        found = is_hidden_item(key, name) ? find_literal(k, value) : LITERAL_NONE;
        if (found == LITERAL_PASSWORD ||
            (found == LITERAL_WHOLE && secret_is_name(name, strlen(name)))) {
            check_literal(k, name, value);
        }
    }
    pointer_pop(&k->r.at);
}

static void refuse_absent(struct check *k, const struct ph_config_key *key)
{
    if (json_object_get(k->object, key->name) != NULL) {
        reader_fail(&k->r, key->name, "\"%s\" is required, and its variable is empty", key->name);
    } else {
        reader_fail(&k->r, NULL, "\"%s\" is required%s%s", key->name, key->doc == NULL ? "" : ": ",
                    key->doc == NULL ? "" : key->doc);
    }
}

static void check_key(struct check *k, uint32_t index)
{
    const struct ph_config_key *key = &k->c->keys[index];
    struct ph_value *value = &k->c->values[index];
    json_t *node = reader_get(&k->r, k->object, key->name);
    value->size = sizeof *value;
    value->type = key->type;
    if (node != NULL) {
        (void)config_value_read(&k->r, &k->c->memory, key, node, value);
        check_literals(k, key, node);
    } else if (key->default_text != NULL) {
        (void)config_value_default(&k->r, &k->c->memory, key, value);
    } else if ((key->flags & PH_CONFIG_REQUIRED) != 0) {
        refuse_absent(k, key);
    }
}

static void check_all(struct check *k, const struct ph_config_key *keys, uint32_t count)
{
    struct config *c = k->c;
    c->keys = memory_alloc(&c->memory, count + 1u, sizeof *c->keys);
    c->values = memory_alloc(&c->memory, count + 1u, sizeof *c->values);
    if (c->keys == NULL || c->values == NULL) {
        (void)reader_no_memory(&k->r);
        return;
    }
    if (!copy_keys(k, keys, count)) {
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!register_secrets(&c->keys[i], json_object_get(k->object, c->keys[i].name))) {
            (void)reader_no_memory(&k->r);
        }
    }
    check_unknown(k);
    for (uint32_t i = 0; i < count; i++) {
        check_key(k, i);
    }
}

static uint32_t fault_count(const struct manifest_errors *errs)
{
    return errs->errors.count + errs->errors.dropped + (errs->out_of_memory ? 1u : 0u);
}

int32_t config_create(const struct manifest *m, uint32_t operator_index,
                      const struct ph_config_key *keys, uint32_t count, struct config **out,
                      struct manifest_errors *errs)
{
    const struct manifest_operator *op = &m->operators[operator_index];
    uint32_t faults_before = fault_count(errs);
    /* A reader changes the manifest's memory only where it copies texts, which nothing here does.
     */
    struct check k = {.r = {.m = (struct manifest *)(uintptr_t)m, .errs = errs},
                      .c = calloc(1, sizeof *k.c),
                      .object = (json_t *)(uintptr_t)op->config,
                      .operator_name = op->name};
    pointer_init(&k.r.at);
    pointer_push_text(&k.r.at, "operators");
    pointer_push_index(&k.r.at, op->place);
    pointer_push_text(&k.r.at, "config");
    *out = NULL;
    if (k.c == NULL) {
        (void)reader_no_memory(&k.r);
        return PH_ERROR;
    }
    k.c->face = (struct ph_config){.size = sizeof k.c->face, .host_data = k.c, .get = get};
    check_all(&k, keys, count);
    if (fault_count(errs) != faults_before) {
        config_destroy(k.c);
        return PH_ERROR;
    }
    *out = k.c;
    return PH_OK;
}

/* Text as it may be seen: passwords in it cut out. */
static void print_text(struct buf *out, const char *text, size_t length)
{
    struct buf shown;
    buf_init(&shown, out->limit);
    (void)secret_mask_dsn(text, length, &shown);
    if (shown.failed || shown.data == NULL) {
        out->failed = out->failed || shown.failed;
        buf_append_text(out, "\"\"");
    } else {
        buf_append_json_string(out, shown.data, strlen(shown.data));
    }
    buf_fini(&shown);
}

static void print_items(struct buf *out, const struct ph_config_key *key, const struct ph_value *v)
{
    bool map = key->type == PH_CONFIG_MAP;
    buf_append_text(out, map ? "{" : "[");
    for (uint32_t i = 0; i < v->item_count; i++) {
        const struct ph_value *item = &v->items[i];
        buf_append_text(out, i == 0 ? "" : ",");
        if (map) {
            buf_append_json_string(out, item->name, strlen(item->name));
            buf_append_text(out, ":");
        }
        if (map && is_hidden_item(key, item->name)) {
            buf_append_text(out, "\"" SECRET_MASK "\"");
        } else {
            print_text(out, item->text, item->text_length);
        }
    }
    buf_append_text(out, map ? "}" : "]");
}

static void print_value(struct buf *out, const struct ph_config_key *key, const struct ph_value *v)
{
    char text[UNITS_TEXT_SIZE];
    switch (key->type) {
    case PH_CONFIG_SECRET:
        buf_append_text(out, "\"" SECRET_MASK "\"");
        break;
    case PH_CONFIG_BOOL:
        buf_append_text(out, v->integer != 0 ? "true" : "false");
        break;
    case PH_CONFIG_INT:
        buf_append_format(out, "%lld", (long long)v->integer);
        break;
    case PH_CONFIG_FLOAT:
        buf_append_format(out, "%.15g", v->real);
        break;
    case PH_CONFIG_DURATION:
        buf_append_format(out, "\"%s\"", units_format_duration(v->integer, text));
        break;
    case PH_CONFIG_SIZE:
        buf_append_format(out, "\"%s\"", units_format_size(v->integer, text));
        break;
    case PH_CONFIG_LIST:
    case PH_CONFIG_MAP:
        print_items(out, key, v);
        break;
    default:
        print_text(out, v->text, v->text_length);
        break;
    }
}

void config_print(const struct config *c, struct buf *out)
{
    bool first = true;
    buf_append_text(out, "{");
    for (uint32_t i = 0; i < c->count; i++) {
        if (!c->values[i].is_set) {
            continue;
        }
        buf_append_text(out, first ? "" : ",");
        buf_append_json_string(out, c->keys[i].name, strlen(c->keys[i].name));
        buf_append_text(out, ":");
        print_value(out, &c->keys[i], &c->values[i]);
        first = false;
    }
    buf_append_text(out, "}");
}
