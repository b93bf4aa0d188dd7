/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What keeps the API's answers over a restart: a file, and one thread that writes to it what the
 * lanes have learned, so that no worker waits for a disk. The thread lives while a lane is active.
 */
#ifndef GEOLOCATE_STORE_H
#define GEOLOCATE_STORE_H

#include "place.h"
#include "store_file.h"

#include <pthread.h>

/** Answers that wait for the thread; more are not kept. */
#define STORE_QUEUE_MAX 32768u

/** Longest time that one waits before it is written. */
#define STORE_DELAY_MS 400

struct store_settings {
    const char *path; /**< borrowed; null = nothing is kept */
    const char *endpoint;
    uint32_t capacity; /**< rows of the file */
    int64_t ttl_ms;    /**< no row is believed for longer */
};

struct store {
    struct store_settings settings;
    const struct ph_host *host;
    const struct ph_clock *clock;
    const struct ph_log *log; /**< null = nobody listens */
    /** What the thread has written and what could not be kept. [any] */
    void (*told)(void *context, uint64_t written, uint64_t lost);
    void *context;

    bool is_made;
    pthread_mutex_t users_mutex; /**< over opening and closing */
    /* Under users_mutex. */
    uint32_t users;
    bool is_loaded;
    /* Of the thread while it runs. */
    struct store_file file;
    struct store_row *rows;
    int64_t said_ns; /**< 0 = never */
    pthread_t thread;

    pthread_mutex_t mutex;
    pthread_cond_t cond;
    /* Under the mutex. */
    struct place **queue; /**< references */
    struct place **spare; /**< as large; the thread's while it writes */
    uint32_t count;
    uint32_t full_count; /**< answers that found no room */
    bool stops;
};

/** The members above the empty line must be set, the others zero. False: no memory. [control] */
bool store_init(struct store *store) __attribute__((warn_unused_result));
/** Also of a zeroed or half-built one; nobody uses it any more. [control] */
void store_fini(struct store *store);

/**
 * One lane more. The first one opens the file, has its rows learned by the places, once in the
 * store's life, and starts the thread. A file that is damaged or something else is said and set
 * aside. *loaded: how many rows were learned. [worker]
 */
int32_t store_use(struct store *store, struct places *places, int64_t *loaded, struct ph_error *err)
    __attribute__((warn_unused_result));

/** One lane less; with the last one everything is written and the thread ends. [worker] */
void store_leave(struct store *store);

/** Has an answered place written soon. [any], while in use */
void store_put(struct store *store, struct place *place);

#endif
