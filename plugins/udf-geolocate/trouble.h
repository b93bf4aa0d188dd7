/* SPDX-License-Identifier: Apache-2.0 */
/** Says in the log, at most once in ten seconds, to how many addresses what happened and why. [any]
 */
#ifndef GEOLOCATE_TROUBLE_H
#define GEOLOCATE_TROUBLE_H

#include "pipehost/pipehost.h"

#include <pthread.h>

#define TROUBLE_INTERVAL_NS (INT64_C(10) * 1000 * 1000 * 1000)

struct trouble {
    pthread_mutex_t mutex;
    const struct ph_host *host;
    const struct ph_log *log; /**< null = nobody listens */
    const char *what;         /**< "got {} instead of a place" */
    uint64_t unsaid;          /**< failures since the last sentence */
    int64_t said_ns;
    bool is_open;
    char last_reason[160];
};

/** False: no memory. */
bool trouble_init(struct trouble *trouble, const struct ph_host *host, const struct ph_log *log,
                  const char *what) __attribute__((warn_unused_result));
/** Also of a zeroed one. */
void trouble_fini(struct trouble *trouble);

/** It happened to one more address, because of that. */
void trouble_note(struct trouble *trouble, int64_t now_ns, const char *reason);

/** Says what is unsaid, if it is time or now is the end. */
void trouble_flush(struct trouble *trouble, int64_t now_ns, bool at_once);

#endif
