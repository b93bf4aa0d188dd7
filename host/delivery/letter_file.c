/* SPDX-License-Identifier: Apache-2.0 */
#include "delivery/letter_file.h"

#include "delivery/letter_guard.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_FIRST_BYTES ((size_t)256 * 1024)

bool letter_file_init(struct letter_file *f, const char *path, uint64_t max_bytes,
                      uint32_t file_count)
{
    *f = (struct letter_file){
        .path = strdup(path), .max_bytes = max_bytes, .file_count = file_count, .fd = -1};
    return f->path != NULL;
}

void letter_file_fini(struct letter_file *f)
{
    if (f->fd >= 0) {
        (void)close(f->fd);
    }
    free(f->path);
    *f = (struct letter_file){.fd = -1};
}

static int32_t failed(const struct letter_file *f, const char *what, struct ph_error *err)
{
    int saved = errno;
    (void)ph_error_set(err, PH_ERR_RETRIABLE, "the dead-letter file %s cannot be %s: %s", f->path,
                       what, strerror(saved));
    return PH_ERROR;
}

/* The folder of the file, into path[PATH_MAX]. */
static void folder_of(const struct letter_file *f, char *path)
{
    const char *slash = strrchr(f->path, '/');
    int length = slash == NULL ? 1 : slash == f->path ? 1 : (int)(slash - f->path);
    (void)snprintf(path, PATH_MAX, "%.*s", length, slash == NULL ? "." : f->path);
}

/* The name of the n-th older file, 0 = the file itself, into path[PATH_MAX]. */
static void older_of(const struct letter_file *f, uint32_t n, char *path)
{
    (void)snprintf(path, PATH_MAX, n == 0 ? "%s" : "%s.%u", f->path, n);
}

/* A new file's name is durable once its folder is. */
static int sync_folder(const struct letter_file *f)
{
    char path[PATH_MAX];
    folder_of(f, path);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd < 0 ? -1 : fsync(fd);
    int saved = errno;
    if (fd >= 0) {
        (void)close(fd);
    }
    errno = saved;
    return rc;
}

/* ---- open ---- */

/* A process that died within a write has left half a line: the next one begins on its own. */
static bool ends_within_a_line(int fd)
{
    off_t size = lseek(fd, 0, SEEK_END);
    char last = '\n';
    return size > 0 && pread(fd, &last, 1, size - 1) == 1 && last != '\n';
}

static int32_t open_file(struct letter_file *f, struct ph_error *err)
{
    int flags = O_APPEND | O_CLOEXEC | O_NOCTTY;
    struct stat s;
    int fd = open(f->path, O_RDWR | flags);
    if (fd < 0 && errno == ENOENT) {
        f->is_new = true;
        fd = open(f->path, O_RDWR | O_CREAT | flags, 0600);
    } else if (fd < 0) {
        fd = open(f->path, O_WRONLY | flags); /* a pipe or a file that may only be written */
    }
    if (fd < 0) {
        return failed(f, "opened", err);
    }
    /* Shared among those that append; letter_discard, which rewrites the file, has it alone. */
    if (flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
        (void)close(fd);
        return ph_error_set(err, PH_ERR_RETRIABLE,
                            "letters are being discarded from the dead-letter file %s", f->path);
    }
    if (f->is_new && sync_folder(f) != 0) {
        (void)failed(f, "made durable", err);
        (void)close(fd);
        return PH_ERROR;
    }
    f->is_new = false;
    f->fd = fd;
    f->is_regular = fstat(fd, &s) == 0 && S_ISREG(s.st_mode);
    f->needs_break = f->is_regular && ends_within_a_line(fd);
    return PH_OK;
}

int32_t letter_file_check(const struct letter_file *f, struct ph_error *err)
{
    char folder[PATH_MAX];
    struct stat s;
    bool exists = stat(f->path, &s) == 0;
    folder_of(f, folder);
    if (exists && S_ISDIR(s.st_mode)) {
        errno = EISDIR;
    } else if (letter_guard_is_foreign(f->path)) {
        return ph_error_set(err, PH_ERR_CONFIG,
                            "%s holds something else than dead letters, which would be spoilt: "
                            "name another file, or move that one away",
                            f->path);
    } else if (access(exists ? f->path : folder, exists ? W_OK : W_OK | X_OK) == 0) {
        return PH_OK;
    }
    return ph_error_set(err, PH_ERR_CONFIG, "the dead-letter file %s cannot be written: %s",
                        f->path, strerror(errno));
}

