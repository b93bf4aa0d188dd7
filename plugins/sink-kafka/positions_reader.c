/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the positions topic: a consumer for as long as that takes. */
#include "kafka/errors.h"
#include "kafka/preset.h"
#include "kafka/properties.h"
#include "positions_topic.h"

#include <stdlib.h>

#define NS_PER_MS INT64_C(1000000)
/* Behind an open transaction of another pipeline nothing can be seen before that one ends: at most
 * its transaction.timeout.ms, and the broker's ten seconds until it looks. */
#define READ_MS   90000
#define PARTITION 0

struct reader {
    struct link link;
    rd_kafka_queue_t *queue;
    const struct producer *producer;
    const struct positions *positions;
    struct note *found;
    char (*keys)[POSITIONS_KEY_SIZE]; /**< of each position; "" = it is in a group */
    bool is_stable;
    int64_t end_offset; /**< what must be read; -1 = not known yet */
    bool is_done;
    rd_kafka_resp_err_t failure;
};

static const struct preset rules[] = {
    {"enable.auto.commit", "false"},       {"enable.auto.offset.store", "false"},
    {"auto.offset.reset", "error"},        {"enable.partition.eof", "true"},
    {"isolation.level", "read_committed"},
};

static rd_kafka_conf_t *create_conf(const struct producer *p, struct ph_error *err)
{
    const struct settings *s = p->settings;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    if (preset_connection(conf, err) != PH_OK ||
        properties_apply(s->properties, conf, err) != PH_OK ||
        preset_set_all(conf, rules, sizeof rules / sizeof rules[0], err) != PH_OK ||
        preset_set(conf, "group.id", p->transactional_id, err) != PH_OK ||
        preset_client(conf, s->brokers, p->link.task, err) != PH_OK) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_ERROR);
    return conf;
}

static void serve(void *owner)
{
    struct reader *r = owner;
    rd_kafka_event_t *event;
    link_drain(r->link.events_fd);
    while ((event = rd_kafka_queue_poll(r->link.events, 0)) != NULL) {
        if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_ERROR) {
            (void)link_take_error(&r->link, rd_kafka_event_error(event),
                                  rd_kafka_event_error_string(event));
        }
        rd_kafka_event_destroy(event);
    }
}

static void take_record(struct reader *r, const rd_kafka_message_t *m)
{
    for (uint32_t i = 0; i < r->positions->count; i++) {
        if (m->key_len > 0 && strlen(r->keys[i]) == m->key_len &&
            memcmp(m->key, r->keys[i], m->key_len) == 0) {
            note_read(&r->found[i], m->payload, m->payload == NULL ? 0 : m->len);
            return;
        }
    }
}

/* The end is that of the log, not that of the finished transactions. */
static void take_end(struct reader *r, const rd_kafka_message_t *m)
{
    int64_t low;
    if (r->end_offset < 0 &&
        rd_kafka_get_watermark_offsets(r->link.rk, r->producer->settings->positions_topic,
                                       PARTITION, &low, &r->end_offset) != 0) {
        r->end_offset = -1;
    }
    r->is_done = !r->is_stable || (r->end_offset >= 0 && m->offset >= r->end_offset);
}

static void take(struct reader *r, const rd_kafka_message_t *m)
{
    if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        take_record(r, m);
    } else if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        take_end(r, m);
    } else if (errors_flags(m->err, ERRORS_AT_START) != PH_ERR_RETRIABLE) {
        r->failure = m->err;
    }
}

static int32_t read_on(struct reader *r, struct ph_error *err)
{
    const char *name = r->producer->settings->positions_topic;
    int64_t until_ns = link_now_ns(&r->link) + READ_MS * NS_PER_MS;
    while (!r->is_done) {
        rd_kafka_message_t *m = rd_kafka_consume_queue(r->queue, 0);
        if (m != NULL) {
            take(r, m);
            rd_kafka_message_destroy(m);
        } else if (link_pause_until(&r->link, until_ns, err) != PH_OK) {
            return PH_ERROR;
        } else {
            serve(r);
        }
        if (r->failure != RD_KAFKA_RESP_ERR_NO_ERROR) {
            return errors_set(err, r->failure, ERRORS_AT_START,
                              "positions cannot be read from topic \"%s\": %s", name,
                              rd_kafka_err2str(r->failure));
        }
        if (!r->is_done && link_now_ns(&r->link) >= until_ns) {
            return ph_error_set(err, PH_ERR_RETRIABLE,
                                "topic \"%s\" cannot be read to its end: a transaction in it is "
                                "open, or its broker is away",
                                name);
        }
    }
    return PH_OK;
}

static int32_t write_keys(struct reader *r, struct ph_error *err)
{
    r->keys = calloc(r->positions->count, sizeof *r->keys);
    if (r->keys == NULL) {
        return ph_error_set(err, PH_ERR_FATAL, "no memory for positions");
    }
    for (uint32_t i = 0; i < r->positions->count; i++) {
        const struct held *h = &r->positions->items[i];
        if (h->in_topic) {
            (void)positions_topic_key(r->keys[i], r->producer->link.task->host, h);
        }
    }
    return PH_OK;
}

static int32_t open_reader(struct reader *r, struct ph_error *err)
{
    uint64_t one = 1;
    if (write_keys(r, err) != PH_OK) {
        return PH_ERROR;
    }
    rd_kafka_conf_t *conf = create_conf(r->producer, err);
    if (conf == NULL || link_create(&r->link, RD_KAFKA_CONSUMER, conf, err) != PH_OK) {
        return PH_ERROR;
    }
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, r->producer->settings->positions_topic, PARTITION)
        ->offset = RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_resp_err_t code = rd_kafka_assign(r->link.rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return errors_set(err, code, ERRORS_AT_START,
                          "positions cannot be read from topic \"%s\": %s",
                          r->producer->settings->positions_topic, rd_kafka_err2str(code));
    }
    r->queue = rd_kafka_queue_get_consumer(r->link.rk);
    rd_kafka_queue_io_event_enable(r->queue, r->link.events_fd, &one, sizeof one);
    return PH_OK;
}

static void close_reader(struct reader *r)
{
    free(r->keys);
    if (r->queue != NULL) {
        rd_kafka_queue_io_event_enable(r->queue, -1, NULL, 0);
        rd_kafka_queue_destroy(r->queue);
    }
    link_close(&r->link, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

static bool is_needed(const struct positions *positions)
{
    for (uint32_t i = 0; i < positions->count; i++) {
        if (positions->items[i].in_topic) {
            return true;
        }
    }
    return false;
}

int32_t positions_topic_read(struct producer *p, const struct positions *positions, bool is_stable,
                             struct note *found, struct ph_error *err)
{
    struct reader r = {.link = p->link,
                       .producer = p,
                       .positions = positions,
                       .found = found,
                       .is_stable = is_stable,
                       .end_offset = -1};
    if (!is_needed(positions)) {
        return PH_OK;
    }
    r.link.rk = NULL;
    r.link.events = NULL;
    r.link.events_fd = -1;
    r.link.is_connected = false;
    r.link.serve = serve;
    r.link.owner = &r;
    int32_t result = open_reader(&r, err) == PH_OK ? read_on(&r, err) : PH_ERROR;
    close_reader(&r);
    return result;
}
