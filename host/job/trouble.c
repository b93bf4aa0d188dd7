/* SPDX-License-Identifier: Apache-2.0 */
#include "job/trouble.h"

#include "base/log.h"
#include "job/job.h"

#include <stdio.h>

#define LOG_INTERVAL_NS (10 * CLOCK_NS_PER_S)

static double seconds(int64_t ns)
{
    return (double)ns / (double)CLOCK_NS_PER_S;
}

void trouble_tell(struct task *t, struct trouble *r, const struct ph_error *why, int64_t wait_ns)
{
    int64_t now_ns = clock_monotonic_ns();
    r->since_ns = r->since_ns == 0 ? now_ns : r->since_ns;
    r->retry_ns = now_ns + wait_ns;
    if (atomic_load(&t->job->cancelled)) {
        return; /* there is no next try: the call was ended */
    }
    if (r->told_ns == 0 || now_ns - r->told_ns >= LOG_INTERVAL_NS) {
        char since[32] = "";
        if (now_ns > r->since_ns) {
            (void)snprintf(since, sizeof since, "for %.1f s, ", seconds(now_ns - r->since_ns));
        }
        r->told_ns = now_ns;
        log_write(PH_LOG_WARNING, t->node->manifest->name, "waiting: %s (%snext try in %.1f s)",
                  why->text, since, seconds(wait_ns));
    }
}

void trouble_begin(struct task *t, struct trouble *r, const struct ph_error *why)
{
    trouble_tell(t, r, why, backoff_next_ns(&r->backoff, (uint64_t)clock_monotonic_ns()));
}

void trouble_end(struct task *t, struct trouble *r)
{
    if (r->since_ns != 0) {
        log_write(PH_LOG_INFO, t->node->manifest->name, "works again after %.1f s",
                  seconds(clock_monotonic_ns() - r->since_ns));
        *r = (struct trouble){.retry_ns = 0};
    }
}
