/* SPDX-License-Identifier: Apache-2.0 */
#include "job/run.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "job/discovery.h"
#include "job/failure.h"
#include "job/letter_place.h"
#include "job/lock.h"
#include "job/overview.h"
#include "job/start.h"
#include "job/tasks.h"
#include "job/worker.h"

#include <pipehost/failpoint.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

static void wake_all(struct job *job)
{
    for (uint32_t i = 0; i < job->worker_count; i++) {
        waiter_wake(&job->workers[i]->waiter);
    }
}

static void notify(int fd)
{
    uint64_t one = 1;
    ssize_t put = write(fd, &one, sizeof one);
    (void)put; /* full: it is readable already */
}

void job_cancel(struct job *job)
{
    atomic_store(&job->cancelled, true);
    notify(job->cancel_fd);
    notify(job->event_fd);
    wake_all(job);
}

void job_fail(struct job *job, const struct task *task, const struct ph_error *err)
{
    if (task != NULL && task->failure != NULL) {
        *task->failure = *err;
        return;
    }
    (void)pthread_mutex_lock(&job->error_mutex);
    if (!ph_error_is_set(&job->error) && !atomic_load(&job->cancelled)) {
        job->error = *err;
        if (job->error.flags == 0) {
            (void)ph_error_set(&job->error, PH_ERR_FATAL, "failed without saying why");
        }
        if (task != NULL) {
            error_prefix(&job->error, "%s", task->node->manifest->name);
            job->error_node = task->node;
        }
    }
    (void)pthread_mutex_unlock(&job->error_mutex);
    job_cancel(job);
}

/* ---- the starter: start-up may wait for services while the control thread listens to signals ----
 */

struct starter {
    struct job *job;
    pthread_t thread;
    _Atomic bool running; /* the workers run */
    _Atomic bool done;
};

static void *start(void *arg)
{
    struct starter *s = arg;
    bool ok = job_start(s->job);
    atomic_store(&s->running, ok);
    atomic_store(&s->done, true);
    notify(s->job->event_fd);
    return NULL;
}

/* ---- the control loop ---- */

struct control {
    struct job *job;
    struct starter starter;
    struct overview overview;
    int signal_fd;
    int64_t drain_until_ns; /* 0 = not draining */
    int64_t
        discovery_ns; /* when to look after a partition found while running; 0 = there is none */
    int64_t end_until_ns; /* when the process ends although a plugin does not return; 0 = never */
    bool stop_at_once;
};

/* Cancelled workers end with their step. A plugin that does not return from a call for so long
 * keeps nobody waiting: what it has not committed is read again at the next start. */
#define END_GRACE_NS (5 * CLOCK_NS_PER_S)

static bool workers_finished(const struct job *job)
{
    for (uint32_t i = 0; i < job->worker_count; i++) {
        if (!atomic_load(&job->workers[i]->finished)) {
            return false;
        }
    }
    return true;
}

static void on_stop_signal(struct control *c)
{
    struct job *job = c->job;
    if (c->drain_until_ns != 0 || !atomic_load(&c->starter.running)) {
        c->stop_at_once = c->drain_until_ns != 0;
        if (atomic_load(&job->cancelled)) {
            c->end_until_ns = clock_monotonic_ns(); /* asked once more: now */
        }
        job_cancel(job);
        return;
    }
    log_write(PH_LOG_INFO, NULL,
              "%s: stopping, what is on its way is committed first (again to stop at once)",
              job->manifest->pipeline);
    PH_FAILPOINT("drain.begun");
    c->drain_until_ns = clock_monotonic_ns() + job->manifest->drain_timeout_ms * CLOCK_NS_PER_MS;
    atomic_store(&job->draining, true);
    wake_all(job);
}

