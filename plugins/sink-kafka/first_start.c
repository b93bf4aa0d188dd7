/* SPDX-License-Identifier: Apache-2.0 */
/* A first start over a topic that has records. */
#include "epochs.h"

#define NS_PER_MS INT64_C(1000000)
/* A warning is worth this much of a start, and no more. */
#define LOOK_MS 2000

/* Positions of files are those of a replay, which begins somewhere else each time. */
static bool is_first_start(const struct positions *p)
{
    bool is_kafka = false;
    for (uint32_t i = 0; i < p->count; i++) {
        const struct held *h = &p->items[i];
        if (h->note.next_offset >= 0) {
            return false;
        }
        is_kafka = is_kafka || h->cluster[0] != '\0';
    }
    return is_kafka;
}

static bool has_records(const struct producer *p)
{
    int64_t end_ns = link_now_ns(&p->link) + LOOK_MS * NS_PER_MS;
    int64_t left_ms = LOOK_MS;
    for (int32_t i = 0; i < p->partitions && left_ms > 0; i++) {
        int64_t low = 0;
        int64_t high = 0;
        if (rd_kafka_query_watermark_offsets(p->link.rk, p->settings->topic, i, &low, &high,
                                             (int)left_ms) == 0 &&
            high > low) {
            return true;
        }
        left_ms = (end_ns - link_now_ns(&p->link)) / NS_PER_MS;
    }
    return false;
}

void epochs_warn_of_records(struct epochs *e)
{
    const struct producer *p = e->producer;
    if (e->has_looked_for_records || !is_first_start(&e->positions)) {
        return;
    }
    e->has_looked_for_records = true;
    if (has_records(p)) {
        link_log(&p->link, PH_LOG_WARNING,
                 "topic \"%s\" has records, but Kafka at %s has no position of this pipeline: this "
                 "is its first start, and what the records hold already may come again",
                 p->settings->topic, p->settings->brokers);
    }
}
