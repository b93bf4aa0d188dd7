/* SPDX-License-Identifier: Apache-2.0 */
#include "module/registry.h"

#include "manifest/nearest.h"

#include <stdlib.h>

#define FIRST_CAPACITY 8u

void registry_init(struct registry *r, const struct finder *finder)
{
    *r = (struct registry){.finder = finder};
}

void registry_fini(struct registry *r)
{
    for (uint32_t i = 0; i < r->module_count; i++) {
        module_destroy(r->modules[i]);
    }
    free(r->modules);
    *r = (struct registry){.finder = NULL};
}

static struct module *known_module(const struct registry *r, const char *path)
{
    for (uint32_t i = 0; i < r->module_count; i++) {
        if (strcmp(r->modules[i]->path, path) == 0) {
            return r->modules[i];
        }
    }
    return NULL;
}

/* Room for one more, before anything is loaded that could not be kept. */
static int32_t reserve(struct registry *r, struct ph_error *err)
{
    uint32_t capacity = r->module_capacity == 0 ? FIRST_CAPACITY : r->module_capacity * 2;
    struct module **modules;
    if (r->module_count < r->module_capacity) {
        return PH_OK;
    }
    modules = (struct module **)realloc(r->modules, capacity * sizeof(struct module *));
    if (modules == NULL) {
        return ph_error_set(err, PH_ERR_FATAL, "out of memory");
    }
    r->modules = modules;
    r->module_capacity = capacity;
    return PH_OK;
}

/* Null with err set: not found, or refused. */
static struct module *find_module(struct registry *r, const char *name, struct ph_error *err)
{
    char path[PATH_MAX];
    struct module *m;
    if (finder_find(r->finder, name, path, err) != PH_OK) {
        return NULL;
    }
    m = known_module(r, path);
    if (m == NULL && reserve(r, err) == PH_OK && module_open(path, &m, err) == PH_OK) {
        r->modules[r->module_count++] = m;
    }
    return m;
}

static int32_t no_choice(const struct module *m, const char *name, const char *id,
                         struct ph_error *err)
{
    char ids[PH_ERROR_TEXT_SIZE / 2] = "";
    char hint[NEAREST_HINT_SIZE];
    struct nearest nearest;
    size_t used = 0;
    nearest_init(&nearest, id);
    for (uint32_t i = 0; i < m->plugin_count; i++) {
        nearest_offer(&nearest, m->plugins[i].descriptor.id);
        if (used < sizeof ids) {
            used += (size_t)snprintf(ids + used, sizeof ids - used, "%s%s", i > 0 ? ", " : "",
                                     m->plugins[i].descriptor.id);
        }
    }
    if (id[0] == '\0') {
        return ph_error_set(err, PH_ERR_CONFIG,
                            "%s: holds several plugins: write \"%s:ID\" with one of %s", m->path,
                            name, ids);
    }
    return ph_error_set(err, PH_ERR_CONFIG, "%s: holds no plugin \"%s\"%s: it has %s", m->path, id,
                        nearest_hint(&nearest, hint), ids);
}

int32_t registry_find(struct registry *r, const char *name, const char *id,
                      const struct plugin **plugin, struct ph_error *err)
{
    const struct module *m = find_module(r, name, err);
    *plugin = NULL;
    if (m == NULL) {
        return PH_ERROR;
    }
    if (id != NULL && id[0] != '\0') {
        *plugin = module_plugin(m, id);
        return *plugin != NULL ? PH_OK : no_choice(m, name, id, err);
    }
    if (m->plugin_count != 1) {
        return no_choice(m, name, "", err);
    }
    *plugin = &m->plugins[0];
    return PH_OK;
}
