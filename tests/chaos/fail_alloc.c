/* SPDX-License-Identifier: Apache-2.0 */
#include "fail_alloc.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

/* The linker sends calls of malloc to __wrap_malloc and those of __real_malloc to malloc (ld,
 * --wrap). */
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *data, size_t size);
void __real_free(void *data);
/* The linker wants to see them from shared objects as well, which call malloc all the same. */
#define WRAPPER __attribute__((visibility("default")))
WRAPPER void *__wrap_malloc(size_t size);
WRAPPER void *__wrap_calloc(size_t count, size_t size);
WRAPPER void *__wrap_realloc(void *data, size_t size);
WRAPPER void __wrap_free(void *data);

/* Live pointers, open addressing; a removed one leaves TOMB. Pointers that libc allocated are not
 * in it, so that freeing them changes nothing. */
#define SLOTS (1u << 18)
#define TOMB  ((void *)1)

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* of all that follows */
static void *slots[SLOTS];
static size_t live;
static size_t used;
static uint64_t countdown; /* 0 = not armed */
static enum fail_alloc_mode armed_mode;
static bool failed;

static size_t slot_of(const void *data)
{
    uint64_t hash = ((uint64_t)(uintptr_t)data >> 4) * UINT64_C(0x9e3779b97f4a7c15);
    return (size_t)(hash >> 32) % SLOTS;
}

static void remember(void *data)
{
    if (data == NULL) {
        return;
    }
    if (used >= SLOTS / 2) {
        (void)fprintf(stderr, "fail_alloc: more allocations than it can watch\n");
        abort();
    }
    size_t at = slot_of(data);
    while (slots[at] != NULL && slots[at] != TOMB) {
        at = (at + 1) % SLOTS;
    }
    used += slots[at] == NULL;
    slots[at] = data;
    live++;
}

static void forget(const void *data)
{
    size_t at = slot_of(data);
    while (slots[at] != NULL && slots[at] != data) {
        at = (at + 1) % SLOTS;
    }
    if (data == NULL || slots[at] == NULL) {
        return;
    }
    live--;
    if (slots[(at + 1) % SLOTS] != NULL) {
        slots[at] = TOMB;
        return;
    }
    /* The end of a run: no tomb is needed here, nor right before it. */
    slots[at] = NULL;
    used--;
    for (at = (at + SLOTS - 1) % SLOTS; slots[at] == TOMB; at = (at + SLOTS - 1) % SLOTS) {
        slots[at] = NULL;
        used--;
    }
}

static bool must_fail(void)
{
    if (countdown == 0 || --countdown > 0) {
        return false;
    }
    countdown = armed_mode == FAIL_ALLOC_FROM ? 1 : 0;
    failed = true;
    errno = ENOMEM;
    return true;
}

void fail_alloc_arm(uint64_t nth, enum fail_alloc_mode mode)
{
    countdown = nth;
    armed_mode = mode;
    failed = false;
}

bool fail_alloc_disarm(void)
{
    countdown = 0;
    return failed;
}

size_t fail_alloc_live(void)
{
    return live;
}

void *__wrap_malloc(size_t size)
{
    (void)pthread_mutex_lock(&mutex);
    void *data = must_fail() ? NULL : __real_malloc(size);
    remember(data);
    (void)pthread_mutex_unlock(&mutex);
    return data;
}

void *__wrap_calloc(size_t count, size_t size)
{
    (void)pthread_mutex_lock(&mutex);
    void *data = must_fail() ? NULL : __real_calloc(count, size);
    remember(data);
    (void)pthread_mutex_unlock(&mutex);
    return data;
}

void *__wrap_realloc(void *data, size_t size)
{
    void *moved = NULL;
    (void)pthread_mutex_lock(&mutex);
    if (!must_fail()) {
        forget(data);
        moved = __real_realloc(data, size);
        remember(moved != NULL ? moved : data);
    }
    (void)pthread_mutex_unlock(&mutex);
    return moved;
}

void __wrap_free(void *data)
{
    (void)pthread_mutex_lock(&mutex);
    forget(data);
    __real_free(data);
    (void)pthread_mutex_unlock(&mutex);
}
