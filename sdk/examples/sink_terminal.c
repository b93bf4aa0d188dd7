/* SPDX-License-Identifier: Apache-2.0 */
/**
 * sink-terminal: writes each row to standard output as one line of JSON. Rows are written when the
 * host ends an epoch; nothing is kept of what was written before.
 */
#include "pipehost/pipehost.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUFFER_FIRST ((size_t)64 * 1024)
/* What a pipe that is ready takes without blocking: PIPE_BUF of Linux. */
#define CHUNK ((size_t)4096)

/* One for each node of the graph: what makes the rows of each of its inputs into text. */
struct format {
    const struct ph_host *host;
    const struct ph_encode *encode;
    const struct ph_schema **schemas;
    void **encoders;
    uint32_t count;
};

struct terminal {
    const struct format *format;
    const struct ph_task *task;
    const struct ph_wait *wait;
    const struct ph_batch **batches; /* of the open epoch; the host's until it ends */
    uint32_t batch_count;
    uint32_t batch_capacity;
    char *data; /* lines that are not written yet */
    size_t capacity;
    size_t used;
    bool is_file; /* never blocks: written without asking */
};

static void destroy(void *op)
{
    struct format *f = (struct format *)op;
    for (uint32_t i = 0; i < f->count; i++) {
        f->encode->destroy(f->encoders[i]);
    }
    free((void *)f->schemas);
    free(f->encoders);
    free(f);
}

static void *create(const struct ph_host *host, struct ph_error *err)
{
    struct format *f = (struct format *)calloc(1, sizeof *f);
    if (f == NULL) {
        (void)ph_error_set(err, PH_ERR_FATAL, "out of memory");
        return NULL;
    }
    f->host = host;
    f->encode = (const struct ph_encode *)host->get_service(host, PH_SERVICE_ENCODE);
    if (f->encode == NULL) {
        (void)ph_error_set(err, PH_ERR_FATAL, "this pipehost has no %s", PH_SERVICE_ENCODE);
        destroy(f);
        return NULL;
    }
    return f;
}

static int32_t bind(void *op, struct ph_binding *binding, struct ph_error *err)
{
    struct format *f = (struct format *)op;
    struct ph_encode_options options = {.size = (uint32_t)sizeof options, .form = PH_ENCODE_ROW};
    f->schemas = (const struct ph_schema **)calloc(binding->input_count + 1u, sizeof *f->schemas);
    f->encoders = (void **)calloc(binding->input_count + 1u, sizeof *f->encoders);
    if (f->schemas == NULL || f->encoders == NULL) {
        return ph_error_set(err, PH_ERR_FATAL, "out of memory");
    }
    for (; f->count < binding->input_count; f->count++) {
        f->schemas[f->count] = binding->inputs[f->count];
        f->encoders[f->count] =
            f->encode->create(f->host, binding->inputs[f->count], &options, err);
        if (f->encoders[f->count] == NULL) {
            return PH_ERROR;
        }
    }
    return PH_OK;
}

static const void *encoder_of(const struct format *f, const struct ph_batch *batch)
{
    uint32_t i = 0;
    while (i + 1 < f->count && f->schemas[i] != batch->schema) {
        i++;
    }
    return f->encoders[i];
}

static void task_destroy(void *self)
{
    struct terminal *t = (struct terminal *)self;
    free((void *)t->batches);
    free(t->data);
    free(t);
}

static void *task_create(void *op, const struct ph_task *task, struct ph_error *err)
{
    struct terminal *t = (struct terminal *)calloc(1, sizeof *t);
    struct stat s;
    if (t == NULL || (t->data = (char *)malloc(BUFFER_FIRST)) == NULL) {
        free(t);
        (void)ph_error_set(err, PH_ERR_FATAL, "out of memory");
        return NULL;
    }
    t->capacity = BUFFER_FIRST;
    t->task = task;
    t->format = (const struct format *)op;
    t->wait = (const struct ph_wait *)task->host->get_service(task->host, PH_SERVICE_WAIT);
    t->is_file = fstat(STDOUT_FILENO, &s) == 0 && S_ISREG(s.st_mode);
    if (t->wait == NULL) {
        (void)ph_error_set(err, PH_ERR_FATAL, "this pipehost has no %s", PH_SERVICE_WAIT);
        task_destroy(t);
        return NULL;
    }
    return t;
}

