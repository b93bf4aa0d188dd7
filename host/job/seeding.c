/* SPDX-License-Identifier: Apache-2.0 */
#include "job/seeding.h"

#include "job/begun.h"
#include "job/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pipehost/failpoint.h>
#include <stdio.h>
#include <unistd.h>

static void path_of(const struct job *job, char *path)
{
    (void)snprintf(path, PATH_MAX, "%s/seeding", job->manifest->state_dir);
}

bool seeding_was_interrupted(const struct job *job)
{
    char path[PATH_MAX];
    path_of(job, path);
    return access(path, F_OK) == 0;
}

static int32_t failed(const char *path, const char *what, struct ph_error *err)
{
    return ph_error_set(err, PH_ERR_RETRIABLE, "the mark %s cannot be %s: %s", path, what,
                        strerror(errno));
}

int32_t seeding_begin(const struct job *job, struct ph_error *err)
{
    char path[PATH_MAX];
    path_of(job, path);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        return failed(path, "made", err);
    }
    (void)close(fd);
    if (folder_sync(job->manifest->state_dir) != 0) {
        return failed(path, "made durable", err);
    }
    PH_FAILPOINT("start.seeding");
    return PH_OK;
}

int32_t seeding_end(struct job *job, struct ph_error *err)
{
    char path[PATH_MAX];
    path_of(job, path);
    if (begun_store(job, err) != PH_OK) {
        return PH_ERROR;
    }
    PH_FAILPOINT("start.begun");
    if (unlink(path) != 0 && errno != ENOENT) {
        return failed(path, "removed", err);
    }
    return folder_sync(job->manifest->state_dir) == 0 ? PH_OK : failed(path, "made durable", err);
}
