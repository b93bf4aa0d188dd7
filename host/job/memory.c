/* SPDX-License-Identifier: Apache-2.0 */
#include "batch/sizes.h"
#include "job/bind.h"
#include "job/plan.h"
#include "job/reach.h"

#define MIB (UINT64_C(1024) * 1024)
/* Long text that a UDF's new columns hold for each row, on average over a batch; a plugin that
 * needs more gets fewer batches. */
#define TEXT_BYTES_PER_ROW 96u
/* Batches that an operator holds itself: the one in work, the one that waits to be handed on, the
 * copy of it without rejected rows. */
#define OWN_BATCHES 3u

/* Batches that one task of d holds, none of them twice, of one lane of what it reads. */
static uint64_t held_in(const struct node *d)
{
    switch (node_kind(d)) {
    case PH_KIND_SINK:
        return d->epoch_batches + 1;
    case PH_KIND_ASYNC_UDF:
        return PLAN_ASYNC_HELD + OWN_BATCHES;
    default:
        return OWN_BATCHES;
    }
}

/* Inputs that read n; with_ring: only those that do so behind a ring. */
static uint32_t count_readers(const struct node *n, bool with_ring)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < n->job->node_count; i++) {
        const struct node *d = &n->job->nodes[i];
        for (uint32_t k = 0; k < d->manifest->input_count; k++) {
            count += node_input(d, k) == n && !(with_ring && plan_is_chained(d));
        }
    }
    return count;
}

/* Batches of one lane of n that wait behind an operator because one of its readers is slower than
 * the others, beyond PLAN_RING_SLOTS. Its rings end with the same batches, however many they are:
 * all of them together hold no more different ones than the fullest. */
static uint64_t held_by_fans(const struct node *n)
{
    uint64_t fans = 0;
    for (uint32_t i = 0; i < n->job->node_count; i++) {
        const struct node *d = &n->job->nodes[i];
        fans += d->fans_out && reach_has(n->job, n, d) && count_readers(d, true) > 0;
    }
    return fans * (n->job->fan_slots - PLAN_RING_SLOTS);
}

/* Batches that one lane of an operator and everything behind it can hold at once: each place that
 * one can be in is counted once, however many ways lead there. */
static uint64_t held_behind(const struct node *n)
{
    const struct job *job = n->job;
    uint64_t sum = OWN_BATCHES + held_by_fans(n);
    for (uint32_t i = 0; i < job->node_count; i++) {
        const struct node *d = &job->nodes[i];
        if (d == n || !reach_has(job, n, d)) {
            continue;
        }
        sum += held_in(d);
        for (uint32_t k = 0; k < d->manifest->input_count; k++) {
            bool leads = reach_has(job, n, node_input(d, k));
            sum += !leads ? 0 : plan_is_chained(d) ? 1 : PLAN_RING_SLOTS;
        }
    }
    return sum;
}

/* What the decoder adds to a record's own bytes. */
static int32_t find_needs(const struct node *n, struct batch_writer_options *options,
                          struct ph_error *err)
{
    struct decoder *d = node_decoder_create(n, err);
    if (d == NULL) {
        return ph_error_set(err, PH_ERR_FATAL, "out of memory for a decoder");
    }
    node_decoder_describe(n, d, options);
    decoder_destroy(d);
    options->decoder = NULL;
    return PH_OK;
}

static int32_t source_bytes(const struct node *n, uint64_t *bytes, struct ph_error *err)
{
    struct batch_writer_options options = {.schema = n->outputs[0].schema,
                                           .record_max_bytes = plan_record_max_bytes(n)};
    if (find_needs(n, &options, err) != PH_OK) {
        return PH_ERROR;
    }
    *bytes = held_behind(n) * sizes_source_batch(&options) + sizes_source_batch_largest(&options);
    return PH_OK;
}

/* A copy of every batch of an epoch, for when some of its rows must be left out: views and fixed
 * values, no text. */
static uint64_t sink_bytes(const struct node *n)
{
    uint64_t largest = 0;
    for (uint32_t i = 0; i < n->manifest->input_count; i++) {
        const struct ph_schema *schema = node_input(n, i)->outputs[0].schema;
        struct draft_output copy = {.schema = schema, .inherited = schema->field_count};
        uint64_t bytes = sizes_draft(&copy, 0);
        largest = bytes > largest ? bytes : largest;
    }
    return (n->epoch_batches + 1) * largest;
}

static uint64_t udf_bytes(const struct node *n)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < n->output_count; i++) {
        sum += held_behind(n) * sizes_draft(&n->outputs[i].draft, TEXT_BYTES_PER_ROW);
    }
    return sum;
}

/* Of all its lanes. */
static int32_t node_bytes(const struct node *n, uint64_t *bytes, struct ph_error *err)
{
    switch (node_kind(n)) {
    case PH_KIND_SOURCE:
        if (source_bytes(n, bytes, err) != PH_OK) {
            return PH_ERROR;
        }
        break;
    case PH_KIND_SINK:
        *bytes = sink_bytes(n);
        break;
    default:
        *bytes = udf_bytes(n);
        break;
    }
    *bytes *= n->task_count;
    return PH_OK;
}

/* Batches came back: whoever waits for memory looks again. */
static void on_freed(void *arg)
{
    struct node *n = arg;
    for (uint32_t i = 0; n->tasks != NULL && i < n->task_count; i++) {
        if (n->tasks[i] != NULL && n->tasks[i]->worker != NULL) {
            waiter_wake(&n->tasks[i]->worker->waiter);
        }
    }
}

