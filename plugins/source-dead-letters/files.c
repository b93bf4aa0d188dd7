/* SPDX-License-Identifier: Apache-2.0 */
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST_BYTES ((size_t)256 * 1024)
/* As long as the host's longest letter. */
#define LINE_MAX_BYTES ((size_t)400 * 1024 * 1024)

static void name_of(const struct files *f, uint32_t number, char out[PATH_MAX])
{
    (void)snprintf(out, PATH_MAX, number == 0 ? "%s" : "%s.%u", f->path, number);
}

static int32_t failed(const struct files *f, const char *what, struct ph_error *err)
{
    return ph_error_set(err, errno == EACCES ? PH_ERR_CONFIG : PH_ERR_RETRIABLE,
                        "the dead-letter file %s cannot be %s: %s", f->path, what, strerror(errno));
}

/* ---- open ---- */

static void close_parts(struct files *f)
{
    for (uint32_t i = 0; i < f->count; i++) {
        (void)close(f->parts[i].fd);
    }
    f->count = 0;
    f->current = 0;
}

static void begin_part(struct files *f, uint32_t part)
{
    f->current = part;
    f->at = 0;
    f->line = 0;
    f->begin = f->searched = f->end = 0;
    f->is_passing = false;
}

/* PH_END: it is not there. */
static int32_t open_part(struct files *f, uint32_t number, struct ph_error *err)
{
    char path[PATH_MAX];
    struct stat s;
    name_of(f, number, path);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT) {
        return PH_END;
    }
    if (fd < 0 || fstat(fd, &s) != 0) {
        (void)failed(f, "opened", err);
        if (fd >= 0) {
            (void)close(fd);
        }
        return PH_ERROR;
    }
    if (!S_ISREG(s.st_mode)) {
        (void)close(fd);
        return ph_error_set(err, PH_ERR_CONFIG, "%s is no regular file", path);
    }
    f->parts[f->count++] = (struct file_part){fd, number, f->follows ? -1 : (int64_t)s.st_size};
    return PH_OK;
}

/* While it opens them files may get the next number each. The newest are opened first, so that one
 * is met twice rather than missed; the second time it is left out. */
static bool is_double(const struct files *f)
{
    struct stat last;
    struct stat other;
    if (fstat(f->parts[f->count - 1].fd, &last) != 0) {
        return false;
    }
    for (uint32_t i = 0; i + 1 < f->count; i++) {
        if (fstat(f->parts[i].fd, &other) == 0 && other.st_ino == last.st_ino &&
            other.st_dev == last.st_dev) {
            return true;
        }
    }
    return false;
}

static int32_t open_parts(struct files *f, struct ph_error *err)
{
    f->count = 0;
    for (uint32_t number = 0; number < FILES_MAX; number++) {
        int32_t rc = open_part(f, number, err);
        if (rc == PH_ERROR) {
            close_parts(f);
            return PH_ERROR;
        }
        if (rc == PH_OK && is_double(f)) {
            (void)close(f->parts[--f->count].fd);
        }
    }
    for (uint32_t i = 0; i < f->count / 2; i++) {
        struct file_part newer = f->parts[i];
        f->parts[i] = f->parts[f->count - 1 - i];
        f->parts[f->count - 1 - i] = newer;
    }
    begin_part(f, 0);
    f->is_begun = false;
    return PH_OK;
}

int32_t files_open(struct files *f, const char *path, bool follows, struct ph_error *err)
{
    *f = (struct files){.path = path, .follows = follows};
    f->parts = malloc(FILES_MAX * sizeof *f->parts);
    if (f->parts == NULL) {
        return ph_error_set(err, PH_ERR_FATAL, "out of memory");
    }
    return open_parts(f, err);
}

void files_close(struct files *f)
{
    close_parts(f);
    free(f->parts);
    free(f->data);
    *f = (struct files){.path = NULL};
}

/* ---- read ---- */

static int32_t make_room(struct files *f, struct ph_error *err)
{
    if (f->begin > 0) {
        memmove(f->data, f->data + f->begin, f->end - f->begin);
        f->searched -= f->begin;
        f->end -= f->begin;
        f->begin = 0;
    }
    if (f->end < f->capacity) {
        return PH_OK;
    }
    size_t capacity = f->capacity == 0 ? FIRST_BYTES : f->capacity * 2;
    char *data = realloc(f->data, capacity);
    if (data == NULL) {
        return ph_error_set(err, PH_ERR_FATAL, "out of memory for a line of %s", f->path);
    }
    f->data = data;
    f->capacity = capacity;
    return PH_OK;
}

