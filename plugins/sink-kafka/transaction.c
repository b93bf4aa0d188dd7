/* SPDX-License-Identifier: Apache-2.0 */
#include "transaction.h"

#include "kafka/errors.h"
#include "kafka/properties.h"
#include "own_thread.h"
#include "position_note.h"

#include "pipehost/failpoint.h"

#include <poll.h>
#include <unistd.h>

#define NS_PER_MS INT64_C(1000000)
/* A call goes on in librdkafka when its time is up, and is taken up by the next: so a thread soon
 * sees that it is not wanted any more. */
#define SLICE_MS 200
#define PAUSE_MS 10
/* How long the worker may have to wait for the end of a flush. */
#define FLUSH_SLICE_MS 20
#ifdef PIPEHOST_FAILPOINTS
#define SENT_MS 3
#endif
/* The transaction of a process that was killed must be ended by the coordinator first. */
#define INIT_MS 20000
/* Offsets cannot be taken up again. A coordinator that moves to another broker needs some seconds.
 */
#define OFFSETS_MS 10000
/* What commit and abort get beyond the time after which the broker aborts by itself. */
#define MARGIN_MS  5000
#define GIVE_UP_MS 1000
/* Of the time-out: the broker has a clock of its own, which may have been set meanwhile. */
#define OVERDUE_PERCENT 75

typedef rd_kafka_error_t *(*blocking_call)(rd_kafka_t *rk, int timeout_ms);

static int64_t now_ns(const struct transaction *t)
{
    const struct producer *p = t->producer;
    return link_now_ns(&p->link);
}

/* ---- the call's own thread */

static rd_kafka_error_t *run_slices(struct transaction *t, blocking_call call, int64_t limit_ms)
{
    int64_t end_ns = now_ns(t) + limit_ms * NS_PER_MS;
    for (;;) {
        rd_kafka_error_t *error = call(t->producer->link.rk, SLICE_MS);
        if (error == NULL || !rd_kafka_error_is_retriable(error) || atomic_load(&t->is_cancelled) ||
            now_ns(t) >= end_ns) {
            return error;
        }
        rd_kafka_error_destroy(error);
        (void)poll(NULL, 0, PAUSE_MS); /* not every one of them took its time */
    }
}

static void flush(struct transaction *t)
{
    while (!atomic_load(&t->is_cancelled) &&
           rd_kafka_flush(t->producer->link.rk, FLUSH_SLICE_MS) == RD_KAFKA_RESP_ERR__TIMED_OUT) {
    }
}

static rd_kafka_error_t *send_offsets(struct transaction *t)
{
    for (uint32_t i = 0; i < t->offset_count; i++) {
        const struct group_offsets *o = &t->offsets[i];
        rd_kafka_consumer_group_metadata_t *group = rd_kafka_consumer_group_metadata_new(o->group);
        if (group == NULL) {
            return rd_kafka_error_new(RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE, "out of memory");
        }
        rd_kafka_error_t *error =
            rd_kafka_send_offsets_to_transaction(t->producer->link.rk, o->list, group, OFFSETS_MS);
        rd_kafka_consumer_group_metadata_destroy(group);
        if (error != NULL) {
            return error;
        }
    }
    return NULL;
}

/* Where there are failpoints: a first call too short for the answer. True: it was there anyway. */
static bool die_after_commit_is_sent(struct transaction *t, rd_kafka_error_t **error)
{
#ifdef PIPEHOST_FAILPOINTS
    *error = rd_kafka_commit_transaction(t->producer->link.rk, SENT_MS);
    PH_FAILPOINT("kafka.commit.sent");
    if (*error == NULL || !rd_kafka_error_is_retriable(*error)) {
        return true;
    }
    rd_kafka_error_destroy(*error);
#endif
    (void)t;
    (void)error;
    return false;
}

static rd_kafka_error_t *commit(struct transaction *t)
{
    rd_kafka_error_t *error = send_offsets(t);
    if (error != NULL) {
        return error;
    }
    PH_FAILPOINT("kafka.offsets.sent");
    if (!die_after_commit_is_sent(t, &error)) {
        error = run_slices(t, rd_kafka_commit_transaction,
                           t->producer->settings->transaction_timeout_ms + MARGIN_MS);
    }
    PH_FAILPOINT("kafka.commit.answered");
    return error;
}

static void *run(void *arg)
{
    struct transaction *t = arg;
    uint64_t one = 1;
    switch (t->call) {
    case TRANSACTION_INIT:
        t->error = run_slices(t, rd_kafka_init_transactions, INIT_MS);
        break;
    case TRANSACTION_FLUSH:
        flush(t);
        break;
    case TRANSACTION_COMMIT:
        t->error = commit(t);
        break;
    default:
        t->error = run_slices(t, rd_kafka_abort_transaction,
                              t->producer->settings->transaction_timeout_ms + MARGIN_MS);
        break;
    }
    atomic_store(&t->is_over, true);
    ssize_t n = write(t->producer->link.events_fd, &one, sizeof one);
    (void)n; /* full: it is readable already */
    return NULL;
}

/* ---- the worker's side */

void transaction_init(struct transaction *t, struct producer *producer)
{
    *t = (struct transaction){.producer = producer};
}

int32_t transaction_call(struct transaction *t, enum transaction_call call, struct ph_error *err)
{
    t->call = call;
    atomic_store(&t->is_over, false);
    atomic_store(&t->is_cancelled, false);
    int rc = own_thread_start(&t->thread, run, t);
    if (rc != 0) {
        t->call = TRANSACTION_NO_CALL;
        return ph_error_set(err, PH_ERR_RETRIABLE, "a thread cannot be started: %s", strerror(rc));
    }
    return PH_OK;
}

