/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A lane's requests to the API: a set of calls, each with one reused handle, and a queue of places
 * that wait for a free one. The gate, which all lanes share, lets each request in. Transient
 * failures are tried again a few times before the lane hears of them. [worker] throughout.
 */
#ifndef GEOLOCATE_CALLS_H
#define GEOLOCATE_CALLS_H

#include "gate.h"
#include "handle.h"
#include "place.h"

struct call;

/** How the last try for a place ended. */
struct verdict {
    enum outcome outcome;
    struct transfer transfer;
    uint32_t tries;
    uint32_t epoch; /**< of the gate when it began; 0 = it never began, the gate is shut */
    bool is_alone; /**< its address gets no answer, time and again, though the API answers others */
};

enum calls_answer {
    CALLS_DONE,     /**< the place was answered or abandoned */
    CALLS_ASK_AGAIN /**< the place goes back to the head of the queue */
};

/** What the lane is told and asked. They call nothing here. */
struct calls_events {
    enum calls_answer (*finished)(void *context, struct place *place,
                                  const struct verdict *verdict);
    /** A try ended with a plea for patience, and is made again. */
    void (*pleaded)(void *context, const struct verdict *verdict);
    /** The API said how many look-ups are left, to a request that began in this epoch of the gate.
     */
    void (*told_quota)(void *context, uint32_t epoch, int64_t quota_left);
    /** True where a place need not wait while the gate is shut: it gets a verdict at once. */
    bool (*gives_up)(void *context);
    void (*wake)(void *context, uint64_t lanes);
};

struct calls {
    const struct settings *settings;
    const struct ph_task *task;
    const struct ph_wait *wait;
    const struct ph_clock *clock;
    struct gate *gate;
    const struct calls_events *events;
    void *context;
    int64_t *requests; /**< counters */
    int64_t *retries;
    int64_t *in_flight;

    CURLM *multi; /**< null = not active */
    struct sockets sockets;
    struct call *all;
    struct call *free_calls;
    uint32_t count; /**< handles are made with their first use */
    uint32_t on_wire;
    uint32_t resting; /**< calls between two tries */
    char *url;        /**< scratch */
    size_t url_size;
    struct place *first_asked; /**< the queue: each with a reference, linked by next_asked */
    struct place *last_asked;
    int64_t now_ns;      /**< of the running call into this file */
    int64_t timer_ns;    /**< when libcurl wants to be called, 0 = not */
    int64_t rest_ns;     /**< when the first resting call is due, 0 = none rests */
    int64_t gate_ns;     /**< when the gate opens, 0 = it is open or full */
    int64_t deadline_ns; /**< what the host was told */
    bool has_rested;     /**< a resting call is due and waits for the gate */
    bool is_refused;     /**< the gate was full */
    bool is_held;        /**< nothing starts any more before calls_close */
    char user_agent[64];
};

/** The members above the empty line must be set, the others zero. Needs no network yet. */
int32_t calls_open(struct calls *calls, uint32_t count, struct ph_error *err)
    __attribute__((warn_unused_result));

/** Ends all requests; each place that was not answered is abandoned by the caller's function. Also
 * where calls_open failed or never ran. */
void calls_close(struct calls *calls, void (*abandon)(void *context, struct place *place));

/** Nothing more starts until the calls are closed. */
static inline void calls_hold(struct calls *calls)
{
    calls->is_held = true;
}

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

#endif
