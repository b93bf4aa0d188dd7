/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool explain(char why[FILE_WHY_SIZE], int error)
{
    char text[128];
    (void)snprintf(why, FILE_WHY_SIZE, "%s", strerror_r(error, text, sizeof text));
    return false;
}

static bool explain_size(char why[FILE_WHY_SIZE], size_t limit)
{
    (void)snprintf(why, FILE_WHY_SIZE, "it is larger than %zu KiB", limit / 1024);
    return false;
}

static bool read_all(int fd, struct buf *out, char why[FILE_WHY_SIZE])
{
    char chunk[16384];
    buf_append(out, "", 0);
    for (;;) {
        ssize_t n = read(fd, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return explain(why, errno);
        }
        if (n == 0) {
            return out->failed ? explain(why, ENOMEM) : true;
        }
        if ((size_t)n > out->limit - out->length) {
            return explain_size(why, out->limit);
        }
        buf_append(out, chunk, (size_t)n);
    }
}

bool file_read(int dir_fd, const char *path, struct buf *out, char why[FILE_WHY_SIZE])
{
    int fd;
    do {
        fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    } while (fd < 0 && errno == EINTR);
    if (fd < 0) {
        return explain(why, errno);
    }
    struct stat st;
    bool ok;
    if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
        (void)snprintf(why, FILE_WHY_SIZE, "it is a folder");
        ok = false;
    } else {
        ok = read_all(fd, out, why);
    }
    (void)close(fd);
    return ok;
}
