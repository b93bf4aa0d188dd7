/* SPDX-License-Identifier: Apache-2.0 */
#include "delivery/dead_letter.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/escape.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* A value of 1 MiB grows at most sixfold when it is escaped. */
#define LINE_MAX_BYTES ((size_t)8 * 1024 * 1024)

struct dead_letters {
    pthread_mutex_t mutex;
    char *pipeline;
    char *path;
    int fd;
    bool is_new; /* its folder does not durably know it yet */
    bool is_regular;
    bool needs_break; /* the file ends within a line */
    bool is_dirty;
    uint64_t count;
    struct buf line;
};

struct dead_letters *dead_letters_create(const char *pipeline, const char *path)
{
    struct dead_letters *d = calloc(1, sizeof *d);
    if (d == NULL) {
        return NULL;
    }
    (void)pthread_mutex_init(&d->mutex, NULL);
    d->fd = -1;
    d->pipeline = strdup(pipeline);
    d->path = strdup(path);
    buf_init(&d->line, LINE_MAX_BYTES);
    if (d->pipeline == NULL || d->path == NULL) {
        dead_letters_destroy(d);
        return NULL;
    }
    return d;
}

void dead_letters_destroy(struct dead_letters *d)
{
    if (d == NULL) {
        return;
    }
    if (d->fd >= 0) {
        (void)close(d->fd);
    }
    buf_fini(&d->line);
    free(d->pipeline);
    free(d->path);
    (void)pthread_mutex_destroy(&d->mutex);
    free(d);
}

static bool is_utf8(struct ph_bytes b)
{
    const char *at = (const char *)b.data;
    const char *end = at + b.length;
    while (at < end) {
        size_t length = escape_utf8_length(at, end);
        if (length == 0) {
            return false;
        }
        at += length;
    }
    return true;
}

static void append_base64(struct buf *out, struct ph_bytes b)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (uint32_t i = 0; i < b.length; i += 3) {
        uint32_t left = b.length - i;
        uint32_t word = (uint32_t)b.data[i] << 16;
        word |= left > 1 ? (uint32_t)b.data[i + 1] << 8 : 0u;
        word |= left > 2 ? (uint32_t)b.data[i + 2] : 0u;
        char text[4] = {digits[word >> 18], digits[(word >> 12) & 63u],
                        left > 1 ? digits[(word >> 6) & 63u] : '=',
                        left > 2 ? digits[word & 63u] : '='};
        buf_append(out, text, sizeof text);
    }
}

static void append_member(struct buf *out, const char *name, const char *value)
{
    buf_append_format(out, ",\"%s\":", name);
    buf_append_json_string(out, value, strlen(value));
}

static void append_value(struct buf *out, struct ph_bytes value)
{
    if (value.data == NULL) {
        buf_append_text(out, ",\"value\":null");
    } else if (is_utf8(value)) {
        buf_append_text(out, ",\"value\":");
        buf_append_json_string(out, (const char *)value.data, value.length);
    } else {
        buf_append_text(out, ",\"value_base64\":\"");
        append_base64(out, value);
        buf_append_text(out, "\"");
    }
}

static void format_line(struct dead_letters *d, const struct dead_letter *letter)
{
    struct buf *out = &d->line;
    int64_t now_ms = clock_wall_ms();
    time_t seconds = (time_t)(now_ms / 1000);
    struct tm tm;
    char text[32] = "";
    if (gmtime_r(&seconds, &tm) != NULL) {
        (void)strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
    }
    buf_clear(out);
    out->failed = false;
    buf_append_format(out, "{\"time\":\"%s.%03dZ\"", text, (int)(now_ms % 1000));
    append_member(out, "pipeline", d->pipeline);
    append_member(out, "operator", letter->operator_name);
    if (letter->partition != NULL) {
        append_member(out, "source", letter->partition->source);
        append_member(out, "topic", letter->partition->topic);
        buf_append_format(out, ",\"partition\":%d,\"offset\":%lld", letter->partition->partition,
                          (long long)letter->offset);
    }
    append_member(out, "code", letter->code);
    append_member(out, "reason", letter->reason);
    append_value(out, letter->value);
    buf_append_text(out, "}\n");
}

static int32_t write_failed(struct dead_letters *d, const char *what, struct ph_error *err)
{
    int saved = errno;
    (void)ph_error_set(err, PH_ERR_RETRIABLE, "the dead-letter file %s cannot be %s: %s", d->path,
                       what, strerror(saved));
    return PH_ERROR;
}

/* The folder of the file, into path[PATH_MAX]. */
static void folder_of(const struct dead_letters *d, char *path)
{
    const char *slash = strrchr(d->path, '/');
    int length = slash == NULL ? 1 : slash == d->path ? 1 : (int)(slash - d->path);
    (void)snprintf(path, PATH_MAX, "%.*s", length, slash == NULL ? "." : d->path);
}