static int32_t write_batch(void *self, const struct ph_batch *batch, struct ph_error *err)
{
    struct terminal *t = (struct terminal *)self;
    if (t->batch_count == t->batch_capacity) {
        uint32_t capacity = t->batch_capacity == 0 ? 64 : t->batch_capacity * 2;
        const struct ph_batch **batches = (const struct ph_batch **)realloc(
            (void *)t->batches, capacity * sizeof(const struct ph_batch *));
        if (batches == NULL) {
            return ph_error_set(err, PH_ERR_FATAL, "out of memory");
        }
        t->batches = batches;
        t->batch_capacity = capacity;
    }
    t->batches[t->batch_count++] = batch;
    return PH_OK;
}

static int32_t output_failed(int reason, struct ph_error *err)
{
    if (reason == EPIPE) {
        return ph_error_set(err, PH_ERR_FATAL,
                            "standard output was closed by the program that read it");
    }
    return ph_error_set(err, PH_ERR_FATAL, "standard output cannot be written: %s",
                        strerror(reason));
}

/* Writes the buffer. A reader that is slow does not keep the pipeline from being stopped. */
static int32_t flush(struct terminal *t, struct ph_error *err)
{
    for (size_t done = 0; done < t->used;) {
        size_t length = t->used - done;
        ssize_t n;
        if (!t->is_file) {
            length = length < CHUNK ? length : CHUNK;
            if (t->wait->block(t->task, STDOUT_FILENO, PH_WAIT_WRITE, 0) == PH_CANCELLED) {
                return ph_error_set(err, PH_ERR_FATAL, "stopped while it waited for its reader");
            }
        }
        n = write(STDOUT_FILENO, t->data + done, length);
        if (n < 0 && errno != EINTR && errno != EAGAIN) {
            return output_failed(errno, err);
        }
        done += n > 0 ? (size_t)n : 0;
    }
    t->used = 0;
    return PH_OK;
}

/* Appends a line; answers how much room it would have needed, 0 where it is there. */
static size_t encode(struct terminal *t, const struct ph_batch *batch, uint32_t row)
{
    uint32_t room = t->used < t->capacity ? (uint32_t)(t->capacity - t->used - 1) : 0;
    uint32_t length =
        t->format->encode->row(encoder_of(t->format, batch), batch, row, t->data + t->used, room);
    if (length > room) {
        return (size_t)length + 1;
    }
    t->used += length;
    t->data[t->used++] = '\n';
    return 0;
}

static int32_t write_row(struct terminal *t, const struct ph_batch *batch, uint32_t row,
                         struct ph_error *err)
{
    for (size_t need = encode(t, batch, row); need > 0; need = encode(t, batch, row)) {
        char *data;
        if (t->used > 0) {
            if (flush(t, err) != PH_OK) {
                return PH_ERROR;
            }
            continue;
        }
        data = (char *)realloc(t->data, need);
        if (data == NULL) {
            return ph_error_set(err, PH_ERR_FATAL, "out of memory for a row");
        }
        t->data = data;
        t->capacity = need;
    }
    return PH_OK;
}

static void forget(void *self)
{
    struct terminal *t = (struct terminal *)self;
    t->batch_count = 0;
    t->used = 0;
}

static int32_t commit(void *self, const struct ph_epoch *epoch, struct ph_error *err)
{
    struct terminal *t = (struct terminal *)self;
    (void)epoch;
    for (uint32_t i = 0; i < t->batch_count; i++) {
        for (uint32_t row = 0; row < t->batches[i]->row_count; row++) {
            if (write_row(t, t->batches[i], row, err) != PH_OK) {
                return PH_ERROR;
            }
        }
    }
    if (flush(t, err) != PH_OK) {
        return PH_ERROR;
    }
    forget(t);
    return PH_OK;
}

static const struct ph_operator_ops ops = {.size = sizeof ops,
                                           .create = create,
                                           .destroy = destroy,
                                           .bind = bind,
                                           .task_create = task_create,
                                           .task_destroy = task_destroy};

static const struct ph_sink_ops sink = {
    .size = sizeof sink, .write = write_batch, .commit = commit, .abort = forget};

static const struct ph_descriptor sink_terminal = {
    .size = sizeof sink_terminal,
    .kind = PH_KIND_SINK,
    .flags = PH_PLUGIN_WAITS | PH_PLUGIN_SINGLE,
    .delivery = PH_DELIVERY_EPHEMERAL,
    .id = "sink-terminal",
    .version = PH_SDK_VERSION,
    .summary = "writes each row to standard output as a line of JSON",
    .ops = &ops,
    .sink = &sink,
};

PH_ENTRY(&sink_terminal);
