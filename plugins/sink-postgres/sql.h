/* SPDX-License-Identifier: Apache-2.0 */
/** Text of SQL and of sentences under construction: grows, and remembers when it could not. */
#ifndef SINK_POSTGRES_SQL_H
#define SINK_POSTGRES_SQL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** All zero is an empty one. */
struct sql {
    char *text; /**< NUL-terminated, null while empty */
    size_t used;
    size_t capacity;
    bool has_failed; /**< no memory: text is cut and must not be sent */
};

void sql_fini(struct sql *s);
void sql_clear(struct sql *s);
__attribute__((format(printf, 2, 3))) void sql_add(struct sql *s, const char *format, ...);
/** "name", with its quotes doubled. */
void sql_add_identifier(struct sql *s, const char *name);
/** 'text', with its quotes doubled; the session has standard_conforming_strings on. */
void sql_add_literal(struct sql *s, const char *text);
/** The text, or null after a failure. */
const char *sql_text(const struct sql *s);

/**
 * A table's name as the manifest writes it: parts between dots are taken letter by letter; a part
 * that holds a dot stands in double quotes. False where it is no name of one or two parts.
 */
bool sql_add_table(struct sql *s, const char *name);

/** The edit distance of two names, for "did you mean"; names above 63 bytes are far from all. */
uint32_t sql_distance(const char *a, const char *b);
/** True where a distance is small enough to be a slip of the pen. */
bool sql_is_near(const char *name, uint32_t distance);

#endif
