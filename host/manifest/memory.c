/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/memory.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

struct memory_block {
    struct memory_block *next;
    alignas(max_align_t) unsigned char data[];
};

void *memory_alloc(struct memory_block **first, size_t count, size_t size)
{
    if (size != 0 && count > (SIZE_MAX - sizeof(struct memory_block)) / size) {
        return NULL;
    }
    struct memory_block *block = calloc(1, sizeof *block + count * size);
    if (block == NULL) {
        return NULL;
    }
    block->next = *first;
    *first = block;
    return block->data;
}

char *memory_copy(struct memory_block **first, const char *text, size_t length)
{
    char *copy = memory_alloc(first, length + 1, 1);
    if (copy != NULL) {
        memcpy(copy, text, length);
    }
    return copy;
}

void memory_free(struct memory_block **first)
{
    while (*first != NULL) {
        struct memory_block *next = (*first)->next;
        free(*first);
        *first = next;
    }
}
