/* SPDX-License-Identifier: Apache-2.0 */
#include "job/trouble.h"

#include "base/log.h"
#include "job/job.h"
#include "manifest/secret.h"

#include <stdio.h>
#include <string.h>

#define LOG_INTERVAL_NS (10 * CLOCK_NS_PER_S)

static double seconds(int64_t ns)
{
    return (double)ns / (double)CLOCK_NS_PER_S;
}

/* What others are shown: cut only after secrets are out of it, while they are still whole. */
static void show(struct task *t, const struct trouble *r, const struct ph_error *why)
{
    char text[sizeof why->text] = "";
    (void)snprintf(text, sizeof text, "%s", why->text);
    secret_redact(text);
    text[STATS_WAITING_SIZE - 1] = '\0';
    (void)pthread_mutex_lock(&t->job->error_mutex);
    t->waiting.owner = r;
    memcpy(t->waiting.text, text, sizeof t->waiting.text);
    (void)snprintf(t->waiting.code, sizeof t->waiting.code, "%s", why->foreign_code);
    t->waiting.since_ns = r->since_ns;
    t->waiting.retry_ns = r->retry_ns;
    (void)pthread_mutex_unlock(&t->job->error_mutex);
}

static void hide(struct task *t, const struct trouble *r)
{
    (void)pthread_mutex_lock(&t->job->error_mutex);
    if (t->waiting.owner == r) {
        t->waiting = (struct task_waiting){.owner = NULL};
    }
    (void)pthread_mutex_unlock(&t->job->error_mutex);
}

void trouble_tell(struct task *t, struct trouble *r, const struct ph_error *why, int64_t wait_ns)
{
    int64_t now_ns = clock_monotonic_ns();
    r->since_ns = r->since_ns == 0 ? now_ns : r->since_ns;
    r->retry_ns = now_ns + wait_ns;
    show(t, r, why);
    if (atomic_load(&t->job->cancelled)) {
        return; /* there is no next try: the call was ended */
    }
    if (r->told_ns == 0 || now_ns - r->told_ns >= LOG_INTERVAL_NS) {
        char since[32] = "";
        if (now_ns > r->since_ns) {
            (void)snprintf(since, sizeof since, "for %.1f s, ", seconds(now_ns - r->since_ns));
        }
        r->told_ns = now_ns;
        log_write(PH_LOG_WARNING, t->node->manifest->name, "waiting: %s (%s%s%snext try in %.1f s)",
                  why->text, why->foreign_code, why->foreign_code[0] == '\0' ? "" : ", ", since,
                  seconds(wait_ns));
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
        hide(t, r);
        *r = (struct trouble){.retry_ns = 0};
    }
}
