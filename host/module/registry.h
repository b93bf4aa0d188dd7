/* SPDX-License-Identifier: Apache-2.0 */
/** The modules of this process, one for each file, and the plugins in them by name. */
#ifndef MODULE_REGISTRY_H
#define MODULE_REGISTRY_H

#include "module/finder.h"
#include "module/module.h"

struct registry {
    const struct finder *finder; /**< lives longer */
    struct module **modules;
    uint32_t module_count;
    uint32_t module_capacity;
};

void registry_init(struct registry *r, const struct finder *finder);

/** Destroys its modules; their code stays mapped. */
void registry_fini(struct registry *r);

/**
 * The plugin that a manifest calls `name` (or `name:id`; id null or "": the only one of its
 * module), loaded at the first call and the same at each later one; it lives as long as the
 * registry. [control]
 */
__attribute__((warn_unused_result)) int32_t registry_find(struct registry *r, const char *name,
                                                          const char *id,
                                                          const struct plugin **plugin,
                                                          struct ph_error *err);

#endif
