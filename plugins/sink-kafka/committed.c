/* SPDX-License-Identifier: Apache-2.0 */
#include "committed.h"

#include "kafka/errors.h"
#include "kafka/preset.h"
#include "kafka/properties.h"
#include "own_thread.h"

#include <poll.h>

#define NS_PER_MS INT64_C(1000000)
/* The coordinator is found and transactions that an earlier owner left are ended by then. */
#define READ_MS 20000
/* How soon a thread sees that it is not wanted any more; an answer that takes longer is waited for
 * longer the next time. */
#define SLICE_MS     500
#define SLICE_MAX_MS 4000
#define PAUSE_MS     50

struct committed {
    struct link link; /**< of the consumer */
    rd_kafka_topic_partition_list_t *offsets;
    rd_kafka_resp_err_t code;
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

static void read_offsets(void *arg, const atomic_bool *is_cancelled)
{
    struct committed *c = arg;
    int64_t end_ns = link_now_ns(&c->link) + READ_MS * NS_PER_MS;
    int slice_ms = SLICE_MS;
    for (;;) {
        c->code = ask(c, slice_ms);
        if (!may_come_right(c->code) || atomic_load(is_cancelled) ||
            link_now_ns(&c->link) >= end_ns) {
            break;
        }
        slice_ms = 2 * slice_ms < SLICE_MAX_MS ? 2 * slice_ms : SLICE_MAX_MS;
        (void)poll(NULL, 0, PAUSE_MS); /* not every answer took its time */
    }
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

static int32_t call(struct committed *c, const struct producer *p, const char *group,
                    struct ph_error *err)
{
    int32_t result = own_thread_call(&p->link, read_offsets, c, err);
    if (result == PH_CANCELLED) {
        return ph_error_set(err, PH_ERR_RETRIABLE, "stopped while asking Kafka at %s",
                            p->settings->brokers);
    }
    if (result != PH_OK || c->code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        return result;
    }
    return errors_set(err, c->code, ERRORS_AT_START,
                      "Kafka at %s does not tell the offsets of group \"%s\": %s", c->link.brokers,
                      group, rd_kafka_err2str(c->code));
}

int32_t committed_read(struct producer *p, const char *group, bool is_stable,
                       rd_kafka_topic_partition_list_t *offsets, struct ph_error *err)
{
    struct committed c = {.link = {.brokers = p->link.brokers,
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
                         ? call(&c, p, group, err)
                         : PH_ERROR;
    link_close(&c.link, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    return result;
}
