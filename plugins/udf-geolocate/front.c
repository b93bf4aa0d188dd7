/* SPDX-License-Identifier: Apache-2.0 */
#include "front.h"

#include <stdlib.h>

#define SLOTS_MAX   (1u << 17)
#define SLOTS_FIRST 1024u
#define GROWTH      4u

_Static_assert(sizeof(struct front_slot) == 64, "a slot is one cache line");

static struct front_slot *make_slots(uint32_t count)
{
    struct front_slot *slots = aligned_alloc(64, count * sizeof *slots);
    if (slots != NULL) {
        memset(slots, 0, count * sizeof *slots);
    }
    return slots;
}

bool front_init(struct front *front, uint32_t capacity, uint64_t seed)
{
    uint32_t most = 64;
    memset(front, 0, sizeof *front);
    while (most < capacity && most < SLOTS_MAX) {
        most *= 2;
    }
    uint32_t count = most < SLOTS_FIRST ? most : SLOTS_FIRST;
    front->slots = make_slots(count);
    front->mask = count - 1;
    front->most_slots = most;
    front->seed = seed;
    return front->slots != NULL;
}

void front_forget(struct front *front)
{
    for (uint32_t i = 0; i <= front->mask; i++) {
        place_release(front->slots[i].place);
    }
    memset(front->slots, 0, ((size_t)front->mask + 1) * sizeof(struct front_slot));
    front->claimed = 0;
}

void front_fini(struct front *front)
{
    if (front->slots != NULL) {
        front_forget(front);
    }
    free(front->slots);
    memset(front, 0, sizeof *front);
}

uint32_t front_home(const struct front *front, const struct front_key *key)
{
    const uint64_t *words = key->words;
    if (front_is_short((uint32_t)(words[4] >> 56))) {
        return front_hash(front, words[0], words[1] ^ words[4]);
    }
    return front_hash(front, words[0] ^ words[2] * UINT64_C(0xd6e8feb86659fd93),
                      words[1] ^ words[3] * UINT64_C(0xa0761d6478bd642f) ^ words[4]);
}

/* The i-th slot in which a key with that home may stand. */
static struct front_slot *way(const struct front *front, uint32_t home, uint32_t i)
{
    return &front->slots[(home & ~(FRONT_WAYS - 1)) | ((home + i) & (FRONT_WAYS - 1))];
}

struct front_slot *front_find(const struct front *front, const struct front_key *key)
{
    uint32_t home = front_home(front, key);
    for (uint32_t i = 0; i < FRONT_WAYS; i++) {
        struct front_slot *slot = way(front, home, i);
        if (front_key_is(&slot->key, key)) {
            return slot;
        }
    }
    return NULL;
}

struct front_slot *front_find_words(const struct front *front, uint64_t first, uint64_t last,
                                    uint64_t tag)
{
    struct front_key key = {{first, last, 0, 0, tag}};
    return front_find(front, &key);
}

/* Where chance has filled its set, the place is looked up again when it is needed. */
static void move_slot(struct front *to, const struct front_slot *from)
{
    uint32_t home = front_home(to, &from->key);
    for (uint32_t i = 0; i < FRONT_WAYS; i++) {
        struct front_slot *slot = way(to, home, i);
        if (slot->place == NULL) {
            *slot = *from;
            to->claimed++;
            return;
        }
    }
    place_release(from->place);
}

void front_grow(struct front *front)
{
    uint32_t count = front->mask + 1;
    if (front->claimed <= count / 2 || count >= front->most_slots) {
        return;
    }
    struct front larger = *front;
    uint32_t larger_count = count * GROWTH < front->most_slots ? count * GROWTH : front->most_slots;
    larger.slots = make_slots(larger_count);
    if (larger.slots == NULL) {
        return;
    }
    larger.mask = larger_count - 1;
    larger.claimed = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (front->slots[i].place != NULL) {
            move_slot(&larger, &front->slots[i]);
        }
    }
    free(front->slots);
    *front = larger;
}

struct front_slot *front_claim(struct front *front, const struct front_key *key, uint32_t batch)
{
    uint32_t home = front_home(front, key);
    struct front_slot *victim = way(front, home, 0);
    for (uint32_t i = 0; i < FRONT_WAYS; i++) {
        struct front_slot *slot = way(front, home, i);
        if (slot->place == NULL) {
            victim = slot;
            break;
        }
        /* The difference stays right when the number wraps. */
        if (batch - slot->batch > batch - victim->batch) {
            victim = slot;
        }
    }
    front->claimed++;
    place_release(victim->place);
    victim->key = *key;
    victim->place = NULL;
    victim->good_ns = 0;
    victim->batch = batch - 1;
    victim->row = 0;
    return victim;
}
