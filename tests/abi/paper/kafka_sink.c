/* SPDX-License-Identifier: Apache-2.0 */
/** Paper skeleton: a transactional sink. struct producer stands for librdkafka's transactional
 * producer; its commit takes long, so it is answered later, from an fd. */
#include "pipehost/pipehost.h"

#include <stdlib.h>

#define PARTITIONS_MAX 1024u

struct producer {
    int commit_fd; /**< readable when the commit has its answer */
    uint32_t queued;
};

static int producer_send(struct producer *p, struct ph_bytes value)
{
    (void)value;
    return p->queued++ < 100000 ? 0 : -1;
}

/** Fences older producers of the same transactional id, then reads the group's offset. */
static int64_t producer_committed(struct producer *p, const char *topic, int32_t partition)
{
    (void)p;
    (void)topic;
    (void)partition;
    return -1;
}

static void producer_commit(struct producer *p, const int64_t *offsets, uint32_t count)
{
    (void)offsets;
    (void)count;
    p->queued = 0;
}

static bool producer_was_fenced(const struct producer *p)
{
    return p->commit_fd < 0;
}

struct sink_task {
    const struct ph_task *task;
    const struct ph_wait *wait;
    const struct ph_epochs *epochs;
    struct producer producer;
    uint32_t next_row; /**< of the batch that was answered with PH_MORE */
    uint64_t epoch_id; /**< committing; 0 = none */
    uint32_t partition_count;
    uint32_t ids[PARTITIONS_MAX]; /**< epochs name ids: topic and partition are kept here */
    int32_t partitions[PARTITIONS_MAX];
    char topics[PARTITIONS_MAX][250];
    int64_t offsets[PARTITIONS_MAX];
};

static int32_t sink_claim(void *self, const struct ph_partition *partitions, uint32_t count,
                          struct ph_position *positions, struct ph_error *err)
{
    struct sink_task *s = (struct sink_task *)self;
    if (count > PARTITIONS_MAX) {
        return ph_error_set(err, PH_ERR_CONFIG, "more than %u partitions", PARTITIONS_MAX);
    }
    s->partition_count = count;
    for (uint32_t i = 0; i < count; i++) {
        s->ids[i] = partitions[i].id;
        s->partitions[i] = partitions[i].partition;
        (void)snprintf(s->topics[i], sizeof s->topics[i], "%s", partitions[i].topic);
        positions[i].partition_id = partitions[i].id;
        positions[i].next_offset =
            producer_committed(&s->producer, partitions[i].topic, partitions[i].partition);
    }
    return s->wait->watch(s->task, s->producer.commit_fd, PH_WAIT_READ, err);
}

static int32_t sink_write(void *self, const struct ph_batch *batch, struct ph_error *err)
{
    struct sink_task *s = (struct sink_task *)self;
    const struct ph_column *values = ph_batch_column(batch, 0);
    (void)err;
    for (; s->next_row < batch->row_count; s->next_row++) {
        struct ph_bytes value = ph_column_bytes(values, s->next_row);
        if (value.length > 1000000) {
            s->task->reject(s->task, batch, s->next_row, "MSG_SIZE_TOO_LARGE",
                            "longer than message.max.bytes");
        } else if (producer_send(&s->producer, value) != 0) {
            return PH_MORE; /* next_row says where to go on */
        }
    }
    s->next_row = 0;
    return PH_OK;
}

static int32_t sink_commit(void *self, const struct ph_epoch *epoch, struct ph_error *err)
{
    struct sink_task *s = (struct sink_task *)self;
    uint32_t moved = 0;
    (void)err;
    for (uint32_t i = 0; i < s->partition_count && moved < epoch->position_count; i++) {
        if (s->ids[i] == epoch->positions[moved].partition_id) {
            s->offsets[i] = epoch->positions[moved++].next_offset;
        }
    }
    s->epoch_id = epoch->id;
    producer_commit(&s->producer, s->offsets, s->partition_count);
    return PH_PENDING;
}

static int32_t sink_ready(void *self, int fd, uint32_t events, struct ph_error *err)
{
    struct sink_task *s = (struct sink_task *)self;
    struct ph_error failure;
    (void)events;
    (void)err;
    if (fd != s->producer.commit_fd || s->epoch_id == 0) {
        return PH_OK;
    }
    ph_error_clear(&failure);
    if (producer_was_fenced(&s->producer)) {
        (void)ph_error_set(&failure, PH_ERR_FENCED, "another process took this transactional id");
    }
    s->epochs->done(s->task, s->epoch_id, ph_error_is_set(&failure) ? &failure : NULL);
    s->epoch_id = 0;
    return PH_OK;
}

static void sink_abort(void *self)
{
    struct sink_task *s = (struct sink_task *)self;
    s->next_row = 0;
    s->epoch_id = 0;
    s->producer.queued = 0;
}

static void *sink_task_create(void *op, const struct ph_task *task, struct ph_error *err)
{
    const struct ph_host *h = (const struct ph_host *)op;
    struct sink_task *s = (struct sink_task *)calloc(1, sizeof *s);
    if (s == NULL) {
        (void)ph_error_set(err, PH_ERR_FATAL, "out of memory");
        return NULL;
    }
    s->task = task;
    s->wait = (const struct ph_wait *)h->get_service(h, PH_SERVICE_WAIT);
    s->epochs = (const struct ph_epochs *)h->get_service(h, PH_SERVICE_EPOCHS);
    return s;
}

static const struct ph_operator_ops sink_ops = {
    .size = sizeof sink_ops,
    .task_create = sink_task_create,
    .task_destroy = free,
    .ready = sink_ready,
};

static const struct ph_sink_ops sink_table = {.size = sizeof sink_table,
                                              .claim = sink_claim,
                                              .write = sink_write,
                                              .commit = sink_commit,
                                              .abort = sink_abort};

static const struct ph_descriptor sink_descriptor = {
    .size = sizeof sink_descriptor,
    .kind = PH_KIND_SINK,
    .flags = PH_PLUGIN_WAITS | PH_PLUGIN_SINGLE,
    .delivery = PH_DELIVERY_TRANSACTIONAL,
    .id = "kafka-sink",
    .version = "1",
    .summary = "writes rows and positions in one transaction",
    .ops = &sink_ops,
    .sink = &sink_table,
};

PH_ENTRY(&sink_descriptor);
