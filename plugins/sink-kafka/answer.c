/* SPDX-License-Identifier: Apache-2.0 */
#include "answer.h"

#define NS_PER_MS INT64_C(1000000)

static int32_t wait_until(struct producer *p, rd_kafka_queue_t *queue, int64_t end_ns,
                          rd_kafka_event_t **answer, struct ph_error *err)
{
    while ((*answer = rd_kafka_queue_poll(queue, 0)) == NULL && link_now_ns(&p->link) < end_ns) {
        if (link_pause_until(&p->link, end_ns, err) != PH_OK) {
            return PH_ERROR;
        }
        producer_wake(p);
    }
    return PH_OK;
}

int32_t answer_wait(struct producer *p, rd_kafka_queue_t *queue, int64_t timeout_ms,
                    rd_kafka_event_t **answer, struct ph_error *err)
{
    uint64_t one = 1;
    int64_t end_ns = link_now_ns(&p->link) + timeout_ms * NS_PER_MS;
    rd_kafka_queue_io_event_enable(queue, p->link.events_fd, &one, sizeof one);
    int32_t result = wait_until(p, queue, end_ns, answer, err);
    rd_kafka_queue_io_event_enable(queue, -1, NULL, 0);
    return result;
}
