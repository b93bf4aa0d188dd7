/* SPDX-License-Identifier: Apache-2.0 */
#include "loop.h"

#define CLUSTER_MS 1000

static bool has_topic(const struct ph_partition *partitions, uint32_t count, const char *topic)
{
    uint32_t i = 0;
    while (i < count && strcmp(partitions[i].topic, topic) != 0) {
        i++;
    }
    return i < count;
}

static int32_t refuse(const struct ph_partition *partition, struct ph_error *err)
{
    (void)ph_error_set(err, PH_ERR_CONFIG,
                       "topic %s of cluster %s is what source %s reads: each record written would "
                       "be read again, for ever; write to another topic",
                       partition->topic, partition->cluster, partition->source);
    ph_error_set_key(err, "/topic");
    return PH_ERROR;
}

int32_t loop_check(const struct producer *p, const struct ph_partition *partitions, uint32_t count,
                   struct ph_error *err)
{
    const struct ph_partition *found = NULL;
    if (!has_topic(partitions, count, p->settings->topic)) {
        return PH_OK; /* nobody waits for the cluster's name */
    }
    char *cluster = rd_kafka_clusterid(p->link.rk, CLUSTER_MS);
    for (uint32_t i = 0; cluster != NULL && found == NULL && i < count; i++) {
        bool is_same = strcmp(partitions[i].topic, p->settings->topic) == 0 &&
                       strcmp(partitions[i].cluster, cluster) == 0;
        found = is_same ? &partitions[i] : NULL;
    }
    if (cluster != NULL) {
        rd_kafka_mem_free(p->link.rk, cluster);
    }
    return found == NULL ? PH_OK : refuse(found, err);
}
