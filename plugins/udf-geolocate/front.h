/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A lane's own cache in front of the shared places: from an address's text to its place, without a
 * lock. Four slots hold a text's candidates; the one that was unused for longest gives way.
 */
#ifndef GEOLOCATE_FRONT_H
#define GEOLOCATE_FRONT_H

#include "place.h"

#include <string.h>

/** Longer texts are no usual spelling of an address: they go without this cache. */
#define FRONT_TEXT_MAX 39u
#define FRONT_WAYS     4u

/** An address's text, zero-padded; the last byte is its length. */
struct front_key {
    uint64_t words[5];
};

/** One cache line. */
struct front_slot {
    struct front_key key;
    struct place *place; /**< a reference; null = free */
    int64_t good_ns;     /**< before this time the place is answered and may be used unasked */
    uint32_t batch;      /**< the last batch that used it ... */
    uint32_t row;        /**< ... and the first row there that did */
};

struct front {
    struct front_slot *slots;
    uint32_t mask;
    uint64_t seed;
};

/** At least that many slots, up to 2^17. False: no memory. */
bool front_init(struct front *front, uint32_t capacity, uint64_t seed)
    __attribute__((warn_unused_result));
/** Also of a zeroed one. Releases all places. */
void front_fini(struct front *front);

static inline uint64_t front_load(const uint8_t *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof word);
    return word;
}

/** length is 1 .. FRONT_TEXT_MAX. */
static inline void front_key_make(struct front_key *key, const uint8_t *text, uint32_t length)
{
    key->words[2] = 0;
    key->words[3] = 0;
    key->words[4] = (uint64_t)length << 56;
    if (length >= 8 && length <= 16) {
        /* Two words that may overlap say as much as padded ones. */
        key->words[0] = front_load(text);
        key->words[1] = front_load(text + length - 8);
        return;
    }
    key->words[0] = 0;
    key->words[1] = 0;
    memcpy(key->words, text, length);
}

static inline bool front_key_is(const struct front_key *a, const struct front_key *b)
{
    return ((a->words[0] ^ b->words[0]) | (a->words[1] ^ b->words[1]) |
            (a->words[2] ^ b->words[2]) | (a->words[3] ^ b->words[3]) |
            (a->words[4] ^ b->words[4])) == 0;
}

/** The first of the key's slots. */
static inline struct front_slot *front_ways(const struct front *front, const struct front_key *key)
{
    uint64_t hash = (key->words[0] ^ front->seed) * UINT64_C(0x9e3779b97f4a7c15);
    hash = ((hash ^ (hash >> 32)) + key->words[1] + key->words[4]) * UINT64_C(0xd6e8feb86659fd93);
    hash += (key->words[2] ^ key->words[3] * 3) * UINT64_C(0xa0761d6478bd642f);
    return &front->slots[(uint32_t)(hash >> 32) & front->mask & ~(FRONT_WAYS - 1)];
}

/** The key's slot, or null. */
static inline struct front_slot *front_find(const struct front *front, const struct front_key *key)
{
    struct front_slot *slot = front_ways(front, key);
    for (uint32_t i = 0; i < FRONT_WAYS; i++, slot++) {
        if (front_key_is(&slot->key, key)) {
            return slot;
        }
    }
    return NULL;
}

/** A slot for a key that has none, its place not set yet: batch is the running one. */
struct front_slot *front_claim(struct front *front, const struct front_key *key, uint32_t batch);

#endif
