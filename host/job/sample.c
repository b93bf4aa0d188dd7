/* SPDX-License-Identifier: Apache-2.0 */
#include "job/sample.h"

#include "base/clock.h"
#include "codec/encode.h"
#include "job/tasks.h"
#include "job/worker.h"

#include <stdio.h>
#include <stdlib.h>

#define WAIT_NS (2 * CLOCK_NS_PER_S)
/* Where nothing else is left to try: a busy broker may need longer for its first answer. */
#define LAST_WAIT_NS (8 * CLOCK_NS_PER_S)
#define NAP_NS       (100 * CLOCK_NS_PER_MS)
#define ROW_SIZE     65536u

/* ---- partitions, and where to read them */

struct found {
    struct ph_partition_list pub;
    struct task *task;
    struct ph_error *error;
};

/* The table has one writer at a time: sources are checked side by side. */
static pthread_mutex_t adding = PTHREAD_MUTEX_INITIALIZER;

static int32_t add_partition(struct ph_partition_list *list, const char *topic, int32_t partition,
                             const char *cluster)
{
    struct found *f = list->host_data;
    uint32_t id;
    (void)pthread_mutex_lock(&adding);
    int32_t rc = partitions_add(&f->task->job->partitions, f->task->node->manifest->name, topic,
                                partition, cluster, &id, f->error);
    (void)pthread_mutex_unlock(&adding);
    return rc;
}

static int32_t find_partitions(struct task *t, struct ph_error *err)
{
    struct found f = {
        .pub = {.size = (uint32_t)sizeof f.pub, .add = add_partition}, .task = t, .error = err};
    f.pub.host_data = &f;
    return t->node->plugin->source.partitions(t->object, &f.pub, err);
}

/* The partitions of this source, and where they begin. */
struct places {
    struct ph_partition *partitions;
    int64_t *offsets;
    uint32_t count;
};

static void places_fini(struct places *p)
{
    free(p->partitions);
    free(p->offsets);
}

static int32_t places_init(struct places *p, struct task *t, struct ph_error *err)
{
    const struct partitions *table = &t->job->partitions;
    *p = (struct places){.partitions = calloc(table->count + 1u, sizeof *p->partitions),
                         .offsets = calloc(table->count + 1u, sizeof *p->offsets)};
    if (p->partitions == NULL || p->offsets == NULL) {
        return ph_error_set(err, PH_ERR_FATAL, "out of memory for partitions");
    }
    for (uint32_t i = 0; i < table->count; i++) {
        if (strcmp(table->items[i]->source, t->node->manifest->name) == 0) {
            p->partitions[p->count++] = *table->items[i];
        }
    }
    if (p->count == 0) {
        return ph_error_set(err, PH_ERR_FATAL, "there is no partition to read");
    }
    return t->node->plugin->source.resolve(t->object, p->partitions, p->count, p->offsets, err);
}

static bool begins_at_zero(const struct places *p)
{
    for (uint32_t i = 0; i < p->count; i++) {
        if (p->offsets[i] != 0) {
            return false;
        }
    }
    return true;
}

static int32_t start_all(struct task *t, const struct places *p, struct ph_error *err)
{
    for (uint32_t i = 0; i < p->count; i++) {
        struct ph_position from = {.partition_id = p->partitions[i].id,
                                   .next_offset = p->offsets[i]};
        if (t->node->plugin->source.start(t->object, &p->partitions[i], &from, err) != PH_OK) {
            return PH_ERROR;
        }
    }
    return PH_OK;
}

/* ---- rows */

static void print_rows(const struct ph_batch *batch, struct check_result *r)
{
    struct encoder *e = encoder_create(batch->schema, &(struct encode_options){.columns = NULL});
    char *text = malloc(ROW_SIZE);
    for (uint32_t row = 0; e != NULL && text != NULL && row < batch->row_count; row++) {
        if (r->record_count == CHECK_RECORDS) {
            break;
        }
        uint32_t length = encoder_row(e, batch, row, text, ROW_SIZE);
        r->record_count++;
        if (length <= ROW_SIZE) {
            buf_append(&r->records, text, length);
            buf_append(&r->records, "\n", 1);
        } else {
            buf_append_format(&r->records, "(a row of %u bytes)\n", length);
        }
    }
    free(text);
    encoder_destroy(e);
}

