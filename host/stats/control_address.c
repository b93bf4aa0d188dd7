/* SPDX-License-Identifier: Apache-2.0 */
#include "stats/control_address.h"

#include "base/paths.h"
#include "stats/control_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

int32_t control_address_init(struct control_address *a, const char *folder, struct ph_error *err)
{
    *a = (struct control_address){.address = {.sun_family = AF_UNIX}, .folder_fd = -1};
    char *path = a->address.sun_path;
    size_t size = sizeof a->address.sun_path;
    int length = snprintf(path, size, "%s/%s", folder, CONTROL_SOCKET_NAME);
    if (length > 0 && (size_t)length < size) {
        return PH_OK;
    }
    a->folder_fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (a->folder_fd < 0) {
        return ph_error_set(err, PH_ERR_FATAL, "the folder %s cannot be opened: %s", folder,
                            strerror(errno));
    }
    (void)snprintf(path, size, PATHS_OWN_FD "/%s", a->folder_fd, CONTROL_SOCKET_NAME);
    return PH_OK;
}

void control_address_fini(struct control_address *a)
{
    if (a->folder_fd >= 0) {
        (void)close(a->folder_fd);
        a->folder_fd = -1;
    }
}
