/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log_line.h"

#include "base/clock.h"
#include "base/escape.h"

#include <stdio.h>
#include <string.h>

static const char *level_name(int32_t level)
{
    static const char *const names[] = {"error", "warning", "info", "debug"};
    return level < PH_LOG_ERROR || level > PH_LOG_DEBUG ? "info" : names[level];
}

/* Once something did not fit, nothing more is added: a line has one cut. */
static void line_append(struct log_line *l, const char *data, size_t length)
{
    if (l->cut || length > l->room - l->length) {
        l->cut = true;
        return;
    }
    memcpy(l->data + l->length, data, length);
    l->length += length;
}

static void line_append_text(struct log_line *l, const char *text)
{
    line_append(l, text, strlen(text));
}

static void line_append_escaped(struct log_line *l, const char *text)
{
    const char *end = text + strlen(text);
    char out[ESCAPE_JSON_MAX];
    while (text < end && !l->cut) {
        size_t bytes = escape_json(&text, end, out);
        line_append(l, out, bytes);
    }
}

/* Control bytes become spaces, so that text from outside cannot forge a line. */
static void line_append_plain(struct log_line *l, const char *text)
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

static void line_append_time(struct log_line *l)
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
static void line_close(struct log_line *l, const char *closing)
{
    bool cut = l->cut;
    l->cut = false;
    l->room = LOG_LINE_SIZE;
    if (cut) {
        line_append_text(l, "...");
    }
    line_append_text(l, closing);
}

static void format_text(struct log_line *l, int32_t level, const char *component, const char *text)
{
    l->room = LOG_LINE_SIZE - 8;
    line_append_time(l);
    line_append_text(l, " ");
    line_append_text(l, level_name(level));
    line_append_text(l, ": ");
    if (component != NULL) {
        line_append_plain(l, component);
        line_append_text(l, ": ");
    }
    line_append_plain(l, text);
    line_close(l, "\n");
}

static void format_json(struct log_line *l, int32_t level, const char *component, const char *text,
                        const char *fields)
{
    l->room = LOG_LINE_SIZE - 16 - strlen(fields);
    line_append_text(l, "{\"time\":\"");
    line_append_time(l);
    line_append_text(l, "\",\"level\":\"");
    line_append_text(l, level_name(level));
    if (component != NULL) {
        line_append_text(l, "\",\"operator\":\"");
        line_append_escaped(l, component);
    }
    line_append_text(l, "\",\"text\":\"");
    line_append_escaped(l, text);
    line_close(l, "\"");
    if (fields[0] != '\0') {
        line_append_text(l, ",");
        line_append_text(l, fields);
    }
    line_append_text(l, "}\n");
}

void log_line_format(struct log_line *l, enum log_format format, int32_t level,
                     const char *component, const char *text, const char *fields)
{
    l->length = 0;
    l->cut = false;
    if (format == LOG_FORMAT_JSON) {
        format_json(l, level, component, text, strlen(fields) < LOG_FIELDS_SIZE ? fields : "");
    } else {
        format_text(l, level, component, text);
    }
}
