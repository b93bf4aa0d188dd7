/* SPDX-License-Identifier: Apache-2.0 */
/** One value of an operator's config: from JSON, or from a default's text, to a struct ph_value. */
#ifndef MANIFEST_CONFIG_VALUE_H
#define MANIFEST_CONFIG_VALUE_H

#include "manifest/reader.h"
#include "pipehost/config.h"

#define CONFIG_ITEMS_MAX 1024 /**< of a list or a map */

/** True where name is one of the texts in list, which '|' separates; list may be null. */
bool config_value_listed(const char *list, const char *name);

/**
 * Makes the value of a key from its member of the object at r->at. Memory comes from *memory. False
 * after an error in r->errs.
 */
bool config_value_read(struct reader *r, struct memory_block **memory,
                       const struct ph_config_key *key, json_t *node, struct ph_value *out);

/** The same from the key's default_text; false where the plugin's default is not legal. */
bool config_value_default(struct reader *r, struct memory_block **memory,
                          const struct ph_config_key *key, struct ph_value *out);

#endif
