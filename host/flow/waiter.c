/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/waiter.h"

#include "base/clock.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

enum waiter_state {
    WAITER_AWAKE = 0,
    WAITER_NOTIFIED = 1,
    WAITER_DOZING_FUTEX = 2,
    WAITER_DOZING_EPOLL = 3
};

#define WAITER_EVENTS_AT_ONCE 64

/* In waiter.events: watched, but not in the epoll set. */
#define WAITER_MUTED (1u << 31)

int32_t waiter_init(struct waiter *w, struct ph_error *err)
{
    memset(w, 0, sizeof *w);
    w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    w->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event e = {.events = EPOLLIN, .data = {.fd = w->event_fd}};
    if (w->epoll_fd < 0 || w->event_fd < 0 ||
        epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, w->event_fd, &e) != 0) {
        int saved = errno;
        waiter_fini(w);
        return ph_error_set(err, PH_ERR_FATAL, "a worker's wake-up descriptors cannot be made: %s",
                            strerror(saved));
    }
    return PH_OK;
}

void waiter_fini(struct waiter *w)
{
    if (w->epoll_fd > 0) {
        (void)close(w->epoll_fd);
    }
    if (w->event_fd > 0) {
        (void)close(w->event_fd);
    }
    free(w->tags);
    free(w->events);
    memset(w, 0, sizeof *w);
}

static bool grow_tags(struct waiter *w, size_t need)
{
    size_t capacity = w->tag_capacity == 0 ? 64 : w->tag_capacity;
    while (capacity < need) {
        capacity *= 2;
    }
    void **tags = realloc(w->tags, capacity * sizeof *tags);
    if (tags == NULL) {
        return false;
    }
    w->tags = tags;
    uint32_t *events = realloc(w->events, capacity * sizeof *events);
    if (events == NULL) {
        return false;
    }
    w->events = events;
    memset(events + w->tag_capacity, 0, (capacity - w->tag_capacity) * sizeof *events);
    w->tag_capacity = capacity;
    return true;
}

static uint32_t to_epoll(uint32_t events)
{
    return ((events & PH_WAIT_READ) != 0 ? (uint32_t)EPOLLIN : 0u) |
           ((events & PH_WAIT_WRITE) != 0 ? (uint32_t)EPOLLOUT : 0u);
}

static uint32_t from_epoll(uint32_t events)
{
    return ((events & (EPOLLIN | EPOLLHUP)) != 0 ? (uint32_t)PH_WAIT_READ : 0u) |
           ((events & EPOLLOUT) != 0 ? (uint32_t)PH_WAIT_WRITE : 0u) |
           ((events & EPOLLERR) != 0 ? (uint32_t)PH_WAIT_ERROR : 0u);
}

static int32_t forget(struct waiter *w, int fd)
{
    if ((size_t)fd < w->tag_capacity && w->events[fd] != 0) {
        w->muted -= (w->events[fd] & WAITER_MUTED) != 0 ? 1 : 0;
        w->events[fd] = 0;
        w->watched--;
        /* The owner may have closed it already: then the kernel has forgotten it too. */
        (void)epoll_ctl(w->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
    }
    return PH_OK;
}

int32_t waiter_watch(struct waiter *w, int fd, uint32_t events, void *tag, struct ph_error *err)
{
    if (fd < 0) {
        return ph_error_set(err, PH_ERR_FATAL, "a negative descriptor cannot be watched");
    }
    if (events == 0) {
        return forget(w, fd);
    }
    if ((size_t)fd >= w->tag_capacity && !grow_tags(w, (size_t)fd + 1)) {
        return ph_error_set(err, PH_ERR_RETRIABLE, "out of memory for a watched descriptor");
    }
    bool known = w->events[fd] != 0;
    if (!known && w->watched >= WAITER_FDS_MAX) {
        return ph_error_set(err, PH_ERR_FATAL, "more than %d descriptors are watched",
                            WAITER_FDS_MAX);
    }
    struct epoll_event e = {.events = to_epoll(events), .data = {.fd = fd}};
    int rc = epoll_ctl(w->epoll_fd, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &e);
    /* Muted, or closed and opened again under the same number. */
    if (rc != 0 && known && errno == ENOENT) {
        rc = epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, fd, &e);
    }
    if (rc != 0) {
        return ph_error_set(err, PH_ERR_FATAL, "descriptor %d cannot be watched: %s", fd,
                            strerror(errno));
    }
    w->watched += known ? 0 : 1;
    w->muted -= known && (w->events[fd] & WAITER_MUTED) != 0 ? 1 : 0;
    w->events[fd] = events;
    w->tags[fd] = tag;
    return PH_OK;
}

void waiter_mute(struct waiter *w, int fd)
{
    if ((w->events[fd] & WAITER_MUTED) == 0 &&
        epoll_ctl(w->epoll_fd, EPOLL_CTL_DEL, fd, NULL) == 0) {
        w->events[fd] |= WAITER_MUTED;
        w->muted++;
    }
}

