/* SPDX-License-Identifier: Apache-2.0 */
#include "batch/pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(data, size)   ((void)(data), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(data, size) ((void)(data), (void)(size))
#endif

/* Four classes for each power of two from 64 KiB on. */
#define MIN_SHIFT    16u
#define MAX_SHIFT    31u
#define CLASS_COUNT  ((MAX_SHIFT - MIN_SHIFT) * 4u + 1u)
#define BLOCK_MAX    ((size_t)1 << MAX_SHIFT)
#define RESERVE_NAME 64

/* What an idle block's first bytes are. */
struct idle {
    struct idle *next;
};

struct pool {
    pthread_mutex_t mutex;
    uint64_t limit_bytes;
    uint64_t mapped_bytes;             /* mutex */
    uint64_t idle_bytes;               /* mutex */
    struct idle *classes[CLASS_COUNT]; /* mutex */
};

struct reserve {
    struct pool *pool;
    uint64_t limit_bytes;
    _Atomic uint64_t used_bytes;
    _Atomic uint64_t peak_bytes;
    _Atomic uint64_t refused;
    atomic_bool starved; /* an alloc was refused and freed has not been called since */
    void (*freed)(void *arg);
    void *arg;
    char name[RESERVE_NAME];
};

/* The class that bytes fall into; its size goes to *size. */
static unsigned int class_of(size_t bytes, size_t *size)
{
    if (bytes <= POOL_BLOCK_MIN) {
        *size = POOL_BLOCK_MIN;
        return 0;
    }
    unsigned int shift = 63u - (unsigned int)__builtin_clzll(bytes - 1);
    size_t step = (size_t)1 << (shift - 2);
    size_t steps = (bytes + step - 1) / step;
    *size = steps * step;
    return (shift - MIN_SHIFT) * 4u + (unsigned int)(steps - 4);
}

static size_t class_size(unsigned int class)
{
    return class == 0 ? POOL_BLOCK_MIN
                      : ((size_t)((class - 1) % 4 + 5)) << (MIN_SHIFT - 2 + (class - 1) / 4);
}

size_t pool_block_size(size_t bytes)
{
    size_t size;
    (void)class_of(bytes, &size);
    return size;
}

struct pool *pool_create(uint64_t limit_bytes)
{
    struct pool *pool = calloc(1, sizeof *pool);
    if (pool != NULL) {
        (void)pthread_mutex_init(&pool->mutex, NULL);
        pool->limit_bytes = limit_bytes;
    }
    return pool;
}

static struct idle *pop_idle(struct pool *pool, unsigned int class)
{
    struct idle *block = pool->classes[class];
    if (block != NULL) {
        ASAN_UNPOISON_MEMORY_REGION(block, class_size(class));
        pool->classes[class] = block->next;
        pool->idle_bytes -= class_size(class);
    }
    return block;
}

/* Unmaps idle blocks, largest first, until need more bytes fit below the limit. */
static bool make_room(struct pool *pool, size_t need)
{
    for (unsigned int class = CLASS_COUNT; class -- > 0;) {
        while (pool->mapped_bytes + need > pool->limit_bytes && pool->classes[class] != NULL) {
            struct idle *block = pop_idle(pool, class);
            (void)munmap(block, class_size(class));
            pool->mapped_bytes -= class_size(class);
        }
    }
    return pool->mapped_bytes + need <= pool->limit_bytes;
}

void pool_destroy(struct pool *pool)
{
    if (pool == NULL) {
        return;
    }
    for (unsigned int class = 0; class < CLASS_COUNT; class ++) {
        for (struct idle *block = pop_idle(pool, class); block != NULL;
             block = pop_idle(pool, class)) {
            (void)munmap(block, class_size(class));
        }
    }
    (void)pthread_mutex_destroy(&pool->mutex);
    free(pool);
}

static uint8_t *pool_take(struct pool *pool, unsigned int class, size_t size)
{
    (void)pthread_mutex_lock(&pool->mutex);
    void *data = pop_idle(pool, class);
    if (data == NULL && make_room(pool, size)) {
        data = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (data == MAP_FAILED) {
            data = NULL;
        } else {
            pool->mapped_bytes += size;
        }
    }
    (void)pthread_mutex_unlock(&pool->mutex);
    return data;
}

