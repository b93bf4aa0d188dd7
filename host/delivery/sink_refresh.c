/* SPDX-License-Identifier: Apache-2.0 */
/* Positions that do not move: committed again now and then, because a store may forget what nobody
 * writes (Kafka does after offsets.retention.minutes, seven days by default). */
#include "delivery/sink_driver.h"

#include <stdlib.h>

/* A process that never lives for a whole period does it, too. */
#define FIRST_PART 24

static bool has_position(const struct sink_driver *d)
{
    for (uint32_t i = 0; i < d->partition_count; i++) {
        if (d->durable[d->partitions[i]->id] >= 0) {
            return true;
        }
    }
    return false;
}

bool sink_refresh_is_due(struct sink_driver *d)
{
    int64_t now_ns = d->env.now_ns(d->env.arg);
    if (d->settings.refresh_ns == 0) {
        return false;
    }
    if (d->refresh_ns == 0) {
        d->refresh_ns = now_ns + d->settings.refresh_ns / FIRST_PART;
    }
    return now_ns >= d->refresh_ns && has_position(d);
}

void sink_refresh_rest(struct sink_driver *d)
{
    bool is_wanted = d->refresh_ns != 0 && has_position(d);
    if (is_wanted && (d->deadline_ns == 0 || d->refresh_ns < d->deadline_ns)) {
        d->deadline_ns = d->refresh_ns;
    }
}

static int compare(const void *a, const void *b)
{
    const struct ph_position *x = a;
    const struct ph_position *y = b;
    return x->partition_id < y->partition_id ? -1 : x->partition_id > y->partition_id;
}

void sink_refresh_add(struct sink_driver *d)
{
    uint32_t moved = d->reach_count;
    d->is_refreshing = sink_refresh_is_due(d);
    for (uint32_t i = 0; d->is_refreshing && i < d->partition_count; i++) {
        uint32_t id = d->partitions[i]->id;
        struct ph_position p = {id, d->fingerprints[id], d->durable[id]};
        if (p.next_offset >= 0 &&
            bsearch(&p, d->reach, moved, sizeof d->reach[0], compare) == NULL) {
            d->reach[d->reach_count++] = p;
        }
    }
    qsort(d->reach, d->reach_count, sizeof d->reach[0], compare);
}

void sink_refresh_done(struct sink_driver *d)
{
    if (d->is_refreshing) {
        d->refresh_ns = d->env.now_ns(d->env.arg) + d->settings.refresh_ns;
        d->is_refreshing = false;
    }
}
