/* SPDX-License-Identifier: Apache-2.0 */
#include "module/finder.h"

#include "manifest/nearest.h"
#include "module/name.h"
#include "module/trust.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define BUILT_IN_FOLDER "lib/pipehost/plugins" /* below the folder above the executable's */
#define SUFFIX          ".so"
#define SUFFIX_LENGTH   3u

/* Adds the folder `parent`/`child`, or parent where child is null; parent need not be terminated.
 */
static int32_t add(struct finder *f, const char *parent, size_t length, const char *child,
                   struct ph_error *err)
{
    char *folder = NULL;
    if (f->folder_count == FINDER_FOLDERS_MAX) {
        return ph_error_set(err, PH_ERR_CONFIG, "more than %u folders to look for plugins in",
                            FINDER_FOLDERS_MAX);
    }
    if (asprintf(&folder, "%.*s%s%s", (int)length, parent, child == NULL ? "" : "/",
                 child == NULL ? "" : child) < 0) {
        return ph_error_set(err, PH_ERR_FATAL, "out of memory");
    }
    f->folders[f->folder_count++] = folder;
    return PH_OK;
}

static int32_t add_list(struct finder *f, const char *list, struct ph_error *err)
{
    while (list != NULL && *list != '\0') {
        size_t length = strcspn(list, ":");
        if (length > 0 && add(f, list, length, NULL, err) != PH_OK) {
            return PH_ERROR;
        }
        list += length + (list[length] == ':');
    }
    return PH_OK;
}

