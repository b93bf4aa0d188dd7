/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "base/log.h"
#include "job/bind.h"
#include "job/letters.h"
#include "job/plan.h"
#include "job/reach.h"
#include "job/resumption.h"
#include "job/tasks.h"

#include <stdlib.h>

#define SERVE_INTERVAL_NS  (100 * CLOCK_NS_PER_MS)
#define COMMIT_INTERVAL_NS (1 * CLOCK_NS_PER_S)
#define TELL_AT_ONCE       64u

struct source_part {
    struct batch_writer *writer;
    struct decoder *decoder;
    struct resumption resumption;
    struct ph_error record_error; /**< of bad_record, whose caller cannot fail */
    struct letters letters;       /**< bad records whose dead letter is not written yet */
    struct trouble trouble;       /**< of poll */
    struct trouble start_trouble; /**< of start, for a partition found while running */
    uint32_t bad;                 /**< bad records of the running poll */
    uint32_t rows_before;         /**< rows in the open batch when it began */
    bool at_end;                  /**< poll said PH_END, or the job drains */
    bool blocked;                 /**< the last step could not poll */
    int64_t linger_until_ns;      /**< the open batch waits until then for more; 0 = it does not */
    int64_t serve_ns;             /**< when serve is due */
    int64_t told_ns;              /**< when committed was called last */
    int64_t *told;                /**< by partition id, what committed was told */
};

static bool is_partition(const struct task *t, uint32_t id)
{
    return id < t->job->partitions.count;
}

static void bad_record(void *arg, const struct ph_record *record, const struct row_fault *fault)
{
    struct task *t = arg;
    struct source_part *s = t->source;
    if (!is_partition(t, record->partition_id)) {
        return; /* told when the batch is closed */
    }
    if (ph_error_is_set(&s->record_error)) {
        return; /* the pipeline stops: its next start reads this one again */
    }
    breaker_place(&t->breaker, batch_writer_row_count(s->writer) - s->rows_before + s->bad);
    s->bad++;
    struct task_row row = {.partition = t->job->partitions.items[record->partition_id],
                           .offset = record->offset,
                           .timestamp_ms = record->timestamp_ms,
                           .key = {.data = record->key, .length = record->key_length},
                           .value = {.data = record->value, .length = record->value_length}};
    if (letters_add(t, &s->letters, &row, fault->code, fault->reason, &s->record_error) != PH_OK ||
        letters_are_waiting(&s->letters)) {
        /* Nothing more before this one is set aside; the poll that is running looks at
         * record_error. */
        batch_writer_pause(s->writer, true);
    }
}

/* Where few rows are asked for, what is read and looked up for nothing is little as well. */
static uint32_t first_rows(const struct job *job)
{
    return job->row_limit < BATCH_MAX_ROWS ? (uint32_t)job->row_limit : 0;
}

static const struct ph_partition *partition_of(void *arg, uint32_t id)
{
    const struct task *t = arg;
    return is_partition(t, id) ? t->job->partitions.items[id] : NULL;
}

static struct batch_writer_options writer_options(struct task *t)
{
    struct batch_writer_options options = {.reserve = t->node->reserve,
                                           .schema = t->node->outputs[0].schema,
                                           .max_rows = first_rows(t->job),
                                           .record_max_bytes = plan_record_max_bytes(t->node),
                                           .wanted = t->node->wanted,
                                           .bad_record = bad_record,
                                           .partition_of = partition_of,
                                           .arg = t};
    node_decoder_describe(t->node, t->source->decoder, &options);
    return options;
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
    if (s->writer == NULL) {
        return ph_error_set(err, PH_ERR_FATAL, "out of memory for a task");
    }
    resumption_init(&s->resumption, batch_writer_pub(s->writer), t->job->starts);
    return PH_OK;
}

void source_task_fini(struct task *t)
{
    struct source_part *s = t->source;
    if (s != NULL) {
        batch_writer_destroy(s->writer);
        decoder_destroy(s->decoder);
        letters_fini(&s->letters);
        free(s->told);
        free(s);
        t->source = NULL;
    }
}

/* What every sink that this source feeds has made durable, or -1 where one has nothing. */
static int64_t least_committed(const struct task *t, uint32_t partition_id)
{
    const struct job *job = t->job;
    int64_t least = INT64_MAX;
    for (uint32_t i = 0; i < job->node_count; i++) {
        const struct node *n = &job->nodes[i];
        if (n->committed == NULL || !reach_has(job, t->node, n)) {
            continue;
        }
        int64_t at = atomic_load_explicit(&n->committed[partition_id], memory_order_relaxed);
        least = at < least ? at : least;
    }
    return least == INT64_MAX ? -1 : least;
}

static bool is_own(const struct task *t, const struct ph_partition *p)
{
    return strcmp(p->source, t->node->manifest->name) == 0 &&
           (uint32_t)p->partition % t->node->task_count == t->pub.lane;
}

