/* SPDX-License-Identifier: Apache-2.0 */
/* Linked into a module of its own in place of the allocator (--wrap): one allocation fails, the
 * module's or libcurl's. */
#include "chaos.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
char *__wrap_strdup(const char *text);
CURLcode __wrap_curl_global_init(long flags);

static _Atomic int64_t left;

void chaos_fail_at(int64_t number)
{
    left = number;
}

bool chaos_has_failed(void)
{
    return left <= 0;
}

static bool fails_now(void)
{
    return left > 0 && --left == 0;
}

void *__wrap_malloc(size_t size)
{
    return fails_now() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails_now() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return fails_now() ? NULL : __real_realloc(old, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return fails_now() ? NULL : __real_aligned_alloc(alignment, size);
}

char *__wrap_strdup(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = __wrap_malloc(size);
    return copy == NULL ? NULL : memcpy(copy, text, size);
}

CURLcode __wrap_curl_global_init(long flags)
{
    return curl_global_init_mem(flags, __wrap_malloc, free, __wrap_realloc, __wrap_strdup,
                                __wrap_calloc);
}
