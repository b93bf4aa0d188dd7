/* SPDX-License-Identifier: Apache-2.0 */
/* Settings of a test, typed by a plugin's own table. */
#include "harness.h"

#include <errno.h>
#include <stdlib.h>

struct harness_config {
    struct ph_config config;
    const struct ph_descriptor *descriptor;
    struct ph_value *values; /* one for each key of the table */
};

static int32_t key_find(const struct ph_descriptor *d, const char *name)
{
    for (uint32_t i = 0; i < d->config_count; i++) {
        if (strcmp(d->config[i].name, name) == 0) {
            return (int32_t)i;
        }
    }
    return -1;
}

static const struct ph_value *config_get(const struct ph_config *config, const char *name)
{
    const struct harness_config *c = (const struct harness_config *)config->host_data;
    int32_t index = key_find(c->descriptor, name);
    return index < 0 ? NULL : &c->values[index];
}

static void value_set_text(struct ph_value *v, const char *text)
{
    v->text = harness_copy(text);
    v->text_length = (uint32_t)strlen(text);
}

struct unit {
    const char *name;
    int64_t factor;
};

static bool parse_scaled(const char *text, const struct unit *units, int64_t *out)
{
    char *end = NULL;
    errno = 0;
    long long n = strtoll(text, &end, 10);
    if (errno != 0 || end == text) {
        return false;
    }
    for (const struct unit *u = units; u->name != NULL; u++) {
        if (strcmp(end, u->name) == 0) {
            *out = (int64_t)n * u->factor;
            return true;
        }
    }
    return false;
}

static bool parse_enum(const char *values, const char *text, int64_t *index)
{
    size_t length = strlen(text);
    *index = 0;
    for (const char *at = values; at != NULL; at = strchr(at, '|'), (*index)++) {
        at += *at == '|';
        if (strncmp(at, text, length) == 0 && (at[length] == '|' || at[length] == '\0')) {
            return true;
        }
    }
    return false;
}

static bool parse_bool(const char *text, int64_t *out)
{
    *out = strcmp(text, "true") == 0;
    return *out != 0 || strcmp(text, "false") == 0;
}

static bool parse_real(const char *text, double *out)
{
    char *end = NULL;
    *out = strtod(text, &end);
    return end != text && *end == '\0';
}

static bool value_parse(const struct ph_config_key *k, const char *text, struct ph_value *v)
{
    static const struct unit none[] = {{"", 1}, {NULL, 0}};
    static const struct unit times[] = {{"", 1},          {"ms", 1},          {"s", 1000},
                                        {"m", 60 * 1000}, {"h", 3600 * 1000}, {"d", 86400 * 1000},
                                        {NULL, 0}};
    static const struct unit sizes[] = {
        {"", 1}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {NULL, 0}};
    value_set_text(v, text);
    switch (k->type) {
    case PH_CONFIG_BOOL:
        return parse_bool(text, &v->integer);
    case PH_CONFIG_INT:
        return parse_scaled(text, none, &v->integer);
    case PH_CONFIG_FLOAT:
        return parse_real(text, &v->real);
    case PH_CONFIG_ENUM:
        return parse_enum(k->values, text, &v->integer);
    case PH_CONFIG_DURATION:
        return parse_scaled(text, times, &v->integer);
    case PH_CONFIG_SIZE:
        return parse_scaled(text, sizes, &v->integer);
    case PH_CONFIG_LIST:
    case PH_CONFIG_MAP:
        return false;
    default:
        return true;
    }
}

static void value_set_items(struct ph_value *v, const struct harness_setting *s)
{
    struct ph_value *items = harness_alloc((s->item_count + 1) * sizeof *items);
    for (uint32_t i = 0; i < s->item_count; i++) {
        items[i].size = (uint32_t)sizeof items[i];
        items[i].type = PH_CONFIG_STRING;
        items[i].is_set = true;
        items[i].name = s->items[i].name == NULL ? NULL : harness_copy(s->items[i].name);
        value_set_text(&items[i], s->items[i].text);
    }
    v->items = items;
    v->item_count = s->item_count;
}

static int32_t config_set(const struct ph_config_key *k, const struct harness_setting *s,
                          struct ph_value *v, struct ph_error *err)
{
    bool is_many = k->type == PH_CONFIG_LIST || k->type == PH_CONFIG_MAP;
    v->size = (uint32_t)sizeof *v;
    v->type = k->type;
    if (s == NULL && k->default_text == NULL) {
        return (k->flags & PH_CONFIG_REQUIRED) == 0
                   ? PH_OK
                   : ph_error_set(err, PH_ERR_CONFIG, "config key \"%s\" is required", k->name);
    }
    v->is_set = true;
    v->is_default = s == NULL;
    if (is_many && s != NULL) {
        value_set_items(v, s);
        return PH_OK;
    }
    const char *text = s == NULL ? k->default_text : s->text;
    bool is_fine = !is_many && text != NULL && value_parse(k, text, v);
    bool has_limits = k->minimum != 0 || k->maximum != 0;
    if (is_fine && has_limits && (v->integer < k->minimum || v->integer > k->maximum)) {
        is_fine = false;
    }
    return is_fine ? PH_OK
                   : ph_error_set(err, PH_ERR_CONFIG, "config key \"%s\": bad value \"%s\"",
                                  k->name, text == NULL ? "" : text);
}

static const struct harness_setting *setting_find(const struct harness_setting *settings,
                                                  uint32_t count, const char *name)
{
    for (uint32_t i = 0; i < count; i++) {
        if (strcmp(settings[i].key, name) == 0) {
            return &settings[i];
        }
    }
    return NULL;
}

struct harness_config *harness_config_create(const struct ph_descriptor *d,
                                             const struct harness_setting *settings, uint32_t count,
                                             struct ph_error *err)
{
    struct harness_config *c = harness_alloc(sizeof *c);
    c->config.size = (uint32_t)sizeof c->config;
    c->config.host_data = c;
    c->config.get = config_get;
    c->descriptor = d;
    c->values = harness_alloc((d->config_count + 1) * sizeof *c->values);
    for (uint32_t i = 0; i < count; i++) {
        if (key_find(d, settings[i].key) < 0) {
            (void)ph_error_set(err, PH_ERR_CONFIG, "unknown config key \"%s\"", settings[i].key);
        }
    }
    for (uint32_t i = 0; i < d->config_count; i++) {
        const struct ph_config_key *k = &d->config[i];
        (void)config_set(k, setting_find(settings, count, k->name), &c->values[i], err);
    }
    return c;
}

void harness_config_destroy(struct harness_config *c)
{
    if (c == NULL) {
        return;
    }
    for (uint32_t i = 0; i < c->descriptor->config_count; i++) {
        struct ph_value *v = &c->values[i];
        for (uint32_t k = 0; k < v->item_count; k++) {
            free((void *)(uintptr_t)v->items[k].name);
            free((void *)(uintptr_t)v->items[k].text);
        }
        free((void *)(uintptr_t)v->items);
        free((void *)(uintptr_t)v->text);
    }
    free(c->values);
    free(c);
}

const struct ph_config *harness_config_view(struct harness_config *c)
{
    return &c->config;
}
