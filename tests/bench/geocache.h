/*
 * address -> the bytes of its geodata column as COPY BINARY wants them. Bounded, never evicts. [one
 * thread]
 */
#ifndef TESTS_BENCH_GEOCACHE_H
#define TESTS_BENCH_GEOCACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "parse.h"

#define GEOCACHE_IP_MAX 47

struct geotext {
    char ip[GEOCACHE_IP_MAX + 1];
    uint32_t ip_len;
    uint32_t wire_len; /* 0: asked for, not answered yet */
    char wire[];       /* the length as a big-endian int32, then the text */
};

struct geocache;
struct geocache *geocache_create(size_t most_entries);
void geocache_destroy(struct geocache *cache);

/* Null when absent. 16 bytes from `ip` on must be readable, whatever its length. */
const struct geotext *geocache_find(const struct geocache *cache, struct view ip);

/* Adds or replaces; null when the cache is full, the address too long, or out of memory. An empty
 * text stands for a request under way. */
const struct geotext *geocache_put(struct geocache *cache, struct view ip, const char *text,
                                   size_t len);

#endif
