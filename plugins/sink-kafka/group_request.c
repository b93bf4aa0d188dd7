/* SPDX-License-Identifier: Apache-2.0 */
#include "group_request.h"

#include "kafka/errors.h"

#define NS_PER_MS INT64_C(1000000)
/* One request, which finds the group's coordinator first. */
#define REQUEST_MS 10000
/* Transactions that an earlier owner left are ended by then. */
#define STABLE_MS 20000
#define PAUSE_MS  50

/* One at a time: the answer is the request's until the next is sent. */
struct request {
    struct producer *producer;
    const char *group; /* null: all of them are listed */
    const rd_kafka_topic_partition_list_t *wanted;
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
    const char *brokers = r->producer->settings->brokers;
    if (r->group == NULL) {
        return errors_set(err, code, ERRORS_AT_START, "Kafka at %s does not list its groups: %s",
                          brokers, rd_kafka_err2str(code));
    }
    return errors_set(err, code, ERRORS_AT_START,
                      "Kafka at %s does not tell the offsets of group \"%s\": %s", brokers,
                      r->group, rd_kafka_err2str(code));
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

/* The queue makes the producer's events_fd readable. */
static void open_request(struct request *r)
{
    uint64_t one = 1;
    r->queue = rd_kafka_queue_new(r->producer->link.rk);
    rd_kafka_queue_io_event_enable(r->queue, r->producer->link.events_fd, &one, sizeof one);
}

static void forget_answer(struct request *r)
{
    if (r->answer != NULL) {
        rd_kafka_event_destroy(r->answer);
        r->answer = NULL;
    }
}

static void close_request(struct request *r)
{
    forget_answer(r);
    rd_kafka_queue_io_event_enable(r->queue, -1, NULL, 0);
    rd_kafka_queue_destroy(r->queue);
}

static int32_t wait_for_answer(struct request *r, struct ph_error *err)
{
    int64_t end_ns = now_ns(r->producer) + 2 * REQUEST_MS * NS_PER_MS;
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

/* ---- offsets of one group */

static int32_t ask_for_offsets(const struct request *r, struct ph_error *err)
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

/* Asks again while a transaction is under way. */
static int32_t read_offsets(struct request *r, group_take_offsets take, void *owner,
                            struct ph_error *err)
{
    int64_t end_ns = now_ns(r->producer) + STABLE_MS * NS_PER_MS;
    for (;;) {
        rd_kafka_resp_err_t code;
        forget_answer(r);
        if (ask_for_offsets(r, err) != PH_OK || wait_for_answer(r, err) != PH_OK) {
            return PH_ERROR;
        }
        const rd_kafka_topic_partition_list_t *list = offsets_of(r, &code);
        if (list != NULL) {
            return take(owner, list, err);
        }
        if (code != RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT || now_ns(r->producer) >= end_ns) {
            return refuse(r, code, err);
        }
        if (pause_until(r, now_ns(r->producer) + PAUSE_MS * NS_PER_MS, err) != PH_OK) {
            return PH_ERROR;
        }
    }
}

int32_t group_request_offsets(struct producer *p, const char *group,
                              const rd_kafka_topic_partition_list_t *wanted, bool is_stable,
                              group_take_offsets take, void *owner, struct ph_error *err)
{
    struct request r = {.producer = p, .group = group, .wanted = wanted, .is_stable = is_stable};
    open_request(&r);
    int32_t result = read_offsets(&r, take, owner, err);
    close_request(&r);
    return result;
}

/* ---- the groups themselves */

static int32_t ask_for_names(const struct request *r, struct ph_error *err)
{
    char reason[LINK_TEXT_SIZE];
    rd_kafka_t *rk = r->producer->link.rk;
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(rk, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPS);
    bool is_ready = options != NULL && rd_kafka_AdminOptions_set_request_timeout(
                                           options, REQUEST_MS, reason, sizeof reason) == 0;
    if (is_ready) {
        rd_kafka_ListConsumerGroups(rk, options, r->queue);
    }
    if (options != NULL) {
        rd_kafka_AdminOptions_destroy(options);
    }
    return is_ready ? PH_OK : ph_error_set(err, PH_ERR_FATAL, "groups cannot be asked for");
}

/* A broker that does not answer may have the one that is looked for: no part of them will do. */
static rd_kafka_resp_err_t error_of_names(const struct request *r)
{
    size_t count = 0;
    const rd_kafka_ListConsumerGroups_result_t *result =
        rd_kafka_event_ListConsumerGroups_result(r->answer);
    if (rd_kafka_event_error(r->answer) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return rd_kafka_event_error(r->answer);
    }
    if (result == NULL) {
        return RD_KAFKA_RESP_ERR__BAD_MSG;
    }
    const rd_kafka_error_t **errors = rd_kafka_ListConsumerGroups_result_errors(result, &count);
    return count == 0 ? RD_KAFKA_RESP_ERR_NO_ERROR : rd_kafka_error_code(errors[0]);
}

static int32_t read_names(struct request *r, group_take_name take, void *owner,
                          struct ph_error *err)
{
    size_t count = 0;
    if (ask_for_names(r, err) != PH_OK || wait_for_answer(r, err) != PH_OK) {
        return PH_ERROR;
    }
    rd_kafka_resp_err_t code = error_of_names(r);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return refuse(r, code, err);
    }
    const rd_kafka_ConsumerGroupListing_t **groups = rd_kafka_ListConsumerGroups_result_valid(
        rd_kafka_event_ListConsumerGroups_result(r->answer), &count);
    for (size_t i = 0; i < count; i++) {
        if (take(owner, rd_kafka_ConsumerGroupListing_group_id(groups[i]), err) != PH_OK) {
            return PH_ERROR;
        }
    }
    return PH_OK;
}

int32_t group_request_names(struct producer *p, group_take_name take, void *owner,
                            struct ph_error *err)
{
    struct request r = {.producer = p};
    open_request(&r);
    int32_t result = read_names(&r, take, owner, err);
    close_request(&r);
    return result;
}
