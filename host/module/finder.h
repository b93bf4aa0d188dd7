/* SPDX-License-Identifier: Apache-2.0 */
/** Finds the file of a plugin by its name: the first NAME.so in a list of folders. */
#ifndef MODULE_FINDER_H
#define MODULE_FINDER_H

#include "pipehost/error.h"

#include <limits.h>

#define FINDER_FOLDERS_MAX 64u

struct finder {
    char **folders;
    uint32_t folder_count;
};

/**
 * The folders, in this order: plugin_dirs[plugin_dir_count] (of --plugin-dir), the manifest's
 * folder and its "plugins", those of the colon list $PIPEHOST_PLUGIN_PATH, ../lib/pipehost/plugins
 * beside this executable. manifest_folder may be null. All texts are copied. PH_ERROR: too many
 * folders or no memory; f then needs no finder_fini. [control]
 */
__attribute__((warn_unused_result)) int32_t finder_init(struct finder *f,
                                                        const char *const *plugin_dirs,
                                                        uint32_t plugin_dir_count,
                                                        const char *manifest_folder,
                                                        struct ph_error *err);

void finder_fini(struct finder *f);

/** Told the file of a plugin; is_hidden: an earlier folder has a file of that name. */
typedef void (*finder_tell)(void *context, const char *path, const char *name, bool is_hidden);

/** Tells every NAME.so in the folders, folder by folder in the order of the search, by name within.
 * Folders that are not there are passed over. PH_ERROR: memory. [control] */
__attribute__((warn_unused_result)) int32_t finder_list(const struct finder *f, finder_tell tell,
                                                        void *context, struct ph_error *err);

/**
 * The file of the plugin `name`, absolute and without links, into path. PH_ERROR with a sentence:
 * not found (the folders searched, the nearest name that is there), or found but not to be trusted
 * (see trust_check). [control]
 */
__attribute__((warn_unused_result)) int32_t finder_find(const struct finder *f, const char *name,
                                                        char path[PATH_MAX], struct ph_error *err);

#endif
