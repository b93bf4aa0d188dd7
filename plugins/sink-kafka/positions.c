/* SPDX-License-Identifier: Apache-2.0 */
#include "positions.h"

#include <stdlib.h>
#include <unistd.h>

void positions_init(struct positions *p, const struct link *l)
{
    char machine[64] = "";
    char owner[NOTE_OWNER_SIZE];
    *p = (struct positions){.pipeline = l->task->host->pipeline_name};
    (void)gethostname(machine, sizeof machine - 1);
    (void)snprintf(owner, sizeof owner, "%s pid %ld (%016llx)", machine, (long)getpid(),
                   (unsigned long long)l->clock->random(l->task->host));
    note_copy_text(p->owner, sizeof p->owner, owner);
}

static void held_fini(struct held *h)
{
    free(h->source);
    free(h->topic);
}

void positions_fini(struct positions *p)
{
    for (uint32_t i = 0; i < p->count; i++) {
        held_fini(&p->items[i]);
    }
    free(p->items);
    p->items = NULL;
    p->count = 0;
    p->capacity = 0;
}

/* The first that is not below id. */
static uint32_t place_of(const struct positions *p, uint32_t id)
{
    uint32_t low = 0;
    for (uint32_t high = p->count; low < high;) {
        uint32_t middle = low + (high - low) / 2;
        if (p->items[middle].id < id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct held *positions_find(const struct positions *p, uint32_t id)
{
    uint32_t place = place_of(p, id);
    return place < p->count && p->items[place].id == id ? &p->items[place] : NULL;
}

int32_t positions_hold(struct positions *p, const struct ph_partition *partition,
                       struct ph_error *err)
{
    if (positions_find(p, partition->id) != NULL) {
        return PH_OK;
    }
    if (p->count == p->capacity) {
        uint32_t capacity = p->capacity == 0 ? 16 : p->capacity * 2;
        struct held *grown = realloc(p->items, capacity * sizeof *grown);
        if (grown == NULL) {
            return ph_error_set(err, PH_ERR_FATAL, "no memory for partitions");
        }
        p->items = grown;
        p->capacity = capacity;
    }
    struct held h = {.id = partition->id,
                     .partition = partition->partition,
                     .pipeline = p->pipeline,
                     .source = strdup(partition->source),
                     .topic = strdup(partition->topic),
                     .note = {.next_offset = -1}};
    if (h.source == NULL || h.topic == NULL) {
        held_fini(&h);
        return ph_error_set(err, PH_ERR_FATAL, "no memory for partitions");
    }
    note_copy_text(h.cluster, sizeof h.cluster, partition->cluster);
    uint32_t place = place_of(p, partition->id);
    memmove(&p->items[place + 1], &p->items[place], (p->count - place) * sizeof h);
    p->items[place] = h;
    p->count++;
    return PH_OK;
}

static bool is_first_of_source(const struct positions *p, uint32_t index)
{
    for (uint32_t i = 0; i < index; i++) {
        if (!p->items[i].in_topic && strcmp(p->items[i].source, p->items[index].source) == 0) {
            return false;
        }
    }
    return !p->items[index].in_topic;
}

const struct held *positions_next_source(const struct positions *p, uint32_t *at)
{
    while (*at < p->count) {
        uint32_t index = (*at)++;
        if (is_first_of_source(p, index)) {
            return &p->items[index];
        }
    }
    return NULL;
}
