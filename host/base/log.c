/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include "base/log_line.h"
#include "base/log_queue.h"
#include "base/wording.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>

/* More than a line shows, so that a secret at the cut is still whole when the redactor looks. */
#define TEXT_SIZE (2 * LOG_LINE_SIZE)

static atomic_int log_format_now = LOG_FORMAT_TEXT;
static atomic_int log_level_now = PH_LOG_INFO;
static _Atomic(log_redactor) log_redactor_now;

void log_init(enum log_format format, int32_t level, int fd)
{
    log_flush();
    atomic_store(&log_format_now, (int)format);
    atomic_store(&log_level_now, level);
    log_queue_set_fd(fd);
}

enum log_format log_format_get(void)
{
    return (enum log_format)atomic_load(&log_format_now);
}

void log_set_redactor(log_redactor redactor)
{
    atomic_store(&log_redactor_now, redactor);
}

bool log_enabled(int32_t level)
{
    return level <= atomic_load_explicit(&log_level_now, memory_order_relaxed);
}

static void write_line(int32_t level, const char *component, const char *text, const char *fields)
{
    struct log_line line;
    int saved = errno;
    log_line_format(&line, log_format_get(), level, component, text, fields);
    log_queue_put(&line, level == PH_LOG_ERROR);
    errno = saved;
}

void log_queue_describe(struct log_line *out, uint64_t dropped)
{
    char text[128];
    char fields[64];
    (void)snprintf(text, sizeof text,
                   "%llu lines of this log were dropped here: nobody took them from stderr",
                   (unsigned long long)dropped);
    (void)snprintf(fields, sizeof fields, "\"dropped_lines\":%llu", (unsigned long long)dropped);
    log_line_format(out, log_format_get(), PH_LOG_WARNING, NULL, text, fields);
}

void log_write(int32_t level, const char *component, const char *format, ...)
{
    if (!log_enabled(level)) {
        return;
    }
    char text[TEXT_SIZE];
    unsigned char own[TEXT_SIZE];
    log_redactor redactor = atomic_load(&log_redactor_now);
    va_list args;
    va_start(args, format);
    if (redactor == NULL) {
        (void)vsnprintf(text, sizeof text, format, args);
    } else {
        wording_format(text, own, sizeof text, format, args);
        redactor(text, own);
    }
    va_end(args);
    write_line(level, component, text, "");
}

void log_event(int32_t level, const char *component, const char *text, const char *fields)
{
    if (!log_enabled(level)) {
        return;
    }
    char copy[TEXT_SIZE];
    log_redactor redactor = atomic_load(&log_redactor_now);
    (void)snprintf(copy, sizeof copy, "%s", text);
    if (redactor != NULL) {
        redactor(copy, NULL);
    }
    write_line(level, component, copy, fields == NULL ? "" : fields);
}

void log_event_redacted(int32_t level, const char *component, const char *text, const char *fields)
{
    if (log_enabled(level)) {
        write_line(level, component, text, fields == NULL ? "" : fields);
    }
}

void log_flush(void)
{
    log_queue_flush();
}
