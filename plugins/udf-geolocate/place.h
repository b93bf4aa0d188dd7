/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The places that an operator knows: one entry for each address, shared by all lanes. A place is
 * asked for by one lane (its owner) and waited for by any; once answered it never changes.
 */
#ifndef GEOLOCATE_PLACE_H
#define GEOLOCATE_PLACE_H

#include "address.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/** More lanes than this do not fit the mask of those that wait. */
#define PLACE_LANES_MAX 64u

/** What a row holds whose address has no answer. */
extern const char place_empty_text[3];

struct place {
    _Atomic uint32_t refs;
    _Atomic bool is_answered; /**< set last, with release: what follows is then constant */
    uint32_t text_length;     /**< bytes */
    const char *text;         /**< owned, or place_empty_text */
    int64_t expires_ns;       /**< monotonic; from then on a look-up asks anew */
    struct address address;
    struct place *next_asked; /**< the owner lane's queue */
    int64_t failed_ns;    /**< when a request for it last got no answer, 0 = never; the owner's */
    uint32_t alone_count; /**< such requests although the API answered others; the owner's */
    bool is_probe;        /**< in no table: it is asked for to see whether the API answers */
    /* Under the mutex of the table. */
    struct place *next_in_bucket;
    struct place *older; /**< among the answered ones, by age */
    struct place *newer;
    uint64_t waiting; /**< lanes to wake with the answer, as bits */
    uint32_t owner;   /**< the lane that asks for it, plus one; 0 = none does */
    bool is_used;     /**< looked up since it was last spared from eviction */
};

struct places {
    pthread_mutex_t mutex;
    struct place **buckets;
    uint32_t bucket_count; /**< a power of two */
    uint32_t capacity;     /**< answered places */
    uint32_t answered;
    uint64_t seed;
    struct place *oldest;
    struct place *newest;
};

/** False: no memory. */
bool places_init(struct places *places, uint32_t capacity, uint64_t seed)
    __attribute__((warn_unused_result));
/** Also of a zeroed or half-built one. References that others hold stay good. */
void places_fini(struct places *places);

enum place_state {
    PLACE_NO_MEMORY,
    PLACE_ANSWERED, /**< its text may be read */
    PLACE_WAITING,  /**< a lane asks for it already */
    PLACE_TO_ASK    /**< the caller's lane owns it now and must ask, answer or abandon it */
};

/** The place of an address, with a reference for the caller in *out. [any] */
enum place_state places_find(struct places *places, const struct address *address, int64_t now_ns,
                             uint32_t lane, struct place **out) __attribute__((warn_unused_result));

/** Makes sure that the lane is woken when another lane answers or abandons the place. [any] */
enum place_state places_await(struct places *places, struct place *place, uint32_t lane)
    __attribute__((warn_unused_result));

/** Gives the place its text (taken over; null = place_empty_text) for good. Answers the lanes to
 * wake and adds the number of places that had to go for it to *evictions. [any], by the owner */
uint64_t places_answer(struct places *places, struct place *place, char *text, uint32_t length,
                       int64_t expires_ns, uint64_t *evictions);

/** The owner gives up: the next lane that wants the place asks. Answers the lanes to wake. [any] */
uint64_t places_abandon(struct places *places, struct place *place);

/** A place in no table, with a reference for the caller. Null: no memory. */
struct place *place_create_probe(const struct address *address);

/** Forgets all answered places. [any] */
void places_forget(struct places *places);

/** Calls visit with each answered place that has not expired, oldest first. The table is locked
 * meanwhile; a visit that answers false ends it. */
bool places_visit(struct places *places, int64_t now_ns,
                  bool (*visit)(void *context, const struct place *place), void *context);

/** [any] */
static inline bool place_is_answered(const struct place *place)
{
    return atomic_load_explicit(&place->is_answered, memory_order_acquire);
}

/** [any] */
static inline void place_retain(struct place *place)
{
    (void)atomic_fetch_add_explicit(&place->refs, 1, memory_order_relaxed);
}

/** Null is ignored. [any] */
void place_release(struct place *place);

#endif
