/* SPDX-License-Identifier: Apache-2.0 */
/** Whose files the host loads: code in a plugin may do all that the host's user may. */
#ifndef MODULE_TRUST_H
#define MODULE_TRUST_H

#include "pipehost/error.h"

/**
 * PH_OK where nobody but root and the host's user can replace the file: it and every folder above
 * it belong to one of them and are not world-writable; a sticky folder may be. path is absolute and
 * without links. PH_ERROR with a sentence that names the file or folder to blame. [control]
 */
__attribute__((warn_unused_result)) int32_t trust_check(const char *path, struct ph_error *err);

#endif
