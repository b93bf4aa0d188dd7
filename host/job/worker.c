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

static void on_ready(void *arg, void *tag, int fd, uint32_t events)
{
    struct task *t = tag;
    struct worker *w = arg;
    if (is_useless(t)) {
        t->is_muted = true;
        waiter_mute(&w->waiter, fd);
        return;
    }
    atomic_store_explicit(&w->stepping, t, memory_order_relaxed);
    (void)task_ready(t, fd, events);
    atomic_store_explicit(&w->stepping, NULL, memory_order_relaxed);
}

/* Downstream first, so that room is made before more is taken in. */
static bool step_all(struct worker *w)
{
    bool progress = false;
    for (uint32_t i = w->task_count; i-- > 0;) {
        atomic_store_explicit(&w->stepping, w->tasks[i], memory_order_relaxed);
        progress = task_step(w->tasks[i]) == TASK_PROGRESS || progress;
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
    int64_t from_ns = clock_monotonic_ns();
    waiter_sleep(&w->waiter, nearest_deadline_ns(w), on_ready, w);
    int64_t idle_ns = atomic_load_explicit(&w->idle_ns, memory_order_relaxed);
    atomic_store_explicit(&w->idle_ns, idle_ns + clock_monotonic_ns() - from_ns,
                          memory_order_relaxed);
}

static void *run(void *arg)
{
    struct worker *w = arg;
    uint32_t steps = 0;
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
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
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
