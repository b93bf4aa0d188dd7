/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster_topics.h"

#include "kafka/errors.h"
#include "own_thread.h"

#define LIST_MS 10000

/* One request: a broker answers a connection's requests in order, so that one sent anew after a
 * time would wait behind the answer that it was too soon for. */
struct listing {
    rd_kafka_t *rk;
    const struct rd_kafka_metadata *metadata;
    rd_kafka_resp_err_t code;
};

/* librdkafka's call cannot be interrupted, and its client must outlive it: a wait that is cancelled
 * still takes what is left of LIST_MS where the cluster does not answer. */
static void list(void *arg, const atomic_bool *is_cancelled)
{
    struct listing *l = arg;
    (void)is_cancelled;
    l->code = rd_kafka_metadata(l->rk, 1, NULL, &l->metadata, LIST_MS);
}

int32_t cluster_topics_list(const struct producer *p, const struct rd_kafka_metadata **metadata,
                            struct ph_error *err)
{
    struct listing l = {.rk = p->link.rk};
    int32_t result = own_thread_call(&p->link, list, &l, err);
    if (result == PH_OK && l.code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        *metadata = l.metadata;
        return PH_OK;
    }
    if (l.metadata != NULL) {
        rd_kafka_metadata_destroy(l.metadata);
    }
    if (result == PH_CANCELLED) {
        return ph_error_set(err, PH_ERR_RETRIABLE,
                            "stopped while Kafka at %s was asked for its topics", p->link.brokers);
    }
    return result != PH_OK ? PH_ERROR
                           : errors_set(err, l.code, ERRORS_AT_START,
                                        "Kafka at %s does not list its topics: %s",
                                        p->settings->brokers, rd_kafka_err2str(l.code));
}
