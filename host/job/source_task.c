/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "base/error.h"
#include "job/bind.h"
#include "job/tasks.h"

#include <stdlib.h>

#define SERVE_INTERVAL_NS  (100 * CLOCK_NS_PER_MS)
#define COMMIT_INTERVAL_NS (1 * CLOCK_NS_PER_S)

struct source_part {
    struct batch_writer *writer;
    struct decoder *decoder;
    struct ph_error record_error; /**< of bad_record, whose caller cannot fail */
    bool at_end;                  /**< poll said PH_END, or the job drains */
    bool blocked;                 /**< the last step found no room or no memory */
    int64_t linger_until_ns;      /**< the open batch waits until then for more; 0 = it does not */
    int64_t serve_ns;             /**< when serve is due */
    int64_t told_ns;              /**< when committed was called last */
    int64_t *told;                /**< by partition id, what committed was told */
};

static void bad_record(void *arg, const struct ph_record *record, const struct row_fault *fault)
{
    struct task *t = arg;
    struct ph_bytes value = {.data = record->value, .length = record->value_length};
    const struct ph_partition *p = t->job->partitions.items[record->partition_id];
    if (task_set_aside(t, p, record->offset, fault->code, fault->reason, value,
                       &t->source->record_error) != PH_OK) {
        return; /* the poll that is running looks at record_error */
    }
}

static struct batch_writer_options writer_options(struct task *t)
{
    const struct manifest *m = t->job->manifest;
    return (struct batch_writer_options){.reserve = t->node->reserve,
                                         .schema = t->node->outputs[0].schema,
                                         .record_max_bytes = m->record_max_bytes,
                                         .spare = decoder_spare(t->source->decoder),
                                         .decode = decoder_row,
                                         .decoder = t->source->decoder,
                                         .bad_record = bad_record,
                                         .arg = t};
}

int32_t source_task_init(struct task *t, struct ph_error *err)
{
    struct source_part *s = calloc(1, sizeof *s);
    t->source = s;
    if (s == NULL) {
        return ph_error_set(err, PH_ERR_FATAL, "out of memory for a task");
    }
    ph_error_clear(&s->record_error);
    s->told = malloc(PARTITIONS_MAX * sizeof *s->told);
    s->decoder = node_decoder_create(t->node, err);
    if (s->decoder == NULL || s->told == NULL) {
        return ph_error_set(err, PH_ERR_FATAL, "out of memory for a task");
    }
    memset(s->told, 0xff, PARTITIONS_MAX * sizeof *s->told);
    struct batch_writer_options options = writer_options(t);
    s->writer = batch_writer_create(&options);
    return s->writer != NULL ? PH_OK : ph_error_set(err, PH_ERR_FATAL, "out of memory for a task");
}

void source_task_fini(struct task *t)
{
    struct source_part *s = t->source;
    if (s != NULL) {
        batch_writer_destroy(s->writer);
        decoder_destroy(s->decoder);
        free(s->told);
        free(s);
        t->source = NULL;
    }
}

/* What every sink that reads this source has made durable, or -1 where one has nothing. */
static int64_t least_committed(const struct job *job, uint32_t partition_id)
{
    int64_t least = INT64_MAX;
    for (uint32_t i = 0; i < job->node_count; i++) {
        const struct node *n = &job->nodes[i];
        if (n->committed == NULL) {
            continue;
        }
        int64_t at = atomic_load_explicit(&n->committed[partition_id], memory_order_relaxed);
        least = at < least ? at : least;
    }
    return least == INT64_MAX ? -1 : least;
}

static int32_t tell_committed(struct task *t, int64_t now_ns, struct ph_error *err)
{
    struct source_part *s = t->source;
    struct ph_position moved[64];
    uint32_t count = 0;
    s->told_ns = now_ns;
    for (uint32_t id = 0; id < t->job->partitions.count && count < 64; id++) {
        const struct ph_partition *p = t->job->partitions.items[id];
        if (strcmp(p->source, t->node->manifest->name) != 0 ||
            (uint32_t)p->partition % t->node->task_count != t->pub.lane) {
            continue;
        }
        int64_t at = least_committed(t->job, id);
        if (at > s->told[id]) {
            s->told[id] = at;
            moved[count++] = (struct ph_position){.partition_id = id, .next_offset = at};
        }
    }
    return count == 0 ? PH_OK : t->node->plugin->source.committed(t->object, moved, count, err);
}

