/* SPDX-License-Identifier: Apache-2.0 */
#include "ends.h"

/* The worker waits for the answer, so not long and not often; still less where none comes. */
#define ASK_MS          200
#define ASK_INTERVAL_NS INT64_C(1000000000)
#define ASK_AGAIN_NS    (5 * ASK_INTERVAL_NS)

void ends_init(struct ends *e, struct client *client, struct slots *slots)
{
    *e = (struct ends){.client = client, .slots = slots};
}

/* -1: nobody has said it yet. */
static int64_t lag_of(const struct ends *e, const struct slot *slot)
{
    int64_t low;
    int64_t high;
    if (slot->is_done) {
        return 0;
    }
    if (rd_kafka_get_watermark_offsets(e->client->link.rk, slot->topic, slot->partition, &low,
                                       &high) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        high = -1;
    }
    high = high > slot->asked_end ? high : slot->asked_end;
    high = high < slot->end_offset ? high : slot->end_offset;
    if (high < 0) {
        return -1;
    }
    return high > slot->next_offset ? high - slot->next_offset : 0;
}

int64_t ends_lag(const struct ends *e)
{
    int64_t sum = 0;
    for (uint32_t i = 0; i < e->slots->count; i++) {
        int64_t lag = lag_of(e, &e->slots->items[i]);
        if (lag < 0) {
            return -1;
        }
        sum += lag;
    }
    return sum;
}

/* The question where each partition ends. */
static rd_kafka_topic_partition_list_t *list_ends(const struct ends *e)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)e->slots->count);
    for (uint32_t i = 0; i < e->slots->count; i++) {
        const struct slot *slot = &e->slots->items[i];
        rd_kafka_topic_partition_list_add(list, slot->topic, slot->partition)->offset =
            RD_KAFKA_OFFSET_END;
    }
    return list;
}

/* Where the slot's partition begins by now; false: nobody says it soon. */
static bool ask_low(const struct ends *e, const struct slot *slot, int64_t *low)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, slot->topic, slot->partition)->offset =
        RD_KAFKA_OFFSET_BEGINNING;
    const rd_kafka_topic_partition_t *begin = &list->elems[0];
    bool is_told = rd_kafka_offsets_for_times(e->client->link.rk, list, ASK_MS) == 0 &&
                   begin->err == RD_KAFKA_RESP_ERR_NO_ERROR && begin->offset >= 0;
    *low = begin->offset;
    rd_kafka_topic_partition_list_destroy(list);
    return is_told;
}

/* librdkafka learns of new records from answers to fetches, and fetches nothing while its queue is
 * full. */
const struct slot *ends_ask(struct ends *e, int64_t now_ns, struct offsets_range *range)
{
    const struct slot *beyond = NULL;
    if (e->slots->count == 0 || e->client->link.is_away || now_ns < e->ask_ns) {
        return NULL;
    }
    rd_kafka_topic_partition_list_t *list = list_ends(e);
    bool is_told = rd_kafka_offsets_for_times(e->client->link.rk, list, ASK_MS) == 0;
    e->ask_ns = now_ns + (is_told ? ASK_INTERVAL_NS : ASK_AGAIN_NS);
    for (uint32_t i = 0; is_told && i < e->slots->count; i++) {
        const rd_kafka_topic_partition_t *end = &list->elems[i];
        struct slot *slot = &e->slots->items[i];
        if (end->err == RD_KAFKA_RESP_ERR_NO_ERROR && end->offset >= 0) {
            slot->asked_end = end->offset > slot->asked_end ? end->offset : slot->asked_end;
            bool is_beyond = !slot->is_done && end->offset < slot->next_offset;
            if (is_beyond && slot->is_beyond) {
                beyond = slot;
                range->high = end->offset;
            }
            slot->is_beyond = is_beyond;
        }
    }
    rd_kafka_topic_partition_list_destroy(list);
    return beyond != NULL && ask_low(e, beyond, &range->low) ? beyond : NULL;
}

void ends_nudge(const struct ends *e)
{
    rd_kafka_topic_partition_list_t *list = list_ends(e);
    (void)rd_kafka_offsets_for_times(e->client->link.rk, list, 0);
    rd_kafka_topic_partition_list_destroy(list);
}
