/* SPDX-License-Identifier: Apache-2.0 */
/** Where pipelines keep their state unless their manifest says where. */
#ifndef MANIFEST_STATE_FOLDER_H
#define MANIFEST_STATE_FOLDER_H

#include "pipehost/abi.h"

/** The folder that holds a folder for each pipeline of this user; state_home and home are the
 * values of XDG_STATE_HOME and HOME, null = not set. False: neither is usable. */
__attribute__((warn_unused_result)) bool state_folder(const char *state_home, const char *home,
                                                      char *out, size_t size);

#endif
