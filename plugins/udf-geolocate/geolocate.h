/* SPDX-License-Identifier: Apache-2.0 */
/** The operator: what all lanes share. */
#ifndef GEOLOCATE_GEOLOCATE_H
#define GEOLOCATE_GEOLOCATE_H

#include "counters.h"
#include "database.h"
#include "gate.h"
#include "place.h"
#include "settings.h"
#include "store.h"
#include "trouble.h"

/** What the host offers; log and metrics may be null. */
struct services {
    const struct ph_log *log;
    const struct ph_clock *clock;
    const struct ph_wait *wait;
    const struct ph_batches *batches;
    const struct ph_metrics *metrics;
};

struct geolocate {
    const struct ph_host *host;
    struct services services;
    struct settings settings;
    int32_t column; /**< of the input */
    struct places places;
    struct store store;
    struct gate gate;
    struct database database;
    struct trouble trouble;     /**< addresses that got {} */
    struct trouble api_trouble; /**< addresses that the database placed in the API's stead */
    /* What rows share whose address needs no look-up. */
    struct place reserved;
    struct place invalid;
    pthread_mutex_t tasks_mutex;
    bool has_tasks_mutex;
    /* Under tasks_mutex. */
    const struct ph_task *tasks[PLACE_LANES_MAX]; /**< null = no such task */
    int64_t *const *cells; /**< lane 0's, which show what is the operator's; null = none */
    int64_t quota_left;    /**< -1 = the API has not said */
    uint32_t quota_epoch;  /**< the gate's, after the last refusal */
    atomic_bool key_was_spoken_of;
    atomic_bool was_answered;        /**< by the API, at least once */
    _Atomic enum outcome refusal;    /**< the last one: OUTCOME_KEY or OUTCOME_QUOTA */
    atomic_bool refusal_was_said;    /**< in the log, and not yet said that it is over */
    _Atomic int64_t refusal_said_ns; /**< when, 0 = never */
    _Atomic int64_t plea_said_ns;
};

void *geolocate_create(const struct ph_host *host, struct ph_error *err);
void geolocate_destroy(void *op);
int32_t geolocate_init(void *op, const struct ph_config *config, struct ph_error *err);
int32_t geolocate_bind(void *op, struct ph_binding *binding, struct ph_error *err);

/** Makes the task reachable for other lanes' wakes; null = no more. [control] */
void geolocate_set_task(struct geolocate *op, uint32_t lane, const struct ph_task *task,
                        int64_t *const *cells);

/** Shows how many look-ups the API says are left, to a request that began in this epoch of the
 * gate. [worker] */
void geolocate_show_quota(struct geolocate *op, uint32_t epoch, int64_t quota_left);

/** The API refused a request of this epoch because the quota is used up: shows that none is left,
 * where it says how many there are. Answers to requests that began before tell no number any more.
 * [worker] */
void geolocate_show_quota_empty(struct geolocate *op, uint32_t epoch);

/** Shows whether the gate is shut. [worker] */
void geolocate_show_gate(struct geolocate *op, int64_t now_ns);

/** Ends the sleep of those lanes, as bits. [worker] */
void geolocate_wake(struct geolocate *op, uint64_t lanes);

/** True where the database is asked and the API never. */
static inline bool geolocate_is_offline(const struct geolocate *op)
{
    return op->settings.database != NULL && !op->settings.falls_back;
}

/** One sentence in the operator's log. [any] */
void geolocate_log(const struct geolocate *op, int32_t level, const char *text);

#endif