static enum task_step failed(struct task *t, const struct ph_error *err)
{
    job_fail(t->job, t, err);
    return TASK_FAILED;
}

static enum task_step close_and_deliver(struct task *t)
{
    struct source_part *s = t->source;
    s->linger_until_ns = 0;
    const struct ph_batch *batch = batch_writer_close(s->writer);
    if (batch == NULL) {
        return TASK_IDLE;
    }
    task_deliver(t, batch);
    return TASK_PROGRESS;
}

/* Nothing more at once: the batch goes, unless linger_ms lets it wait. */
static enum task_step on_idle(struct task *t)
{
    struct source_part *s = t->source;
    int64_t linger_ns = t->job->manifest->linger_ms * CLOCK_NS_PER_MS;
    if (!batch_writer_has_content(s->writer)) {
        return TASK_IDLE;
    }
    if (linger_ns > 0) {
        int64_t now_ns = clock_monotonic_ns();
        if (s->linger_until_ns == 0) {
            s->linger_until_ns = now_ns + linger_ns;
        }
        if (now_ns < s->linger_until_ns) {
            return TASK_IDLE;
        }
    }
    return close_and_deliver(t);
}

static enum task_step poll_source(struct task *t)
{
    struct source_part *s = t->source;
    struct ph_error err;
    ph_error_clear(&err);
    uint32_t rows = batch_writer_row_count(s->writer);
    int32_t rc = t->node->plugin->source.poll(t->object, batch_writer_pub(s->writer), &err);
    if (ph_error_is_set(&s->record_error)) {
        return failed(t, &s->record_error);
    }
    rows = batch_writer_row_count(s->writer) - rows;
    count_add(&t->counts.rows_in, rows);
    breaker_good(&t->breaker, rows);
    switch (rc) {
    case PH_OK:
    case PH_MORE:
        return TASK_PROGRESS;
    case PH_IDLE:
        return on_idle(t);
    case PH_END:
        s->at_end = true;
        return TASK_PROGRESS;
    default:
        return failed(t, &err);
    }
}

/* While the output is full the library behind the source must still be served. */
static enum task_step wait_for_room(struct task *t)
{
    struct source_part *s = t->source;
    struct ph_error err;
    int64_t now_ns = clock_monotonic_ns();
    s->blocked = true;
    if (now_ns < s->serve_ns) {
        return TASK_IDLE;
    }
    s->serve_ns = now_ns + SERVE_INTERVAL_NS;
    ph_error_clear(&err);
    return t->node->plugin->source.serve(t->object, &err) == PH_ERROR ? failed(t, &err) : TASK_IDLE;
}

static enum task_step end_of_input(struct task *t)
{
    if (batch_writer_has_content(t->source->writer)) {
        return close_and_deliver(t);
    }
    task_end(t);
    return TASK_PROGRESS;
}

enum task_step source_task_step(struct task *t)
{
    struct source_part *s = t->source;
    s->blocked = false;
    if (!task_has_room(t)) {
        return wait_for_room(t);
    }
    if (s->at_end || atomic_load_explicit(&t->job->draining, memory_order_relaxed)) {
        s->at_end = true;
        return end_of_input(t);
    }
    if (batch_writer_is_full(s->writer)) {
        return close_and_deliver(t);
    }
    if (batch_writer_open(s->writer) != PH_OK) {
        return wait_for_room(t);
    }
    enum task_step step = poll_source(t);
    int64_t now_ns = clock_monotonic_ns();
    if (step != TASK_FAILED && now_ns - s->told_ns >= COMMIT_INTERVAL_NS) {
        struct ph_error err;
        ph_error_clear(&err);
        if (tell_committed(t, now_ns, &err) == PH_ERROR) {
            return failed(t, &err);
        }
    }
    return step;
}

int64_t source_task_deadline_ns(const struct task *t)
{
    const struct source_part *s = t->source;
    if (s->blocked) {
        return s->serve_ns;
    }
    int64_t told_ns = s->told_ns + COMMIT_INTERVAL_NS;
    return s->linger_until_ns != 0 && s->linger_until_ns < told_ns ? s->linger_until_ns : told_ns;
}
