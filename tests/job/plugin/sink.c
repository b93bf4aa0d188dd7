/* SPDX-License-Identifier: Apache-2.0 */
/* A transactional sink whose database is the stage. */
#include "part.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WRITTEN_MAX 1024u

struct sink {
    struct part part;
    int64_t commit_ms;  /* how long a commit takes */
    int64_t more_every; /* such a write finds no room */
    int64_t lose_every; /* such a commit is done, but its answer gets lost */
    int64_t pace_ms;    /* what its pace is, 0 = none */
};

struct lane {
    struct sink *op;
    const struct ph_task *task;
    struct stage_log *log;
    uint64_t fence;
    const struct ph_batch *written[WRITTEN_MAX];
    uint32_t written_count;
    uint64_t writes;
    uint64_t commits;
    uint64_t used;       /* rows of the log, durable or not */
    uint64_t pending_id; /* of a commit that is to be answered */
    int64_t *epochs;
    int64_t *open_rows;
    int64_t *paused;
    struct {
        uint8_t source;
        uint8_t partition;
    } names[4096]; /* by partition id */
};

static void *create(const struct ph_host *host, struct ph_error *err)
{
    return part_create(sizeof(struct sink), host, err);
}

static int32_t init(void *self, const struct ph_config *config, struct ph_error *err)
{
    struct sink *s = (struct sink *)self;
    s->commit_ms = ph_config_integer(config, "commit_ms");
    s->more_every = ph_config_integer(config, "more_every");
    s->lose_every = ph_config_integer(config, "lose_every");
    s->pace_ms = ph_config_integer(config, "pace_ms");
    return part_init(&s->part, config, err);
}

/* mode "reads" looks at the first column alone. */
static int32_t bind(void *self, struct ph_binding *b, struct ph_error *err)
{
    if (part_is_mode((struct part *)self, "reads")) {
        b->reads(b, 0, 0);
    }
    return part_at((struct part *)self, AT_BIND, 0, err);
}

static void *task_create(void *op, const struct ph_task *task, struct ph_error *err)
{
    struct lane *l = (struct lane *)calloc(1, sizeof *l);
    l->op = (struct sink *)op;
    l->task = task;
    l->log = &l->op->part.stage->logs[l->op->part.slot][task->lane];
    l->used = atomic_load(&l->log->durable);
    const struct ph_metrics *metrics =
        l->op->part.host->get_service(task->host, PH_SERVICE_METRICS);
    l->epochs = metrics->cell(task, 0);
    l->open_rows = metrics->cell(task, 1);
    l->paused = metrics->cell(task, 2);
    if (part_at(&l->op->part, AT_TASK_CREATE, task->lane, err) != PH_OK) {
        free(l);
        return NULL;
    }
    return l;
}

static void task_destroy(void *self)
{
    struct lane *l = (struct lane *)self;
    (void)part_at(&l->op->part, AT_TASK_DESTROY, l->task->lane, NULL);
    free(l);
}

static int32_t activate(void *self, struct ph_error *err)
{
    struct lane *l = (struct lane *)self;
    return part_at(&l->op->part, AT_ACTIVATE, l->task->lane, err);
}

static void deactivate(void *self)
{
    struct lane *l = (struct lane *)self;
    (void)part_at(&l->op->part, AT_DEACTIVATE, l->task->lane, NULL);
}

static int64_t find_position(const struct lane *l, uint8_t source, uint8_t partition)
{
    int64_t found = -1;
    for (uint32_t lane = 0; lane < STAGE_LANES; lane++) {
        const struct stage_log *log = &l->op->part.stage->logs[l->op->part.slot][lane];
        uint64_t count = atomic_load(&log->durable);
        for (uint64_t i = 0; i < count; i++) {
            const struct stage_row *r = &log->rows[i];
            if (r->is_position != 0 && r->source == source && r->partition == partition &&
                r->offset > found) {
                found = r->offset;
            }
        }
    }
    return found;
}

static int32_t claim(void *self, const struct ph_partition *partitions, uint32_t count,
                     struct ph_position *positions, struct ph_error *err)
{
    struct lane *l = (struct lane *)self;
    _Atomic uint64_t *fence = &l->op->part.stage->fences[l->op->part.slot][l->task->lane];
    if (part_at(&l->op->part, AT_CLAIM, l->task->lane, err) != PH_OK) {
        return PH_ERROR;
    }
    if (l->fence != 0 && atomic_load(fence) != l->fence) {
        return ph_error_set(err, PH_ERR_FENCED, "another process has taken the positions over");
    }
    l->fence = 1 + atomic_fetch_add(fence, 1);
    for (uint32_t i = 0; i < count; i++) {
        l->names[partitions[i].id].source = part_source_slot(&partitions[i]);
        l->names[partitions[i].id].partition = (uint8_t)partitions[i].partition;
        positions[i].next_offset =
            find_position(l, part_source_slot(&partitions[i]), (uint8_t)partitions[i].partition);
    }
    return PH_OK;
}

static int64_t n_of(const struct ph_batch *b, uint32_t row)
{
    return ph_column_int64(ph_batch_column(b, 0), row);
}

