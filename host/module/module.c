/* SPDX-License-Identifier: Apache-2.0 */
#include "module/module.h"

#include "module/note.h"
#include "module/vet.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static int32_t no_memory(const char *path, struct ph_error *err)
{
    return ph_error_set(err, PH_ERR_FATAL, "%s: not loaded: out of memory", path);
}

static int32_t judge_file(const char *path, struct note *note, struct ph_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    int32_t r;
    if (fd < 0) {
        char code[PH_ERROR_CODE_SIZE];
        (void)snprintf(code, sizeof code, "%d", errno);
        (void)ph_error_set(err, PH_ERR_CONFIG, "%s: cannot be opened: %s", path, strerror(errno));
        ph_error_set_foreign(err, code);
        return PH_ERROR;
    }
    r = note_read(fd, path, note, err);
    (void)close(fd);
    return r == PH_OK ? note_judge(note, path, err) : r;
}

/* The loader's text without the path that it often begins with: the sentence has it already. */
static const char *loader_text(const char *path)
{
    const char *text = dlerror();
    size_t length = strlen(path);
    if (text == NULL) {
        return "the loader gave no reason";
    }
    if (strncmp(text, path, length) == 0 && strncmp(text + length, ": ", 2) == 0) {
        return text + length + 2;
    }
    return text;
}

static int32_t load(const char *path, void **handle, struct ph_error *err)
{
    *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (*handle != NULL) {
        return PH_OK;
    }
    return ph_error_set(err, PH_ERR_CONFIG,
                        "%s: cannot be loaded: %s: link the plugin with every library that it "
                        "calls, and install those",
                        path, loader_text(path));
}

/* What was judged in the file must be what was loaded: a replaced file or a damaged link differs.
 */
static int32_t check_entry(const struct ph_entry *e, const struct note *note, const char *path,
                           struct ph_error *err)
{
    if (e->magic == note->magic && e->abi_major == note->abi_major &&
        e->abi_minor == note->abi_minor && e->size == note->entry_size) {
        return vet_entry(e, path, err);
    }
    return ph_error_set(err, PH_ERR_CONFIG,
                        "%s: its note says ABI %u.%u and %u bytes, its entry ABI %u.%u and %u "
                        "bytes: rebuild it from clean",
                        path, note->abi_major, note->abi_minor, note->entry_size, e->abi_major,
                        e->abi_minor, e->size);
}

static int32_t find_entry(void *handle, const char *path, const struct ph_entry **entry,
                          struct ph_error *err)
{
    *entry = (const struct ph_entry *)dlsym(handle, PH_ENTRY_SYMBOL);
    if (*entry != NULL) {
        return PH_OK;
    }
    return ph_error_set(err, PH_ERR_CONFIG,
                        "%s: exports no symbol " PH_ENTRY_SYMBOL ": %s: do not hide it; "
                        "pipehost_add_plugin() of the SDK links a plugin right",
                        path, loader_text(path));
}

static int32_t take_plugins(struct module *m, const struct ph_entry *e, const char *path,
                            struct ph_error *err)
{
    m->plugins = (struct plugin *)calloc(e->descriptor_count, sizeof *m->plugins);
    if (m->plugins == NULL) {
        return no_memory(path, err);
    }
    for (; m->plugin_count < e->descriptor_count; m->plugin_count++) {
        if (plugin_init(&m->plugins[m->plugin_count], m, path, e->descriptors[m->plugin_count],
                        err) != PH_OK) {
            return PH_ERROR;
        }
    }
    return PH_OK;
}

static struct module *module_create(const char *path, const struct ph_entry *e,
                                    struct ph_error *err)
{
    struct module *m = (struct module *)calloc(1, sizeof *m);
    if (m == NULL) {
        (void)no_memory(path, err);
        return NULL;
    }
    m->abi_major = e->abi_major;
    m->abi_minor = e->abi_minor;
    m->path = strdup(path);
    m->sdk_version = strdup(e->sdk_version == NULL ? "" : e->sdk_version);
    if (m->path == NULL || m->sdk_version == NULL) {
        (void)no_memory(path, err);
        goto fail;
    }
    if (take_plugins(m, e, path, err) != PH_OK) {
        goto fail;
    }
    return m;
fail:
    module_destroy(m);
    return NULL;
}

/* Everything from the load on; a refused module is unloaded, so err must hold copies only. */
static int32_t open_judged(const char *path, const struct note *note, struct module **out,
                           struct ph_error *err)
{
    const struct ph_entry *entry = NULL;
    void *handle = NULL;
    if (load(path, &handle, err) != PH_OK) {
        return PH_ERROR;
    }
    if (find_entry(handle, path, &entry, err) == PH_OK &&
        check_entry(entry, note, path, err) == PH_OK) {
        *out = module_create(path, entry, err);
    }
    if (*out == NULL) {
        (void)dlclose(handle);
        return PH_ERROR;
    }
    return PH_OK;
}

int32_t module_open(const char *path, struct module **out, struct ph_error *err)
{
    struct note note;
    char *real = realpath(path, NULL);
    int32_t r;
    *out = NULL;
    if (real == NULL) {
        return errno == ENOMEM ? no_memory(path, err)
                               : ph_error_set(err, PH_ERR_CONFIG, "%s: cannot be opened: %s", path,
                                              strerror(errno));
    }
    r = judge_file(real, &note, err);
    if (r == PH_OK) {
        r = open_judged(real, &note, out, err);
    }
    free(real);
    return r;
}

void module_destroy(struct module *m)
{
    if (m == NULL) {
        return;
    }
    for (uint32_t i = 0; i < m->plugin_count; i++) {
        plugin_fini(&m->plugins[i]);
    }
    free(m->plugins);
    free(m->sdk_version);
    free(m->path);
    free(m);
}

const struct plugin *module_plugin(const struct module *m, const char *id)
{
    for (uint32_t i = 0; i < m->plugin_count; i++) {
        if (strcmp(m->plugins[i].descriptor.id, id) == 0) {
            return &m->plugins[i];
        }
    }
    return NULL;
}