int32_t letter_file_sync(struct letter_file *f, struct ph_error *err)
{
    /* EINVAL: a pipe or a terminal, which has nothing to sync. */
    if (f->is_dirty && fdatasync(f->fd) != 0 && errno != EINVAL) {
        /* The kernel may have dropped what it could not write, so a second try proves nothing.
         * The records are not committed: the next start reads them again. */
        return ph_error_set(err, PH_ERR_FATAL, "the dead-letter file %s cannot be made durable: %s",
                            f->path, strerror(errno));
    }
    f->is_dirty = false;
    return PH_OK;
}

static int32_t close_file(struct letter_file *f, struct ph_error *err)
{
    if (letter_file_sync(f, err) != PH_OK) {
        return PH_ERROR;
    }
    (void)close(f->fd);
    f->fd = -1;
    return PH_OK;
}

/* ---- room ---- */

static int32_t all_full(const struct letter_file *f, struct ph_error *err)
{
    return ph_error_set(err, PH_ERR_RETRIABLE,
                        "the dead letters are full: %s%s has dead_letter.max_mib (%llu), and there "
                        "are dead_letter.files (%u) already: once one is moved away this goes on",
                        f->path, f->file_count > 1 ? " and each older one" : "",
                        (unsigned long long)(f->max_bytes >> 20), f->file_count);
}

/* The file gets the name .1, each older one the next, up to the first name that is free. */
static int32_t rotate(struct letter_file *f, struct ph_error *err)
{
    char from[PATH_MAX];
    char to[PATH_MAX];
    uint32_t unused = 1;
    while (unused < f->file_count && (older_of(f, unused, to), access(to, F_OK) == 0)) {
        unused++;
    }
    if (unused >= f->file_count) {
        return all_full(f, err);
    }
    if (close_file(f, err) != PH_OK) {
        return PH_ERROR;
    }
    for (uint32_t n = unused; n > 0; n--) {
        older_of(f, n - 1, from);
        older_of(f, n, to);
        if (rename(from, to) != 0) {
            return failed(f, "put among the older ones", err);
        }
    }
    return PH_OK;
}

/* Leaves the open file where somebody moved it away, and makes room in a full one. */
static int32_t make_room(struct letter_file *f, size_t length, struct ph_error *err)
{
    struct stat own;
    struct stat named;
    if (!f->is_regular) {
        return PH_OK;
    }
    if (fstat(f->fd, &own) != 0) {
        return failed(f, "looked at", err);
    }
    if (stat(f->path, &named) != 0 || named.st_ino != own.st_ino || named.st_dev != own.st_dev) {
        return close_file(f, err);
    }
    if (own.st_size == 0 || (uint64_t)own.st_size + length <= f->max_bytes) {
        return PH_OK;
    }
    return rotate(f, err);
}

/* ---- write ---- */

/* All of it or nothing: what a failed write has left is cut off again. */
static int32_t write_whole(struct letter_file *f, const char *data, size_t length,
                           struct ph_error *err)
{
    off_t before = f->is_regular ? lseek(f->fd, 0, SEEK_END) : -1;
    size_t done = 0;
    while (done < length) {
        ssize_t n = write(f->fd, data + done, length - done);
        if (n < 0 && errno != EINTR) {
            (void)failed(f, "written", err);
            f->needs_break = done > 0 && (before < 0 || ftruncate(f->fd, before) != 0);
            return PH_ERROR;
        }
        done += n > 0 ? (size_t)n : 0u;
    }
    return PH_OK;
}

int32_t letter_file_append(struct letter_file *f, const char *line, size_t length,
                           struct ph_error *err)
{
    if (f->fd >= 0 && make_room(f, length, err) != PH_OK) {
        return PH_ERROR;
    }
    /* A file that was just opened may be full too. */
    if (f->fd < 0 && (open_file(f, err) != PH_OK || make_room(f, length, err) != PH_OK)) {
        return PH_ERROR;
    }
    if (f->fd < 0 && open_file(f, err) != PH_OK) {
        return PH_ERROR;
    }
    if (f->needs_break && write_whole(f, "\n", 1, err) != PH_OK) {
        return PH_ERROR;
    }
    f->needs_break = false;
    if (write_whole(f, line, length, err) != PH_OK) {
        return PH_ERROR;
    }
    f->is_dirty = true;
    return PH_OK;
}

