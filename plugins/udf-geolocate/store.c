/* SPDX-License-Identifier: Apache-2.0 */
#include "store.h"

#include "learn.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_MS       INT64_C(1000000)
#define SAY_INTERVAL_NS (INT64_C(60) * 1000 * NS_PER_MS)

static void say(const struct store *store, int32_t level, const char *text)
{
    if (store->log != NULL) {
        store->log->write(store->host, level, text);
    }
}

/* ---- the thread */

/* The rows of what waits, which becomes the thread's. Blocks until there is something to write, and
 * then a little longer, so that much is written at once. 0: the end. */
static uint32_t take(struct store *store, uint32_t *lost)
{
    struct place **taken;
    uint32_t count;
    (void)pthread_mutex_lock(&store->mutex);
    while (store->count == 0 && !store->stops) {
        (void)pthread_cond_wait(&store->cond, &store->mutex);
    }
    if (!store->stops) {
        struct timespec until;
        int code = 0;
        (void)clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += STORE_DELAY_MS * NS_PER_MS;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        while (code == 0 && !store->stops && store->count < STORE_QUEUE_MAX / 2) {
            code = pthread_cond_timedwait(&store->cond, &store->mutex, &until);
        }
    }
    taken = store->queue;
    store->queue = store->spare;
    store->spare = taken;
    count = store->count;
    store->count = 0;
    *lost = store->full_count;
    store->full_count = 0;
    (void)pthread_mutex_unlock(&store->mutex);
    return count;
}

static void make_rows(struct store *store, uint32_t count, int64_t wall_ms)
{
    int64_t now_ns = store->clock->monotonic_ns(store->host);
    for (uint32_t i = 0; i < count; i++) {
        const struct place *place = store->spare[i];
        store->rows[i] = (struct store_row){
            place->address,
            wall_ms + (place->expires_ns - now_ns) / NS_PER_MS,
            place->text,
            place->text_length,
        };
    }
}

/* At most once in a minute. */
static void say_failure(struct store *store, uint32_t count, int code)
{
    char text[512];
    int64_t now_ns = store->clock->monotonic_ns(store->host);
    if (store->said_ns != 0 && now_ns - store->said_ns < SAY_INTERVAL_NS) {
        return;
    }
    store->said_ns = now_ns;
    (void)snprintf(text, sizeof text,
                   "%" PRIu32 " answers were not written to the cache file %s: %s; look-ups go on, "
                   "and after a restart they are asked for again",
                   count, store->settings.path, sqlite3_errstr(code));
    say(store, PH_LOG_WARNING, text);
}

static void *run(void *self)
{
    struct store *store = self;
    uint32_t count;
    uint32_t lost;
    while ((count = take(store, &lost)) > 0) {
        int64_t wall_ms = store->clock->wall_ms(store->host);
        make_rows(store, count, wall_ms);
        int code = store_file_write(&store->file, store->rows, count, wall_ms);
        for (uint32_t i = 0; i < count; i++) {
            place_release(store->spare[i]);
        }
        if (code != SQLITE_OK) {
            say_failure(store, count, code);
        }
        store->told(store->context, code == SQLITE_OK ? count : 0,
                    lost + (code == SQLITE_OK ? 0 : count));
    }
    if (lost > 0) {
        store->told(store->context, 0, lost);
    }
    return NULL;
}

/* The host's signals are for its own threads. */
static bool start(struct store *store)
{
    sigset_t all;
    sigset_t before;
    int code;
    store->stops = false;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    code = pthread_create(&store->thread, NULL, run, store);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return code == 0;
}

/* ---- opening and closing */

static bool make_cond(pthread_cond_t *cond)
{
    pthread_condattr_t attributes;
    bool is_made;
    if (pthread_condattr_init(&attributes) != 0) {
        return false;
    }
    is_made = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0 &&
              pthread_cond_init(cond, &attributes) == 0;
    (void)pthread_condattr_destroy(&attributes);
    return is_made;
}

bool store_init(struct store *store)
{
    if (pthread_mutex_init(&store->users_mutex, NULL) != 0) {
        return false;
    }
    if (pthread_mutex_init(&store->mutex, NULL) != 0) {
        (void)pthread_mutex_destroy(&store->users_mutex);
        return false;
    }
    if (!make_cond(&store->cond)) {
        (void)pthread_mutex_destroy(&store->users_mutex);
        (void)pthread_mutex_destroy(&store->mutex);
        return false;
    }
    store->is_made = true;
    store->queue = calloc(STORE_QUEUE_MAX, sizeof *store->queue);
    store->spare = calloc(STORE_QUEUE_MAX, sizeof *store->spare);
    store->rows = calloc(STORE_QUEUE_MAX, sizeof *store->rows);
    return store->queue != NULL && store->spare != NULL && store->rows != NULL;
}

