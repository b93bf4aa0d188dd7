/* SPDX-License-Identifier: Apache-2.0 */
#include "module/vet.h"

#include "module/name.h"

#define TABLE_COUNT 5u

/* What a refusal is about: the file, and the plugin in it once that has a legal id. */
struct vet {
    const char *path;
    const char *id; /* null before */
    struct ph_error *err;
};

__attribute__((format(printf, 2, 3))) static int32_t refuse(const struct vet *v, const char *format,
                                                            ...)
{
    char what[512];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(what, sizeof what, format, args);
    va_end(args);
    if (v->id == NULL) {
        return ph_error_set(v->err, PH_ERR_CONFIG, "%s: %s", v->path, what);
    }
    return ph_error_set(v->err, PH_ERR_CONFIG, "%s: plugin \"%s\": %s", v->path, v->id, what);
}

static int32_t vet_size(const struct vet *v, const char *what, uint32_t size, size_t needed)
{
    if (size >= needed) {
        return PH_OK;
    }
    if (size == 0) {
        return refuse(v, "its %s has size 0: set .size = sizeof of it", what);
    }
    return refuse(v,
                  "its %s has %u bytes, ABI %u.%u needs %zu: rebuild it against the SDK "
                  "(pipehost " PH_SDK_VERSION ")",
                  what, size, PH_ABI_MAJOR, PH_ABI_MINOR, needed);
}

static const struct ph_config_key *key_at(const struct ph_descriptor *d, uint32_t i)
{
    return (const struct ph_config_key *)(const void *)((const char *)d->config +
                                                        (size_t)i * d->config[0].size);
}

static const struct ph_counter *counter_at(const struct ph_descriptor *d, uint32_t i)
{
    return (const struct ph_counter *)(const void *)((const char *)d->counters +
                                                     (size_t)i * d->counters[0].size);
}

static int32_t vet_key(const struct vet *v, const struct ph_descriptor *d, uint32_t index)
{
    const struct ph_config_key *k = key_at(d, index);
    if (k->size != d->config[0].size) {
        return refuse(v, "config key %u has %u bytes, the first one %u: they must agree", index,
                      k->size, d->config[0].size);
    }
    if (k->name == NULL || !name_is_key(k->name)) {
        return refuse(v, "config key %u is named \"%.40s\": only [a-z][a-z0-9_]* up to %u bytes",
                      index, k->name == NULL ? "" : k->name, NAME_KEY_MAX);
    }
    for (uint32_t i = 0; i < index; i++) {
        if (strcmp(key_at(d, i)->name, k->name) == 0) {
            return refuse(v, "config key \"%s\" is declared twice", k->name);
        }
    }
    if (k->type < PH_CONFIG_STRING || k->type > PH_CONFIG_MAP) {
        return refuse(v, "config key \"%s\" has the unknown type %u", k->name, k->type);
    }
    if (k->doc == NULL || k->doc[0] == '\0') {
        return refuse(v, "config key \"%s\" has no doc: say in one line what it does", k->name);
    }
    if (k->type == PH_CONFIG_ENUM && (k->values == NULL || k->values[0] == '\0')) {
        return refuse(v, "config key \"%s\" is an enum without values: set them like \"a|b|c\"",
                      k->name);
    }
    if (k->minimum > k->maximum) {
        return refuse(v, "config key \"%s\" has a minimum above its maximum", k->name);
    }
    return PH_OK;
}

static int32_t vet_config(const struct vet *v, const struct ph_descriptor *d)
{
    if (d->config_count == 0) {
        return PH_OK;
    }
    if (d->config == NULL || d->config_count > VET_CONFIG_KEYS_MAX) {
        return refuse(v, "it declares %u config keys%s: at most %u are possible", d->config_count,
                      d->config == NULL ? " without a table" : "", VET_CONFIG_KEYS_MAX);
    }
    if (vet_size(v, "first config key", d->config[0].size, sizeof d->config[0]) != PH_OK) {
        return PH_ERROR;
    }
    for (uint32_t i = 0; i < d->config_count; i++) {
        if (vet_key(v, d, i) != PH_OK) {
            return PH_ERROR;
        }
    }
    return PH_OK;
}

static int32_t vet_counter(const struct vet *v, const struct ph_descriptor *d, uint32_t index)
{
    const struct ph_counter *c = counter_at(d, index);
    if (c->size != d->counters[0].size || c->kind < PH_COUNTER || c->kind > PH_GAUGE ||
        c->doc == NULL) {
        return refuse(v, "counter %u needs the size of the first one, a kind and a doc", index);
    }
    if (c->name == NULL || !name_is_key(c->name)) {
        return refuse(v, "counter %u is named \"%.40s\": only [a-z][a-z0-9_]* up to %u bytes",
                      index, c->name == NULL ? "" : c->name, NAME_KEY_MAX);
    }
    for (uint32_t i = 0; i < index; i++) {
        if (strcmp(counter_at(d, i)->name, c->name) == 0) {
            return refuse(v, "counter \"%s\" is declared twice", c->name);
        }
    }
    return PH_OK;
}

static int32_t vet_counters(const struct vet *v, const struct ph_descriptor *d)
{
    if (d->counter_count == 0) {
        return PH_OK;
    }
    if (d->counters == NULL || d->counter_count > VET_COUNTERS_MAX) {
        return refuse(v, "it declares %u counters%s: at most %u are possible", d->counter_count,
                      d->counters == NULL ? " without a table" : "", VET_COUNTERS_MAX);
    }
    if (vet_size(v, "first counter", d->counters[0].size, sizeof d->counters[0]) != PH_OK) {
        return PH_ERROR;
    }
    for (uint32_t i = 0; i < d->counter_count; i++) {
        if (vet_counter(v, d, i) != PH_OK) {
            return PH_ERROR;
        }
    }
    return PH_OK;
}

