/* SPDX-License-Identifier: Apache-2.0 */
#include "commits.h"

#define INTERVAL_NS INT64_C(1000000000)
/* A group coordinator that does not answer must not hold up an exit. */
#define FLUSH_NS (INTERVAL_NS * 3 / 10)

static int64_t now_ns(const struct commits *m)
{
    return m->client->services->clock->monotonic_ns(m->client->task->host);
}

void commits_init(struct commits *m, struct client *client)
{
    *m = (struct commits){.client = client};
    if (client->settings->group != NULL) {
        m->offsets = rd_kafka_topic_partition_list_new(16);
    }
}

void commits_fini(struct commits *m)
{
    if (m->offsets != NULL) {
        rd_kafka_topic_partition_list_destroy(m->offsets);
        m->offsets = NULL;
    }
}

void commits_note(struct commits *m, int32_t partition, int64_t next_offset)
{
    const char *topic = m->client->settings->topic;
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

/* Runs within client_serve. */
static void on_commit(rd_kafka_t *rk, rd_kafka_resp_err_t code,
                      rd_kafka_topic_partition_list_t *offsets, void *opaque)
{
    struct commits *m = opaque;
    (void)rk;
    m->is_in_flight = false;
    for (int i = 0; code == RD_KAFKA_RESP_ERR_NO_ERROR && offsets != NULL && i < offsets->cnt;
         i++) {
        code = offsets->elems[i].err;
    }
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR && !m->is_failing) {
        client_log(m->client, PH_LOG_WARNING,
                   "the offsets of group \"%s\", which only lag monitors read, cannot be written: "
                   "%s; the pipeline goes on",
                   m->client->settings->group, rd_kafka_err2str(code));
    }
    m->is_failing = code != RD_KAFKA_RESP_ERR_NO_ERROR;
}

static void commits_send(struct commits *m)
{
    rd_kafka_resp_err_t code =
        rd_kafka_commit_queue(m->client->rk, m->offsets, m->client->events, on_commit, m);
    m->is_dirty = false;
    m->is_in_flight = code == RD_KAFKA_RESP_ERR_NO_ERROR;
}

int64_t commits_step(struct commits *m)
{
    /* The answer to the one in flight comes as an event, which steps again. */
    if (!m->is_dirty || m->is_in_flight || m->client->is_away) {
        return 0;
    }
    int64_t now = now_ns(m);
    if (now < m->next_ns) {
        return m->next_ns;
    }
    m->next_ns = now + INTERVAL_NS;
    commits_send(m);
    return 0;
}

void commits_flush(struct commits *m)
{
    int64_t until_ns = m->offsets == NULL ? 0 : now_ns(m) + FLUSH_NS;
    while (!m->client->is_away && (m->is_dirty || m->is_in_flight) && now_ns(m) < until_ns) {
        if (!m->is_in_flight) {
            commits_send(m);
        }
        /* The wait may be cut short by a host that stops at once. */
        if (m->client->services->wait->block(m->client->task, m->client->events_fd, PH_WAIT_READ,
                                             until_ns) != PH_OK) {
            return;
        }
        client_serve(m->client);
    }
}
