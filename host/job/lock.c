/* SPDX-License-Identifier: Apache-2.0 */
#include "job/lock.h"

#include "job/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

static long read_pid(int fd)
{
    char text[32] = "";
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    return n > 0 ? strtol(text, NULL, 10) : 0;
}

static void write_pid(int fd)
{
    char text[32];
    int length = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) == 0) {
        ssize_t n = pwrite(fd, text, (size_t)length, 0);
        (void)n; /* only for the other's message */
    }
}

enum lock_result lock_take(struct job *job, long *pid, struct ph_error *err)
{
    const char *dir = job->manifest->state_dir;
    char path[PATH_MAX];
    *pid = 0;
    if (folder_make(dir) != 0) {
        (void)ph_error_set(err, PH_ERR_CONFIG, "the state_dir %s cannot be made: %s", dir,
                           strerror(errno));
        return LOCK_FAILED;
    }
    (void)snprintf(path, sizeof path, "%s/lock", dir);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        (void)ph_error_set(err, PH_ERR_CONFIG, "the lock %s cannot be opened: %s", path,
                           strerror(errno));
        return LOCK_FAILED;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        *pid = read_pid(fd);
        (void)close(fd);
        return LOCK_HELD_BY_OTHER;
    }
    write_pid(fd);
    job->lock_fd = fd;
    return LOCK_TAKEN;
}
