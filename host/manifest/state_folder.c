/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/state_folder.h"

#include "base/paths.h"

#include <stdio.h>
#include <unistd.h>

bool state_folder(const char *state_home, const char *home, char *out, size_t size)
{
    int length = -1;
    if (geteuid() == 0) {
        length = snprintf(out, size, "%s", PATHS_ROOT_STATE);
    } else if (state_home != NULL && state_home[0] == '/') {
        length = snprintf(out, size, "%s/pipehost", state_home);
    } else if (home != NULL && home[0] == '/') {
        length = snprintf(out, size, "%s/%s/pipehost", home, PATHS_HOME_STATE);
    }
    return length > 0 && (size_t)length < size;
}
