/* SPDX-License-Identifier: Apache-2.0 */
#include "place.h"

#include <stdlib.h>
#include <string.h>

/* A pass over the answered places looks at no more than this many before it evicts one anyway. */
#define SPARED_MAX 16u

const char place_empty_text[3] = "{}";

static uint32_t bucket_of(const struct places *places, const struct address *address)
{
    uint64_t words[2];
    uint64_t hash;
    memcpy(words, address->bytes, sizeof words);
    hash = (words[0] ^ places->seed) * UINT64_C(0x9e3779b97f4a7c15);
    hash = ((hash ^ (hash >> 32)) + words[1]) * UINT64_C(0xd6e8feb86659fd93);
    hash ^= hash >> 32;
    hash *= UINT64_C(0xd6e8feb86659fd93);
    return (uint32_t)(hash >> 32) & (places->bucket_count - 1);
}

bool places_init(struct places *places, uint32_t capacity, uint64_t seed)
{
    memset(places, 0, sizeof *places);
    places->bucket_count = 64;
    while (places->bucket_count < capacity && places->bucket_count < (1u << 30)) {
        places->bucket_count *= 2;
    }
    places->buckets = calloc(places->bucket_count, sizeof(struct place *));
    if (places->buckets == NULL) {
        return false;
    }
    places->capacity = capacity;
    places->seed = seed;
    if (pthread_mutex_init(&places->mutex, NULL) != 0) {
        free(places->buckets);
        places->buckets = NULL;
        return false;
    }
    return true;
}

void places_fini(struct places *places)
{
    if (places->buckets == NULL) {
        return;
    }
    for (uint32_t i = 0; i < places->bucket_count; i++) {
        struct place *place = places->buckets[i];
        while (place != NULL) {
            struct place *next = place->next_in_bucket;
            place_release(place);
            place = next;
        }
    }
    free(places->buckets);
    (void)pthread_mutex_destroy(&places->mutex);
    memset(places, 0, sizeof *places);
}

