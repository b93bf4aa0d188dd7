/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A plugin's tables as the host calls them: copied by the smaller of both sizes into structs of the
 * host's own version, every function pointer of the plugin's kind filled with one that does the
 * obvious nothing where the plugin has none. So no caller asks whether a pointer is null.
 */
#ifndef MODULE_TABLES_H
#define MODULE_TABLES_H

#include "pipehost/pipehost.h"

struct module;

struct plugin {
    const struct module *module; /**< lives longer than the plugin */
    /** Copied; config and counters too, so that rows are one struct apart; its five tables point
     * below or are null. Texts are the module's. */
    struct ph_descriptor descriptor;
    struct ph_operator_ops ops;
    struct ph_source_ops source; /**< this and below: all null unless descriptor.kind says so */
    struct ph_udf_ops udf;
    struct ph_async_udf_ops async_udf;
    struct ph_sink_ops sink;
};

/**
 * Makes a plugin of a module's checked descriptor. PH_ERROR: a table lacks a function that its kind
 * needs, or memory ran out; p then needs no plugin_fini. path only stands in errors. [control]
 */
__attribute__((warn_unused_result)) int32_t plugin_init(struct plugin *p,
                                                        const struct module *module,
                                                        const char *path,
                                                        const struct ph_descriptor *d,
                                                        struct ph_error *err);

void plugin_fini(struct plugin *p);

#endif
