/*
 * The first stage of simdjson behind a C face: where the tokens of a JSON text begin. It checks
 * UTF-8 and that strings are closed. [one thread per stage]
 */
#ifndef TESTS_BENCH_STAGE1_H
#define TESTS_BENCH_STAGE1_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct stage1;
struct stage1 *stage1_create(size_t longest_text);
void stage1_destroy(struct stage1 *stage);

/* Gives the number of tokens, 0 for what is no JSON; `*tokens` are their places, valid until the
 * next call. 64 bytes after the text must be readable. */
uint32_t stage1_run(struct stage1 *stage, const char *json, size_t len, const uint32_t **tokens);

#ifdef __cplusplus
}
#endif

#endif
