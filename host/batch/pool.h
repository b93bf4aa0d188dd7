/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The memory of all batches. A pool is one for the process: blocks of whole pages, cut to size
 * classes, recycled and never above a limit. A reserve is one operator's share of it. Both are
 * asked a few times for a batch, never for a record. [any] throughout unless said otherwise.
 */
#ifndef BATCH_POOL_H
#define BATCH_POOL_H

#include "pipehost/abi.h"

#define POOL_BLOCK_MIN ((size_t)64 * 1024)

struct pool;
struct reserve;

/** Memory lent by a reserve; data is aligned to a page and its contents are unspecified. */
struct block {
    uint8_t *data;
    size_t size; /**< bytes */
};

struct pool_stats {
    uint64_t limit_bytes;
    uint64_t mapped_bytes; /**< lent and idle */
    uint64_t idle_bytes;   /**< kept for the next alloc */
};

struct reserve_stats {
    uint64_t limit_bytes;
    uint64_t used_bytes;
    uint64_t peak_bytes;
    uint64_t refused; /**< allocs that did not fit */
};

/** Null: no memory. [control] */
__attribute__((warn_unused_result)) struct pool *pool_create(uint64_t limit_bytes);
/** Every reserve must be destroyed before. [control] */
void pool_destroy(struct pool *pool);
struct pool_stats pool_get_stats(struct pool *pool);

/** Bytes that a block asked for with this size really takes: at most 25 % more, page granular. */
size_t pool_block_size(size_t bytes);

/**
 * A share of limit_bytes. freed(arg) is called once after an alloc was refused, by the thread that
 * gives a block back, and must do no more than wake somebody. name is copied. Null: no memory.
 * [control]
 */
__attribute__((warn_unused_result)) struct reserve *reserve_create(
    struct pool *pool, const char *name, uint64_t limit_bytes, void (*freed)(void *arg), void *arg);
/** Every block must be back. [control] */
void reserve_destroy(struct reserve *reserve);
const char *reserve_name(const struct reserve *reserve);
struct reserve_stats reserve_get_stats(const struct reserve *reserve);

/** False: above the reserve's or the pool's limit; *block is empty then. */
__attribute__((warn_unused_result)) bool reserve_alloc(struct reserve *reserve, size_t bytes,
                                                       struct block *block);
/** Gives a block back to the reserve that lent it; an empty block is ignored. */
void reserve_free(struct reserve *reserve, struct block block);

#endif
