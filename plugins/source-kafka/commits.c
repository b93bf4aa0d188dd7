/* SPDX-License-Identifier: Apache-2.0 */
#include "commits.h"

#define INTERVAL_NS INT64_C(1000000000)
/* A group coordinator that does not answer must not hold up an exit. */
#define FLUSH_NS (INTERVAL_NS / 2)

static int64_t now_ns(const struct commits *m)
{
    return link_now_ns(&m->client->link);
}

void commits_init(struct commits *m, struct client *client)
{
    uint64_t one = 1;
    *m = (struct commits){.client = client};
    if (client->settings->group != NULL) {
        m->offsets = rd_kafka_topic_partition_list_new(16);
        m->answers = rd_kafka_queue_new(client->link.rk);
        rd_kafka_queue_io_event_enable(m->answers, client->link.events_fd, &one, sizeof one);
    }
}

void commits_fini(struct commits *m)
{
    if (m->offsets != NULL) {
        rd_kafka_queue_destroy(m->answers);
        rd_kafka_topic_partition_list_destroy(m->offsets);
    }
    *m = (struct commits){.client = m->client};
}

void commits_note(struct commits *m, const char *topic, int32_t partition, int64_t next_offset)
{
    rd_kafka_topic_partition_t *entry;
    if (m->offsets == NULL) {
        return;
    }
    entry = rd_kafka_topic_partition_list_find(m->offsets, topic, partition);
    if (entry == NULL) {
        entry = rd_kafka_topic_partition_list_add(m->offsets, topic, partition);
    }
    if (entry->offset != next_offset) {
        entry->offset = next_offset;
        m->is_dirty = true;
    }
}

/* The first error of an answer: of the request, or of a partition. */
static rd_kafka_resp_err_t answer_error(rd_kafka_event_t *event)
{
    const rd_kafka_AlterConsumerGroupOffsets_result_t *result =
        rd_kafka_event_AlterConsumerGroupOffsets_result(event);
    rd_kafka_resp_err_t code = rd_kafka_event_error(event);
    size_t group_count = 0;
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR || result == NULL) {
        return code;
    }
    const rd_kafka_group_result_t **groups =
        rd_kafka_AlterConsumerGroupOffsets_result_groups(result, &group_count);
    for (size_t g = 0; g < group_count; g++) {
        const rd_kafka_error_t *error = rd_kafka_group_result_error(groups[g]);
        const rd_kafka_topic_partition_list_t *list = rd_kafka_group_result_partitions(groups[g]);
        if (error != NULL) {
            return rd_kafka_error_code(error);
        }
        for (int i = 0; list != NULL && i < list->cnt; i++) {
            if (list->elems[i].err != RD_KAFKA_RESP_ERR_NO_ERROR) {
                return list->elems[i].err;
            }
        }
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static void take_answer(struct commits *m)
{
    rd_kafka_event_t *event = m->is_in_flight ? rd_kafka_queue_poll(m->answers, 0) : NULL;
    if (event == NULL) {
        return;
    }
    rd_kafka_resp_err_t code = answer_error(event);
    m->is_in_flight = false;
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR && !m->is_failing) {
        link_log(&m->client->link, PH_LOG_WARNING,
                 "the offsets of group \"%s\", which only lag monitors read, cannot be written: "
                 "%s; the pipeline goes on",
                 m->client->settings->group, rd_kafka_err2str(code));
    }
    m->is_failing = code != RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_event_destroy(event);
}

static void send_offsets(struct commits *m)
{
    rd_kafka_AlterConsumerGroupOffsets_t *request =
        rd_kafka_AlterConsumerGroupOffsets_new(m->client->settings->group, m->offsets);
    rd_kafka_AlterConsumerGroupOffsets(m->client->link.rk, &request, 1, NULL, m->answers);
    rd_kafka_AlterConsumerGroupOffsets_destroy(request);
    m->is_dirty = false;
    m->is_in_flight = true;
}

int64_t commits_step(struct commits *m)
{
    take_answer(m);
    /* The answer to the one in flight makes events_fd readable, which steps again. */
    if (!m->is_dirty || m->is_in_flight || m->client->link.is_away) {
        return 0;
    }
    int64_t now = now_ns(m);
    if (now < m->next_ns) {
        return m->next_ns;
    }
    m->next_ns = now + INTERVAL_NS;
    send_offsets(m);
    return 0;
}

void commits_flush(struct commits *m)
{
    int64_t until_ns = m->offsets == NULL ? 0 : now_ns(m) + FLUSH_NS;
    while (!m->client->link.is_away && (m->is_dirty || m->is_in_flight) && now_ns(m) < until_ns) {
        if (!m->is_in_flight) {
            send_offsets(m);
        }
        /* The wait may be cut short by a host that stops at once. */
        if (m->client->link.wait->block(m->client->link.task, m->client->link.events_fd,
                                        PH_WAIT_READ, until_ns) != PH_OK) {
            return;
        }
        client_serve(m->client);
        take_answer(m);
    }
}
