/* SPDX-License-Identifier: Apache-2.0 */
#include "delivery/sink_driver.h"

#include <stdlib.h>

/* Where the commit in doubt took a partition, or -1. */
static int64_t doubtful_end(const struct sink_driver *d, uint32_t id)
{
    for (uint32_t i = 0; d->in_doubt && i < d->reach_count; i++) {
        if (d->reach[i].partition_id == id) {
            return d->reach[i].next_offset;
        }
    }
    return -1;
}

/*
 * Nobody but this task moves a claimed position, unless it shuts this task out first: it stands
 * where it stood, or where the commit in doubt took it. What the task has not claimed before may
 * stand anywhere.
 */
static int32_t check_not_changed(struct sink_driver *d, const struct ph_partition *p, int64_t now)
{
    int64_t before = d->durable[p->id];
    if (before < 0 || now == before || (now > before && now == doubtful_end(d, p->id))) {
        return PH_OK;
    }
    if (now < before) {
        return ph_error_set(&d->error, PH_ERR_FATAL,
                            "the position of %s/%d went back from %lld to %lld in the sink while "
                            "this process wrote: somebody else changed it; start again to go on "
                            "from there",
                            p->topic, p->partition, (long long)before, (long long)now);
    }
    return ph_error_set(&d->error, PH_ERR_FATAL,
                        "the position of %s/%d went from %lld to %lld in the sink while this "
                        "process wrote, and by none of its commits: somebody else changed it; "
                        "start again to go on from there, or pipehost positions set it back first",
                        p->topic, p->partition, (long long)before, (long long)now);
}

static int32_t take_positions(struct sink_driver *d, const struct ph_position *positions)
{
    for (uint32_t i = 0; i < d->partition_count; i++) {
        if (check_not_changed(d, d->partitions[i], positions[i].next_offset) != PH_OK) {
            return PH_ERROR;
        }
    }
    for (uint32_t i = 0; i < d->partition_count; i++) {
        uint32_t id = d->partitions[i]->id;
        bool is_first = d->durable[id] < 0;
        d->durable[id] = positions[i].next_offset;
        d->fingerprints[id] = positions[i].fingerprint;
        /* The source may begin below, where another sink of the pipeline stands. */
        if (is_first && positions[i].next_offset > 0 && !d->skips[id]) {
            d->skips[id] = true;
            d->skip_count++;
        }
    }
    d->env.committed(d->env.arg, positions, d->partition_count, 0);
    return PH_OK;
}

static int32_t read_positions(struct sink_driver *d)
{
    struct ph_partition *list = calloc(d->partition_count + 1u, sizeof *list);
    struct ph_position *positions = calloc(d->partition_count + 1u, sizeof *positions);
    int32_t rc = PH_ERROR;
    if (list == NULL || positions == NULL) {
        (void)ph_error_set(&d->error, PH_ERR_FATAL, "out of memory for positions");
    } else {
        for (uint32_t i = 0; i < d->partition_count; i++) {
            list[i] = *d->partitions[i];
            positions[i] = (struct ph_position){.partition_id = list[i].id, .next_offset = -1};
        }
        rc = d->ops->claim(d->task, list, d->partition_count, positions, &d->error);
        if (rc != PH_OK) {
            (void)ph_error_set(&d->error, PH_ERR_FATAL, "claim failed without saying why");
        }
        if (rc == PH_OK && d->env.load != NULL) {
            rc = d->env.load(d->env.arg, list, d->partition_count, positions, &d->error);
        }
        rc = rc == PH_OK ? take_positions(d, positions) : PH_ERROR;
    }
    free(list);
    free(positions);
    return rc;
}

/* All that the commit in doubt reached is durable: an epoch is atomic, so its rows are too. */
static bool doubt_was_durable(const struct sink_driver *d)
{
    for (uint32_t i = 0; i < d->reach_count; i++) {
        if (d->durable[d->reach[i].partition_id] < d->reach[i].next_offset) {
            return false;
        }
    }
    return d->reach_count > 0;
}

/* It begins at its beginning, and that is durable before its first record. */
static void seed_newcomer(struct sink_driver *d)
{
    uint32_t id = d->newcomer->id;
    d->newcomer = NULL;
    if (d->durable[id] < 0) {
        epoch_move(d->epoch, (struct ph_position){.partition_id = id, .next_offset = 0});
        d->end_now = true;
    }
}

enum sink_step sink_claim_step(struct sink_driver *d)
{
    d->deadline_ns = d->retry_ns;
    if (d->env.now_ns(d->env.arg) < d->retry_ns) {
        return SINK_IDLE;
    }
    d->deadline_ns = 0;
    if (d->settings.keeps_positions && read_positions(d) != PH_OK) {
        return sink_recover(d);
    }
    d->written = 0;
    d->state = SINK_STATE_OPEN;
    if (d->in_doubt && d->settings.keeps_positions && doubt_was_durable(d)) {
        return sink_committed(d);
    }
    d->in_doubt = false;
    if (d->newcomer != NULL) {
        seed_newcomer(d);
    }
    if (epoch_prune(d->epoch, d->durable, &d->error) != PH_OK) {
        return sink_fail(d);
    }
    if (epoch_is_empty(d->epoch)) {
        sink_works_again(d); /* else the next commit shows whether it does */
    }
    return SINK_PROGRESS;
}
