/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A loaded shared object and the plugins in it. Its code stays mapped until the process ends: a
 * library inside it may own threads or thread-specific destructors, and batches outlive it.
 */
#ifndef MODULE_MODULE_H
#define MODULE_MODULE_H

#include "module/tables.h"
#include "pipehost/error.h"

struct module {
    char *path;         /**< absolute, without links */
    char *sdk_version;  /**< as the module says it */
    uint32_t abi_major; /**< of the headers that it was built with */
    uint32_t abi_minor;
    uint32_t plugin_count; /**< at least 1 */
    struct plugin *plugins;
};

/**
 * Judges the file's note, loads it, checks every descriptor and makes the host's own tables of them
 * (see struct plugin). PH_OK with *out for module_destroy, or PH_ERROR with a sentence that names
 * the file, what is wrong and what to do; the loader's own text is in it. [control]
 */
__attribute__((warn_unused_result)) int32_t module_open(const char *path, struct module **out,
                                                        struct ph_error *err);

/** Frees what the host keeps of it; the code stays mapped. Null is fine. [control] */
void module_destroy(struct module *m);

/** The plugin with this id, or null. */
const struct plugin *module_plugin(const struct module *m, const char *id);

#endif
