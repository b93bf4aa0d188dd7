/* SPDX-License-Identifier: Apache-2.0 */
/* How manifest_errors reach people and programs. */
#include "base/log.h"
#include "manifest/errors.h"

#include <stdio.h>
#include <string.h>

#define LINE_SIZE 2048u

/* A log line is the message's first: the manifest's line and its caret need several. */
static void log_message(const struct manifest_messages *list, uint32_t index, int32_t level)
{
    char line[LINE_SIZE];
    const char *text = list->texts[index];
    (void)snprintf(line, sizeof line, "%.*s", (int)strcspn(text, "\n"), text);
    log_event_redacted(level, NULL, line, list->fields[index]);
}

static void print_text(const struct manifest_messages *list, const char *kind)
{
    for (uint32_t i = 0; i < list->count; i++) {
        (void)fprintf(stderr, "%s%s\n", kind, list->texts[i]);
    }
    if (list->dropped > 0) {
        (void)fprintf(stderr, "and %u more\n", list->dropped);
    }
}

static void print_json(const struct manifest_messages *list, int32_t level)
{
    for (uint32_t i = 0; i < list->count; i++) {
        log_message(list, i, level);
    }
    if (list->dropped > 0) {
        log_write(level, NULL, "and %u more", list->dropped);
    }
}

void manifest_errors_print(const struct manifest_errors *errs)
{
    if (log_format_get() == LOG_FORMAT_JSON) {
        print_json(&errs->warnings, PH_LOG_WARNING);
        print_json(&errs->errors, PH_LOG_ERROR);
    } else {
        log_flush();
        print_text(&errs->warnings, "warning: ");
        print_text(&errs->errors, "");
    }
    if (errs->out_of_memory) {
        log_write(PH_LOG_ERROR, NULL, "out of memory");
    }
}

void manifest_errors_log_first(const struct manifest_errors *errs)
{
    if (errs->errors.count > 0) {
        log_message(&errs->errors, 0, PH_LOG_ERROR);
    }
}
