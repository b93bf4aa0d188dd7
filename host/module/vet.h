/* SPDX-License-Identifier: Apache-2.0 */
/** Whether what a module's entry points to is what the ABI says: sizes, names, kinds. */
#ifndef MODULE_VET_H
#define MODULE_VET_H

#include "pipehost/pipehost.h"

#define VET_PLUGINS_MAX     64u
#define VET_CONFIG_KEYS_MAX 256u
#define VET_COUNTERS_MAX    64u

/** PH_ERROR with a sentence, else every descriptor, config key and counter may be read through its
 * size. Whether needed functions are there is plugin_init's part. [control] */
__attribute__((warn_unused_result)) int32_t vet_entry(const struct ph_entry *entry,
                                                      const char *path, struct ph_error *err);

#endif