static void read_signals(struct control *c)
{
    struct signalfd_siginfo info;
    while (read(c->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT) {
            on_stop_signal(c);
        } else {
            log_write(PH_LOG_WARNING, NULL,
                      "SIGHUP changes nothing: the pipeline goes on as it is; restart it for "
                      "another manifest or plugin");
        }
    }
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

static int next_timeout_ms(const struct control *c)
{
    int64_t at_ns = overview_due_ns(&c->overview);
    at_ns = earlier(at_ns, atomic_load(&c->job->cancelled) ? 0 : c->drain_until_ns);
    at_ns = earlier(at_ns, c->end_until_ns);
    at_ns = earlier(at_ns, c->discovery_ns);
    int64_t left_ms = (at_ns - clock_monotonic_ns()) / CLOCK_NS_PER_MS + 1;
    return left_ms < 0 ? 0 : (int)left_ms;
}

static int exit_status(struct control *c, bool drained)
{
    const struct ph_error *e = &c->job->error;
    if (ph_error_is_set(e)) {
        failure_log(c->job);
        return (e->flags & PH_ERR_FENCED) != 0   ? JOB_EXIT_TAKEN_OVER
               : (e->flags & PH_ERR_CONFIG) != 0 ? JOB_EXIT_CONFIG
                                                 : JOB_EXIT_FAILURE;
    }
    uint64_t set_aside = c->overview.stats->set_aside;
    if (c->overview.options->fail_on_dead_letter && set_aside > 0) {
        log_write(PH_LOG_ERROR, NULL, "%s: failed, because %llu records were set aside",
                  c->job->manifest->pipeline, (unsigned long long)set_aside);
        return JOB_EXIT_FAILURE;
    }
    return drained || !c->stop_at_once ? JOB_EXIT_OK : JOB_EXIT_FAILURE;
}

static const struct task *find_stuck(const struct control *c)
{
    struct job *job = c->job;
    if (!atomic_load(&c->starter.done)) {
        return atomic_load(&job->starting);
    }
    for (uint32_t i = 0; i < job->worker_count; i++) {
        if (!atomic_load(&job->workers[i]->finished)) {
            return atomic_load(&job->workers[i]->stepping);
        }
    }
    return NULL;
}

/* The kernel ends what no plugin's code can be made to end. */
static void end_process(struct control *c)
{
    const struct task *stuck = find_stuck(c);
    overview_hide(&c->overview);
    log_write(PH_LOG_ERROR, stuck != NULL ? stuck->node->manifest->name : NULL,
              "the plugin does not return from a call: the process ends without it");
    (void)exit_status(c, false); /* says why it was to stop */
    log_flush();
    _exit(JOB_EXIT_FAILURE);
}

static void on_time(struct control *c)
{
    int64_t now_ns = clock_monotonic_ns();
    bool cancelled = atomic_load(&c->job->cancelled);
    overview_serve(&c->overview, atomic_load(&c->starter.running));
    reasons_tell(c->job->reasons, now_ns, false);
    c->discovery_ns = atomic_load(&c->starter.running) ? discovery_step(c->job->discovery) : 0;
    if (cancelled) {
        c->end_until_ns = c->end_until_ns == 0 ? now_ns + END_GRACE_NS : c->end_until_ns;
        if (now_ns >= c->end_until_ns) {
            end_process(c);
        }
    } else if (c->drain_until_ns != 0 && now_ns >= c->drain_until_ns) {
        struct ph_error err;
        ph_error_clear(&err);
        (void)ph_error_set(&err, PH_ERR_FATAL,
                           "%s: not drained within drain.timeout_ms (%lld ms): what was not "
                           "committed is read again at the next start",
                           c->job->manifest->pipeline,
                           (long long)c->job->manifest->drain_timeout_ms);
        job_fail(c->job, NULL, &err);
    }
}

static void control_loop(struct control *c)
{
    struct pollfd fds[2 + OVERVIEW_FDS_MAX] = {{.fd = c->signal_fd, .events = POLLIN},
                                               {.fd = c->job->event_fd, .events = POLLIN}};
    nfds_t fd_count = 2 + overview_fds(&c->overview, fds + 2);
    for (;;) {
        bool started = atomic_load(&c->starter.done);
        if (started && (!atomic_load(&c->starter.running) || workers_finished(c->job))) {
            return;
        }
        if (poll(fds, fd_count, next_timeout_ms(c)) > 0 && fds[1].revents != 0) {
            uint64_t count;
            ssize_t got = read(c->job->event_fd, &count, sizeof count);
            (void)got;
        }
        read_signals(c);
        on_time(c);
    }
}

/* What monitors of the sources may still want to know. */
static void tell_end(struct job *job)
{
    for (uint32_t i = 0; i < job->node_count; i++) {
        struct node *n = &job->nodes[i];
        for (uint32_t lane = 0; node_kind(n) == PH_KIND_SOURCE && lane < n->task_count; lane++) {
            source_task_tell_end(n->tasks[lane]);
        }
    }
}

static void block_signals(sigset_t *signals)
{
    (void)sigemptyset(signals);
    (void)sigaddset(signals, SIGTERM);
    (void)sigaddset(signals, SIGINT);
    (void)sigaddset(signals, SIGHUP);
    (void)pthread_sigmask(SIG_BLOCK, signals, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error of its write */
}

static int run_locked(struct job *job, const struct job_run_options *options)
{
    struct control c = {.job = job, .starter = {.job = job}, .overview = {.notify = {.fd = -1}}};
    struct ph_error err;
    sigset_t signals;
    block_signals(&signals);
    c.signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    ph_error_clear(&err);
    if (c.signal_fd < 0) {
        (void)ph_error_set(&err, PH_ERR_FATAL, "no descriptor for signals can be made");
    } else if (overview_init(&c.overview, job, options, &err) == PH_OK &&
               pthread_create(&c.starter.thread, NULL, start, &c.starter) != 0) {
        (void)ph_error_set(&err, PH_ERR_FATAL, "no thread can be started");
    }
    if (ph_error_is_set(&err)) {
        log_write(PH_LOG_ERROR, NULL, "%s: %s", job->manifest->pipeline, err.text);
        overview_fini(&c.overview);
        (void)close(c.signal_fd);
        return (err.flags & PH_ERR_CONFIG) != 0 ? JOB_EXIT_CONFIG : JOB_EXIT_FAILURE;
    }
    control_loop(&c);
    (void)pthread_join(c.starter.thread, NULL);
    for (uint32_t i = 0; i < job->worker_count; i++) {
        worker_join(job->workers[i]);
    }
    reasons_tell(job->reasons, clock_monotonic_ns(), true);
    bool drained = atomic_load(&c.starter.running) &&
                   (!atomic_load(&job->cancelled) || atomic_load(&job->is_satisfied));
    if (drained) {
        PH_FAILPOINT("drain.done");
        tell_end(job);
    }
    overview_end(&c.overview, drained);
    (void)close(c.signal_fd);
    /* Only clean-up follows: whoever asks again need not wait for it. */
    (void)signal(SIGHUP, SIG_IGN);
    (void)pthread_sigmask(SIG_UNBLOCK, &signals, NULL);
    int status = exit_status(&c, drained);
    overview_fini(&c.overview);
    return status;
}

static int refuse_second(const struct job *job, long pid)
{
    if (pid > 0) {
        log_write(PH_LOG_ERROR, NULL, "%s runs as PID %ld", job->manifest->pipeline, pid);
    } else {
        log_write(PH_LOG_ERROR, NULL, "%s runs in another process", job->manifest->pipeline);
    }
    return JOB_EXIT_RUNNING;
}

int job_run(struct job *job, const struct job_run_options *options)
{
    struct ph_error err;
    long pid;
    ph_error_clear(&err);
    if (job->is_preview) {
        return run_locked(job, options);
    }
    enum lock_result lock = lock_take(job, &pid, &err);
    if (lock == LOCK_HELD_BY_OTHER) {
        return refuse_second(job, pid);
    }
    if (lock == LOCK_FAILED) {
        log_write(PH_LOG_ERROR, NULL, "%s", err.text);
        return JOB_EXIT_CONFIG;
    }
    /* Before any record needs it. */
    return letter_place_make(job) ? run_locked(job, options) : JOB_EXIT_CONFIG;
}
