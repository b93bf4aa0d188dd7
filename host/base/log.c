/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include "base/clock.h"
#include "base/escape.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_SIZE 4096u
/* More than a line shows, so that a secret at the cut is still whole when the redactor looks. */
#define TEXT_SIZE   (2 * LINE_SIZE)
#define FIELDS_SIZE (LINE_SIZE / 2)

static atomic_int log_format_now = LOG_FORMAT_TEXT;
static atomic_int log_level_now = PH_LOG_INFO;
static atomic_int log_fd_now = STDERR_FILENO;
static _Atomic(log_redactor) log_redactor_now;

/* A line under construction on the stack: logging must work when memory has run out. `room` is what
 * text may fill; the rest is kept for the line's end. */
struct line {
    char data[LINE_SIZE];
    size_t length;
    size_t room;
    bool cut;
};

void log_init(enum log_format format, int32_t level, int fd)
{
    atomic_store(&log_format_now, (int)format);
    atomic_store(&log_level_now, level);
    atomic_store(&log_fd_now, fd);
}

void log_set_redactor(log_redactor redactor)
{
    atomic_store(&log_redactor_now, redactor);
}

bool log_enabled(int32_t level)
{
    return level <= atomic_load_explicit(&log_level_now, memory_order_relaxed);
}

static const char *level_name(int32_t level)
{
    static const char *const names[] = {"error", "warning", "info", "debug"};
    return level < PH_LOG_ERROR || level > PH_LOG_DEBUG ? "info" : names[level];
}

static void redact(char *text)
{
    log_redactor redactor = atomic_load(&log_redactor_now);
    if (redactor != NULL) {
        redactor(text);
    }
}

/* Once something did not fit, nothing more is added: a line has one cut. */
static void line_append(struct line *l, const char *data, size_t length)
{
    if (l->cut || length > l->room - l->length) {
        l->cut = true;
        return;
    }
    memcpy(l->data + l->length, data, length);
    l->length += length;
}

static void line_append_text(struct line *l, const char *text)
{
    line_append(l, text, strlen(text));
}

static void line_append_escaped(struct line *l, const char *text)
{
    const char *end = text + strlen(text);
    char out[ESCAPE_JSON_MAX];
    while (text < end && !l->cut) {
        size_t bytes = escape_json(&text, end, out);
        line_append(l, out, bytes);
    }
}

/* Control bytes become spaces, so that text from outside cannot forge a line. */
static void line_append_plain(struct line *l, const char *text)
{
    const char *end = text + strlen(text);
    while (text < end && !l->cut) {
        size_t length = escape_utf8_length(text, end);
        if (length == 0 || (unsigned char)*text < 0x20u || *text == 0x7f) {
            line_append(l, length == 0 ? "?" : " ", 1);
            text++;
        } else {
            line_append(l, text, length);
            text += length;
        }
    }
}

static void line_append_time(struct line *l)
{
    int64_t wall_ms = clock_wall_ms();
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm tm;
    char text[32] = "";
    (void)gmtime_r(&seconds, &tm);
    size_t length = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
    (void)snprintf(text + length, sizeof text - length, ".%03dZ", (int)(wall_ms % 1000));
    line_append_text(l, text);
}

/* Ends what was cut visibly, then adds the closing bytes, for which room was kept. */
static void line_close(struct line *l, const char *closing)
{
    bool cut = l->cut;
    l->cut = false;
    l->room = sizeof l->data;
    if (cut) {
        line_append_text(l, "...");
    }
    line_append_text(l, closing);
}

static void line_write(const struct line *l)
{
    int fd = atomic_load(&log_fd_now);
    int saved = errno;
    for (size_t done = 0; done < l->length;) {
        ssize_t n = write(fd, l->data + done, l->length - done);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            break; /* Nobody is left to tell. */
        }
        done += (size_t)n;
    }
    errno = saved;
}

static void write_text(int32_t level, const char *component, const char *text)
{
    struct line l = {.room = LINE_SIZE - 8};
    line_append_time(&l);
    line_append_text(&l, " ");
    line_append_text(&l, level_name(level));
    line_append_text(&l, ": ");
    if (component != NULL) {
        line_append_plain(&l, component);
        line_append_text(&l, ": ");
    }
    line_append_plain(&l, text);
    line_close(&l, "\n");
    line_write(&l);
}

static void write_json(int32_t level, const char *component, const char *text, const char *fields)
{
    struct line l = {.room = LINE_SIZE - 16 - strlen(fields)};
    line_append_text(&l, "{\"time\":\"");
    line_append_time(&l);
    line_append_text(&l, "\",\"level\":\"");
    line_append_text(&l, level_name(level));
    if (component != NULL) {
        line_append_text(&l, "\",\"operator\":\"");
        line_append_escaped(&l, component);
    }
    line_append_text(&l, "\",\"text\":\"");
    line_append_escaped(&l, text);
    line_close(&l, "\"");
    if (fields[0] != '\0') {
        line_append_text(&l, ",");
        line_append_text(&l, fields);
    }
    line_append_text(&l, "}\n");
    line_write(&l);
}

static void write_line(int32_t level, const char *component, const char *text, const char *fields)
{
    if (atomic_load(&log_format_now) == LOG_FORMAT_JSON) {
        write_json(level, component, text, fields);
    } else {
        write_text(level, component, text);
    }
}

void log_write(int32_t level, const char *component, const char *format, ...)
{
    if (!log_enabled(level)) {
        return;
    }
    char text[TEXT_SIZE];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    redact(text);
    write_line(level, component, text, "");
}

void log_event(int32_t level, const char *component, const char *text, const char *fields)
{
    if (!log_enabled(level)) {
        return;
    }
    char copy[TEXT_SIZE];
    char members[FIELDS_SIZE];
    /* Members that do not fit beside the text are left out as a whole: half a member is not JSON.
     */
    bool fits = fields != NULL && strlen(fields) < sizeof members;
    (void)snprintf(copy, sizeof copy, "%s", text);
    (void)snprintf(members, sizeof members, "%s", fits ? fields : "");
    redact(copy);
    redact(members);
    write_line(level, component, copy, members);
}
