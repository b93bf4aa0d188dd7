/* SPDX-License-Identifier: Apache-2.0 */
#include "delivery/letter_memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define TABLE_FIRST 1024u
/* More than all rows of a batch that may be done again. */
#define RECENT_MAX 65536u

struct letter_slot {
    uint64_t hash; /* 0 = empty */
    int64_t offset;
};

/* ---- hash: SipHash-2-4 (Aumasson and Bernstein, 2012) ---- */

static inline uint64_t rotated(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

static void sip_rounds(uint64_t v[4], unsigned rounds)
{
    while (rounds-- > 0) {
        v[0] += v[1];
        v[2] += v[3];
        v[1] = rotated(v[1], 13) ^ v[0];
        v[3] = rotated(v[3], 16) ^ v[2];
        v[0] = rotated(v[0], 32);
        v[2] += v[1];
        v[0] += v[3];
        v[1] = rotated(v[1], 17) ^ v[2];
        v[3] = rotated(v[3], 21) ^ v[0];
        v[2] = rotated(v[2], 32);
    }
}

static uint64_t sip_hash(const uint64_t keys[2], const char *data, size_t length)
{
    uint64_t v[4] = {keys[0] ^ UINT64_C(0x736f6d6570736575), keys[1] ^ UINT64_C(0x646f72616e646f6d),
                     keys[0] ^ UINT64_C(0x6c7967656e657261),
                     keys[1] ^ UINT64_C(0x7465646279746573)};
    uint64_t last = (uint64_t)length << 56;
    size_t whole = length & ~(size_t)7;
    for (size_t i = 0; i < whole; i += 8) {
        uint64_t word;
        memcpy(&word, data + i, sizeof word);
        v[3] ^= word;
        sip_rounds(v, 2);
        v[0] ^= word;
    }
    for (size_t i = whole; i < length; i++) {
        last |= (uint64_t)(uint8_t)data[i] << (8 * (i - whole));
    }
    v[3] ^= last;
    sip_rounds(v, 2);
    v[0] ^= last;
    v[2] ^= 0xff;
    sip_rounds(v, 4);
    uint64_t hash = v[0] ^ v[1] ^ v[2] ^ v[3];
    return hash != 0 ? hash : 1;
}

/* ---- tables ---- */

static struct letter_slot *find(const struct letter_table *t, uint64_t hash, int64_t offset,
                                bool any_offset)
{
    uint32_t i = (uint32_t)hash & (t->capacity - 1);
    while (t->slots[i].hash != 0 &&
           (t->slots[i].hash != hash || (!any_offset && t->slots[i].offset != offset))) {
        i = (i + 1) & (t->capacity - 1);
    }
    return &t->slots[i];
}

static bool grow(struct letter_table *t)
{
    struct letter_table larger = {.capacity = t->capacity == 0 ? TABLE_FIRST : t->capacity * 2,
                                  .count = t->count};
    larger.slots = calloc(larger.capacity, sizeof *larger.slots);
    if (larger.slots == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < t->capacity; i++) {
        if (t->slots[i].hash != 0) {
            *find(&larger, t->slots[i].hash, t->slots[i].offset, false) = t->slots[i];
        }
    }
    free(t->slots);
    *t = larger;
    return true;
}

static bool put(struct letter_table *t, uint64_t hash, int64_t offset, bool any_offset)
{
    if (t->count >= t->capacity / 2 && !grow(t)) {
        return false;
    }
    struct letter_slot *slot = find(t, hash, offset, any_offset);
    t->count += slot->hash == 0;
    *slot = (struct letter_slot){hash, offset};
    return true;
}

static bool has(const struct letter_table *t, const struct letter_id *id)
{
    return t->count > 0 && find(t, id->hash, id->offset, false)->hash != 0;
}

void letter_memory_init(struct letter_memory *m)
{
    *m = (struct letter_memory){.keys = {0, 0}};
    ssize_t got = getrandom(m->keys, sizeof m->keys, 0);
    (void)got; /* at most 256 bytes always come */
}

void letter_memory_fini(struct letter_memory *m)
{
    free(m->starts.slots);
    free(m->earlier.slots);
    free(m->recent.slots);
    free(m->older.slots);
    *m = (struct letter_memory){.keys = {0, 0}};
}

/* ---- lines ---- */

/* Within a JSON string each quote has a backslash in front, so that a member's name with its quotes
 * is found nowhere else. Null: not there. */
static const char *find_member(const char *from, const char *end, const char *member)
{
    return memmem(from, (size_t)(end - from), member, strlen(member));
}

static bool read_offset(const char *text, int64_t *offset)
{
    char *stop;
    *offset = strtoll(text, &stop, 10);
    return stop != text && *stop == ',';
}

bool letter_memory_read(const struct letter_memory *m, const char *line, size_t length,
                        struct letter_id *id)
{
    static const char offset_name[] = ",\"offset\":";
    const char *end = line + length;
    const char *pipeline = find_member(line, end, ",\"pipeline\":");
    const char *source = pipeline == NULL ? NULL : find_member(pipeline, end, ",\"source\":");
    const char *offset = source == NULL ? NULL : find_member(source, end, offset_name);
    const char *code = offset == NULL ? NULL : find_member(offset, end, ",\"code\":");
    const char *value = code == NULL ? NULL : find_member(code, end, ",\"value");
    if (value == NULL || end[-1] != '}' ||
        !read_offset(offset + sizeof offset_name - 1, &id->offset)) {
        return false;
    }
    id->partition_hash = sip_hash(m->keys, source, (size_t)(offset - source));
    uint64_t both[2] = {sip_hash(m->keys, pipeline, (size_t)(code - pipeline)),
                        sip_hash(m->keys, value, (size_t)(end - value))};
    id->hash = sip_hash(m->keys, (const char *)both, sizeof both);
    return true;
}

bool letter_memory_begin_at(struct letter_memory *m, const char *text, size_t length,
                            int64_t offset)
{
    return put(&m->starts, sip_hash(m->keys, text, length), offset, true);
}

bool letter_memory_add_earlier(struct letter_memory *m, const struct letter_id *id)
{
    const struct letter_slot *start =
        m->starts.count == 0 ? NULL : find(&m->starts, id->partition_hash, 0, true);
    if (start == NULL || start->hash == 0 || id->offset < start->offset) {
        return true; /* its record is not read again */
    }
    if (m->earlier.count >= LETTER_MEMORY_MAX) {
        m->forgotten++;
        return true;
    }
    return put(&m->earlier, id->hash, id->offset, false);
}

void letter_memory_add(struct letter_memory *m, const struct letter_id *id)
{
    if (m->recent.count >= RECENT_MAX) {
        free(m->older.slots);
        m->older = m->recent;
        m->recent = (struct letter_table){.capacity = 0};
    }
    (void)put(&m->recent, id->hash, id->offset, false);
}

bool letter_memory_has(const struct letter_memory *m, const struct letter_id *id)
{
    return has(&m->recent, id) || has(&m->older, id) || has(&m->earlier, id);
}