/* Rows with 3 as the rest of n by every are not to the sink's taste; every 1: no row is. */
static bool is_refused(const struct lane *l, const struct ph_batch *b, uint32_t row)
{
    return n_of(b, row) % l->op->part.every == 3 % l->op->part.every;
}

static int32_t write_batch(void *self, const struct ph_batch *b, struct ph_error *err)
{
    struct lane *l = (struct lane *)self;
    struct sink *s = l->op;
    if (part_at(&s->part, AT_WRITE, l->task->lane, err) != PH_OK) {
        return PH_ERROR;
    }
    if (s->more_every > 0 && ++l->writes % (uint64_t)s->more_every == 0) {
        return PH_MORE;
    }
    for (uint32_t row = 0; part_is_mode(&s->part, "write") && row < b->row_count; row++) {
        if (is_refused(l, b, row)) {
            l->task->reject(l->task, b, row, "stage", "refused by write");
        }
    }
    for (uint32_t c = 1; part_is_mode(&s->part, "reads") && c < b->column_count; c++) {
        if (b->columns[c].null_count != b->row_count) {
            return ph_error_set(err, PH_ERR_FATAL, "column %u has values", c);
        }
    }
    if (l->written_count == WRITTEN_MAX) {
        return ph_error_set(err, PH_ERR_FATAL, "too many batches");
    }
    l->written[l->written_count++] = b;
    return PH_OK;
}

/* mode "named" rejects the first such row, "unnamed" none; true where there is one. */
static bool refuse(struct lane *l)
{
    bool named = part_is_mode(&l->op->part, "named");
    if (!named && !part_is_mode(&l->op->part, "unnamed")) {
        return false;
    }
    for (uint32_t i = 0; i < l->written_count; i++) {
        for (uint32_t row = 0; row < l->written[i]->row_count; row++) {
            if (is_refused(l, l->written[i], row)) {
                if (named) {
                    l->task->reject(l->task, l->written[i], row, "22001", "value too long");
                }
                return true;
            }
        }
    }
    return false;
}

static void store_rows(struct lane *l, const struct ph_batch *b)
{
    for (uint32_t row = 0; row < b->row_count; row++) {
        if (part_is_mode(&l->op->part, "write") && is_refused(l, b, row)) {
            continue;
        }
        uint32_t last = b->column_count - 1;
        uint32_t id = b->partition_ids != NULL ? b->partition_ids[row] : 0;
        const struct ph_column *v = ph_batch_column(b, last);
        l->log->rows[l->used++] = (struct stage_row){
            .offset = b->offsets != NULL ? b->offsets[row] : -1,
            .value = v->type == PH_TYPE_INT64 ? ph_column_int64(v, row) : n_of(b, row),
            .sub = b->sub_indexes != NULL ? b->sub_indexes[row] & ~PH_SUB_LAST : 0,
            .source = l->names[id].source,
            .partition = l->names[id].partition,
            .lane = (uint8_t)l->task->lane};
    }
}

static int32_t store(struct lane *l, const struct ph_epoch *epoch, struct ph_error *err)
{
    struct part *p = &l->op->part;
    l->used = atomic_load(&l->log->durable);
    for (uint32_t i = 0; i < l->written_count; i++) {
        if (l->used + l->written[i]->row_count + epoch->position_count > STAGE_LOG_ROWS) {
            return ph_error_set(err, PH_ERR_FATAL, "the stage is full");
        }
        store_rows(l, l->written[i]);
    }
    for (uint32_t i = 0; i < epoch->position_count; i++) {
        const struct ph_position *position = &epoch->positions[i];
        l->log->rows[l->used++] =
            (struct stage_row){.offset = position->next_offset,
                               .source = l->names[position->partition_id].source,
                               .partition = l->names[position->partition_id].partition,
                               .is_position = 1};
    }
    if (atomic_load(&p->stage->fences[p->slot][l->task->lane]) != l->fence) {
        return ph_error_set(err, PH_ERR_FENCED, "another process has taken the positions over");
    }
    atomic_store(&l->log->durable, l->used);
    atomic_fetch_add(&p->stage->commits[p->slot], 1);
    l->written_count = 0;
    return PH_OK;
}

/* Waits as a sink may: so that the host can stop it. */
static int32_t take_time(struct lane *l, struct ph_error *err)
{
    struct part *p = &l->op->part;
    int64_t at_ns = p->clock->monotonic_ns(p->host) + l->op->commit_ms * 1000000;
    if (part_is_mode(p, "stuck")) {
        for (;;) {
            (void)pause();
        }
    }
    while (l->op->commit_ms > 0 || atomic_load(&p->stage->gate[p->slot])) {
        ph_gauge_set(l->paused, atomic_load(&p->stage->gate[p->slot]));
        if (atomic_load(&p->stage->gate[p->slot])) {
            at_ns = p->clock->monotonic_ns(p->host) + 2000000;
        }
        if (p->wait->block(l->task, -1, 0, at_ns) == PH_CANCELLED) {
            return ph_error_set(err, PH_ERR_FATAL, "stopped");
        }
        if (!atomic_load(&p->stage->gate[p->slot])) {
            break;
        }
    }
    ph_gauge_set(l->paused, 0);
    return PH_OK;
}

