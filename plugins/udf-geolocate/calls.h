/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A lane's requests to the API: a fixed set of calls, each with one reused handle, and a queue of
 * places that wait for a free one. Transient failures are tried again a few times before the lane
 * hears of them. [worker] throughout.
 */
#ifndef GEOLOCATE_CALLS_H
#define GEOLOCATE_CALLS_H

#include "outcome.h"
#include "place.h"
#include "settings.h"
#include "sockets.h"

struct call;

/** How the last try for a place ended. */
struct verdict {
    enum outcome outcome;
    struct transfer transfer;
    uint32_t tries;
};

enum calls_answer {
    CALLS_DONE,     /**< the place was answered or abandoned */
    CALLS_ASK_AGAIN /**< the place goes back to the head of the queue */
};

/** Tells the lane. May call calls_pause and calls_resume, nothing else here. */
typedef enum calls_answer (*calls_finished)(void *context, struct place *place,
                                            const struct verdict *verdict);

struct calls {
    const struct settings *settings;
    const struct ph_task *task;
    const struct ph_wait *wait;
    const struct ph_clock *clock;
    calls_finished finished;
    void *context;
    int64_t *requests; /**< counters */
    int64_t *retries;
    int64_t *in_flight;

    CURLM *multi; /**< null = not active */
    struct sockets sockets;
    struct call *all;
    struct call *free_calls;
    uint32_t count;
    uint32_t on_wire;
    uint32_t resting; /**< calls between two tries */
    char *url;        /**< scratch */
    size_t url_size;
    struct place *first_asked; /**< the queue: each with a reference, linked by next_asked */
    struct place *last_asked;
    int64_t now_ns;          /**< of the running call into this file */
    int64_t timer_ns;        /**< when libcurl wants to be called, 0 = not */
    int64_t rest_ns;         /**< when the first resting call is due, 0 = none rests */
    int64_t paused_until_ns; /**< 0 = not paused; later only one call at a time, until resumed */
    int64_t deadline_ns;     /**< what the host was told */
};

/** The members above the empty line must be set, the others zero. Needs no network yet. */
int32_t calls_open(struct calls *calls, uint32_t count, struct ph_error *err)
    __attribute__((warn_unused_result));

/** Ends all requests; each place that was not answered is abandoned by the caller's function. Also
 * where calls_open failed or never ran. */
void calls_close(struct calls *calls, void (*abandon)(void *context, struct place *place));

/** Queues a place that the lane owns. */
void calls_ask(struct calls *calls, struct place *place);

/** Starts what can start and does what is due. PH_ERROR: no more requests are possible. */
int32_t calls_run(struct calls *calls, struct ph_error *err);

/** True where calls_run has something to do at once. */
static inline bool calls_are_due(const struct calls *calls)
{
    return calls->timer_ns != 0 && calls->timer_ns <= calls->now_ns;
}

/** A watched fd is ready, or (-1) the deadline has passed. Requests that this lets start leave
 * together, with the next calls_run or at the deadline, which is then at once. */
int32_t calls_ready(struct calls *calls, int fd, uint32_t events, struct ph_error *err);

/** Starts nothing until until_ns, then one call at a time until calls_resume. */
void calls_pause(struct calls *calls, int64_t until_ns);
void calls_resume(struct calls *calls);

#endif
