/* SPDX-License-Identifier: Apache-2.0 */
#include "delivery/dead_letter.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/escape.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

/* A value of 1 MiB grows at most sixfold when it is escaped. */
#define LINE_MAX_BYTES ((size_t)8 * 1024 * 1024)

struct dead_letters {
    pthread_mutex_t mutex;
    char *pipeline;
    char *path;
    int fd;
    bool dirty;
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

static int32_t write_line(struct dead_letters *d, struct ph_error *err)
{
    if (d->fd < 0) {
        d->fd = open(d->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    }
    if (d->fd < 0) {
        return write_failed(d, "opened", err);
    }
    size_t done = 0;
    while (done < d->line.length) {
        ssize_t n = write(d->fd, d->line.data + done, d->line.length - done);
        if (n < 0 && errno != EINTR) {
            return write_failed(d, "written", err);
        }
        done += n > 0 ? (size_t)n : 0u;
    }
    d->dirty = true;
    d->count++;
    return PH_OK;
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
    if (d->dirty) {
        if (fdatasync(d->fd) != 0) {
            rc = write_failed(d, "made durable", err);
        } else {
            d->dirty = false;
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
