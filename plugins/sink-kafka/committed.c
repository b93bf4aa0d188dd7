/* SPDX-License-Identifier: Apache-2.0 */
#include "committed.h"

#include "kafka/errors.h"
#include "kafka/preset.h"
#include "kafka/properties.h"
#include "own_thread.h"

#include <poll.h>
#include <stdatomic.h>
#include <unistd.h>

#define NS_PER_MS INT64_C(1000000)
/* The coordinator is found and transactions that an earlier owner left are ended by then. */
#define READ_MS 20000
/* How soon a thread sees that it is not wanted any more; an answer that takes longer is waited for
 * longer the next time. */
#define SLICE_MS     500
#define SLICE_MAX_MS 4000
#define PAUSE_MS     50

struct committed {
    struct producer *producer;
    struct link link;                         /**< of the consumer */
    rd_kafka_topic_partition_list_t *offsets; /**< the thread's until is_over */
    rd_kafka_resp_err_t code;                 /**< so is this */
    atomic_bool is_over;
    atomic_bool is_cancelled;
};

/* ---- the call's own thread */

static rd_kafka_resp_err_t first_error(const rd_kafka_topic_partition_list_t *list)
{
    for (int i = 0; i < list->cnt; i++) {
        if (list->elems[i].err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            return list->elems[i].err;
        }
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t ask(struct committed *c, int timeout_ms)
{
    rd_kafka_resp_err_t code = rd_kafka_committed(c->link.rk, c->offsets, timeout_ms);
    return code != RD_KAFKA_RESP_ERR_NO_ERROR ? code : first_error(c->offsets);
}

static bool may_come_right(rd_kafka_resp_err_t code)
{
    return code != RD_KAFKA_RESP_ERR_NO_ERROR &&
           (errors_flags(code, ERRORS_AT_START) & PH_ERR_RETRIABLE) != 0;
}

static void *run(void *arg)
{
    struct committed *c = arg;
    uint64_t one = 1;
    int64_t end_ns = link_now_ns(&c->link) + READ_MS * NS_PER_MS;
    int slice_ms = SLICE_MS;
    for (;;) {
        c->code = ask(c, slice_ms);
        if (!may_come_right(c->code) || atomic_load(&c->is_cancelled) ||
            link_now_ns(&c->link) >= end_ns) {
            break;
        }
        slice_ms = 2 * slice_ms < SLICE_MAX_MS ? 2 * slice_ms : SLICE_MAX_MS;
        (void)poll(NULL, 0, PAUSE_MS); /* not every answer took its time */
    }
    atomic_store(&c->is_over, true);
    ssize_t n = write(c->producer->link.events_fd, &one, sizeof one);
    (void)n; /* full: it is readable already */
    return NULL;
}

/* ---- the worker's side */

static rd_kafka_conf_t *create_conf(const struct producer *p, const char *group, bool is_stable,
                                    struct ph_error *err)
{
    const struct preset rules[] = {
        {"group.id", group},
        {"enable.auto.commit", "false"},
        /* Of what it reads only offsets: whether they wait for transactions. */
        {"isolation.level", is_stable ? "read_committed" : "read_uncommitted"},
    };
    const struct settings *s = p->settings;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    if (preset_connection(conf, err) != PH_OK ||
        properties_apply_connection(s->properties, conf, err) != PH_OK ||
        preset_client(conf, s->brokers, p->link.task, err) != PH_OK ||
        preset_set_all(conf, rules, sizeof rules / sizeof rules[0], err) != PH_OK) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    return conf;
}

static int32_t wait_for(struct committed *c, pthread_t thread, struct ph_error *err)
{
    struct producer *p = c->producer;
    bool is_wanted = true;
    while (is_wanted && !atomic_load(&c->is_over)) {
        is_wanted =
            p->link.wait->block(p->link.task, p->link.events_fd, PH_WAIT_READ, 0) != PH_CANCELLED;
        producer_wake(p);
    }
    atomic_store(&c->is_cancelled, true);
    (void)pthread_join(thread, NULL);
    return is_wanted ? PH_OK
                     : ph_error_set(err, PH_ERR_RETRIABLE, "stopped while asking Kafka at %s",
                                    p->settings->brokers);
}

static int32_t call(struct committed *c, const char *group, struct ph_error *err)
{
    pthread_t thread;
    int rc = own_thread_start(&thread, run, c);
    if (rc != 0) {
        return ph_error_set(err, PH_ERR_RETRIABLE, "a thread cannot be started: %s", strerror(rc));
    }
    if (wait_for(c, thread, err) != PH_OK) {
        return PH_ERROR;
    }
    return c->code == RD_KAFKA_RESP_ERR_NO_ERROR
               ? PH_OK
               : errors_set(err, c->code, ERRORS_AT_START,
                            "Kafka at %s does not tell the offsets of group \"%s\": %s",
                            c->link.brokers, group, rd_kafka_err2str(c->code));
}

int32_t committed_read(struct producer *p, const char *group, bool is_stable,
                       rd_kafka_topic_partition_list_t *offsets, struct ph_error *err)
{
    struct committed c = {.producer = p,
                          .link = {.brokers = p->link.brokers,
                                   .properties = p->link.properties,
                                   .task = p->link.task,
                                   .log = p->link.log,
                                   .clock = p->link.clock,
                                   .wait = p->link.wait,
                                   .events_fd = -1},
                          .offsets = offsets};
    rd_kafka_conf_t *conf = create_conf(p, group, is_stable, err);
    if (conf == NULL) {
        return PH_ERROR;
    }
    int32_t result = link_create(&c.link, RD_KAFKA_CONSUMER, conf, err) == PH_OK
                         ? call(&c, group, err)
                         : PH_ERROR;
    link_close(&c.link, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    return result;
}
