/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster_topics.h"

#include "kafka/errors.h"
#include "own_thread.h"

#include <stdatomic.h>
#include <unistd.h>

#define LIST_MS 10000

/* One request: a broker answers a connection's requests in order, so that one sent anew after a
 * time would wait behind the answer that it was too soon for. */
struct listing {
    const struct producer *producer;
    const struct rd_kafka_metadata *metadata; /**< the thread's until is_over */
    rd_kafka_resp_err_t code;                 /**< so is this */
    atomic_bool is_over;
};

/* ---- the call's own thread */

static void *run(void *arg)
{
    struct listing *l = arg;
    uint64_t one = 1;
    l->code = rd_kafka_metadata(l->producer->link.rk, 1, NULL, &l->metadata, LIST_MS);
    atomic_store(&l->is_over, true);
    ssize_t n = write(l->producer->link.events_fd, &one, sizeof one);
    (void)n; /* full: it is readable already */
    return NULL;
}

/* ---- the worker's side */

/* librdkafka's call cannot be interrupted, and its client must outlive it: a wait that is cancelled
 * still takes what is left of LIST_MS where the cluster does not answer. */
static int32_t wait_for(struct listing *l, pthread_t thread, struct ph_error *err)
{
    const struct link *link = &l->producer->link;
    bool is_wanted = true;
    while (is_wanted && !atomic_load(&l->is_over)) {
        is_wanted = link->wait->block(link->task, link->events_fd, PH_WAIT_READ, 0) != PH_CANCELLED;
        link->serve(link->owner);
    }
    (void)pthread_join(thread, NULL);
    return is_wanted
               ? PH_OK
               : ph_error_set(err, PH_ERR_RETRIABLE,
                              "stopped while Kafka at %s was asked for its topics", link->brokers);
}

int32_t cluster_topics_list(const struct producer *p, const struct rd_kafka_metadata **metadata,
                            struct ph_error *err)
{
    struct listing l = {.producer = p};
    pthread_t thread;
    int rc = own_thread_start(&thread, run, &l);
    if (rc != 0) {
        return ph_error_set(err, PH_ERR_RETRIABLE, "a thread cannot be started: %s", strerror(rc));
    }
    if (wait_for(&l, thread, err) != PH_OK) {
        if (l.metadata != NULL) {
            rd_kafka_metadata_destroy(l.metadata);
        }
        return PH_ERROR;
    }
    if (l.code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return errors_set(err, l.code, ERRORS_AT_START, "Kafka at %s does not list its topics: %s",
                          p->settings->brokers, rd_kafka_err2str(l.code));
    }
    *metadata = l.metadata;
    return PH_OK;
}
