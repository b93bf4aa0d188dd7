/* SPDX-License-Identifier: Apache-2.0 */
#include "group_names.h"

#include "answer.h"
#include "kafka/errors.h"

#define NS_PER_MS  INT64_C(1000000)
#define REQUEST_MS 10000
#define PAUSE_MS   100

static int32_t refuse(const struct producer *p, rd_kafka_resp_err_t code, struct ph_error *err)
{
    return errors_set(err, code, ERRORS_AT_START, "Kafka at %s does not list its groups: %s",
                      p->settings->brokers, rd_kafka_err2str(code));
}

static int32_t ask(const struct producer *p, rd_kafka_queue_t *queue, struct ph_error *err)
{
    char reason[LINK_TEXT_SIZE];
    rd_kafka_t *rk = p->link.rk;
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(rk, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPS);
    bool is_ready = options != NULL && rd_kafka_AdminOptions_set_request_timeout(
                                           options, REQUEST_MS, reason, sizeof reason) == 0;
    if (is_ready) {
        rd_kafka_ListConsumerGroups(rk, options, queue);
    }
    if (options != NULL) {
        rd_kafka_AdminOptions_destroy(options);
    }
    return is_ready ? PH_OK : ph_error_set(err, PH_ERR_FATAL, "groups cannot be asked for");
}

/* Null with err set. */
static rd_kafka_event_t *get_answer(struct producer *p, rd_kafka_queue_t *queue,
                                    struct ph_error *err)
{
    rd_kafka_event_t *answer = NULL;
    if (ask(p, queue, err) == PH_OK &&
        answer_wait(p, queue, 2 * REQUEST_MS, &answer, err) == PH_OK && answer == NULL) {
        (void)refuse(p, RD_KAFKA_RESP_ERR__TIMED_OUT, err);
    }
    return answer;
}

/* A broker that does not answer may have the one that is looked for: no part of them will do. */
static rd_kafka_resp_err_t error_of(rd_kafka_event_t *answer)
{
    size_t count = 0;
    const rd_kafka_ListConsumerGroups_result_t *result =
        rd_kafka_event_ListConsumerGroups_result(answer);
    if (rd_kafka_event_error(answer) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return rd_kafka_event_error(answer);
    }
    if (result == NULL) {
        return RD_KAFKA_RESP_ERR__BAD_MSG;
    }
    const rd_kafka_error_t **errors = rd_kafka_ListConsumerGroups_result_errors(result, &count);
    return count == 0 ? RD_KAFKA_RESP_ERR_NO_ERROR : rd_kafka_error_code(errors[0]);
}

static int32_t take_names(rd_kafka_event_t *answer, group_take_name take, void *owner,
                          struct ph_error *err)
{
    size_t count = 0;
    const rd_kafka_ConsumerGroupListing_t **groups = rd_kafka_ListConsumerGroups_result_valid(
        rd_kafka_event_ListConsumerGroups_result(answer), &count);
    for (size_t i = 0; i < count; i++) {
        if (take(owner, rd_kafka_ConsumerGroupListing_group_id(groups[i]), err) != PH_OK) {
            return PH_ERROR;
        }
    }
    return PH_OK;
}

static bool may_come_right(rd_kafka_resp_err_t code)
{
    return code != RD_KAFKA_RESP_ERR_NO_ERROR &&
           (errors_flags(code, ERRORS_AT_START) & PH_ERR_RETRIABLE) != 0;
}

static bool has_names(rd_kafka_event_t *answer)
{
    size_t count = 0;
    (void)rd_kafka_ListConsumerGroups_result_valid(rd_kafka_event_ListConsumerGroups_result(answer),
                                                   &count);
    return count > 0;
}

/* Asks again while a broker that came back loads its groups. */
static rd_kafka_event_t *get_names(struct producer *p, rd_kafka_queue_t *queue, int64_t none_ms,
                                   struct ph_error *err)
{
    int64_t end_ns = link_now_ns(&p->link) + 2 * REQUEST_MS * NS_PER_MS;
    int64_t none_end_ns = link_now_ns(&p->link) + none_ms * NS_PER_MS;
    for (;;) {
        rd_kafka_event_t *answer = get_answer(p, queue, err);
        if (answer == NULL) {
            return NULL;
        }
        rd_kafka_resp_err_t code = error_of(answer);
        bool is_good = code == RD_KAFKA_RESP_ERR_NO_ERROR;
        if (is_good && (has_names(answer) || link_now_ns(&p->link) >= none_end_ns)) {
            return answer;
        }
        rd_kafka_event_destroy(answer);
        if (!is_good && (!may_come_right(code) || link_now_ns(&p->link) >= end_ns)) {
            (void)refuse(p, code, err);
            return NULL;
        }
        if (link_pause_until(&p->link, link_now_ns(&p->link) + PAUSE_MS * NS_PER_MS, err) !=
            PH_OK) {
            return NULL;
        }
        producer_wake(p);
    }
}

int32_t group_names_list(struct producer *p, int64_t none_ms, group_take_name take, void *owner,
                         struct ph_error *err)
{
    rd_kafka_queue_t *queue = rd_kafka_queue_new(p->link.rk);
    rd_kafka_event_t *answer = get_names(p, queue, none_ms, err);
    int32_t result = answer == NULL ? PH_ERROR : take_names(answer, take, owner, err);
    if (answer != NULL) {
        rd_kafka_event_destroy(answer);
    }
    rd_kafka_queue_destroy(queue);
    return result;
}
