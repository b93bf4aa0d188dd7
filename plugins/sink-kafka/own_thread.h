/* SPDX-License-Identifier: Apache-2.0 */
/** A thread for a call that blocks inside librdkafka. */
#ifndef SINK_KAFKA_OWN_THREAD_H
#define SINK_KAFKA_OWN_THREAD_H

#include "kafka/link.h"

#include <pthread.h>
#include <stdatomic.h>

/** As pthread_create, with all signals blocked: they are the host's. [any] */
__attribute__((warn_unused_result)) int own_thread_start(pthread_t *thread, void *(*run)(void *),
                                                         void *arg);

/**
 * Calls call(arg, &is_cancelled) in a thread and waits for its end, serving the link. Once the host
 * wants no more of it is_cancelled is set, and the call still waited for. PH_OK; PH_CANCELLED with
 * err clear; PH_ERROR: there is no thread. [worker]
 */
__attribute__((warn_unused_result)) int32_t own_thread_call(
    const struct link *l, void (*call)(void *arg, const atomic_bool *is_cancelled), void *arg,
    struct ph_error *err);

#endif
