/* SPDX-License-Identifier: Apache-2.0 */
#include "own_thread.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

int own_thread_start(pthread_t *thread, void *(*run)(void *), void *arg)
{
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(thread, NULL, run, arg);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

struct own_call {
    void (*call)(void *arg, const atomic_bool *is_cancelled);
    void *arg;
    int events_fd;
    atomic_bool is_cancelled;
    atomic_bool is_over;
};

static void *run_call(void *arg)
{
    struct own_call *c = arg;
    uint64_t one = 1;
    c->call(c->arg, &c->is_cancelled);
    atomic_store(&c->is_over, true);
    ssize_t n = write(c->events_fd, &one, sizeof one);
    (void)n; /* full: it is readable already */
    return NULL;
}

int32_t own_thread_call(const struct link *l,
                        void (*call)(void *arg, const atomic_bool *is_cancelled), void *arg,
                        struct ph_error *err)
{
    struct own_call c = {.call = call, .arg = arg, .events_fd = l->events_fd};
    pthread_t thread;
    bool is_wanted = true;
    int rc = own_thread_start(&thread, run_call, &c);
    if (rc != 0) {
        return ph_error_set(err, PH_ERR_RETRIABLE, "a thread cannot be started: %s", strerror(rc));
    }
    while (is_wanted && !atomic_load(&c.is_over)) {
        is_wanted = l->wait->block(l->task, l->events_fd, PH_WAIT_READ, 0) != PH_CANCELLED;
        l->serve(l->owner);
    }
    atomic_store(&c.is_cancelled, true);
    (void)pthread_join(thread, NULL);
    return is_wanted ? PH_OK : PH_CANCELLED;
}