/* ---- read ---- */

struct line_reader {
    int fd;
    char *data;
    size_t length;
    size_t capacity;
    bool is_passing; /* a line that is too long */
    void (*line)(void *arg, const char *text, size_t length);
    void *arg;
};

/* Hands the whole lines at hand on and keeps the rest. */
static void cut_lines(struct line_reader *r)
{
    char *at = r->data;
    char *end = r->data + r->length;
    char *stop;
    while ((stop = memchr(at, '\n', (size_t)(end - at))) != NULL) {
        if (!r->is_passing) {
            r->line(r->arg, at, (size_t)(stop - at));
        }
        r->is_passing = false;
        at = stop + 1;
    }
    r->length = (size_t)(end - at);
    memmove(r->data, at, r->length);
}

static bool has_space(struct line_reader *r)
{
    if (r->length < r->capacity) {
        return true;
    }
    if (r->capacity >= LETTER_LINE_MAX_BYTES) {
        r->length = 0;
        r->is_passing = true;
        return true;
    }
    size_t capacity = r->capacity == 0 ? READ_FIRST_BYTES : r->capacity * 2;
    char *data = realloc(r->data, capacity);
    if (data == NULL) {
        return false;
    }
    r->data = data;
    r->capacity = capacity;
    return true;
}

/* 0 or an errno. */
static int read_lines(struct line_reader *r)
{
    r->length = 0;
    r->is_passing = false;
    for (;;) {
        if (!has_space(r)) {
            return ENOMEM;
        }
        ssize_t n = read(r->fd, r->data + r->length, r->capacity - r->length);
        if (n == 0) { /* what has no line break may be whole all the same */
            if (r->length > 0 && !r->is_passing) {
                r->line(r->arg, r->data, r->length);
            }
            return 0;
        }
        if (n < 0 && errno != EINTR) {
            return errno;
        }
        r->length += n > 0 ? (size_t)n : 0u;
        cut_lines(r);
    }
}

static int read_file(struct line_reader *r, const char *path)
{
    struct stat s;
    if (stat(path, &s) != 0 || !S_ISREG(s.st_mode)) {
        return 0;
    }
    r->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (r->fd < 0) {
        return errno;
    }
    int rc = read_lines(r);
    (void)close(r->fd);
    return rc;
}

/* What an earlier process wrote may be durable or not. */
static int32_t open_to_sync(struct letter_file *f, struct ph_error *err)
{
    struct stat s;
    if (stat(f->path, &s) != 0 || !S_ISREG(s.st_mode)) {
        return PH_OK;
    }
    if (open_file(f, err) != PH_OK) {
        return PH_ERROR;
    }
    f->is_dirty = true;
    return PH_OK;
}

static int32_t judge_read(const struct letter_file *f, int rc, struct ph_error *err)
{
    if (rc == EACCES) {
        return ph_error_set(err, PH_ERR_CONFIG,
                            "the dead-letter file %s cannot be read, so that it would get letters "
                            "twice: %s",
                            f->path, strerror(rc));
    }
    errno = rc;
    return rc == 0 ? PH_OK : failed(f, "read", err);
}

int32_t letter_file_each(struct letter_file *f,
                         void (*line)(void *arg, const char *text, size_t length), void *arg,
                         struct ph_error *err)
{
    struct line_reader r = {.line = line, .arg = arg};
    char path[PATH_MAX];
    int rc = 0;
    for (uint32_t n = 0; rc == 0 && n < f->file_count; n++) {
        older_of(f, n, path);
        rc = read_file(&r, path);
    }
    /* Last, as letters are there before they leave the others. */
    (void)snprintf(path, sizeof path, "%s" LETTER_FILE_DISCARDED, f->path);
    rc = rc == 0 ? read_file(&r, path) : rc;
    free(r.data);
    if (judge_read(f, rc, err) != PH_OK) {
        return PH_ERROR;
    }
    return f->fd < 0 ? open_to_sync(f, err) : PH_OK;
}

int32_t letter_file_each_of(const struct letter_file *f, uint32_t n,
                            void (*line)(void *arg, const char *text, size_t length), void *arg,
                            struct ph_error *err)
{
    struct line_reader r = {.line = line, .arg = arg};
    char path[PATH_MAX];
    older_of(f, n, path);
    int rc = read_file(&r, path);
    free(r.data);
    errno = rc;
    return rc == 0 ? PH_OK : failed(f, "read", err);
}
