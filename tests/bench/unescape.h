/* The text that a JSON string spells. [any] */
#ifndef TESTS_BENCH_UNESCAPE_H
#define TESTS_BENCH_UNESCAPE_H

#include <stdbool.h>
#include <stddef.h>

/* `to` has room for as many bytes as the spelling has. False for an escape that JSON does not have
 * and for half of a surrogate pair. */
bool unescape(const char *spelling, size_t spelling_len, char *to, size_t *len);

#endif
