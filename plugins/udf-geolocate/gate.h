/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The door to the API, shared by all lanes: how many requests are under way, and when none may
 * start. [any] throughout.
 *
 * Each request carries the gate's epoch at its start. What an answer says about the API counts only
 * while that epoch lasts: requests that were under way when the first of them was refused neither
 * prolong the pause nor end it.
 *
 * The gate also knows whether the API is away: a lane found that nothing answers, and no answer was
 * heard since. An answer is an HTTP status, whichever. Few requests are let in meanwhile.
 */
#ifndef GEOLOCATE_GATE_H
#define GEOLOCATE_GATE_H

#include "place.h"

/** Longest pause. */
#define GATE_PAUSE_MAX_NS (INT64_C(24) * 3600 * 1000 * 1000 * 1000)

enum gate_pause {
    GATE_PAUSE_ALL, /**< nothing starts; then all goes on */
    GATE_PAUSE_TRY  /**< nothing starts; then one request at a time, until gate_resume */
};

/** An address that was answered. */
struct heard {
    struct address address;
    int64_t began_ns; /**< when the latest such request began, 0 = none was yet */
};

struct gate {
    pthread_mutex_t mutex;
    bool is_made;
    /* Under the mutex. */
    uint32_t limit;
    uint32_t in_flight; /**< sum of the next */
    uint32_t in_flight_of[PLACE_LANES_MAX];
    uint64_t waiting;        /**< lanes that found no room, as bits */
    int64_t paused_until_ns; /**< 0 = not paused */
    uint32_t epoch;          /**< of pauses and their ends, never 0 */
    uint32_t failed_tries;   /**< GATE_PAUSE_TRY in a row */
    bool tries;              /**< one at a time */
    bool is_away;
    uint32_t probes;       /**< that gate_probe() has told */
    struct heard heard[2]; /**< of different addresses, the latest first */
};

/** False: no memory. */
bool gate_init(struct gate *gate, uint32_t limit) __attribute__((warn_unused_result));
/** Also of a zeroed one. */
void gate_fini(struct gate *gate);

enum gate_answer {
    GATE_IN,   /**< one request may start; gate_leave when it has ended */
    GATE_FULL, /**< no room; the lane is woken when there is some */
    GATE_SHUT  /**< paused until *until_ns */
};

/** A lane gives way while one with fewer requests waits. *epoch is set with GATE_IN. */
enum gate_answer gate_enter(struct gate *gate, uint32_t lane, int64_t now_ns, uint32_t *epoch,
                            int64_t *until_ns) __attribute__((warn_unused_result));
void gate_leave(struct gate *gate, uint32_t lane);

/** Ends a lane's round of entering and leaving; is_refused: it found no room. Answers the lanes to
 * wake, as bits. */
uint64_t gate_settle(struct gate *gate, uint32_t lane, bool is_refused)
    __attribute__((warn_unused_result));

/** Shuts the gate. For GATE_PAUSE_TRY the pause doubles with each try that failed, up to 16 times
 * pause_ns. The pause in *pause_ns, or false: the epoch is over. */
bool gate_pause(struct gate *gate, uint32_t epoch, enum gate_pause kind, int64_t now_ns,
                int64_t *pause_ns);

/** A request was answered well. True: that ended a GATE_PAUSE_TRY. */
bool gate_resume(struct gate *gate, uint32_t epoch);

/** An address that was asked for at began_ns got an answer. True: until now the API was away. */
bool gate_hear(struct gate *gate, const struct address *address, int64_t began_ns)
    __attribute__((warn_unused_result));

/** When the latest request began that was answered and asked for another address than this, 0 =
 * there was none. */
int64_t gate_heard_ns(struct gate *gate, const struct address *other_than);

/** The API is away. */
void gate_lose(struct gate *gate);

bool gate_is_away(struct gate *gate);

/** True where the API is away and has answered another address than this before. *address is such
 * a one; of two that are known each in turn, as the API may have ceased to answer one of them. */
bool gate_probe(struct gate *gate, const struct address *other_than, struct address *address);

/** True while it is shut, only tries, or the API is away. */
bool gate_is_shut(struct gate *gate, int64_t now_ns);

/** True from a GATE_PAUSE_TRY to its end. */
bool gate_is_trying(struct gate *gate);

#endif
