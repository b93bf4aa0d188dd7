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
    positions_take take;
    void *taker;
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

/* One without a value is of no position at all. */
static int32_t take_note(const struct reader *r, const rd_kafka_message_t *m, struct ph_error *err)
{
    char key[POSITIONS_KEY_SIZE] = "";
    struct note note;
    if (m->key_len == 0 || m->key_len >= sizeof key || memchr(m->key, '\0', m->key_len) != NULL) {
        return PH_OK;
    }
    memcpy(key, m->key, m->key_len);
    note_read(&note, m->payload, m->len);
    return r->take(r->taker, key, &note, err);
}

static int32_t take(struct reader *r, const rd_kafka_message_t *m, struct ph_error *err)
{
    if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        return take_note(r, m, err);
    }
    if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        take_end(r, m);
    } else if (errors_flags(m->err, ERRORS_AT_START) != PH_ERR_RETRIABLE) {
        r->failure = m->err;
    }
    return PH_OK;
}

static int32_t read_on(struct reader *r, struct ph_error *err)
{
    const char *name = r->producer->settings->positions_topic;
    int64_t until_ns = link_now_ns(&r->link) + READ_MS * NS_PER_MS;
    while (!r->is_done) {
        rd_kafka_message_t *m = rd_kafka_consume_queue(r->queue, 0);
        if (m != NULL) {
            int32_t result = take(r, m, err);
            rd_kafka_message_destroy(m);
            if (result != PH_OK) {
                return PH_ERROR;
            }
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

static int32_t open_reader(struct reader *r, struct ph_error *err)
{
    uint64_t one = 1;
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
    if (r->queue != NULL) {
        rd_kafka_queue_io_event_enable(r->queue, -1, NULL, 0);
        rd_kafka_queue_destroy(r->queue);
    }
    link_close(&r->link, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

int32_t positions_topic_each(const struct producer *p, bool is_stable, positions_take take_one,
                             void *taker, struct ph_error *err)
{
    struct reader r = {.link = p->link,
                       .producer = p,
                       .take = take_one,
                       .taker = taker,
                       .is_stable = is_stable,
                       .end_offset = -1};
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

/* ---- what is held */

struct lookup {
    const struct positions *positions;
    struct note *found;
    char (*keys)[POSITIONS_KEY_SIZE]; /**< of each position; "" = it is in a group */
};

static int32_t take_held(void *taker, char key[POSITIONS_KEY_SIZE], const struct note *note,
                         struct ph_error *err)
{
    const struct lookup *l = taker;
    (void)err;
    for (uint32_t i = 0; i < l->positions->count; i++) {
        if (strcmp(key, l->keys[i]) == 0) {
            l->found[i] = *note;
            break;
        }
    }
    return PH_OK;
}

/* False: none of them is in the topic. */
static bool write_keys(struct lookup *l, const struct ph_host *host)
{
    bool any = false;
    for (uint32_t i = 0; i < l->positions->count; i++) {
        const struct held *h = &l->positions->items[i];
        if (h->in_topic) {
            (void)positions_topic_key(l->keys[i], host, h);
            any = true;
        }
    }
    return any;
}

int32_t positions_topic_read(struct producer *p, const struct positions *positions, bool is_stable,
                             struct note *found, struct ph_error *err)
{
    struct lookup l = {positions, found, calloc(positions->count + 1u, sizeof *l.keys)};
    int32_t result = PH_OK;
    if (l.keys == NULL) {
        return ph_error_set(err, PH_ERR_FATAL, "no memory for positions");
    }
    if (write_keys(&l, p->link.task->host)) {
        result = positions_topic_each(p, is_stable, take_held, &l, err);
    }
    free(l.keys);
    return result;
}

/* ---- all that is there */

struct listing {
    const struct ph_host *host;
    const char *except;
    struct positions *found;
};

static struct held *find(const struct positions *found, const struct ph_partition *p)
{
    for (uint32_t i = 0; i < found->count; i++) {
        struct held *h = &found->items[i];
        if (h->in_topic && h->partition == p->partition && strcmp(h->source, p->source) == 0 &&
            strcmp(h->topic, p->topic) == 0) {
            return h;
        }
    }
    return NULL;
}

static int32_t take_any(void *taker, char key[POSITIONS_KEY_SIZE], const struct note *note,
                        struct ph_error *err)
{
    const struct listing *l = taker;
    struct ph_partition partition = {.size = (uint32_t)sizeof partition, .id = l->found->count};
    if (!positions_topic_split_key(key, l->host, l->found->pipeline, &partition)) {
        return PH_OK;
    }
    struct held *h = find(l->found, &partition);
    if (h == NULL && note->cluster[0] != '\0' && strcmp(note->cluster, l->except) == 0) {
        return PH_OK;
    }
    if (h == NULL) {
        if (positions_hold(l->found, &partition, err) != PH_OK) {
            return PH_ERROR;
        }
        h = positions_find(l->found, partition.id);
        h->in_topic = true;
    }
    h->note = *note;
    (void)snprintf(h->cluster, sizeof h->cluster, "%s", note->cluster);
    return PH_OK;
}

int32_t positions_topic_list(struct producer *p, const char *except, bool is_stable,
                             struct positions *found, struct ph_error *err)
{
    struct listing l = {p->link.task->host, except, found};
    bool is_there;
    if (positions_topic_find(p, &is_there, err) != PH_OK) {
        return PH_ERROR;
    }
    return is_there ? positions_topic_each(p, is_stable, take_any, &l, err) : PH_OK;
}