void store_fini(struct store *store)
{
    if (store->is_made) {
        (void)pthread_cond_destroy(&store->cond);
        (void)pthread_mutex_destroy(&store->mutex);
        (void)pthread_mutex_destroy(&store->users_mutex);
    }
    free(store->queue);
    free(store->spare);
    free(store->rows);
    memset(store, 0, sizeof *store);
}

struct loading {
    const struct store *store;
    struct places *places;
    int64_t wall_ms;
    int64_t now_ns;
    int64_t count;
};

static void learn(void *context, const struct store_row *row)
{
    struct loading *loading = context;
    int64_t left_ms = row->expires_wall_ms - loading->wall_ms;
    char *text = malloc(row->text_length);
    /* A clock that was set must not keep an answer for longer than it may be kept. */
    if (left_ms > loading->store->settings.ttl_ms) {
        left_ms = loading->store->settings.ttl_ms;
    }
    if (text != NULL) {
        memcpy(text, row->text, row->text_length);
        loading->count += learn_place(loading->places, &row->address, text, row->text_length,
                                      loading->now_ns + left_ms * NS_PER_MS, loading->now_ns)
                              ? 1
                              : 0;
    }
}

/* False: the file is damaged. */
static bool load(struct store *store, struct places *places, int64_t *loaded)
{
    struct loading loading = {store, places, store->clock->wall_ms(store->host),
                              store->clock->monotonic_ns(store->host), 0};
    if (store->is_loaded) {
        return true;
    }
    store->is_loaded = store_file_load(&store->file, loading.wall_ms, learn, &loading);
    *loaded = loading.count;
    return store->is_loaded;
}

static enum store_file_state open_and_load(struct store *store, struct places *places, char *why,
                                           size_t size, int64_t *loaded, struct ph_error *err)
{
    const struct store_settings *settings = &store->settings;
    enum store_file_state state = store_file_open(&store->file, settings->path, settings->endpoint,
                                                  settings->capacity, why, size, err);
    if (state == STORE_FILE_OPEN && !load(store, places, loaded)) {
        store_file_close(&store->file);
        (void)snprintf(why, size, "it is damaged");
        return STORE_FILE_BAD;
    }
    return state;
}

static int32_t refuse(const struct store *store, const char *why, struct ph_error *err)
{
    (void)ph_error_set(err, PH_ERR_CONFIG,
                       "the cache file %s cannot be used (%s) nor renamed: remove it",
                       store->settings.path, why);
    ph_error_set_key(err, "/cache_file");
    return PH_ERROR;
}

static int32_t open_file(struct store *store, struct places *places, int64_t *loaded,
                         struct ph_error *err)
{
    char why[128];
    char text[512];
    int64_t wall_ms = store->clock->wall_ms(store->host);
    enum store_file_state state = open_and_load(store, places, why, sizeof why, loaded, err);
    if (state == STORE_FILE_BAD) {
        if (!store_file_set_aside(store->settings.path, wall_ms)) {
            return refuse(store, why, err);
        }
        (void)snprintf(text, sizeof text,
                       "the cache file %s cannot be used: %s; it is now %s.aside-%" PRId64
                       ", and a new one begins",
                       store->settings.path, why, store->settings.path, wall_ms);
        say(store, PH_LOG_WARNING, text);
        state = open_and_load(store, places, why, sizeof why, loaded, err);
    }
    if (state == STORE_FILE_BAD) {
        return refuse(store, why, err);
    }
    return state == STORE_FILE_OPEN ? PH_OK : PH_ERROR;
}

int32_t store_use(struct store *store, struct places *places, int64_t *loaded, struct ph_error *err)
{
    int32_t result = PH_OK;
    *loaded = 0;
    (void)pthread_mutex_lock(&store->users_mutex);
    if (store->users == 0) {
        result = open_file(store, places, loaded, err);
        if (result == PH_OK && !start(store)) {
            store_file_close(&store->file);
            result = ph_error_set(err, PH_ERR_RETRIABLE, "a thread cannot be started");
        }
    }
    store->users += result == PH_OK ? 1 : 0;
    (void)pthread_mutex_unlock(&store->users_mutex);
    return result;
}

void store_leave(struct store *store)
{
    (void)pthread_mutex_lock(&store->users_mutex);
    if (--store->users == 0) {
        (void)pthread_mutex_lock(&store->mutex);
        store->stops = true;
        (void)pthread_cond_signal(&store->cond);
        (void)pthread_mutex_unlock(&store->mutex);
        (void)pthread_join(store->thread, NULL);
        store_file_close(&store->file);
    }
    (void)pthread_mutex_unlock(&store->users_mutex);
}

void store_put(struct store *store, struct place *place)
{
    (void)pthread_mutex_lock(&store->mutex);
    if (store->count == STORE_QUEUE_MAX) {
        store->full_count++;
    } else {
        place_retain(place);
        store->queue[store->count++] = place;
        if (store->count == 1 || store->count == STORE_QUEUE_MAX / 2) {
            (void)pthread_cond_signal(&store->cond);
        }
    }
    (void)pthread_mutex_unlock(&store->mutex);
}
