/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The member names of one level of a JSON document: those that are declared, and some of those that
 * were seen and are skipped. Records of one topic repeat the same names in the same order, so each
 * name remembers which one followed it last time: most look-ups are one comparison of 16 bytes.
 * Inside this room only. [worker]
 */
#ifndef CODEC_KEYS_H
#define CODEC_KEYS_H

#include "pipehost/abi.h"

#include <string.h>

#define KEYS_LEARNED_MAX  64u
#define KEYS_LEARNED_SIZE 62u /**< bytes of a learned name */
#define KEYS_SKIP         UINT32_MAX

/** How the walk deals with a key's value without looking further. */
enum key_action {
    KEY_SKIP,   /**< not declared */
    KEY_TEXT,   /**< one text column */
    KEY_TIME,   /**< one column of ISO 8601 times */
    KEY_FIELD,  /**< one column of another kind */
    KEY_UNREAD, /**< one column that nobody looks at */
    KEY_OTHER   /**< look at the slot */
};

struct key {
    uint64_t words[2]; /**< the first 16 bytes of the name in quotes */
    uint64_t masks[2];
    struct key *next;    /**< the key that followed last time */
    const uint8_t *name; /**< without quotes */
    uint32_t length;
    enum key_action action;
    uint64_t *seen;      /**< word of the set of slots that the record has */
    uint64_t bit;        /**< of the slot in it */
    const void *field;   /**< of the one column */
    size_t column_bytes; /**< where its column is among the target's */
    uint32_t slot;       /**< where its value goes; KEYS_SKIP = nowhere */
};

struct keys {
    struct key *keys; /**< 0 is the one that matches nothing: its slot is KEYS_SKIP */
    uint32_t count;
    uint32_t capacity;
    struct key *first; /**< the key that an object began with last time */
    uint32_t learned_count;
    uint32_t *buckets; /**< hash table of key numbers, 0 = free */
    uint32_t bucket_mask;
    char *learned;     /**< names */
    int64_t max_index; /**< largest declared name that is an array index, -1 = none */
};

void keys_init(struct keys *k);
void keys_fini(struct keys *k);
/** The declared key called name, made with this slot if it is new. Null: no memory. name is
 * borrowed for the life of k. [control] */
__attribute__((warn_unused_result)) struct key *keys_declare(struct keys *k, const char *name,
                                                             uint32_t slot);
/** After the last declare, before the first find. False: no memory. [control] */
__attribute__((warn_unused_result)) bool keys_seal(struct keys *k);

/** The key of a name, which is learned where it is new; the one that matches nothing where it
 * cannot be. learn false: only looks. */
struct key *keys_find(struct keys *k, const uint8_t *name, uint32_t length, bool learn);

/** Whether the string token at quoted is this key, byte by byte; span is the distance to the next
 * token. 16 bytes are readable at quoted. */
static inline bool key_matches(const struct key *k, const uint8_t *quoted, uint32_t span)
{
    uint64_t words[2];
    memcpy(words, quoted, sizeof words);
    if ((((words[0] ^ k->words[0]) & k->masks[0]) | ((words[1] ^ k->words[1]) & k->masks[1])) !=
        0) {
        return false;
    }
    return k->length <= 14 || (span >= k->length + 2 && quoted[k->length + 1] == '"' &&
                               memcmp(quoted + 16, k->name + 15, k->length - 15) == 0);
}

#endif
