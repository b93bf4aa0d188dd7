/* SPDX-License-Identifier: Apache-2.0 */
/** What the host adds to the SDK's error object: context in front of a text. */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include "pipehost/error.h"

/** Puts "formatted: " in front of the text of an error that is set; the text's end is cut where it
 * does not fit. [any] */
__attribute__((format(printf, 2, 3))) static inline void error_prefix(struct ph_error *e,
                                                                      const char *format, ...)
{
    char text[PH_ERROR_TEXT_SIZE];
    char prefix[PH_ERROR_TEXT_SIZE / 2];
    va_list args;
    if (!ph_error_is_set(e)) {
        return;
    }
    va_start(args, format);
    (void)vsnprintf(prefix, sizeof prefix, format, args);
    va_end(args);
    memcpy(text, e->text, sizeof text);
    (void)snprintf(e->text, sizeof e->text, "%s: %.*s", prefix,
                   (int)(sizeof e->text - strlen(prefix) - 3), text);
}

#endif