/* A new file's name is durable once its folder is. */
static int32_t sync_folder(const struct dead_letters *d)
{
    char path[PATH_MAX];
    folder_of(d, path);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd < 0 ? -1 : fsync(fd);
    int saved = errno;
    if (fd >= 0) {
        (void)close(fd);
    }
    errno = saved;
    return rc;
}

/* A process that died within a write has left half a line: the next one begins on its own. */
static bool ends_within_a_line(int fd)
{
    off_t size = lseek(fd, 0, SEEK_END);
    char last = '\n';
    return size > 0 && pread(fd, &last, 1, size - 1) == 1 && last != '\n';
}

static int32_t open_file(struct dead_letters *d, struct ph_error *err)
{
    int flags = O_APPEND | O_CLOEXEC | O_NOCTTY;
    struct stat s;
    int fd = open(d->path, O_RDWR | flags);
    if (fd < 0 && errno == ENOENT) {
        d->is_new = true;
        fd = open(d->path, O_RDWR | O_CREAT | flags, 0600);
    } else if (fd < 0) {
        fd = open(d->path, O_WRONLY | flags); /* a pipe or a file that may only be written */
    }
    if (fd < 0) {
        return write_failed(d, "opened", err);
    }
    if (d->is_new && sync_folder(d) != 0) {
        (void)write_failed(d, "made durable", err);
        (void)close(fd);
        return PH_ERROR;
    }
    d->is_new = false;
    d->fd = fd;
    d->is_regular = fstat(fd, &s) == 0 && S_ISREG(s.st_mode);
    d->needs_break = d->is_regular && ends_within_a_line(fd);
    return PH_OK;
}

/* All of it or nothing: what a failed write has left is cut off again. */
static int32_t write_whole(struct dead_letters *d, const char *data, size_t length,
                           struct ph_error *err)
{
    off_t before = d->is_regular ? lseek(d->fd, 0, SEEK_END) : -1;
    size_t done = 0;
    while (done < length) {
        ssize_t n = write(d->fd, data + done, length - done);
        if (n < 0 && errno != EINTR) {
            (void)write_failed(d, "written", err);
            d->needs_break = done > 0 && (before < 0 || ftruncate(d->fd, before) != 0);
            return PH_ERROR;
        }
        done += n > 0 ? (size_t)n : 0u;
    }
    return PH_OK;
}

static int32_t write_line(struct dead_letters *d, struct ph_error *err)
{
    if (d->fd < 0 && open_file(d, err) != PH_OK) {
        return PH_ERROR;
    }
    if (d->needs_break && write_whole(d, "\n", 1, err) != PH_OK) {
        return PH_ERROR;
    }
    d->needs_break = false;
    if (write_whole(d, d->line.data, d->line.length, err) != PH_OK) {
        return PH_ERROR;
    }
    d->is_dirty = true;
    d->count++;
    return PH_OK;
}

int32_t dead_letters_check(struct dead_letters *d, struct ph_error *err)
{
    char folder[PATH_MAX];
    struct stat s;
    bool exists = stat(d->path, &s) == 0;
    folder_of(d, folder);
    if (exists && S_ISDIR(s.st_mode)) {
        errno = EISDIR;
    } else if (access(exists ? d->path : folder, exists ? W_OK : W_OK | X_OK) == 0) {
        return PH_OK;
    }
    return ph_error_set(err, PH_ERR_CONFIG, "the dead-letter file %s cannot be written: %s",
                        d->path, strerror(errno));
}

int32_t dead_letters_add(struct dead_letters *d, const struct dead_letter *letter,
                         struct ph_error *err)
{
    (void)pthread_mutex_lock(&d->mutex);
    format_line(d, letter);
    int32_t rc = d->line.failed ? ph_error_set(err, PH_ERR_FATAL,
                                               "out of memory for a dead letter of %u bytes",
                                               letter->value.length)
                                : write_line(d, err);
    (void)pthread_mutex_unlock(&d->mutex);
    return rc;
}

int32_t dead_letters_sync(struct dead_letters *d, struct ph_error *err)
{
    int32_t rc = PH_OK;
    (void)pthread_mutex_lock(&d->mutex);
    if (d->is_dirty) {
        /* EINVAL: a pipe or a terminal, which has nothing to sync. */
        if (fdatasync(d->fd) != 0 && errno != EINVAL) {
            /* The kernel may have dropped what it could not write, so a second try proves nothing.
             * The records are not committed: the next start reads them again. */
            rc = ph_error_set(err, PH_ERR_FATAL,
                              "the dead-letter file %s cannot be made durable: %s", d->path,
                              strerror(errno));
        } else {
            d->is_dirty = false;
        }
    }
    (void)pthread_mutex_unlock(&d->mutex);
    return rc;
}

uint64_t dead_letters_count(struct dead_letters *d)
{
    (void)pthread_mutex_lock(&d->mutex);
    uint64_t count = d->count;
    (void)pthread_mutex_unlock(&d->mutex);
    return count;
}
