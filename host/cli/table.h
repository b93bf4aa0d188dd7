/* SPDX-License-Identifier: Apache-2.0 */
/** A snapshot as a table for people: a line for the pipeline, a header, a line for each operator.
 */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include "base/buf.h"
#include "stats/snapshot.h"

struct table_options {
    uint32_t columns; /**< lines are cut to that many characters */
    bool ascii;       /**< no other characters */
};

/** Lines in a table of so many operators. */
static inline uint32_t table_lines(uint32_t operators)
{
    return operators + 2;
}

/** Appends line number `line` of table_lines, without a newline. Operators' text is safe to show:
 * control bytes and what is not UTF-8 are replaced. */
void table_line(struct buf *b, const struct stats *s, uint32_t line, const struct table_options *o);

/** What the environment's locale asks for; the process's own locale stays as it is. */
bool table_needs_ascii(void);

#endif