/* For monitors only: what goes wrong here does not stop anything but what is fatal. */
static int32_t tell(struct task *t, const struct ph_position *moved, uint32_t count,
                    struct ph_error *err)
{
    if (count == 0 || t->job->is_preview ||
        t->node->plugin->source.committed(t->object, moved, count, err) != PH_ERROR) {
        return PH_OK;
    }
    if ((err->flags & PH_ERR_RETRIABLE) == 0) {
        return PH_ERROR;
    }
    log_write(PH_LOG_WARNING, t->node->manifest->name, "%s", err->text);
    ph_error_clear(err);
    return PH_OK;
}

static int32_t tell_committed(struct task *t, int64_t now_ns, struct ph_error *err)
{
    struct source_part *s = t->source;
    struct ph_position moved[TELL_AT_ONCE];
    uint32_t count = 0;
    s->told_ns = now_ns;
    for (uint32_t id = 0; id < t->job->partitions.count; id++) {
        int64_t at = is_own(t, t->job->partitions.items[id]) ? least_committed(t, id) : -1;
        if (at <= s->told[id]) {
            continue;
        }
        s->told[id] = at;
        moved[count++] = (struct ph_position){.partition_id = id, .next_offset = at};
        if (count == TELL_AT_ONCE) {
            if (tell(t, moved, count, err) != PH_OK) {
                return PH_ERROR;
            }
            count = 0;
        }
    }
    return tell(t, moved, count, err);
}

void source_task_tell_end(struct task *t)
{
    struct ph_error err;
    ph_error_clear(&err);
    if (tell_committed(t, clock_monotonic_ns(), &err) != PH_OK) {
        log_write(PH_LOG_WARNING, t->node->manifest->name, "%s", err.text);
    }
}

static enum task_step failed(struct task *t, struct ph_error *err)
{
    if (err->flags == 0) {
        (void)ph_error_set(err, PH_ERR_FATAL, "the source failed without saying why");
    }
    job_fail(t->job, t, err);
    return TASK_FAILED;
}

/* Rows of a partition that nobody numbered would find no place anywhere behind. */
static enum task_step check_partitions(struct task *t, const struct ph_batch *batch)
{
    struct ph_error err;
    for (uint32_t i = 0; i < batch->position_count; i++) {
        if (!is_partition(t, batch->positions[i].partition_id)) {
            ph_error_clear(&err);
            (void)ph_error_set(&err, PH_ERR_FATAL,
                               "the source appended a record of partition id %u, which it was not "
                               "given",
                               batch->positions[i].partition_id);
            batch_release(batch);
            return failed(t, &err);
        }
    }
    return TASK_PROGRESS;
}