struct table {
    const char *name;
    uint32_t kind; /* whose table it is; 0 = everybody's */
    const uint32_t *size;
};

/* Kind and tables must agree, and each table must at least say its size. */
static int32_t vet_tables(const struct vet *v, const struct ph_descriptor *d)
{
    const struct table tables[TABLE_COUNT] = {
        {"ops", 0, d->ops == NULL ? NULL : &d->ops->size},
        {"source", PH_KIND_SOURCE, d->source == NULL ? NULL : &d->source->size},
        {"udf", PH_KIND_UDF, d->udf == NULL ? NULL : &d->udf->size},
        {"async_udf", PH_KIND_ASYNC_UDF, d->async_udf == NULL ? NULL : &d->async_udf->size},
        {"sink", PH_KIND_SINK, d->sink == NULL ? NULL : &d->sink->size}};
    for (uint32_t i = 0; i < TABLE_COUNT; i++) {
        const struct table *t = &tables[i];
        bool is_wanted = t->kind == 0 || t->kind == d->kind;
        if (is_wanted && t->size == NULL && t->kind != 0) {
            return refuse(v, "it is of kind %s, but its table .%s is not set",
                          name_of_kind(d->kind), t->name);
        }
        if (!is_wanted && t->size != NULL) {
            return refuse(v, "it is of kind %s, but its table .%s is set too",
                          name_of_kind(d->kind), t->name);
        }
        if (t->size != NULL && vet_size(v, t->name, *t->size, 2 * sizeof(uint32_t)) != PH_OK) {
            return PH_ERROR;
        }
    }
    return PH_OK;
}

static int32_t vet_kind(const struct vet *v, const struct ph_descriptor *d)
{
    const uint32_t flags_known = PH_PLUGIN_PURE | PH_PLUGIN_STATEFUL | PH_PLUGIN_RELOADABLE |
                                 PH_PLUGIN_WAITS | PH_PLUGIN_SINGLE;
    if (d->kind < PH_KIND_SOURCE || d->kind > PH_KIND_SINK) {
        return refuse(v, "its kind is %u: no kind of ABI %u.%u", d->kind, PH_ABI_MAJOR,
                      PH_ABI_MINOR);
    }
    if ((d->flags & ~flags_known) != 0) {
        return refuse(v, "it sets the unknown flags 0x%x", d->flags & ~flags_known);
    }
    if (d->kind != PH_KIND_SINK && d->delivery != PH_DELIVERY_NONE) {
        return refuse(v, "it says how it delivers, but only a sink does: remove .delivery");
    }
    if (d->kind == PH_KIND_SINK &&
        (d->delivery < PH_DELIVERY_TRANSACTIONAL || d->delivery > PH_DELIVERY_EPHEMERAL)) {
        return refuse(v, "it is a sink and must say how it delivers: set .delivery to "
                         "PH_DELIVERY_TRANSACTIONAL, _DURABLE or _EPHEMERAL");
    }
    return PH_OK;
}

static int32_t vet_descriptor(const struct ph_entry *e, const char *path, uint32_t index,
                              struct ph_error *err)
{
    struct vet v = {.path = path, .err = err};
    const struct ph_descriptor *d = e->descriptors[index];
    if (d == NULL) {
        return refuse(&v, "descriptor %u of PH_ENTRY is null", index);
    }
    if (vet_size(&v, "descriptor", d->size, sizeof *d) != PH_OK) {
        return PH_ERROR;
    }
    if (d->id == NULL || !name_is_id(d->id)) {
        return refuse(&v, "descriptor %u has the id \"%.80s\": only [a-z][a-z0-9-]* up to %u bytes",
                      index, d->id == NULL ? "" : d->id, NAME_ID_MAX);
    }
    v.id = d->id;
    for (uint32_t i = 0; i < index; i++) {
        if (strcmp(e->descriptors[i]->id, d->id) == 0) {
            return refuse(&v, "two descriptors of PH_ENTRY have this id: rename one");
        }
    }
    if (d->version == NULL || d->summary == NULL) {
        return refuse(&v, "its descriptor needs a .version and a .summary");
    }
    if (vet_kind(&v, d) != PH_OK || vet_tables(&v, d) != PH_OK || vet_config(&v, d) != PH_OK) {
        return PH_ERROR;
    }
    return vet_counters(&v, d);
}

int32_t vet_entry(const struct ph_entry *entry, const char *path, struct ph_error *err)
{
    struct vet v = {.path = path, .err = err};
    if (entry->descriptor_count == 0 || entry->descriptors == NULL) {
        return refuse(&v, "its entry lists no plugin: give PH_ENTRY the address of a descriptor");
    }
    if (entry->descriptor_count > VET_PLUGINS_MAX) {
        return refuse(&v, "its entry lists %u plugins: at most %u are possible",
                      entry->descriptor_count, VET_PLUGINS_MAX);
    }
    for (uint32_t i = 0; i < entry->descriptor_count; i++) {
        if (vet_descriptor(entry, path, i, err) != PH_OK) {
            return PH_ERROR;
        }
    }
    return PH_OK;
}