/* Takes what the source handed on to l; the readers are not there. */
static void take_handed(struct link *l, struct check_result *r)
{
    const struct ph_batch *batch = l->edge == NULL ? l->to->pending : NULL;
    struct slot slot;
    l->to->pending = NULL;
    if (l->edge != NULL && edge_pop(l->edge, &slot) && slot.kind == SLOT_BATCH) {
        batch = slot.batch;
    }
    if (batch != NULL && r != NULL) {
        print_rows(batch, r);
    }
    batch_release(batch);
}

static void take_all_handed(struct task *t, struct check_result *r)
{
    for (uint32_t i = 0; i < t->link_count; i++) {
        take_handed(&t->links[i], i == 0 ? r : NULL);
    }
}

/* Until there are enough rows, or nothing comes: wait_ns for the first one, then WAIT_NS. */
static int32_t read_rows(struct task *t, int64_t wait_ns, struct check_result *r)
{
    int64_t until_ns = clock_monotonic_ns() + wait_ns;
    while (!t->done && r->record_count < CHECK_RECORDS && clock_monotonic_ns() < until_ns &&
           count_read(&t->counts.set_aside) < CHECK_RECORDS) {
        enum task_step step = task_step(t);
        if (step == TASK_FAILED || ph_error_is_set(&r->error)) {
            return PH_ERROR;
        }
        uint32_t before = r->record_count;
        take_all_handed(t, r);
        if (r->record_count > before) {
            until_ns = clock_monotonic_ns() + WAIT_NS;
        }
        if (step == TASK_IDLE) {
            worker_wait(t->worker, clock_monotonic_ns() + NAP_NS);
        }
    }
    return PH_OK;
}

/* Nothing new comes: the last records that are there do as well. */
static int32_t read_last_rows(struct task *t, struct places *p, struct check_result *r)
{
    struct ph_error err;
    if (begins_at_zero(p) || t->done) {
        return PH_OK;
    }
    for (uint32_t i = 0; i < p->count; i++) {
        p->offsets[i] = p->offsets[i] > CHECK_RECORDS ? p->offsets[i] - CHECK_RECORDS : 0;
    }
    t->node->plugin->ops.deactivate(t->object);
    if (t->node->plugin->ops.activate(t->object, &r->error) != PH_OK) {
        return PH_ERROR;
    }
    /* Where there are fewer records left than that, there is none to show. */
    ph_error_clear(&err);
    return start_all(t, p, &err) == PH_OK ? read_rows(t, LAST_WAIT_NS, r) : PH_OK;
}

static int32_t judge(struct task *t, uint32_t partitions, struct check_result *r)
{
    uint64_t bad = count_read(&t->counts.set_aside);
    if (r->record_count == 0 && bad > 0) {
        return ph_error_set(&r->error, PH_ERR_FATAL,
                            "none of the first %llu records can be decoded; the warnings say why: "
                            "compare \"format\" with them",
                            (unsigned long long)bad);
    }
    size_t used = strlen(r->text);
    (void)snprintf(r->text + used, sizeof r->text - used, "%s%u partition%s, ",
                   used > 0 ? "; " : "", partitions, partitions == 1 ? "" : "s");
    used = strlen(r->text);
    if (r->record_count == 0) {
        (void)snprintf(r->text + used, sizeof r->text - used, "no record is there to show");
    } else {
        (void)snprintf(r->text + used, sizeof r->text - used, "%u record%s decoded",
                       r->record_count, r->record_count == 1 ? "" : "s");
    }
    return PH_OK;
}

int32_t sample_source(struct task *source, struct check_result *r)
{
    struct places places = {.count = 0};
    int32_t rc = PH_ERROR;
    if (find_partitions(source, &r->error) == PH_OK &&
        places_init(&places, source, &r->error) == PH_OK &&
        start_all(source, &places, &r->error) == PH_OK) {
        rc = read_rows(source, begins_at_zero(&places) ? LAST_WAIT_NS : WAIT_NS, r);
        if (rc == PH_OK && r->record_count == 0 && count_read(&source->counts.set_aside) == 0) {
            rc = read_last_rows(source, &places, r);
        }
    }
    if (rc == PH_OK) {
        rc = judge(source, places.count, r);
    }
    places_fini(&places);
    return rc;
}
