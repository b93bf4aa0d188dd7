/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A lane's own cache in front of the shared places: from an address's text to its place, without a
 * lock. A text has four slots, of which one is tried first; the one that was unused for longest
 * gives way to a new text.
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
    uint32_t most_slots;
    uint32_t claimed; /**< slots, since the table has its size */
    uint64_t seed;
};

/** Few slots at first; front_grow() makes them up to capacity, and at most 2^17. False: no memory.
 */
bool front_init(struct front *front, uint32_t capacity, uint64_t seed)
    __attribute__((warn_unused_result));
/** Also of a zeroed one. Releases all places. */
void front_fini(struct front *front);
/** More slots where the texts ask for them: those of few addresses stay in the processor's cache.
 * Slots move. */
void front_grow(struct front *front);
/** Releases all places and frees all slots. */
void front_forget(struct front *front);

static inline uint64_t front_load(const uint8_t *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof word);
    return word;
}

/** True for the texts that nearly all IPv4 addresses have: two words that may overlap hold them. */
static inline bool front_is_short(uint32_t length)
{
    return length - 8 <= 8;
}

/** length is 1 .. FRONT_TEXT_MAX. */
static inline void front_key_make(struct front_key *key, const uint8_t *text, uint32_t length)
{
    memset(key, 0, sizeof *key);
    if (front_is_short(length)) {
        key->words[0] = front_load(text);
        key->words[1] = front_load(text + length - 8);
    } else {
        memcpy(key->words, text, length);
    }
    key->words[4] |= (uint64_t)length << 56;
}

static inline bool front_key_is(const struct front_key *a, const struct front_key *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

/** The index of the slot where the search for a key begins. */
static inline uint32_t front_hash(const struct front *front, uint64_t a, uint64_t b)
{
    __extension__ typedef unsigned __int128 product;
    product p = (product)(a ^ front->seed) * (b ^ UINT64_C(0x9e3779b97f4a7c15));
    return (uint32_t)((uint64_t)(p >> 64) ^ (uint64_t)p) & front->mask;
}

uint32_t front_home(const struct front *front, const struct front_key *key);

/** The key's slot, or null. */
struct front_slot *front_find(const struct front *front, const struct front_key *key);

/** The same for the key that has these words, and zeros between. */
struct front_slot *front_find_words(const struct front *front, uint64_t first, uint64_t last,
                                    uint64_t tag);

/** The same for a short text. */
static inline struct front_slot *front_find_short(const struct front *front, const uint8_t *text,
                                                  uint32_t length)
{
    uint64_t first = front_load(text);
    uint64_t last = front_load(text + length - 8);
    uint64_t tag = (uint64_t)length << 56;
    struct front_slot *slot = &front->slots[front_hash(front, first, last ^ tag)];
    if (slot->key.words[0] == first && slot->key.words[1] == last && slot->key.words[4] == tag) {
        return slot;
    }
    return front_find_words(front, first, last, tag);
}

/** Asks the processor for the slot that front_find_short() will look at. */
__attribute__((always_inline)) static inline void front_prefetch_short(const struct front *front,
                                                                       const uint8_t *text,
                                                                       uint32_t length)
{
    uint64_t tag = (uint64_t)length << 56;
    __builtin_prefetch(
        &front->slots[front_hash(front, front_load(text), front_load(text + length - 8) ^ tag)]);
}

/** A slot for a key that has none, its place not set yet: batch is the running one. */
struct front_slot *front_claim(struct front *front, const struct front_key *key, uint32_t batch);

#endif
