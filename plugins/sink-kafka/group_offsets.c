/* SPDX-License-Identifier: Apache-2.0 */
#include "group_offsets.h"

#include "kafka/errors.h"

#include <stdlib.h>

#define NS_PER_MS INT64_C(1000000)
/* One request, which finds the group's coordinator first. */
#define REQUEST_MS 10000
/* Transactions that an earlier owner left are ended by then. */
#define STABLE_MS 20000
#define PAUSE_MS  50
#define NAME_SIZE 320

static void name_group(char name[NAME_SIZE], const struct ph_host *host, const char *source)
{
    (void)snprintf(name, NAME_SIZE, "pipehost.%s.%s.%s", host->pipeline_name, host->operator_name,
                   source);
}

/* ---- what goes into a transaction */

static struct group_offsets *find_group(struct group_offset_list *l, const char *name)
{
    for (uint32_t i = 0; i < l->count; i++) {
        if (strcmp(l->groups[i].group, name) == 0) {
            return &l->groups[i];
        }
    }
    struct group_offsets *grown = realloc(l->groups, (l->count + 1u) * sizeof *grown);
    if (grown == NULL) {
        return NULL;
    }
    l->groups = grown;
    struct group_offsets *g = &grown[l->count++];
    *g = (struct group_offsets){strdup(name), rd_kafka_topic_partition_list_new(16)};
    return g->group != NULL && g->list != NULL ? g : NULL;
}

int32_t group_offsets_add(struct group_offset_list *l, const struct producer *p,
                          const struct held *h, const struct note *note, struct ph_error *err)
{
    char name[NAME_SIZE];
    char text[NOTE_TEXT_SIZE];
    name_group(name, p->link.task->host, h->source);
    struct group_offsets *g = find_group(l, name);
    uint32_t length = note_write(note, text);
    char *metadata = malloc(length); /* the list frees it */
    if (g == NULL || metadata == NULL) {
        free(metadata);
        return ph_error_set(err, PH_ERR_FATAL, "no memory for positions");
    }
    memcpy(metadata, text, length);
    rd_kafka_topic_partition_t *offset =
        rd_kafka_topic_partition_list_add(g->list, h->topic, h->partition);
    offset->offset = note->next_offset;
    offset->metadata = metadata;
    offset->metadata_size = length;
    return PH_OK;
}

void group_offsets_fini(struct group_offset_list *l)
{
    for (uint32_t i = 0; i < l->count; i++) {
        free(l->groups[i].group);
        if (l->groups[i].list != NULL) {
            rd_kafka_topic_partition_list_destroy(l->groups[i].list);
        }
    }
    free(l->groups);
    *l = (struct group_offset_list){0};
}

/* ---- what is there */

struct request {
    struct producer *producer;
    char group[NAME_SIZE];
    rd_kafka_topic_partition_list_t *wanted;
    bool is_stable;
    rd_kafka_queue_t *queue;
    rd_kafka_event_t *answer;
};

static int64_t now_ns(const struct producer *p)
{
    return link_now_ns(&p->link);
}

static int32_t refuse(const struct request *r, rd_kafka_resp_err_t code, struct ph_error *err)
{
    return errors_set(err, code, ERRORS_AT_START,
                      "Kafka at %s does not tell the offsets of group \"%s\": %s",
                      r->producer->settings->brokers, r->group, rd_kafka_err2str(code));
}

static int32_t pause_until(const struct request *r, int64_t at_ns, struct ph_error *err)
{
    struct producer *p = r->producer;
    if (p->link.wait->block(p->link.task, p->link.events_fd, PH_WAIT_READ, at_ns) == PH_CANCELLED) {
        return ph_error_set(err, PH_ERR_RETRIABLE, "stopped while asking Kafka at %s",
                            p->settings->brokers);
    }
    producer_wake(p);
    return PH_OK;
}

static int32_t send_request(const struct request *r, struct ph_error *err)
{
    char reason[LINK_TEXT_SIZE];
    rd_kafka_t *rk = r->producer->link.rk;
    rd_kafka_ListConsumerGroupOffsets_t *what =
        rd_kafka_ListConsumerGroupOffsets_new(r->group, r->wanted);
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(rk, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS);
    bool is_ready =
        what != NULL && options != NULL &&
        rd_kafka_AdminOptions_set_request_timeout(options, REQUEST_MS, reason, sizeof reason) == 0;
    rd_kafka_error_t *error = is_ready && r->is_stable
                                  ? rd_kafka_AdminOptions_set_require_stable_offsets(options, 1)
                                  : NULL;
    if (is_ready && error == NULL) {
        rd_kafka_ListConsumerGroupOffsets(rk, &what, 1, options, r->queue);
    }
    if (options != NULL) {
        rd_kafka_AdminOptions_destroy(options);
    }
    if (what != NULL) {
        rd_kafka_ListConsumerGroupOffsets_destroy(what);
    }
    if (!is_ready || error != NULL) {
        rd_kafka_error_destroy(error);
        return ph_error_set(err, PH_ERR_FATAL, "offsets of group \"%s\" cannot be asked for",
                            r->group);
    }
    return PH_OK;
}