static int32_t make_reserves(struct job *job, const uint64_t *bytes, double scale,
                             uint64_t pool_bytes, struct ph_error *err)
{
    job->pool = pool_create(pool_bytes);
    if (job->pool == NULL) {
        return ph_error_set(err, PH_ERR_FATAL, "out of memory for the pool of batches");
    }
    for (uint32_t i = 0; i < job->node_count; i++) {
        struct node *n = &job->nodes[i];
        uint64_t share = (uint64_t)((double)bytes[i] * scale);
        share = share < bytes[i] ? bytes[i] : share;
        n->reserve = reserve_create(job->pool, n->manifest->name, share, on_freed, n);
        if (n->reserve == NULL) {
            return ph_error_set(err, PH_ERR_FATAL, "out of memory for reserves");
        }
        for (uint32_t o = 0; o < n->output_count; o++) {
            n->outputs[o].draft.reserve = n->reserve;
        }
    }
    return PH_OK;
}

/* Who fans out; true where somebody does. */
static bool find_fans(struct job *job)
{
    bool found = false;
    for (uint32_t i = 0; i < job->node_count; i++) {
        struct node *n = &job->nodes[job->manifest->order[i]];
        n->fans_out =
            count_readers(n, false) > 1 || (plan_is_chained(n) && node_input(n, 0)->fans_out);
        found = found || n->fans_out;
    }
    return found;
}

static void ask_paces(struct job *job)
{
    for (uint32_t i = 0; i < job->node_count; i++) {
        struct node *n = &job->nodes[i];
        const struct ph_pace *pace = node_kind(n) == PH_KIND_SINK
                                         ? n->plugin->ops.get_extension(n->op, PH_EXTENSION_PACE)
                                         : NULL;
        n->pace_ns = pace != NULL ? pace->interval_ns(n->op) : 0;
    }
}

static void set_epochs(struct job *job, uint32_t paced_batches)
{
    for (uint32_t i = 0; i < job->node_count; i++) {
        struct node *n = &job->nodes[i];
        n->epoch_batches = n->pace_ns > 0 ? paced_batches : PLAN_SINK_BATCHES;
    }
}

static int32_t sum_bytes(struct job *job, uint32_t fan_slots, uint64_t *bytes, uint64_t *sum,
                         struct ph_error *err)
{
    job->fan_slots = fan_slots;
    *sum = 0;
    for (uint32_t i = 0; i < job->node_count; i++) {
        if (node_bytes(&job->nodes[i], &bytes[i], err) != PH_OK) {
            return PH_ERROR;
        }
        *sum += bytes[i];
    }
    return PH_OK;
}

/* Long epochs where commits cost much, but no limit is refused for them. */
static int32_t sum_epochs(struct job *job, uint64_t limit, uint64_t *bytes, uint64_t *sum,
                          struct ph_error *err)
{
    set_epochs(job, PLAN_PACED_BATCHES);
    int32_t rc = sum_bytes(job, PLAN_RING_SLOTS, bytes, sum, err);
    if (rc == PH_OK && limit != 0 && *sum > limit) {
        set_epochs(job, PLAN_SINK_BATCHES);
        rc = sum_bytes(job, PLAN_RING_SLOTS, bytes, sum, err);
    }
    return rc;
}

/* One of several readers may fall behind the others by all that the limit leaves. */
static int32_t deepen_fans(struct job *job, uint64_t limit, uint64_t *bytes, uint64_t *sum,
                           struct ph_error *err)
{
    uint32_t slots = PLAN_RING_SLOTS;
    int32_t rc = PH_OK;
    while (rc == PH_OK && *sum <= limit && slots < PLAN_FAN_SLOTS) {
        slots *= 2;
        rc = sum_bytes(job, slots, bytes, sum, err);
    }
    if (rc == PH_OK && *sum > limit) {
        rc = sum_bytes(job, slots / 2, bytes, sum, err);
    }
    return rc;
}

/*
 * Without a limit a quarter more than the sum is mapped at most, so that idle blocks of one size
 * need not go for another. Of a higher memory.limit_mib epochs of sinks whose commits cost much
 * come first, then readers that fall behind others; the rest is shared in proportion: it lets
 * records with longer text, and records that become more rows, have as many batches as others.
 */
int32_t plan_memory(struct job *job, struct ph_error *err)
{
    uint64_t bytes[MANIFEST_OPERATORS_MAX];
    uint64_t sum = 0;
    bool has_fans = find_fans(job);
    ask_paces(job);
    uint64_t limit = (uint64_t)job->manifest->memory_limit_mib * MIB;
    if (sum_epochs(job, limit, bytes, &sum, err) != PH_OK) {
        return PH_ERROR;
    }
    if (limit != 0 && limit < sum) {
        ph_error_set_key(err, "/memory/limit_mib");
        return ph_error_set(err, PH_ERR_CONFIG,
                            "this graph needs %llu MiB for its batches: raise memory.limit_mib, "
                            "lower parallelism or leave the limit out",
                            (unsigned long long)((sum + MIB - 1) / MIB));
    }
    if (limit != 0 && has_fans && deepen_fans(job, limit, bytes, &sum, err) != PH_OK) {
        return PH_ERROR;
    }
    double scale = limit == 0 ? 1.0 : (double)limit / (double)sum;
    return make_reserves(job, bytes, scale, limit != 0 ? limit : sum + sum / 4, err);
}