void place_release(struct place *place)
{
    if (place == NULL || atomic_fetch_sub_explicit(&place->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    if (place->text != place_empty_text) {
        free((void *)(uintptr_t)place->text);
    }
    free(place);
}

static struct place *lookup(const struct places *places, const struct address *address)
{
    struct place *place = places->buckets[bucket_of(places, address)];
    while (place != NULL && memcmp(&place->address, address, sizeof *address) != 0) {
        place = place->next_in_bucket;
    }
    return place;
}

static void unlink_from_bucket(struct places *places, struct place *place)
{
    struct place **link = &places->buckets[bucket_of(places, &place->address)];
    while (*link != place) {
        link = &(*link)->next_in_bucket;
    }
    *link = place->next_in_bucket;
    place->next_in_bucket = NULL;
}

static void age_append(struct places *places, struct place *place)
{
    place->older = places->newest;
    place->newer = NULL;
    *(place->older != NULL ? &place->older->newer : &places->oldest) = place;
    places->newest = place;
    places->answered++;
}

static void age_remove(struct places *places, struct place *place)
{
    *(place->older != NULL ? &place->older->newer : &places->oldest) = place->newer;
    *(place->newer != NULL ? &place->newer->older : &places->newest) = place->older;
    place->older = NULL;
    place->newer = NULL;
    places->answered--;
}

/* Takes an answered place out of the table. */
static void forget(struct places *places, struct place *place)
{
    unlink_from_bucket(places, place);
    age_remove(places, place);
    place_release(place);
}

/* Second chance: the oldest place goes, unless it was looked up since. */
static uint64_t evict(struct places *places)
{
    uint64_t evictions = 0;
    uint32_t spared = 0;
    struct place *place = places->oldest;
    while (place != NULL && places->answered > places->capacity) {
        struct place *newer = place->newer;
        if (place->is_used && spared < SPARED_MAX) {
            spared++;
            place->is_used = false;
            age_remove(places, place);
            age_append(places, place);
        } else {
            forget(places, place);
            evictions++;
        }
        place = newer;
    }
    return evictions;
}

static struct place *create(const struct address *address)
{
    struct place *place = calloc(1, sizeof *place);
    if (place != NULL) {
        atomic_init(&place->refs, 1);
        atomic_init(&place->is_answered, false);
        place->address = *address;
    }
    return place;
}

struct place *place_create_probe(const struct address *address)
{
    struct place *place = create(address);
    if (place != NULL) {
        place->is_probe = true;
    }
    return place;
}

static struct place *insert(struct places *places, const struct address *address)
{
    struct place **bucket = &places->buckets[bucket_of(places, address)];
    struct place *place = create(address);
    if (place != NULL) {
        place->next_in_bucket = *bucket;
        *bucket = place;
    }
    return place;
}

/* Makes the caller the owner where the place has none. */
static enum place_state own(struct place *place, uint32_t lane)
{
    if (place_is_answered(place)) {
        return PLACE_ANSWERED;
    }
    if (place->owner != 0) {
        return PLACE_WAITING;
    }
    place->owner = lane + 1;
    return PLACE_TO_ASK;
}

enum place_state places_find(struct places *places, const struct address *address, int64_t now_ns,
                             uint32_t lane, struct place **out)
{
    enum place_state state = PLACE_NO_MEMORY;
    struct place *place;
    (void)pthread_mutex_lock(&places->mutex);
    place = lookup(places, address);
    if (place != NULL && place_is_answered(place) && place->expires_ns <= now_ns) {
        forget(places, place);
        place = NULL;
    }
    if (place == NULL) {
        place = insert(places, address);
    }
    if (place != NULL) {
        place->is_used = place_is_answered(place);
        place_retain(place);
        state = own(place, lane);
    }
    (void)pthread_mutex_unlock(&places->mutex);
    *out = place;
    return state;
}

enum place_state places_await(struct places *places, struct place *place, uint32_t lane)
{
    enum place_state state;
    (void)pthread_mutex_lock(&places->mutex);
    state = own(place, lane);
    if (state == PLACE_WAITING && place->owner != lane + 1) {
        place->waiting |= UINT64_C(1) << lane;
    }
    (void)pthread_mutex_unlock(&places->mutex);
    return state;
}

static uint64_t take_waiting(struct place *place)
{
    uint64_t waiting = place->waiting;
    place->waiting = 0;
    place->owner = 0;
    return waiting;
}

uint64_t places_answer(struct places *places, struct place *place, char *text, uint32_t length,
                       int64_t expires_ns, uint64_t *evictions)
{
    uint64_t waiting;
    place->text = text != NULL ? text : place_empty_text;
    place->text_length = text != NULL ? length : (uint32_t)sizeof place_empty_text - 1;
    place->expires_ns = expires_ns;
    (void)pthread_mutex_lock(&places->mutex);
    atomic_store_explicit(&place->is_answered, true, memory_order_release);
    waiting = take_waiting(place);
    age_append(places, place);
    *evictions += evict(places);
    (void)pthread_mutex_unlock(&places->mutex);
    return waiting;
}

uint64_t places_abandon(struct places *places, struct place *place)
{
    uint64_t waiting;
    (void)pthread_mutex_lock(&places->mutex);
    waiting = take_waiting(place);
    (void)pthread_mutex_unlock(&places->mutex);
    return waiting;
}

void places_forget(struct places *places)
{
    (void)pthread_mutex_lock(&places->mutex);
    for (struct place *place = places->oldest; place != NULL;) {
        struct place *newer = place->newer;
        forget(places, place);
        place = newer;
    }
    (void)pthread_mutex_unlock(&places->mutex);
}

bool places_visit(struct places *places, int64_t now_ns,
                  bool (*visit)(void *context, const struct place *place), void *context)
{
    bool go_on = true;
    (void)pthread_mutex_lock(&places->mutex);
    for (struct place *place = places->oldest; place != NULL && go_on; place = place->newer) {
        if (place->expires_ns > now_ns) {
            go_on = visit(context, place);
        }
    }
    (void)pthread_mutex_unlock(&places->mutex);
    return go_on;
}
