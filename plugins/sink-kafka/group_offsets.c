/* SPDX-License-Identifier: Apache-2.0 */
#include "group_offsets.h"

#include "cluster_topics.h"
#include "committed.h"
#include "group_names.h"

#include <stdlib.h>

/* Somebody waits for the answer at a terminal. */
#define NONE_MS 2000

static void name_group(char name[CONF_ID_SIZE], const struct producer *p, const char *pipeline,
                       const char *source)
{
    conf_write_id(name, pipeline, p->link.task->host->operator_name, source);
}

/* ---- what goes into a transaction */

static struct group_offsets *find_group(struct group_offset_list *l, const char *name)
{
    for (uint32_t i = 0; i < l->count; i++) {
        if (strcmp(l->groups[i].group, name) == 0) {
            return &l->groups[i];
        }
    }
    struct group_offsets *grown = realloc(l->groups, (l->count + 1u) * sizeof *grown);
    if (grown == NULL) {
        return NULL;
    }
    l->groups = grown;
    struct group_offsets *g = &grown[l->count++];
    *g = (struct group_offsets){strdup(name), rd_kafka_topic_partition_list_new(16)};
    return g->group != NULL && g->list != NULL ? g : NULL;
}

int32_t group_offsets_add(struct group_offset_list *l, const struct producer *p,
                          const struct held *h, const struct note *note, struct ph_error *err)
{
    char name[CONF_ID_SIZE];
    char text[NOTE_TEXT_SIZE];
    name_group(name, p, h->pipeline, h->source);
    struct group_offsets *g = find_group(l, name);
    uint32_t length = note_write(note, text);
    char *metadata = malloc(length); /* the list frees it */
    if (g == NULL || metadata == NULL) {
        free(metadata);
        return ph_error_set(err, PH_ERR_FATAL, "no memory for positions");
    }
    memcpy(metadata, text, length);
    rd_kafka_topic_partition_t *offset =
        rd_kafka_topic_partition_list_add(g->list, h->topic, h->partition);
    /* None below 0 is sent: the note says that it was reset. */
    offset->offset = note->next_offset < 0 ? 0 : note->next_offset;
    offset->metadata = metadata;
    offset->metadata_size = length;
    return PH_OK;
}

void group_offsets_fini(struct group_offset_list *l)
{
    for (uint32_t i = 0; i < l->count; i++) {
        free(l->groups[i].group);
        if (l->groups[i].list != NULL) {
            rd_kafka_topic_partition_list_destroy(l->groups[i].list);
        }
    }
    free(l->groups);
    *l = (struct group_offset_list){0};
}

/* ---- what is there */

static void read_offset(struct note *note, const rd_kafka_topic_partition_t *o)
{
    note_read(note, o->metadata, o->metadata_size);
    if (!note_is_reset(note) && note->next_offset != NOTE_MOVED) {
        note->next_offset = o->offset >= 0 ? o->offset : -1;
    }
}

static void take(rd_kafka_topic_partition_list_t *list, const struct positions *positions,
                 const char *source, struct note *found)
{
    for (uint32_t i = 0; i < positions->count; i++) {
        const struct held *h = &positions->items[i];
        const rd_kafka_topic_partition_t *o =
            !h->in_topic && strcmp(h->source, source) == 0
                ? rd_kafka_topic_partition_list_find(list, h->topic, h->partition)
                : NULL;
        if (o != NULL) {
            read_offset(&found[i], o);
        }
    }
}

static int32_t read_source(struct producer *p, const struct positions *positions,
                           const char *source, bool is_stable, struct note *found,
                           struct ph_error *err)
{
    char group[CONF_ID_SIZE];
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new((int)positions->count);
    name_group(group, p, positions->pipeline, source);
    for (uint32_t i = 0; i < positions->count; i++) {
        const struct held *h = &positions->items[i];
        if (!h->in_topic && strcmp(h->source, source) == 0) {
            rd_kafka_topic_partition_list_add(list, h->topic, h->partition);
        }
    }
    int32_t result = list->cnt > 0 ? committed_read(p, group, is_stable, list, err) : PH_OK;
    if (result == PH_OK) {
        take(list, positions, source, found);
    }
    rd_kafka_topic_partition_list_destroy(list);
    return result;
}