static void pool_give(struct pool *pool, struct block block)
{
    size_t size;
    unsigned int class = class_of(block.size, &size);
    struct idle *idle = (struct idle *)(void *)block.data;
    (void)pthread_mutex_lock(&pool->mutex);
    idle->next = pool->classes[class];
    pool->classes[class] = idle;
    pool->idle_bytes += size;
    ASAN_POISON_MEMORY_REGION(block.data, size);
    (void)pthread_mutex_unlock(&pool->mutex);
}

struct pool_stats pool_get_stats(struct pool *pool)
{
    (void)pthread_mutex_lock(&pool->mutex);
    struct pool_stats stats = {.limit_bytes = pool->limit_bytes,
                               .mapped_bytes = pool->mapped_bytes,
                               .idle_bytes = pool->idle_bytes};
    (void)pthread_mutex_unlock(&pool->mutex);
    return stats;
}

struct reserve *reserve_create(struct pool *pool, const char *name, uint64_t limit_bytes,
                               void (*freed)(void *arg), void *arg)
{
    struct reserve *reserve = calloc(1, sizeof *reserve);
    if (reserve == NULL) {
        return NULL;
    }
    reserve->pool = pool;
    reserve->limit_bytes = limit_bytes;
    reserve->freed = freed;
    reserve->arg = arg;
    size_t length = strnlen(name, RESERVE_NAME - 1);
    memcpy(reserve->name, name, length);
    return reserve;
}

void reserve_destroy(struct reserve *reserve)
{
    free(reserve);
}

const char *reserve_name(const struct reserve *reserve)
{
    return reserve->name;
}

struct reserve_stats reserve_get_stats(const struct reserve *reserve)
{
    return (struct reserve_stats){.limit_bytes = reserve->limit_bytes,
                                  .used_bytes = atomic_load(&reserve->used_bytes),
                                  .peak_bytes = atomic_load(&reserve->peak_bytes),
                                  .refused = atomic_load(&reserve->refused)};
}

static bool claim(struct reserve *reserve, size_t size)
{
    uint64_t used = atomic_load(&reserve->used_bytes);
    do {
        if (size > reserve->limit_bytes || used > reserve->limit_bytes - size) {
            return false;
        }
    } while (!atomic_compare_exchange_weak(&reserve->used_bytes, &used, used + size));
    used += size;
    uint64_t peak = atomic_load(&reserve->peak_bytes);
    while (used > peak && !atomic_compare_exchange_weak(&reserve->peak_bytes, &peak, used)) {
    }
    return true;
}

/* Starved is set before the second look, and a block's return looks at it after it gave the bytes
 * back: one of the two sees the other. */
static bool claim_or_starve(struct reserve *reserve, size_t size)
{
    if (claim(reserve, size)) {
        return true;
    }
    atomic_store(&reserve->starved, true);
    if (claim(reserve, size)) {
        return true;
    }
    atomic_fetch_add(&reserve->refused, 1);
    return false;
}

static void unclaim(struct reserve *reserve, size_t size)
{
    atomic_fetch_sub(&reserve->used_bytes, size);
    if (atomic_exchange(&reserve->starved, false) && reserve->freed != NULL) {
        reserve->freed(reserve->arg);
    }
}

bool reserve_alloc(struct reserve *reserve, size_t bytes, struct block *block)
{
    size_t size = 0;
    *block = (struct block){NULL, 0};
    if (bytes > BLOCK_MAX) {
        return false;
    }
    unsigned int class = class_of(bytes, &size);
    if (!claim_or_starve(reserve, size)) {
        return false;
    }
    uint8_t *data = pool_take(reserve->pool, class, size);
    if (data == NULL) {
        atomic_fetch_sub(&reserve->used_bytes, size);
        atomic_store(&reserve->starved, true);
        atomic_fetch_add(&reserve->refused, 1);
        return false;
    }
    *block = (struct block){data, size};
    return true;
}

void reserve_free(struct reserve *reserve, struct block block)
{
    if (block.data != NULL) {
        pool_give(reserve->pool, block);
        unclaim(reserve, block.size);
    }
}
