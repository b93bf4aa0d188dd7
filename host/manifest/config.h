/* SPDX-License-Identifier: Apache-2.0 */
/** An operator's `config`, checked against the table that its plugin declares. */
#ifndef MANIFEST_CONFIG_H
#define MANIFEST_CONFIG_H

#include "base/buf.h"
#include "manifest/manifest.h"
#include "pipehost/config.h"

struct config;

/**
 * Every fault of the operator's config goes to errs as an error, a literal secret as a warning.
 * keys may come from an older or newer SDK: rows are keys[0].size bytes apart; it is not needed
 * after the call. Secrets become known to secret_redact. The manifest is not needed after the call.
 * PH_OK with *out for config_destroy, or PH_ERROR with *out null. [control]
 */
__attribute__((warn_unused_result)) int32_t config_create(const struct manifest *m,
                                                          uint32_t operator_index,
                                                          const struct ph_config_key *keys,
                                                          uint32_t count, struct config **out,
                                                          struct manifest_errors *errs);

void config_destroy(struct config *c);

/** What a plugin's init gets; lives as long as c. */
const struct ph_config *config_get(const struct config *c);

/** Appends the effective values as a JSON object: secrets as "***", a password inside a URL cut
 * out, defaults included, keys that are not set left out. A secret that a variable put into a
 * setting which is none is print's to hide. */
void config_print(const struct config *c, struct buf *out);

#endif
