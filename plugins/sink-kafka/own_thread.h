/* SPDX-License-Identifier: Apache-2.0 */
/** A thread for a call that blocks inside librdkafka. */
#ifndef SINK_KAFKA_OWN_THREAD_H
#define SINK_KAFKA_OWN_THREAD_H

#include <pthread.h>

/** As pthread_create, with all signals blocked: they are the host's. [any] */
__attribute__((warn_unused_result)) int own_thread_start(pthread_t *thread, void *(*run)(void *),
                                                         void *arg);

#endif
