/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Which dead letters are written already, so that a record that is read again gets no second one:
 * those that earlier processes wrote of records behind the positions where this one begins, and
 * those that this process wrote last. A letter is known by all of its line but the time, the code
 * and the reason: other bytes at the same place are another record. Used by one thread at a time.
 */
#ifndef DELIVERY_LETTER_MEMORY_H
#define DELIVERY_LETTER_MEMORY_H

#include "pipehost/abi.h"

/** Letters of earlier processes that are remembered at most; the newest files come first. */
#define LETTER_MEMORY_MAX (UINT32_C(1) << 20)

struct letter_id {
    uint64_t hash; /**< never 0; keyed, so that no record can be made to look like another */
    int64_t offset;
    uint64_t partition_hash;
};

struct letter_table {
    struct letter_slot *slots; /**< open addressing */
    uint32_t capacity;         /**< a power of two, or 0 */
    uint32_t count;
};

struct letter_memory {
    uint64_t keys[2];
    struct letter_table starts;  /**< partition → the offset where it begins */
    struct letter_table earlier; /**< written by earlier processes */
    struct letter_table recent;  /**< written by this one last */
    struct letter_table older;   /**< and what `recent` was before */
    uint64_t forgotten;          /**< of earlier processes, beyond LETTER_MEMORY_MAX */
};

void letter_memory_init(struct letter_memory *m);
void letter_memory_fini(struct letter_memory *m);

/** What a line of the file is known by. False: it is no whole letter, or stems from no record. */
bool letter_memory_read(const struct letter_memory *m, const char *line, size_t length,
                        struct letter_id *id);
/** Where this process begins to read a partition; text is the line's part that names it. False: out
 * of memory. */
__attribute__((warn_unused_result)) bool letter_memory_begin_at(struct letter_memory *m,
                                                                const char *text, size_t length,
                                                                int64_t offset);
/** An earlier process wrote this letter; kept where its record will be read again. False: out of
 * memory. */
__attribute__((warn_unused_result)) bool letter_memory_add_earlier(struct letter_memory *m,
                                                                   const struct letter_id *id);
/** Out of memory it is not remembered. */
void letter_memory_add(struct letter_memory *m, const struct letter_id *id);
bool letter_memory_has(const struct letter_memory *m, const struct letter_id *id);

#endif
