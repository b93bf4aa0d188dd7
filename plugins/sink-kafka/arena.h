/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Where values stand until the broker has them: chunks that are filled from the front and used
 * again when the last of their values is reported. librdkafka sends from here, without a copy.
 * [worker]
 *
 *   open    [ value | value | value |······ ]   filled now
 *   closed  [ value | value | value | value ]   unreported > 0
 *   free    [······························ ]   kept for the next
 */
#ifndef SINK_KAFKA_ARENA_H
#define SINK_KAFKA_ARENA_H

#include "pipehost/abi.h"

#define ARENA_CHUNK_BYTES (256u * 1024)

struct chunk {
    struct chunk *next; /**< in the list of free ones, or of those in use */
    struct chunk *previous;
    uint32_t capacity; /**< bytes */
    uint32_t used;
    uint32_t unreported; /**< values that librdkafka may still read */
    bool is_open;
    char data[];
};

struct arena {
    struct chunk *open; /**< null = none; it is in `used` too */
    struct chunk *used;
    struct chunk *free;
    uint64_t held_bytes; /**< of chunks in use */
    uint64_t free_bytes;
    uint64_t limit_bytes;
};

void arena_init(struct arena *a, uint64_t limit_bytes);
/** Frees everything: nobody reads any more. */
void arena_fini(struct arena *a);

/** The room behind the last value, *capacity bytes of it, perhaps none. */
char *arena_room(const struct arena *a, uint32_t *capacity);
/** Opens a chunk with room for `bytes`. PH_MORE: the limit is reached; PH_ERROR: no memory. */
__attribute__((warn_unused_result)) int32_t arena_open(struct arena *a, uint32_t bytes);
/** Keeps `bytes` at arena_room for a value; answers its chunk, to be given to arena_report. */
struct chunk *arena_take(struct arena *a, uint32_t bytes);
/** The value's reader is done. */
void arena_report(struct arena *a, struct chunk *chunk);

#endif
