#include "geocache.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

/* Small at first: a table of few addresses stays in the processor's cache. */
#define FIRST_SLOTS 1024

/* An address of up to 16 bytes, every IPv4 one, is its own key; of a longer one these are the first
 * 16 bytes. */
struct key {
    uint64_t a;
    uint64_t b;
};

struct slot {
    struct key key;
    struct geotext *text; /* null: free */
};

struct geocache {
    struct slot *slots;
    size_t mask; /* slots - 1; at most half of them are taken */
    size_t entries;
    size_t most_entries;
};

struct geocache *geocache_create(size_t most_entries)
{
    struct geocache *c = calloc(1, sizeof *c);
    if (c) {
        c->slots = calloc(FIRST_SLOTS, sizeof *c->slots);
        c->mask = FIRST_SLOTS - 1;
        c->most_entries = most_entries;
    }
    if (c && !c->slots) {
        free(c);
        return NULL;
    }
    return c;
}

void geocache_destroy(struct geocache *c)
{
    if (!c) {
        return;
    }
    for (size_t i = 0; i <= c->mask; i++) {
        free(c->slots[i].text);
    }
    free(c->slots);
    free(c);
}

static inline struct key key_of(struct view ip)
{
    struct key k;
    memcpy(&k.a, ip.at, sizeof k.a);
    memcpy(&k.b, ip.at + sizeof k.a, sizeof k.b);
    if (ip.len < 8) {
        k.a &= ((uint64_t)1 << (ip.len * 8)) - 1;
        k.b = 0;
    } else if (ip.len < 16) {
        k.b &= ((uint64_t)1 << ((ip.len - 8) * 8)) - 1;
    }
    return k;
}

static inline size_t place_of(const struct geocache *c, struct key k)
{
    uint64_t h = (k.a ^ (k.b * 0x9e3779b97f4a7c15u)) * 0xff51afd7ed558ccdu;
    return (size_t)(h >> 32) & c->mask;
}

static inline bool is_of(const struct slot *slot, struct key k, struct view ip)
{
    return slot->key.a == k.a && slot->key.b == k.b && slot->text->ip_len == ip.len &&
           (ip.len <= 16 || memcmp(slot->text->ip, ip.at, ip.len) == 0);
}

/* The slot that holds this address, or the free one where it belongs. */
static inline struct slot *find(const struct geocache *c, struct view ip)
{
    struct key k = key_of(ip);
    size_t i = place_of(c, k);
    while (c->slots[i].text && !is_of(&c->slots[i], k, ip)) {
        i = (i + 1) & c->mask;
    }
    return &c->slots[i];
}

const struct geotext *geocache_find(const struct geocache *c, struct view ip)
{
    return find(c, ip)->text;
}

static bool grow(struct geocache *c)
{
    struct geocache bigger = *c;
    bigger.mask = c->mask * 2 + 1;
    bigger.slots = calloc(bigger.mask + 1, sizeof *bigger.slots);
    if (!bigger.slots) {
        return false;
    }
    for (size_t i = 0; i <= c->mask; i++) {
        size_t to = place_of(&bigger, c->slots[i].key);
        while (c->slots[i].text && bigger.slots[to].text) {
            to = (to + 1) & bigger.mask;
        }
        if (c->slots[i].text) {
            bigger.slots[to] = c->slots[i];
        }
    }
    free(c->slots);
    *c = bigger;
    return true;
}

const struct geotext *geocache_put(struct geocache *c, struct view ip, const char *text, size_t len)
{
    if (c->entries * 2 > c->mask && !grow(c)) {
        return NULL;
    }
    struct slot *slot = find(c, ip);
    bool added = slot->text == NULL;
    if (ip.len > GEOCACHE_IP_MAX || (added && c->entries == c->most_entries)) {
        return NULL;
    }
    struct geotext *t = calloc(1, sizeof *t + sizeof(uint32_t) + len);
    if (!t) {
        return NULL;
    }
    uint32_t wire = htonl((uint32_t)len);
    memcpy(t->ip, ip.at, ip.len);
    t->ip_len = (uint32_t)ip.len;
    memcpy(t->wire, &wire, sizeof wire);
    memcpy(t->wire + sizeof wire, text, len);
    t->wire_len = len > 0 ? (uint32_t)(sizeof wire + len) : 0;
    slot->key = key_of(ip);
    free(slot->text);
    slot->text = t;
    c->entries += added;
    return t;
}