/* Waits for the answer; the queue makes the producer's events_fd readable. */
static int32_t ask(struct request *r, struct ph_error *err)
{
    int64_t end_ns = now_ns(r->producer) + 2 * REQUEST_MS * NS_PER_MS;
    if (send_request(r, err) != PH_OK) {
        return PH_ERROR;
    }
    while ((r->answer = rd_kafka_queue_poll(r->queue, 0)) == NULL) {
        if (now_ns(r->producer) >= end_ns) {
            return refuse(r, RD_KAFKA_RESP_ERR__TIMED_OUT, err);
        }
        if (pause_until(r, end_ns, err) != PH_OK) {
            return PH_ERROR;
        }
    }
    return PH_OK;
}

static rd_kafka_resp_err_t first_error(const rd_kafka_topic_partition_list_t *list)
{
    for (int i = 0; i < list->cnt; i++) {
        if (list->elems[i].err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            return list->elems[i].err;
        }
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* The offsets in the answer; null: *code says why there are none. */
static const rd_kafka_topic_partition_list_t *offsets_of(const struct request *r,
                                                         rd_kafka_resp_err_t *code)
{
    size_t count = 0;
    const rd_kafka_ListConsumerGroupOffsets_result_t *result =
        rd_kafka_event_ListConsumerGroupOffsets_result(r->answer);
    const rd_kafka_group_result_t **groups =
        result == NULL ? NULL : rd_kafka_ListConsumerGroupOffsets_result_groups(result, &count);
    *code = rd_kafka_event_error(r->answer);
    if (*code == RD_KAFKA_RESP_ERR_NO_ERROR && count != 1) {
        *code = RD_KAFKA_RESP_ERR__BAD_MSG;
    }
    if (*code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return NULL;
    }
    const rd_kafka_error_t *error = rd_kafka_group_result_error(groups[0]);
    if (error != NULL) {
        *code = rd_kafka_error_code(error);
        return NULL;
    }
    const rd_kafka_topic_partition_list_t *list = rd_kafka_group_result_partitions(groups[0]);
    *code = list == NULL ? RD_KAFKA_RESP_ERR__BAD_MSG : first_error(list);
    return *code == RD_KAFKA_RESP_ERR_NO_ERROR ? list : NULL;
}

static void take(const rd_kafka_topic_partition_list_t *list, const struct positions *positions,
                 const char *source, struct note *found)
{
    for (uint32_t i = 0; i < positions->count; i++) {
        const struct held *h = &positions->items[i];
        const rd_kafka_topic_partition_t *o =
            !h->in_topic && strcmp(h->source, source) == 0
                ? rd_kafka_topic_partition_list_find((rd_kafka_topic_partition_list_t *)list,
                                                     h->topic, h->partition)
                : NULL;
        if (o != NULL) {
            note_read(&found[i], o->metadata, o->metadata_size);
            found[i].next_offset = o->offset >= 0 ? o->offset : -1;
        }
    }
}

/* Asks again while a transaction is under way. */
static int32_t read_group(struct request *r, const struct positions *positions, const char *source,
                          struct note *found, struct ph_error *err)
{
    int64_t end_ns = now_ns(r->producer) + STABLE_MS * NS_PER_MS;
    for (;;) {
        rd_kafka_resp_err_t code;
        if (ask(r, err) != PH_OK) {
            return PH_ERROR;
        }
        const rd_kafka_topic_partition_list_t *list = offsets_of(r, &code);
        if (list != NULL) {
            take(list, positions, source, found);
        }
        rd_kafka_event_destroy(r->answer);
        r->answer = NULL;
        if (list != NULL) {
            return PH_OK;
        }
        if (code != RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT || now_ns(r->producer) >= end_ns) {
            return refuse(r, code, err);
        }
        if (pause_until(r, now_ns(r->producer) + PAUSE_MS * NS_PER_MS, err) != PH_OK) {
            return PH_ERROR;
        }
    }
}

static int32_t read_source(struct producer *p, const struct positions *positions,
                           const char *source, bool is_stable, struct note *found,
                           struct ph_error *err)
{
    uint64_t one = 1;
    struct request r = {.producer = p,
                        .wanted = rd_kafka_topic_partition_list_new((int)positions->count),
                        .is_stable = is_stable,
                        .queue = rd_kafka_queue_new(p->link.rk)};
    name_group(r.group, p->link.task->host, source);
    for (uint32_t i = 0; i < positions->count; i++) {
        const struct held *h = &positions->items[i];
        if (!h->in_topic && strcmp(h->source, source) == 0) {
            rd_kafka_topic_partition_list_add(r.wanted, h->topic, h->partition);
        }
    }
    rd_kafka_queue_io_event_enable(r.queue, p->link.events_fd, &one, sizeof one);
    int32_t result = read_group(&r, positions, source, found, err);
    rd_kafka_queue_io_event_enable(r.queue, -1, NULL, 0);
    rd_kafka_queue_destroy(r.queue);
    rd_kafka_topic_partition_list_destroy(r.wanted);
    return result;
}

int32_t group_offsets_read(struct producer *p, const struct positions *positions, bool is_stable,
                           struct note *found, struct ph_error *err)
{
    uint32_t at = 0;
    const struct held *h;
    while ((h = positions_next_source(positions, &at)) != NULL) {
        if (read_source(p, positions, h->source, is_stable, found, err) != PH_OK) {
            return PH_ERROR;
        }
    }
    return PH_OK;
}
