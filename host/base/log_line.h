/* SPDX-License-Identifier: Apache-2.0 */
/** One line of the log in its bytes, made on the stack: logging must work when memory has run out.
 */
#ifndef BASE_LOG_LINE_H
#define BASE_LOG_LINE_H

#include "base/log.h"

#define LOG_LINE_SIZE   4096u
#define LOG_FIELDS_SIZE (LOG_LINE_SIZE / 2)

struct log_line {
    char data[LOG_LINE_SIZE]; /**< ends in a line break, not in NUL */
    size_t length;
    size_t room; /**< what text may fill; the rest is kept for the line's end */
    bool cut;
};

/**
 * Fills l. A text that is too long is cut visibly; fields that take LOG_FIELDS_SIZE or more are
 * left out as a whole, because half a member is not JSON. component may be null. [any]
 */
void log_line_format(struct log_line *l, enum log_format format, int32_t level,
                     const char *component, const char *text, const char *fields);

#endif
