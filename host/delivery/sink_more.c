/* SPDX-License-Identifier: Apache-2.0 */
/* PH_EPOCH_MORE: what a commit says of the rows that follow, and what becomes of it. */
#include "delivery/sink_driver.h"

/* A commit of this part of the largest epoch says that more comes. Where it does not within that
 * time, what the sink began for it is aborted. */
#define MORE_PART        8
#define MORE_PATIENCE_NS (100 * CLOCK_NS_PER_MS)

uint32_t sink_more_flags(const struct sink_driver *d)
{
    const struct epoch *e = d->epoch;
    if (d->input_ended) {
        return e->is_cut ? 0u : (uint32_t)PH_EPOCH_FINAL;
    }
    bool is_loaded = e->row_count > 0 && e->row_count >= d->settings.max_rows / MORE_PART;
    return is_loaded && d->window == 0 && d->newcomer == NULL ? (uint32_t)PH_EPOCH_MORE : 0u;
}

enum sink_step sink_more_take_back(struct sink_driver *d)
{
    d->ops->abort(d->task);
    d->written = 0;
    d->has_announced = false;
    return SINK_PROGRESS;
}

enum sink_step sink_more_rest(struct sink_driver *d)
{
    int64_t until_ns = d->ended_ns + MORE_PATIENCE_NS;
    if (!d->has_announced) {
        return SINK_IDLE;
    }
    if (d->env.now_ns(d->env.arg) >= until_ns) {
        return sink_more_take_back(d);
    }
    d->deadline_ns = d->deadline_ns == 0 || until_ns < d->deadline_ns ? until_ns : d->deadline_ns;
    return SINK_IDLE;
}
