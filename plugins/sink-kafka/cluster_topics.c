/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster_topics.h"

#include "kafka/errors.h"

#define NS_PER_MS INT64_C(1000000)
#define LIST_MS   10000
/* How soon a stop is heard; an answer that takes longer is waited for longer the next time. */
#define SLICE_MS     500
#define SLICE_MAX_MS 4000

int32_t cluster_topics_list(const struct producer *p, const struct rd_kafka_metadata **metadata,
                            struct ph_error *err)
{
    int64_t end_ns = link_now_ns(&p->link) + LIST_MS * NS_PER_MS;
    int slice_ms = SLICE_MS;
    for (;;) {
        rd_kafka_resp_err_t code = rd_kafka_metadata(p->link.rk, 1, NULL, metadata, slice_ms);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
            return PH_OK;
        }
        int64_t now_ns = link_now_ns(&p->link);
        if (code != RD_KAFKA_RESP_ERR__TIMED_OUT || now_ns >= end_ns) {
            return errors_set(err, code, ERRORS_AT_START,
                              "Kafka at %s does not list its topics: %s", p->settings->brokers,
                              rd_kafka_err2str(code));
        }
        if (link_pause_until(&p->link, now_ns, err) != PH_OK) {
            return PH_ERROR;
        }
        slice_ms = 2 * slice_ms < SLICE_MAX_MS ? 2 * slice_ms : SLICE_MAX_MS;
    }
}