static enum task_step close_and_deliver(struct task *t)
{
    struct source_part *s = t->source;
    s->linger_until_ns = 0;
    const struct ph_batch *batch = batch_writer_close(s->writer);
    if (batch == NULL) {
        return TASK_IDLE;
    }
    if (check_partitions(t, batch) != TASK_PROGRESS) {
        return TASK_FAILED;
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

/* The source cannot read now: what it has read goes on, then it is asked again. */
static enum task_step poll_failed(struct task *t, struct ph_error *err)
{
    struct source_part *s = t->source;
    if ((err->flags & PH_ERR_RETRIABLE) == 0) {
        return failed(t, err);
    }
    trouble_begin(t, &s->trouble, err);
    return batch_writer_has_content(s->writer) && !letters_are_waiting(&s->letters)
               ? close_and_deliver(t)
               : TASK_IDLE;
}

/* What was read before is not what the source has now. */
static enum task_step refuse_other(struct task *t)
{
    const struct resumption *r = &t->source->resumption;
    struct ph_error err;
    ph_error_clear(&err);
    resumption_refuse(r, t->job->partitions.items[r->partition_id], t->job->manifest->path, &err);
    return failed(t, &err);
}

/* Letters are read until all of them are there; a preview writes none, and shows no old ones. */
static bool has_to_end(const struct task *t)
{
    return t->node->manifest->is_of_letters
               ? t->job->is_preview
               : atomic_load_explicit(&t->job->draining, memory_order_relaxed);
}

static enum task_step poll_source(struct task *t)
{
    struct source_part *s = t->source;
    struct ph_error err;
    ph_error_clear(&err);
    bool is_last = t->node->manifest->is_of_letters && letters_have_ended(t->job);
    s->bad = 0;
    s->rows_before = batch_writer_row_count(s->writer);
    int32_t rc = t->node->plugin->source.poll(t->object, resumption_writer(&s->resumption), &err);
    uint32_t records = batch_writer_row_count(s->writer) - s->rows_before + s->bad;
    count_add(&t->counts.rows_in, records);
    breaker_seen(&t->breaker, records);
    if (ph_error_is_set(&s->record_error)) {
        return failed(t, &s->record_error);
    }
    if (s->resumption.is_other) {
        return refuse_other(t);
    }
    if (rc == PH_ERROR) {
        return poll_failed(t, &err);
    }
    trouble_end(t, &s->trouble);
    if (letters_are_waiting(&s->letters)) {
        return TASK_PROGRESS; /* the next step sees to them */
    }
    switch (rc) {
    case PH_OK:
    case PH_MORE:
        return TASK_PROGRESS;
    case PH_IDLE:
        s->at_end = is_last;
        return is_last ? TASK_PROGRESS : on_idle(t);
    case PH_END:
        s->at_end = true;
        return breaker_end(&t->breaker, 0, &err) == PH_OK ? TASK_PROGRESS : failed(t, &err);
    default:
        (void)ph_error_set(&err, PH_ERR_FATAL, "poll gave an answer that it does not have: %d",
                           (int)rc);
        return failed(t, &err);
    }
}

/* While nothing is polled the library behind the source must still be served. */
static enum task_step wait_and_serve(struct task *t)
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
    if (t->node->plugin->source.serve(t->object, &err) != PH_ERROR) {
        return TASK_IDLE;
    }
    return (err.flags & PH_ERR_RETRIABLE) != 0 ? TASK_IDLE : failed(t, &err);
}

void source_task_serve(struct task *t)
{
    if (t->active) {
        (void)wait_and_serve(t);
    }
}

bool source_task_is_blocked(const struct task *t)
{
    return t->source->blocked;
}

static enum task_step end_of_input(struct task *t)
{
    if (batch_writer_has_content(t->source->writer)) {
        return close_and_deliver(t);
    }
    task_end(t);
    return TASK_PROGRESS;
}

static bool is_in_trouble(const struct source_part *s)
{
    return s->trouble.retry_ns != 0 && clock_monotonic_ns() < s->trouble.retry_ns;
}

/* Dead letters that could not be written. TASK_PROGRESS: none is left. */
static enum task_step flush_letters(struct task *t)
{
    struct source_part *s = t->source;
    struct ph_error err;
    ph_error_clear(&err);
    switch (letters_flush(t, &s->letters, &err)) {
    case PH_OK:
        batch_writer_pause(s->writer, false);
        return TASK_PROGRESS;
    case PH_MORE:
        return wait_and_serve(t);
    default:
        return failed(t, &err);
    }
}

static enum task_step read_more(struct task *t)
{
    struct source_part *s = t->source;
    if (s->at_end || has_to_end(t)) {
        s->at_end = true;
        return end_of_input(t);
    }
    if (batch_writer_is_full(s->writer)) {
        return close_and_deliver(t);
    }
    if (is_in_trouble(s)) {
        return wait_and_serve(t);
    }
    if (batch_writer_open(s->writer) != PH_OK) {
        t->is_backpressured = true; /* the memory is held behind it */
        return wait_and_serve(t);
    }
    if (t->is_muted) {
        t->is_muted = false;
        waiter_unmute(&t->worker->waiter, t);
    }
    return poll_source(t);
}

int32_t source_task_start(struct task *t, const struct ph_partition *p, struct ph_error *err)
{
    int32_t rc = t->node->plugin->source.start(t->object, p, &t->job->starts[p->id], err);
    if (rc == PH_OK) {
        resumption_expect(&t->source->resumption, p->id);
    }
    return rc;
}

/* A partition found while running. TASK_IDLE: not now. */
static enum task_step start_offered(struct task *t)
{
    struct source_part *s = t->source;
    const struct ph_partition *p = atomic_load(&t->offered);
    struct ph_error err;
    if (s->start_trouble.retry_ns != 0 && clock_monotonic_ns() < s->start_trouble.retry_ns) {
        return TASK_IDLE;
    }
    ph_error_clear(&err);
    if (source_task_start(t, p, &err) == PH_OK) {
        trouble_end(t, &s->start_trouble);
        atomic_store(&t->offered, NULL);
        return TASK_PROGRESS;
    }
    if ((err.flags & PH_ERR_RETRIABLE) == 0) {
        return failed(t, &err);
    }
    trouble_begin(t, &s->start_trouble, &err);
    return TASK_IDLE;
}

enum task_step source_task_step(struct task *t)
{
    struct source_part *s = t->source;
    enum task_step step = TASK_PROGRESS;
    s->blocked = false;
    if (atomic_load_explicit(&t->offered, memory_order_relaxed) != NULL && !s->at_end &&
        start_offered(t) == TASK_FAILED) {
        return TASK_FAILED;
    }
    if (letters_are_waiting(&s->letters)) {
        step = flush_letters(t);
    }
    if (step == TASK_PROGRESS) {
        step = task_has_room(t) ? read_more(t) : wait_and_serve(t);
    }
    int64_t now_ns = clock_monotonic_ns();
    if (step != TASK_FAILED && now_ns - s->told_ns >= COMMIT_INTERVAL_NS) {
        struct ph_error err;
        ph_error_clear(&err);
        if (tell_committed(t, now_ns, &err) != PH_OK) {
            return failed(t, &err);
        }
    }
    return step;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

int64_t source_task_deadline_ns(const struct task *t)
{
    const struct source_part *s = t->source;
    int64_t at_ns = earlier(s->told_ns + COMMIT_INTERVAL_NS, s->linger_until_ns);
    at_ns = earlier(at_ns, s->start_trouble.retry_ns);
    if (s->blocked) {
        at_ns = earlier(at_ns, s->serve_ns);
        at_ns = earlier(at_ns, s->letters.trouble.retry_ns);
        at_ns = earlier(at_ns, s->trouble.retry_ns);
    }
    return at_ns;
}