int32_t group_offsets_read(struct producer *p, const struct positions *positions, bool is_stable,
                           struct note *found, struct ph_error *err)
{
    uint32_t at = 0;
    const struct held *h;
    while ((h = positions_next_source(positions, &at)) != NULL) {
        if (read_source(p, positions, h->source, is_stable, found, err) != PH_OK) {
            return PH_ERROR;
        }
    }
    return PH_OK;
}

/* ---- all that is there */

/* Of so many partitions at a time: librdkafka looks each of them up in the list of all. */
#define ASKED_MAX 2000

struct listing {
    struct producer *producer;
    struct positions *found;
    const struct rd_kafka_metadata *topics; /* null: not asked for yet */
    const char *group;
    const char *source;
    char prefix[CONF_ID_SIZE];
    char cluster[NOTE_CLUSTER_SIZE];
    bool is_stable;
};

static int32_t add_offset(struct listing *l, const rd_kafka_topic_partition_t *o,
                          struct ph_error *err)
{
    struct note note;
    read_offset(&note, o);
    if (o->offset < 0) {
        return PH_OK;
    }
    const struct ph_partition partition = {.size = (uint32_t)sizeof partition,
                                           .id = l->found->count,
                                           .partition = o->partition,
                                           .source = l->source,
                                           .topic = o->topic,
                                           .cluster = l->cluster};
    if (positions_hold(l->found, &partition, err) != PH_OK) {
        return PH_ERROR;
    }
    positions_find(l->found, partition.id)->note = note;
    return PH_OK;
}

/* Empties the list. */
static int32_t add_offsets(struct listing *l, rd_kafka_topic_partition_list_t *list,
                           struct ph_error *err)
{
    if (list->cnt > 0 && committed_read(l->producer, l->group, l->is_stable, list, err) != PH_OK) {
        return PH_ERROR;
    }
    for (int i = 0; i < list->cnt; i++) {
        if (add_offset(l, &list->elems[i], err) != PH_OK) {
            return PH_ERROR;
        }
    }
    while (list->cnt > 0) {
        (void)rd_kafka_topic_partition_list_del_by_idx(list, list->cnt - 1);
    }
    return PH_OK;
}

/* A group has no offsets of topics that are not there. */
static int32_t add_of_topics(struct listing *l, rd_kafka_topic_partition_list_t *list,
                             struct ph_error *err)
{
    for (int i = 0; i < l->topics->topic_cnt; i++) {
        const struct rd_kafka_metadata_topic *t = &l->topics->topics[i];
        for (int k = 0; k < t->partition_cnt; k++) {
            rd_kafka_topic_partition_list_add(list, t->topic, t->partitions[k].id);
            if (list->cnt >= ASKED_MAX && add_offsets(l, list, err) != PH_OK) {
                return PH_ERROR;
            }
        }
    }
    return add_offsets(l, list, err);
}

static int32_t add_group(void *owner, const char *group, struct ph_error *err)
{
    struct listing *l = owner;
    size_t length = strlen(l->prefix);
    if (strncmp(group, l->prefix, length) != 0) {
        return PH_OK;
    }
    if (l->topics == NULL && cluster_topics_list(l->producer, &l->topics, err) != PH_OK) {
        return PH_ERROR;
    }
    l->group = group;
    l->source = group + length;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(ASKED_MAX);
    int32_t result = add_of_topics(l, list, err);
    rd_kafka_topic_partition_list_destroy(list);
    return result;
}

int32_t group_offsets_list(struct producer *p, const char *cluster, bool is_stable,
                           struct positions *found, struct ph_error *err)
{
    struct listing l = {.producer = p, .found = found, .is_stable = is_stable};
    name_group(l.prefix, p, found->pipeline, "");
    note_copy_text(l.cluster, sizeof l.cluster, cluster);
    int32_t result = group_names_list(p, NONE_MS, add_group, &l, err);
    if (l.topics != NULL) {
        rd_kafka_metadata_destroy(l.topics);
    }
    return result;
}
