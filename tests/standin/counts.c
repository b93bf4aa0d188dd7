#include "counts.h"

#include <stdlib.h>

#define SLOTS        (1u << 22)
#define MAX_DISTINCT (SLOTS / 4 * 3)

struct count_slot {
    uint64_t hash; /* 0: free */
    uint64_t count;
};

bool counts_init(struct counts *c)
{
    /* Zero pages of the kernel: only what is used takes memory. */
    *c = (struct counts){.slots = calloc(SLOTS, sizeof(struct count_slot))};
    return c->slots != NULL;
}

void counts_fini(struct counts *c)
{
    free(c->slots);
    *c = (struct counts){0};
}

void counts_add(struct counts *c, uint64_t hash)
{
    c->requests++;
    hash |= hash == 0;
    uint64_t at = hash & (SLOTS - 1);
    while (c->slots[at].hash != 0 && c->slots[at].hash != hash) {
        at = (at + 1) & (SLOTS - 1);
    }
    struct count_slot *slot = &c->slots[at];
    if (slot->hash == 0) {
        if (c->distinct == MAX_DISTINCT) {
            c->full = true;
            return;
        }
        slot->hash = hash;
        c->distinct++;
    }
    slot->count++;
    if (slot->count > c->most) {
        c->most = slot->count;
    }
}
