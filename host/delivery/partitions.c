/* SPDX-License-Identifier: Apache-2.0 */
#include "delivery/partitions.h"

#include <stdlib.h>

void partitions_fini(struct partitions *t)
{
    for (uint32_t i = 0; i < t->count; i++) {
        free(t->items[i]);
    }
    memset(t, 0, sizeof *t);
}

static bool same(const struct ph_partition *p, const char *source, const char *topic,
                 int32_t partition)
{
    return p->partition == partition && strcmp(p->topic, topic) == 0 &&
           strcmp(p->source, source) == 0;
}

/* One allocation: the entry and behind it its three texts. */
static struct ph_partition *make(const char *source, const char *topic, const char *cluster)
{
    size_t source_size = strlen(source) + 1;
    size_t topic_size = strlen(topic) + 1;
    size_t cluster_size = strlen(cluster) + 1;
    struct ph_partition *p = calloc(1, sizeof *p + source_size + topic_size + cluster_size);
    if (p == NULL) {
        return NULL;
    }
    char *text = (char *)(p + 1);
    p->size = (uint32_t)sizeof *p;
    p->source = memcpy(text, source, source_size);
    p->topic = memcpy(text + source_size, topic, topic_size);
    p->cluster = memcpy(text + source_size + topic_size, cluster, cluster_size);
    return p;
}

const struct ph_partition *partitions_find(const struct partitions *t, const char *source,
                                           const char *topic, int32_t partition)
{
    uint32_t count = atomic_load(&t->count);
    for (uint32_t i = 0; i < count; i++) {
        if (same(t->items[i], source, topic, partition)) {
            return t->items[i];
        }
    }
    return NULL;
}

int32_t partitions_add(struct partitions *t, const char *source, const char *topic,
                       int32_t partition, const char *cluster, uint32_t *id, struct ph_error *err)
{
    const struct ph_partition *there = partitions_find(t, source, topic, partition);
    uint32_t count = atomic_load(&t->count);
    if (there != NULL) {
        *id = there->id;
        return PH_OK;
    }
    if (count == PARTITIONS_MAX) {
        return ph_error_set(err, PH_ERR_CONFIG, "a pipeline reads at most %d partitions",
                            PARTITIONS_MAX);
    }
    struct ph_partition *p = make(source, topic, cluster != NULL ? cluster : "");
    if (p == NULL) {
        return ph_error_set(err, PH_ERR_FATAL, "out of memory for the table of partitions");
    }
    p->id = count;
    p->partition = partition;
    t->items[count] = p;
    atomic_store(&t->count, count + 1);
    *id = count;
    return PH_OK;
}