static int32_t commit(void *self, const struct ph_epoch *epoch, struct ph_error *err)
{
    struct lane *l = (struct lane *)self;
    struct part *p = &l->op->part;
    ph_gauge_set(l->open_rows, (int64_t)epoch->row_count);
    if (part_at(p, AT_COMMIT, l->task->lane, err) != PH_OK || take_time(l, err) != PH_OK) {
        return PH_ERROR;
    }
    ph_gauge_set(l->open_rows, 0);
    ph_counter_add(l->epochs, 1);
    if (refuse(l)) {
        return ph_error_set(err, PH_ERR_POISON, "a value is too long");
    }
    if (store(l, epoch, err) != PH_OK) {
        return PH_ERROR;
    }
    if (l->op->lose_every > 0 && ++l->commits % (uint64_t)l->op->lose_every == 0) {
        return ph_error_set(err, PH_ERR_RETRIABLE, "the answer got lost");
    }
    if (part_is_mode(p, "pending")) {
        l->pending_id = epoch->id;
        p->wait->wake(l->task);
        return PH_PENDING;
    }
    return PH_OK;
}

static int32_t ready(void *self, int fd, uint32_t events, struct ph_error *err)
{
    struct lane *l = (struct lane *)self;
    (void)fd;
    (void)events;
    if (l->pending_id != 0) {
        l->op->part.epochs->done(l->task, l->pending_id, NULL);
        l->pending_id = 0;
    }
    return part_at(&l->op->part, AT_READY, l->task->lane, err);
}

static void abort_epoch(void *self)
{
    struct lane *l = (struct lane *)self;
    (void)part_at(&l->op->part, AT_ABORT, l->task->lane, NULL);
    l->written_count = 0;
}

static int32_t release(void *self, struct ph_error *err)
{
    struct lane *l = (struct lane *)self;
    return part_at(&l->op->part, AT_RELEASE, l->task->lane, err);
}

static const struct ph_config_key keys[] = {PART_KEYS, PART_INT("commit_ms", "0"),
                                            PART_INT("more_every", "0"),
                                            PART_INT("lose_every", "0"), PART_INT("pace_ms", "0")};

static const struct ph_counter counters[] = {
    {sizeof(struct ph_counter), PH_COUNTER, "epochs", "commits that were called"},
    {sizeof(struct ph_counter), PH_GAUGE, "open_rows", "rows of the commit that is under way"},
    {sizeof(struct ph_counter), PH_GAUGE, "paused", "1 while the gate of the stage is closed"}};

static int64_t interval_ns(void *self)
{
    return ((const struct sink *)self)->pace_ms * 1000000;
}

static const struct ph_pace pace = {.size = sizeof pace, .interval_ns = interval_ns};

static const void *get_extension(void *self, const char *id)
{
    (void)self;
    return strcmp(id, PH_EXTENSION_PACE) == 0 ? &pace : NULL;
}

static const struct ph_operator_ops ops = {.size = sizeof ops,
                                           .create = create,
                                           .destroy = part_destroy,
                                           .init = init,
                                           .bind = bind,
                                           .task_create = task_create,
                                           .task_destroy = task_destroy,
                                           .activate = activate,
                                           .deactivate = deactivate,
                                           .ready = ready,
                                           .get_extension = get_extension};

static const struct ph_sink_ops sink_ops = {.size = sizeof sink_ops,
                                            .claim = claim,
                                            .release = release,
                                            .write = write_batch,
                                            .commit = commit,
                                            .abort = abort_epoch};

#define SINK(VARIABLE, ID, FLAGS, DELIVERY)                                                        \
    const struct ph_descriptor VARIABLE = {.size = sizeof VARIABLE,                                \
                                           .kind = PH_KIND_SINK,                                   \
                                           .flags = FLAGS,                                         \
                                           .delivery = DELIVERY,                                   \
                                           .id = ID,                                               \
                                           .version = "1",                                         \
                                           .summary = "keeps rows in the stage",                   \
                                           .config = keys,                                         \
                                           .config_count = sizeof keys / sizeof keys[0],           \
                                           .counters = counters,                                   \
                                           .counter_count = sizeof counters / sizeof counters[0],  \
                                           .ops = &ops,                                            \
                                           .sink = &sink_ops}

SINK(sink_descriptor, "sink", PH_PLUGIN_WAITS, PH_DELIVERY_TRANSACTIONAL);
SINK(single_descriptor, "single", PH_PLUGIN_WAITS | PH_PLUGIN_SINGLE, PH_DELIVERY_TRANSACTIONAL);
SINK(ephemeral_descriptor, "ephemeral", PH_PLUGIN_WAITS, PH_DELIVERY_EPHEMERAL);
SINK(durable_descriptor, "durable", PH_PLUGIN_WAITS, PH_DELIVERY_DURABLE);