/* PH_END: the current file has no more now. */
static int32_t read_more(struct files *f, struct ph_error *err)
{
    const struct file_part *p = &f->parts[f->current];
    int64_t left = p->end < 0 ? INT64_MAX : p->end - f->at;
    ssize_t n;
    if (left <= 0) {
        return PH_END;
    }
    if (make_room(f, err) != PH_OK) {
        return PH_ERROR;
    }
    size_t room = f->capacity - f->end;
    do {
        n = pread(p->fd, f->data + f->end, (uint64_t)left < room ? (size_t)left : room, f->at);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        return failed(f, "read", err);
    }
    f->end += (size_t)n;
    f->at += n;
    return n == 0 ? PH_END : PH_OK;
}

/* Hands length bytes from begin on out. */
static void give(struct files *f, struct files_line *line, size_t length, size_t whole)
{
    *line = (struct files_line){.text = f->data + f->begin,
                                .length = length,
                                .file = f->parts[f->current].number,
                                .number = ++f->line,
                                .is_again = !f->is_begun,
                                .is_torn = whole == length};
    f->is_begun = true;
    f->begin += whole;
    f->searched = f->begin;
}

/* PH_OK; PH_END: the current file has no whole line more now. */
static int32_t find_line(struct files *f, struct files_line *line, struct ph_error *err)
{
    for (;;) {
        size_t held = f->end - f->searched;
        char *stop = held == 0 ? NULL : memchr(f->data + f->searched, '\n', held);
        if (stop != NULL && f->is_passing) {
            f->begin = f->searched = (size_t)(stop + 1 - f->data);
            f->is_passing = false;
            continue;
        }
        if (stop != NULL) {
            size_t length = (size_t)(stop - (f->data + f->begin));
            give(f, line, length, length + 1);
            return PH_OK;
        }
        f->searched = f->end;
        f->begin = f->is_passing ? f->end : f->begin;
        if (f->end - f->begin >= LINE_MAX_BYTES) {
            give(f, line, f->end - f->begin, f->end - f->begin);
            line->is_too_long = true;
            f->is_passing = true;
            return PH_OK;
        }
        int32_t rc = read_more(f, err);
        if (rc != PH_OK) {
            return rc;
        }
    }
}

/* ---- from one file to the next ---- */

/* Something else has the name, or the file is shorter than what was read of it. */
static bool is_replaced(const struct files *f)
{
    struct stat own;
    struct stat named;
    if (stat(f->path, &named) != 0) {
        return false; /* it was moved away, and nothing was written since */
    }
    if (f->count == 0) {
        return true;
    }
    return fstat(f->parts[f->current].fd, &own) != 0 || own.st_ino != named.st_ino ||
           own.st_dev != named.st_dev || own.st_size < f->at;
}

/* Goes on behind the file that was read last where it is among the older ones; else all are read
 * once more, whose letters the caller knows. */
static int32_t reopen(struct files *f, struct ph_error *err)
{
    struct stat last = {.st_ino = 0};
    struct stat own;
    struct file_part kept = {.fd = -1};
    if (f->count > 0) {
        kept = f->parts[f->current];
        f->parts[f->current] = f->parts[--f->count];
    }
    /* While it is open nothing else gets its number. */
    bool was_read = kept.fd >= 0 && fstat(kept.fd, &last) == 0 && last.st_size >= f->at;
    close_parts(f);
    int32_t rc = open_parts(f, err);
    for (uint32_t i = 0; rc == PH_OK && was_read && i + 1 < f->count; i++) {
        if (fstat(f->parts[i].fd, &own) == 0 && own.st_ino == last.st_ino &&
            own.st_dev == last.st_dev) {
            begin_part(f, i + 1);
            f->is_begun = true;
        }
    }
    if (kept.fd >= 0) {
        (void)close(kept.fd);
    }
    return rc;
}

static bool is_last(const struct files *f)
{
    return f->current + 1 >= f->count;
}

/* What has no line break at the end of a file that gets no more may be whole all the same. */
static bool give_rest(struct files *f, struct files_line *line)
{
    size_t left = f->end - f->begin;
    if (left == 0 || f->is_passing) {
        return false;
    }
    give(f, line, left, left);
    return true;
}

/* The current file has no whole line more. */
static int32_t go_on(struct files *f, struct files_line *line, struct ph_error *err)
{
    if (is_last(f) && f->follows) {
        if (!is_replaced(f)) {
            return PH_IDLE;
        }
        /* What was written before it was renamed. */
        int32_t rc = f->count == 0 ? PH_END : find_line(f, line, err);
        if (rc != PH_END) {
            return rc;
        }
        return give_rest(f, line) ? PH_OK : reopen(f, err) == PH_OK ? PH_MORE : PH_ERROR;
    }
    if (give_rest(f, line)) {
        return PH_OK;
    }
    if (is_last(f)) {
        return PH_END;
    }
    begin_part(f, f->current + 1);
    return PH_MORE;
}

int32_t files_next(struct files *f, struct files_line *line, struct ph_error *err)
{
    for (;;) {
        int32_t rc = f->count == 0 ? PH_END : find_line(f, line, err);
        rc = rc == PH_END ? go_on(f, line, err) : rc;
        if (rc != PH_MORE) {
            return rc;
        }
    }
}
