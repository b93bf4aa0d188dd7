/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/keys.h"

#include <stdlib.h>

#define FIRST_DECLARED 1u

void keys_init(struct keys *k)
{
    *k = (struct keys){.max_index = -1};
}

void keys_fini(struct keys *k)
{
    free(k->keys);
    free(k->buckets);
    free(k->learned);
    keys_init(k);
}

static uint32_t hash_of(const uint8_t *name, uint32_t length)
{
    uint32_t hash = 2166136261u;
    for (uint32_t i = 0; i < length; i++) {
        hash = (hash ^ name[i]) * 16777619u;
    }
    return hash ^ hash >> 15;
}

/* A byte that UTF-8 never has stands first in keys that match nothing. */
static void match_nothing(struct key *key)
{
    memset(key->words, 0xff, sizeof key->words);
    memset(key->masks, 0xff, sizeof key->masks);
}

/* Names that JSON must escape never stand in a record as they are: they are found by keys_find. */
static bool is_plain(const uint8_t *name, uint32_t length)
{
    for (uint32_t i = 0; i < length; i++) {
        if (name[i] < 0x20 || name[i] == '"' || name[i] == '\\') {
            return false;
        }
    }
    return true;
}

static void set_key(struct keys *k, struct key *key, const uint8_t *name, uint32_t length,
                    uint32_t slot)
{
    uint8_t quoted[16] = {'"'};
    uint8_t mask[16] = {0};
    uint32_t used = length + 2 > 16 ? 16 : length + 2;
    *key = (struct key){.next = k->keys,
                        .name = name,
                        .length = length,
                        .slot = slot,
                        .action = slot == KEYS_SKIP ? KEY_SKIP : KEY_OTHER};
    memcpy(quoted + 1, name, length > 15 ? 15 : length);
    if (length + 2 <= 16) {
        quoted[length + 1] = '"';
    }
    memset(mask, 0xff, used);
    memcpy(key->words, quoted, sizeof quoted);
    memcpy(key->masks, mask, sizeof mask);
    if (!is_plain(name, length)) {
        match_nothing(key);
    }
}

static bool reserve_keys(struct keys *k, uint32_t capacity)
{
    struct key *keys = realloc(k->keys, capacity * sizeof *keys);
    if (keys == NULL) {
        return false;
    }
    k->keys = keys;
    k->capacity = capacity;
    if (k->count == 0) {
        k->keys[k->count++] = (struct key){.name = (const uint8_t *)"", .slot = KEYS_SKIP};
        match_nothing(k->keys);
    }
    k->first = k->keys;
    for (uint32_t i = 0; i < k->count; i++) {
        k->keys[i].next = k->keys;
    }
    return true;
}

/* The value of an array index without leading zeros, -1 for any other name. */
static int64_t index_of(const char *name)
{
    size_t length = strlen(name);
    if (length == 0 || length > 9 || strspn(name, "0123456789") != length ||
        (name[0] == '0' && length > 1)) {
        return -1;
    }
    return strtoll(name, NULL, 10);
}

struct key *keys_declare(struct keys *k, const char *name, uint32_t slot)
{
    uint32_t length = (uint32_t)strlen(name);
    for (uint32_t i = FIRST_DECLARED; i < k->count; i++) {
        if (k->keys[i].length == length && memcmp(k->keys[i].name, name, length) == 0) {
            return &k->keys[i];
        }
    }
    if (k->count + 1 >= k->capacity && !reserve_keys(k, k->capacity * 2 + 8)) {
        return NULL;
    }
    int64_t index = index_of(name);
    k->max_index = index > k->max_index ? index : k->max_index;
    set_key(k, &k->keys[k->count], (const uint8_t *)name, length, slot);
    return &k->keys[k->count++];
}

static void put_bucket(struct keys *k, uint32_t number)
{
    const struct key *key = &k->keys[number];
    uint32_t bucket = hash_of(key->name, key->length) & k->bucket_mask;
    while (k->buckets[bucket] != 0) {
        bucket = (bucket + 1) & k->bucket_mask;
    }
    k->buckets[bucket] = number;
}

bool keys_seal(struct keys *k)
{
    uint32_t buckets = 256;
    if (!reserve_keys(k, k->count + KEYS_LEARNED_MAX + 1)) {
        return false;
    }
    while (buckets < 2 * k->capacity) {
        buckets *= 2;
    }
    k->buckets = calloc(buckets, sizeof *k->buckets);
    k->learned = malloc((size_t)KEYS_LEARNED_MAX * KEYS_LEARNED_SIZE);
    k->bucket_mask = buckets - 1;
    if (k->buckets == NULL || k->learned == NULL) {
        return false;
    }
    for (uint32_t i = FIRST_DECLARED; i < k->count; i++) {
        put_bucket(k, i);
    }
    return true;
}

static struct key *learn_key(struct keys *k, const uint8_t *name, uint32_t length)
{
    if (length > KEYS_LEARNED_SIZE || k->learned_count == KEYS_LEARNED_MAX) {
        return k->keys;
    }
    uint8_t *copy = (uint8_t *)k->learned + (size_t)k->learned_count * KEYS_LEARNED_SIZE;
    memcpy(copy, name, length);
    k->learned_count++;
    set_key(k, &k->keys[k->count], copy, length, KEYS_SKIP);
    put_bucket(k, k->count);
    return &k->keys[k->count++];
}

struct key *keys_find(struct keys *k, const uint8_t *name, uint32_t length, bool learn)
{
    uint32_t bucket = hash_of(name, length) & k->bucket_mask;
    for (; k->buckets[bucket] != 0; bucket = (bucket + 1) & k->bucket_mask) {
        struct key *key = &k->keys[k->buckets[bucket]];
        if (key->length == length && memcmp(key->name, name, length) == 0) {
            return key;
        }
    }
    return learn ? learn_key(k, name, length) : k->keys;
}
