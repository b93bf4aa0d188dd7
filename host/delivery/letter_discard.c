/* SPDX-License-Identifier: Apache-2.0 */
#include "delivery/letter_discard.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* One file on its way: its lines go to one of two streams. */
struct parting {
    struct letter_discard *d;
    FILE *away;
    FILE *stays;
    uint64_t discarded;
    uint64_t kept;
    bool failed;
};

static int32_t failed(const char *path, const char *what, struct ph_error *err)
{
    return ph_error_set(err, PH_ERR_FATAL, "%s cannot be %s: %s", path, what, strerror(errno));
}

static void part_line(void *arg, const char *text, size_t length)
{
    struct parting *p = arg;
    bool leaves = p->d->takes(p->d->arg, text, length);
    FILE *to = leaves ? p->away : p->stays;
    p->failed = p->failed || fwrite(text, 1, length, to) != length || fputc('\n', to) == EOF;
    p->discarded += leaves;
    p->kept += !leaves;
}

static FILE *open_private(const char *path, int flags, const char *mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0600);
    FILE *f = fd < 0 ? NULL : fdopen(fd, mode);
    if (f == NULL && fd >= 0) {
        (void)close(fd);
    }
    return f;
}

static bool close_durably(FILE *f)
{
    bool ok = f == NULL || (fflush(f) == 0 && fsync(fileno(f)) == 0);
    return (f == NULL || fclose(f) == 0) && ok;
}

static int sync_folder_of(const char *path)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    (void)snprintf(folder, sizeof folder, "%.*s", slash == NULL ? 1 : (int)(slash - path + 1),
                   slash == NULL ? "." : path);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd < 0 ? -1 : fsync(fd);
    if (fd >= 0) {
        (void)close(fd);
    }
    return rc;
}

/* The letters are durably in FILE.discarded: now the file without them takes the name. */
static int32_t replace(const char *path, const char *with, bool is_empty, struct ph_error *err)
{
    bool ok = is_empty ? unlink(path) == 0 && unlink(with) == 0 : rename(with, path) == 0;
    return ok && sync_folder_of(path) == 0 ? PH_OK : failed(path, "written anew", err);
}

static int32_t part_file(struct letter_discard *d, const struct letter_file *f, uint32_t n,
                         struct ph_error *err)
{
    char path[PATH_MAX];
    char away[PATH_MAX];
    char stays[PATH_MAX];
    (void)snprintf(path, sizeof path, n == 0 ? "%s" : "%s.%u", d->path, n);
    (void)snprintf(away, sizeof away, "%s" LETTER_FILE_DISCARDED, d->path);
    (void)snprintf(stays, sizeof stays, "%s.kept", d->path);
    if (access(path, F_OK) != 0) {
        return PH_OK;
    }
    struct parting p = {.d = d,
                        .away = open_private(away, O_APPEND, "a"),
                        .stays = open_private(stays, O_TRUNC, "w")};
    int32_t rc = p.away == NULL    ? failed(away, "opened", err)
                 : p.stays == NULL ? failed(stays, "opened", err)
                                   : letter_file_each_of(f, n, part_line, &p, err);
    bool is_durable = close_durably(p.away) && !p.failed;
    is_durable = close_durably(p.stays) && is_durable;
    if (rc == PH_OK && !is_durable) {
        rc = failed(away, "written", err);
    }
    if (rc == PH_OK && p.discarded > 0) {
        rc = sync_folder_of(away) != 0 ? failed(away, "made durable", err)
                                       : replace(path, stays, p.kept == 0, err);
    } else {
        (void)unlink(stays);
    }
    d->discarded += rc == PH_OK ? p.discarded : 0;
    d->kept += p.kept;
    return rc;
}

int32_t letter_discard(struct letter_discard *d, struct ph_error *err)
{
    struct letter_file f;
    int fd = open(d->path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0) {
        (void)close(fd);
        return PH_PENDING;
    }
    int32_t rc = letter_file_init(&f, d->path, LETTER_FILE_MAX_BYTES, d->file_count)
                     ? PH_OK
                     : ph_error_set(err, PH_ERR_FATAL, "out of memory");
    /* The oldest first, so that what is there of one letter's time stays one run. */
    for (uint32_t n = d->file_count; rc == PH_OK && n-- > 0;) {
        rc = part_file(d, &f, n, err);
    }
    letter_file_fini(&f);
    if (fd >= 0) {
        (void)close(fd);
    }
    return rc;
}
