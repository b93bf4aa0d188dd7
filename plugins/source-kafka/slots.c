/* SPDX-License-Identifier: Apache-2.0 */
#include "slots.h"

#include "pipehost/error.h"

#include <stdlib.h>

/* Kafka's own brokers carry no more partitions than this. */
#define PARTITION_MAX 1000000

static const struct slots_topic no_topic;

void slots_init(struct slots *s, const struct settings *settings)
{
    *s = (struct slots){.settings = settings, .last = &no_topic};
}

void slots_fini(struct slots *s)
{
    for (uint32_t i = 0; i < SETTINGS_TOPICS_MAX; i++) {
        free(s->topics[i].slot_of);
    }
    free(s->items);
    slots_init(s, s->settings);
}

static void *grow(void *array, uint32_t count, size_t element, struct ph_error *err)
{
    void *bigger = realloc(array, (size_t)count * element);
    if (bigger == NULL) {
        (void)ph_error_set(err, PH_ERR_FATAL, "out of memory for %u partitions", count);
    }
    return bigger;
}

static int32_t reserve_item(struct slots *s, struct ph_error *err)
{
    if (s->count == s->capacity) {
        uint32_t capacity = s->capacity == 0 ? 8 : s->capacity * 2;
        struct slot *items = grow(s->items, capacity, sizeof *items, err);
        if (items == NULL) {
            return PH_ERROR;
        }
        s->items = items;
        s->capacity = capacity;
    }
    return PH_OK;
}

static int32_t reserve_number(struct slots_topic *t, int32_t partition, struct ph_error *err)
{
    uint32_t count = (uint32_t)partition + 1;
    if (count <= t->count) {
        return PH_OK;
    }
    uint32_t *slot_of = grow(t->slot_of, count, sizeof *slot_of, err);
    if (slot_of == NULL) {
        return PH_ERROR;
    }
    for (uint32_t i = t->count; i < count; i++) {
        slot_of[i] = SLOTS_NONE;
    }
    t->slot_of = slot_of;
    t->count = count;
    return PH_OK;
}

/* The place of a name among the settings' topics; topic_count: it is none of them. */
static uint32_t topic_index(const struct slots *s, const char *name)
{
    uint32_t i = 0;
    while (i < s->settings->topic_count && strcmp(s->settings->topics[i], name) != 0) {
        i++;
    }
    return i;
}

struct slot *slots_add(struct slots *s, const struct ph_partition *partition, struct ph_error *err)
{
    uint32_t index = topic_index(s, partition->topic);
    int32_t number = partition->partition;
    if (index == s->settings->topic_count || number < 0 || number >= PARTITION_MAX) {
        (void)ph_error_set(err, PH_ERR_FATAL, "topic \"%s\", partition %d: there is no such one",
                           partition->topic, number);
        return NULL;
    }
    struct slots_topic *t = &s->topics[index];
    if (reserve_item(s, err) != PH_OK || reserve_number(t, number, err) != PH_OK) {
        return NULL;
    }
    if (t->slot_of[number] != SLOTS_NONE) {
        (void)ph_error_set(err, PH_ERR_FATAL, "topic \"%s\", partition %d is being read already",
                           partition->topic, number);
        return NULL;
    }
    t->slot_of[number] = s->count;
    struct slot *slot = &s->items[s->count++];
    *slot = (struct slot){.partition_id = partition->id,
                          .partition = number,
                          .topic = s->settings->topics[index],
                          .asked_end = -1};
    return slot;
}

void slots_remove_last(struct slots *s)
{
    const struct slot *slot = &s->items[--s->count];
    s->topics[topic_index(s, slot->topic)].slot_of[slot->partition] = SLOTS_NONE;
}

const struct slot *slots_find(const struct slots *s, uint32_t partition_id, uint32_t *hint)
{
    for (uint32_t i = 0; i < s->count; i++) {
        uint32_t at = *hint + i < s->count ? *hint + i : *hint + i - s->count;
        if (s->items[at].partition_id == partition_id) {
            *hint = at;
            return &s->items[at];
        }
    }
    return NULL;
}

void slots_turn_to(struct slots *s, const rd_kafka_topic_t *handle)
{
    uint32_t index = topic_index(s, rd_kafka_topic_name(handle));
    s->last = index < s->settings->topic_count ? &s->topics[index] : &no_topic;
    s->last_handle = handle;
}