/* /prefix/bin/pipehost → /prefix/lib/pipehost/plugins. Without /proc there is no such folder. */
static int32_t add_built_in(struct finder *f, struct ph_error *err)
{
    char exe[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", exe, sizeof exe);
    int slashes = 0;
    if (length <= 0 || (size_t)length == sizeof exe) {
        return PH_OK;
    }
    while (length > 0 && slashes < 2) {
        length--;
        slashes += exe[length] == '/';
    }
    return slashes == 2 ? add(f, exe, (size_t)length, BUILT_IN_FOLDER, err) : PH_OK;
}

static int32_t add_all(struct finder *f, const char *const *plugin_dirs, uint32_t count,
                       const char *manifest_folder, struct ph_error *err)
{
    for (uint32_t i = 0; i < count; i++) {
        if (add(f, plugin_dirs[i], strlen(plugin_dirs[i]), NULL, err) != PH_OK) {
            return PH_ERROR;
        }
    }
    if (manifest_folder != NULL) {
        size_t length = strlen(manifest_folder);
        if (add(f, manifest_folder, length, NULL, err) != PH_OK ||
            add(f, manifest_folder, length, "plugins", err) != PH_OK) {
            return PH_ERROR;
        }
    }
    if (add_list(f, getenv("PIPEHOST_PLUGIN_PATH"), err) != PH_OK) {
        return PH_ERROR;
    }
    return add_built_in(f, err);
}

int32_t finder_init(struct finder *f, const char *const *plugin_dirs, uint32_t plugin_dir_count,
                    const char *manifest_folder, struct ph_error *err)
{
    *f = (struct finder){.folders = (char **)calloc(FINDER_FOLDERS_MAX, sizeof(char *))};
    if (f->folders == NULL) {
        return ph_error_set(err, PH_ERR_FATAL, "out of memory");
    }
    if (add_all(f, plugin_dirs, plugin_dir_count, manifest_folder, err) != PH_OK) {
        finder_fini(f);
        return PH_ERROR;
    }
    return PH_OK;
}

void finder_fini(struct finder *f)
{
    for (uint32_t i = 0; i < f->folder_count; i++) {
        free(f->folders[i]);
    }
    free(f->folders);
    *f = (struct finder){.folders = NULL};
}

/* A file's name without its suffix; false where it cannot be a plugin's. */
static bool plugin_name(const char *file, char name[NAME_FILE_MAX + 1])
{
    size_t length = strlen(file);
    if (length <= SUFFIX_LENGTH || length - SUFFIX_LENGTH > NAME_FILE_MAX ||
        strcmp(file + length - SUFFIX_LENGTH, SUFFIX) != 0) {
        return false;
    }
    memcpy(name, file, length - SUFFIX_LENGTH);
    name[length - SUFFIX_LENGTH] = '\0';
    return name_is_file(name);
}

/* Offers the name of every plugin in the folder. */
static void offer_names(const char *folder, struct nearest *nearest)
{
    DIR *d = opendir(folder);
    const struct dirent *entry = d == NULL ? NULL : readdir(d);
    for (; entry != NULL; entry = readdir(d)) {
        char name[NAME_FILE_MAX + 1];
        if (plugin_name(entry->d_name, name)) {
            nearest_offer(nearest, name);
        }
    }
    if (d != NULL) {
        (void)closedir(d);
    }
}

static int32_t not_found(const struct finder *f, const char *name, struct ph_error *err)
{
    char folders[PH_ERROR_TEXT_SIZE] = "";
    char hint[NEAREST_HINT_SIZE];
    struct nearest nearest;
    size_t used = 0;
    nearest_init(&nearest, name);
    for (uint32_t i = 0; i < f->folder_count; i++) {
        offer_names(f->folders[i], &nearest);
        if (used < sizeof folders) {
            used += (size_t)snprintf(folders + used, sizeof folders - used, "%s%s",
                                     i > 0 ? ", " : "", f->folders[i]);
        }
    }
    return ph_error_set(err, PH_ERR_CONFIG,
                        "no plugin \"%s\"%s: name the folder of %s" SUFFIX
                        " with --plugin-dir; it is not in %s",
                        name, nearest_hint(&nearest, hint), name, folders);
}

int32_t finder_find(const struct finder *f, const char *name, char path[PATH_MAX],
                    struct ph_error *err)
{
    if (!name_is_file(name)) {
        return ph_error_set(err, PH_ERR_CONFIG,
                            "\"%.80s\" cannot be a plugin's name: write NAME or NAME:ID for the "
                            "file NAME" SUFFIX ", letters, digits, _, . and - only, no folder",
                            name);
    }
    for (uint32_t i = 0; i < f->folder_count; i++) {
        char candidate[PATH_MAX];
        int length = snprintf(candidate, sizeof candidate, "%s/%s" SUFFIX, f->folders[i], name);
        if (length < 0 || (size_t)length >= sizeof candidate) {
            continue;
        }
        if (realpath(candidate, path) != NULL) {
            return trust_check(path, err);
        }
        if (errno != ENOENT && errno != ENOTDIR) {
            return ph_error_set(err, PH_ERR_CONFIG, "%s: cannot be looked for: %s", candidate,
                                strerror(errno));
        }
    }
    return not_found(f, name, err);
}

static int is_plugin_file(const struct dirent *entry)
{
    char name[NAME_FILE_MAX + 1];
    return plugin_name(entry->d_name, name) ? 1 : 0;
}

static bool exists_before(const struct finder *f, uint32_t folder, const char *file)
{
    char path[PATH_MAX];
    for (uint32_t i = 0; i < folder; i++) {
        int length = snprintf(path, sizeof path, "%s/%s", f->folders[i], file);
        if (length > 0 && (size_t)length < sizeof path && access(path, F_OK) == 0) {
            return true;
        }
    }
    return false;
}

static void tell_file(const struct finder *f, uint32_t folder, const char *file, finder_tell tell,
                      void *context)
{
    char path[PATH_MAX];
    char name[NAME_FILE_MAX + 1];
    int length = snprintf(path, sizeof path, "%s/%s", f->folders[folder], file);
    if (length > 0 && (size_t)length < sizeof path && plugin_name(file, name)) {
        tell(context, path, name, exists_before(f, folder, file));
    }
}

int32_t finder_list(const struct finder *f, finder_tell tell, void *context, struct ph_error *err)
{
    for (uint32_t i = 0; i < f->folder_count; i++) {
        struct dirent **entries;
        int count = scandir(f->folders[i], &entries, is_plugin_file, alphasort);
        if (count < 0 && errno == ENOMEM) {
            return ph_error_set(err, PH_ERR_FATAL, "out of memory");
        }
        for (int at = 0; at < count; at++) {
            tell_file(f, i, entries[at]->d_name, tell, context);
            free(entries[at]);
        }
        if (count >= 0) {
            free((void *)entries);
        }
    }
    return PH_OK;
}
