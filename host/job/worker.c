/* SPDX-License-Identifier: Apache-2.0 */
#include "job/worker.h"

#include "base/clock.h"
#include "job/tasks.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

/* A descriptor that stays ready although its task may not take from it would keep the worker awake.
 */
static bool is_useless(const struct task *t)
{
    return t->done || (t->source != NULL && source_task_is_blocked(t));
}

/* ---- accounting: one clock read for each step that got something done, and for each sleep ---- */

static int64_t lap_ns(struct worker *w)
{
    int64_t now_ns = clock_monotonic_ns();
    int64_t since_ns = atomic_load_explicit(&w->since_ns, memory_order_relaxed);
    atomic_store_explicit(&w->since_ns, now_ns, memory_order_relaxed);
    return since_ns == 0 ? 0 : now_ns - since_ns;
}

static void account_step(struct worker *w, struct task *t)
{
    int64_t ns = lap_ns(w) - w->blocked_ns;
    w->blocked_ns = 0;
    count_add(&t->counts.busy_ns, ns > 0 ? (uint64_t)ns : 0);
}

static void begin_sleep(struct worker *w)
{
    (void)lap_ns(w); /* looking in vain is nobody's work */
    w->blocked_ns = 0;
    for (uint32_t i = 0; i < w->task_count; i++) {
        atomic_store_explicit(&w->tasks[i]->counts.rest, (int)task_rest(w->tasks[i]),
                              memory_order_relaxed);
    }
    atomic_store_explicit(&w->asleep, true, memory_order_relaxed);
}

static void account_sleep(struct worker *w)
{
    uint64_t ns = (uint64_t)lap_ns(w);
    for (uint32_t i = 0; i < w->task_count; i++) {
        struct task_counts *c = &w->tasks[i]->counts;
        int rest = atomic_load_explicit(&c->rest, memory_order_relaxed);
        if (rest == TASK_RESTS_BACKPRESSURED) {
            count_add(&c->backpressured_ns, ns);
        } else if (rest == TASK_RESTS_BUSY) {
            count_add(&c->busy_ns, ns);
        }
    }
    atomic_store_explicit(&w->asleep, false, memory_order_relaxed);
}

/* ---- work ---- */

static void on_ready(void *arg, void *tag, int fd, uint32_t events)
{
    struct task *t = tag;
    struct worker *w = arg;
    if (atomic_load_explicit(&w->asleep, memory_order_relaxed)) {
        account_sleep(w);
    }
    if (is_useless(t)) {
        t->is_muted = true;
        waiter_mute(&w->waiter, fd);
        return;
    }
    atomic_store_explicit(&w->stepping, t, memory_order_relaxed);
    (void)task_ready(t, fd, events);
    atomic_store_explicit(&w->stepping, NULL, memory_order_relaxed);
    account_step(w, t);
}

/* Downstream first, so that room is made before more is taken in. */
static bool step_all(struct worker *w)
{
    bool progress = false;
    for (uint32_t i = w->task_count; i-- > 0;) {
        atomic_store_explicit(&w->stepping, w->tasks[i], memory_order_relaxed);
        if (task_step(w->tasks[i]) == TASK_PROGRESS) {
            account_step(w, w->tasks[i]);
            progress = true;
        }
    }
    atomic_store_explicit(&w->stepping, NULL, memory_order_relaxed);
    return progress;
}

static int64_t nearest_deadline_ns(const struct worker *w)
{
    int64_t nearest = 0;
    for (uint32_t i = 0; i < w->task_count; i++) {
        int64_t at = task_deadline_ns(w->tasks[i]);
        if (at != 0 && (nearest == 0 || at < nearest)) {
            nearest = at;
        }
    }
    return nearest;
}

static bool all_done(const struct worker *w)
{
    for (uint32_t i = 0; i < w->task_count; i++) {
        if (!w->tasks[i]->done) {
            return false;
        }
    }
    return true;
}

void worker_wait(struct worker *w, int64_t deadline_ns)
{
    waiter_prepare(&w->waiter);
    waiter_sleep(&w->waiter, deadline_ns, on_ready, w);
}

/* Announces the sleep, then looks once more: what came in between is seen now or wakes the sleeper.
 */
static void rest(struct worker *w)
{
    waiter_prepare(&w->waiter);
    if (atomic_load(&w->job->cancelled) || step_all(w)) {
        waiter_cancel(&w->waiter);
        return;
    }
    begin_sleep(w);
    waiter_sleep(&w->waiter, nearest_deadline_ns(w), on_ready, w);
    if (atomic_load_explicit(&w->asleep, memory_order_relaxed)) {
        account_sleep(w); /* no descriptor ended it */
    }
}

static void *run(void *arg)
{
    struct worker *w = arg;
    uint32_t steps = 0;
    (void)lap_ns(w);
    while (!atomic_load_explicit(&w->job->cancelled, memory_order_relaxed) && !all_done(w)) {
        if (!step_all(w)) {
            rest(w);
            steps = 0;
        } else if (++steps % 8 == 0) {
            /* A busy worker must still hear its watched descriptors. */
            waiter_check(&w->waiter, on_ready, w);
        }
    }
    atomic_store(&w->finished, true);
    uint64_t one = 1;
    ssize_t put = write(w->job->event_fd, &one, sizeof one);
    (void)put;
    return NULL;
}

int32_t worker_start(struct worker *w, struct ph_error *err)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    /* What a fault raises must come to whoever puts the terminal in order. */
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        (void)sigdelset(&all, faults[i]);
    }
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&w->thread, NULL, run, w);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0) {
        return ph_error_set(err, PH_ERR_FATAL, "a worker thread cannot be started: %s",
                            strerror(rc));
    }
    (void)pthread_setname_np(w->thread, w->name);
    w->started = true;
    return PH_OK;
}

void worker_join(struct worker *w)
{
    if (w->started) {
        (void)pthread_join(w->thread, NULL);
        w->started = false;
    }
}
