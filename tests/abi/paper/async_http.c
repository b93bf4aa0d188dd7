/* SPDX-License-Identifier: Apache-2.0 */
/** Paper skeleton: an async UDF that asks an HTTP server about each row. struct client stands for
 * curl's multi interface: it names fds to watch and a deadline, and answers requests out of order.
 */
#include "pipehost/pipehost.h"

#include <stdlib.h>

#define BATCHES_HELD 8u

struct answer {
    char text[64];
    uint32_t length;
    int32_t status; /**< 0 = not here yet */
};

struct client {
    int fd;
    int64_t deadline_ns;
    uint32_t in_flight;
};

static int client_start(struct client *c, struct ph_bytes address, struct answer *to)
{
    (void)address;
    to->status = 200; /* a real client answers later, from client_work */
    return c->in_flight < 64 ? 0 : -1;
}

static void client_work(struct client *c, int fd)
{
    (void)fd;
    c->deadline_ns = 0;
}

struct held {
    const struct ph_batch *batch;
    uint32_t asked; /**< rows whose request was started */
    struct answer answers[PH_BATCH_ROWS_MAX];
};

struct lookup_task {
    const struct ph_task *task;
    const struct ph_wait *wait;
    const struct ph_batches *batches;
    struct client client;
    uint32_t first;
    uint32_t count;
    struct held held[BATCHES_HELD]; /**< a ring, oldest at first */
};

static void lookup_ask(struct lookup_task *t)
{
    for (uint32_t i = 0; i < t->count; i++) {
        struct held *h = &t->held[(t->first + i) % BATCHES_HELD];
        for (; h->asked < h->batch->row_count; h->asked++) {
            struct ph_bytes address = ph_column_bytes(ph_batch_column(h->batch, 0), h->asked);
            if (client_start(&t->client, address, &h->answers[h->asked]) != 0) {
                return;
            }
        }
    }
}

static int32_t lookup_offer(void *self, const struct ph_batch *batch, struct ph_error *err)
{
    struct lookup_task *t = (struct lookup_task *)self;
    struct held *h = &t->held[(t->first + t->count) % BATCHES_HELD];
    (void)err;
    if (t->count == BATCHES_HELD) {
        return PH_MORE;
    }
    t->batches->retain(batch);
    memset(h, 0, sizeof *h);
    h->batch = batch;
    t->count++;
    lookup_ask(t);
    t->wait->deadline(t->task, t->client.deadline_ns);
    return t->wait->watch(t->task, t->client.fd, PH_WAIT_READ, err);
}

static int32_t lookup_ready(void *self, int fd, uint32_t events, struct ph_error *err)
{
    struct lookup_task *t = (struct lookup_task *)self;
    (void)events;
    (void)err;
    client_work(&t->client, fd);
    lookup_ask(t);
    t->wait->deadline(t->task, t->client.deadline_ns);
    return PH_OK;
}

static int32_t lookup_next(void *self, struct ph_out *out, struct ph_error *err)
{
    struct lookup_task *t = (struct lookup_task *)self;
    struct held *h = &t->held[t->first];
    struct ph_draft *d;
    (void)err;
    if (t->count == 0) {
        return PH_END;
    }
    for (uint32_t row = 0; row < h->batch->row_count; row++) {
        if (h->answers[row].status == 0) {
            return PH_IDLE;
        }
    }
    d = out->derive(out, 0, h->batch);
    for (uint32_t row = 0; d != NULL && row < h->batch->row_count; row++) {
        const struct answer *a = &h->answers[row];
        if (a->status == 200 &&
            ph_builder_set_bytes(&d->builders[0], row, a->text, a->length) != PH_OK) {
            out->discard(out, d);
            d = NULL;
        }
    }
    if (d == NULL) {
        return PH_MORE;
    }
    t->first = (t->first + 1) % BATCHES_HELD;
    t->count--;
    t->batches->release(h->batch);
    return out->emit(out, d);
}

/** The references that offer took go to the host with the batches. */
static int32_t lookup_hand_back(void *self, const struct ph_batch **batches, uint32_t capacity,
                                uint32_t *count)
{
    struct lookup_task *t = (struct lookup_task *)self;
    for (*count = 0; *count < capacity && t->count > 0; t->count--) {
        batches[(*count)++] = t->held[t->first].batch;
        t->first = (t->first + 1) % BATCHES_HELD;
    }
    return t->count > 0 ? PH_MORE : PH_OK;
}

static int32_t lookup_bind(void *op, struct ph_binding *b, struct ph_error *err)
{
    (void)op;
    if (b->pass(b, 0, 0, err) != PH_OK) {
        return PH_ERROR;
    }
    return b->add(b, 0, "answer", PH_TYPE_STRING, 0, err);
}

static void *lookup_task_create(void *op, const struct ph_task *task, struct ph_error *err)
{
    const struct ph_host *host = (const struct ph_host *)op;
    struct lookup_task *t = (struct lookup_task *)calloc(1, sizeof *t);
    if (t == NULL) {
        (void)ph_error_set(err, PH_ERR_FATAL, "out of memory");
        return NULL;
    }
    t->task = task;
    t->wait = (const struct ph_wait *)host->get_service(host, PH_SERVICE_WAIT);
    t->batches = (const struct ph_batches *)host->get_service(host, PH_SERVICE_BATCHES);
    return t;
}

static void lookup_deactivate(void *self)
{
    struct lookup_task *t = (struct lookup_task *)self;
    (void)t->wait->watch(t->task, t->client.fd, 0, NULL);
    for (; t->count > 0; t->count--) {
        t->batches->release(t->held[t->first].batch);
        t->first = (t->first + 1) % BATCHES_HELD;
    }
}

static const struct ph_operator_ops lookup_ops = {
    .size = sizeof lookup_ops,
    .bind = lookup_bind,
    .task_create = lookup_task_create,
    .task_destroy = free,
    .deactivate = lookup_deactivate,
    .ready = lookup_ready,
};

static const struct ph_async_udf_ops lookup_udf = {.size = sizeof lookup_udf,
                                                   .offer = lookup_offer,
                                                   .next = lookup_next,
                                                   .hand_back = lookup_hand_back};

static const struct ph_descriptor lookup_descriptor = {
    .size = sizeof lookup_descriptor,
    .kind = PH_KIND_ASYNC_UDF,
    .flags = PH_PLUGIN_WAITS | PH_PLUGIN_RELOADABLE,
    .id = "async-http",
    .version = "1",
    .summary = "asks an HTTP server about each row",
    .ops = &lookup_ops,
    .async_udf = &lookup_udf,
};

PH_ENTRY(&lookup_descriptor);
