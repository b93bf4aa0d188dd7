/* SPDX-License-Identifier: Apache-2.0 */
/** The manifest as it is understood: variables and --set in place, defaults filled in. */
#ifndef MANIFEST_PRINT_H
#define MANIFEST_PRINT_H

#include "manifest/config.h"

/**
 * Appends one JSON object that is a manifest again, but for its secrets, which are "***".
 * configs[i] is that of operator i. False: out of memory. [control]
 */
__attribute__((warn_unused_result)) bool manifest_print(const struct manifest *m,
                                                        const struct config *const *configs,
                                                        struct buf *out);

#endif