void waiter_unmute(struct waiter *w, const void *tag)
{
    for (size_t fd = 0; w->muted > 0 && fd < w->tag_capacity; fd++) {
        if ((w->events[fd] & WAITER_MUTED) == 0 || w->tags[fd] != tag) {
            continue;
        }
        w->events[fd] &= ~WAITER_MUTED;
        w->muted--;
        struct epoll_event e = {.events = to_epoll(w->events[fd]), .data = {.fd = (int)fd}};
        (void)epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, (int)fd, &e); /* EBADF: closed meanwhile */
    }
}

void waiter_prepare(struct waiter *w)
{
    uint32_t expected = WAITER_AWAKE;
    uint32_t dozing = w->watched > 0 ? WAITER_DOZING_EPOLL : WAITER_DOZING_FUTEX;
    (void)atomic_compare_exchange_strong(&w->state, &expected, dozing);
    atomic_thread_fence(memory_order_seq_cst);
}

void waiter_cancel(struct waiter *w)
{
    (void)atomic_exchange(&w->state, WAITER_AWAKE);
}

static void sleep_futex(struct waiter *w, int64_t deadline_ns)
{
    struct timespec t = {.tv_sec = (time_t)(deadline_ns / CLOCK_NS_PER_S),
                         .tv_nsec = (long)(deadline_ns % CLOCK_NS_PER_S)};
    while (atomic_load(&w->state) == WAITER_DOZING_FUTEX) {
        long rc = syscall(SYS_futex, (uint32_t *)&w->state, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG,
                          WAITER_DOZING_FUTEX, deadline_ns != 0 ? &t : NULL, NULL,
                          FUTEX_BITSET_MATCH_ANY);
        if (rc != 0 && errno == ETIMEDOUT) {
            return;
        }
    }
}

static void dispatch(struct waiter *w, int timeout_ms, waiter_ready_fn ready, void *arg)
{
    struct epoll_event events[WAITER_EVENTS_AT_ONCE];
    int n = epoll_wait(w->epoll_fd, events, WAITER_EVENTS_AT_ONCE, timeout_ms);
    /* An exchange, so that what a waker published before its wake is seen after it. */
    (void)atomic_exchange(&w->state, WAITER_AWAKE);
    for (int i = 0; i < n; i++) {
        int fd = events[i].data.fd;
        if (fd == w->event_fd) {
            uint64_t count;
            ssize_t got = read(fd, &count, sizeof count);
            (void)got; /* EAGAIN: another wake was read with this one */
        } else if (w->events[fd] != 0) {
            ready(arg, w->tags[fd], fd, from_epoll(events[i].events));
        }
    }
}

static int timeout_until(int64_t deadline_ns)
{
    if (deadline_ns == 0) {
        return -1;
    }
    int64_t left = deadline_ns - clock_monotonic_ns();
    if (left <= 0) {
        return 0;
    }
    int64_t ms = (left + CLOCK_NS_PER_MS - 1) / CLOCK_NS_PER_MS;
    return ms > INT_MAX ? INT_MAX : (int)ms;
}

void waiter_sleep(struct waiter *w, int64_t deadline_ns, waiter_ready_fn ready, void *arg)
{
    /* The first fd may have come, or the last one gone, since prepare: a waker must know where. */
    uint32_t announced = atomic_load(&w->state);
    uint32_t dozing_now = w->watched > 0 ? WAITER_DOZING_EPOLL : WAITER_DOZING_FUTEX;
    if (announced >= WAITER_DOZING_FUTEX && announced != dozing_now) {
        (void)atomic_compare_exchange_strong(&w->state, &announced, dozing_now);
    }
    bool dozing = atomic_load(&w->state) >= WAITER_DOZING_FUTEX;
    if (w->watched > 0) {
        dispatch(w, dozing ? timeout_until(deadline_ns) : 0, ready, arg);
        return;
    }
    if (dozing) {
        sleep_futex(w, deadline_ns);
    }
    (void)atomic_exchange(&w->state, WAITER_AWAKE);
}

void waiter_check(struct waiter *w, waiter_ready_fn ready, void *arg)
{
    if (w->watched > 0) {
        dispatch(w, 0, ready, arg);
    }
}

void waiter_wake(struct waiter *w)
{
    uint32_t before = atomic_exchange(&w->state, WAITER_NOTIFIED);
    if (before == WAITER_DOZING_EPOLL) {
        uint64_t one = 1;
        ssize_t put = write(w->event_fd, &one, sizeof one);
        (void)put; /* EAGAIN: the counter is full, so the owner is woken anyway */
    } else if (before == WAITER_DOZING_FUTEX) {
        (void)syscall(SYS_futex, (uint32_t *)&w->state, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, NULL,
                      NULL, 0);
    }
}

void waiter_wake_if_dozing(struct waiter *w)
{
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load_explicit(&w->state, memory_order_relaxed) >= WAITER_DOZING_FUTEX) {
        waiter_wake(w);
    }
}
