/* SPDX-License-Identifier: Apache-2.0 */
#include "session.h"

#include <stdarg.h>
#include <stdio.h>

void session_log(const struct session *s, int32_t level, const char *format, ...)
{
    char text[PH_ERROR_TEXT_SIZE];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (s->log != NULL) {
        s->log->write(s->task->host, level, text);
    }
}
