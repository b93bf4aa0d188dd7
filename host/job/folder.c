/* SPDX-License-Identifier: Apache-2.0 */
#include "job/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Like mkdir, but a folder that is there is fine. */
static int make_one(const char *path, mode_t mode)
{
    struct stat s;
    if (mkdir(path, mode) == 0) {
        return 0;
    }
    if (errno != EEXIST) {
        return -1;
    }
    if (stat(path, &s) == 0 && !S_ISDIR(s.st_mode)) {
        errno = ENOTDIR;
        return -1;
    }
    return 0;
}

int folder_make(const char *path)
{
    char part[PATH_MAX];
    size_t length = strlen(path);
    if (length >= sizeof part) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(part, path, length + 1);
    for (char *at = part + 1; *at != '\0'; at++) {
        if (*at == '/') {
            *at = '\0';
            if (make_one(part, 0755) != 0) {
                return -1;
            }
            *at = '/';
        }
    }
    return make_one(part, 0700);
}

int folder_make_for(const char *file)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(file, '/');
    if (slash == NULL || slash == file) {
        return 0;
    }
    size_t length = (size_t)(slash - file);
    if (length >= sizeof folder) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(folder, file, length);
    folder[length] = '\0';
    return folder_make(folder);
}

int folder_sync(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd < 0 ? -1 : fsync(fd);
    int saved = errno;
    if (fd >= 0) {
        (void)close(fd);
    }
    errno = saved;
    return rc;
}