bool transaction_is_over(const struct transaction *t)
{
    return t->call != TRANSACTION_NO_CALL && atomic_load(&t->is_over);
}

static const char *words_for(enum transaction_call call)
{
    return call == TRANSACTION_INIT     ? "become the producer of"
           : call == TRANSACTION_COMMIT ? "commit a transaction of"
                                        : "abort a transaction of";
}

static int32_t refuse(const struct transaction *t, const char *doing, const rd_kafka_error_t *error,
                      struct ph_error *err)
{
    const struct settings *s = t->producer->settings;
    rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    char text[LINK_TEXT_SIZE];
    char cure[80] = "";
    (void)snprintf(text, sizeof text, "%s", rd_kafka_error_string(error));
    properties_redact(s->properties, text);
    if (code == RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE) {
        (void)snprintf(cure, sizeof cure, ": set the brokers' offset.metadata.max.bytes to %u",
                       NOTE_TEXT_SIZE);
    }
    return errors_set(err, code, ERRORS_AT_WORK,
                      "Kafka at %s did not %s transactional.id \"%s\": %s%s", s->brokers, doing,
                      t->producer->transactional_id, text, cure);
}

int32_t transaction_take(struct transaction *t, struct ph_error *err)
{
    enum transaction_call call = t->call;
    (void)pthread_join(t->thread, NULL);
    t->call = TRANSACTION_NO_CALL;
    t->is_ready = t->error == NULL;
    t->is_open = false;
    if (t->error == NULL) {
        t->began_ns = 0;
        return PH_OK;
    }
    (void)refuse(t, words_for(call), t->error, err);
    rd_kafka_error_destroy(t->error);
    t->error = NULL;
    return PH_ERROR;
}

void transaction_end_flush(struct transaction *t)
{
    if (t->call == TRANSACTION_FLUSH) {
        atomic_store(&t->is_cancelled, true);
        (void)pthread_join(t->thread, NULL);
        t->call = TRANSACTION_NO_CALL;
    }
}

int32_t transaction_run(struct transaction *t, enum transaction_call call, struct ph_error *err)
{
    struct producer *p = t->producer;
    if (transaction_call(t, call, err) != PH_OK) {
        return PH_ERROR;
    }
    while (!transaction_is_over(t)) {
        if (p->link.wait->block(p->link.task, p->link.events_fd, PH_WAIT_READ, 0) == PH_CANCELLED) {
            return ph_error_set(err, PH_ERR_RETRIABLE, "stopped while waiting for Kafka at %s",
                                p->settings->brokers);
        }
        producer_wake(p);
    }
    return transaction_take(t, err);
}

int32_t transaction_begin(struct transaction *t, struct ph_error *err)
{
    if (t->is_open) {
        return PH_OK;
    }
    rd_kafka_error_t *error = rd_kafka_begin_transaction(t->producer->link.rk);
    if (error != NULL) {
        (void)refuse(t, "begin a transaction of", error, err);
        rd_kafka_error_destroy(error);
        return PH_ERROR;
    }
    t->is_open = true;
    t->began_ns = now_ns(t);
    PH_FAILPOINT("kafka.begin");
    return PH_OK;
}

bool transaction_is_overdue(const struct transaction *t)
{
    int64_t limit_ms = t->producer->settings->transaction_timeout_ms * OVERDUE_PERCENT / 100;
    return t->began_ns != 0 && now_ns(t) - t->began_ns >= limit_ms * NS_PER_MS;
}

int32_t transaction_check(const struct transaction *t, struct ph_error *err)
{
    int32_t result = PH_OK;
    if (!t->is_open || t->call != TRANSACTION_NO_CALL) {
        return PH_OK;
    }
    /* There is no question for it: none begins beside an open one, and the refusal says why. */
    rd_kafka_error_t *error = rd_kafka_begin_transaction(t->producer->link.rk);
    if (error != NULL &&
        (rd_kafka_error_txn_requires_abort(error) || rd_kafka_error_is_fatal(error))) {
        result = refuse(t, "go on with a transaction of", error, err);
    }
    rd_kafka_error_destroy(error);
    return result;
}

void transaction_give_up(struct transaction *t)
{
    struct ph_error ignored;
    ph_error_clear(&ignored);
    if (!t->is_open || t->call != TRANSACTION_NO_CALL ||
        transaction_call(t, TRANSACTION_ABORT, &ignored) != PH_OK) {
        return;
    }
    int64_t end_ns = now_ns(t) + GIVE_UP_MS * NS_PER_MS;
    while (!transaction_is_over(t) && now_ns(t) < end_ns) {
        struct pollfd fd = {.fd = t->producer->link.events_fd, .events = POLLIN};
        (void)poll(&fd, 1, PAUSE_MS);
        producer_wake(t->producer);
    }
}

void transaction_close(struct transaction *t)
{
    if (t->call != TRANSACTION_NO_CALL) {
        atomic_store(&t->is_cancelled, true);
        (void)pthread_join(t->thread, NULL);
        t->call = TRANSACTION_NO_CALL;
    }
    if (t->error != NULL) {
        rd_kafka_error_destroy(t->error);
        t->error = NULL;
    }
    t->is_ready = false;
    t->is_open = false;
    t->began_ns = 0;
}
