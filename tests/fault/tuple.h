/* The tuples of a binary COPY, one in each message. */
#ifndef FAULT_TUPLE_H
#define FAULT_TUPLE_H

#include <stdbool.h>
#include <stdint.h>

#define TUPLE_HEAD 19 /* bytes in front of the first */

struct tuple_value {
    const char *at; /* null: SQL null */
    int32_t len;
};

/* -1: no integer. */
int64_t tuple_integer(struct tuple_value v);

/* Exactly `count` values, which point into the bytes; is_end: the end mark, no tuple. False:
 * broken. */
bool tuple_read(const char *at, const char *end, struct tuple_value *row, int count, bool *is_end);

#endif
