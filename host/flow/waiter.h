/* SPDX-License-Identifier: Apache-2.0 */
/**
 * How a worker thread sleeps and is woken. One thread owns a waiter; any thread may wake it. A wake
 * is never lost: it ends the present sleep or the next one.
 *
 * state:   AWAKE --prepare--> DOZING --sleep--> AWAKE
 *             ^                 |
 *             +---- wake -------+        wake: exchange(state, NOTIFIED); the waker of a DOZING
 * owner also signals
 *
 * The owner prepares, looks once more at what it waits for, then sleeps or cancels. A producer
 * publishes its data, then calls waiter_wake_if_dozing: the full fences on both sides make sure
 * that the owner sees the data or the producer sees DOZING. With watched fds the sleep is an
 * epoll_wait with an eventfd in it; without it is a futex.
 */
#ifndef FLOW_WAITER_H
#define FLOW_WAITER_H

#include "pipehost/host.h"

#include <stdatomic.h>

#define WAITER_FDS_MAX 1024

/** A watched fd that became ready. tag: what watch was given; events: enum ph_wait_events. [owner]
 */
typedef void (*waiter_ready_fn)(void *arg, void *tag, int fd, uint32_t events);

struct waiter {
    _Atomic uint32_t state;
    int epoll_fd;
    int event_fd;
    uint32_t watched;
    uint32_t muted;
    void **tags; /**< by fd, grown by watch, as is events */
    uint32_t *events;
    size_t tag_capacity;
};

/** PH_ERROR where the system gives no fd (EMFILE). [control] */
__attribute__((warn_unused_result)) int32_t waiter_init(struct waiter *w, struct ph_error *err);
/** Accepts a zeroed waiter. [control] */
void waiter_fini(struct waiter *w);

/** Adds, changes or (events 0) forgets an fd. [owner] */
__attribute__((warn_unused_result)) int32_t waiter_watch(struct waiter *w, int fd, uint32_t events,
                                                         void *tag, struct ph_error *err);

/**
 * A watched fd does not end sleeps until unmute: for one that stays ready because its task may not
 * take from it now. Unmute takes the tag of watch. [owner]
 */
void waiter_mute(struct waiter *w, int fd);
void waiter_unmute(struct waiter *w, const void *tag);

void waiter_prepare(struct waiter *w); /**< [owner] */
void waiter_cancel(struct waiter *w);  /**< [owner] */
/**
 * Sleeps until woken, a watched fd is ready, or deadline_ns (monotonic; 0 = none) is reached; calls
 * ready for each ready fd, then. Must follow prepare. [owner]
 */
void waiter_sleep(struct waiter *w, int64_t deadline_ns, waiter_ready_fn ready, void *arg);
/** Asks the watched fds once, without sleeping. [owner] */
void waiter_check(struct waiter *w, waiter_ready_fn ready, void *arg);

void waiter_wake(struct waiter *w); /**< [any] */
void waiter_wake_if_dozing(
    struct waiter *w); /**< after publishing data; cheap when the owner is awake [any] */

#endif
