/* SPDX-License-Identifier: Apache-2.0 */
#include "job/measure.h"

#include "base/clock.h"

#include <stdio.h>
#include <unistd.h>

/* Gauges that are known by their names: sdk/docs/abi.md. */
#define LAG_GAUGE    "lag_records"
#define PAUSED_GAUGE "paused"
#define PAUSED_DOC   "1 while "

static enum stats_kind kind_of(const struct node *n)
{
    switch (node_kind(n)) {
    case PH_KIND_SOURCE:
        return STATS_SOURCE;
    case PH_KIND_SINK:
        return STATS_SINK;
    default:
        return STATS_UDF;
    }
}

static bool describe(const struct node *n, struct stats_operator *o)
{
    const struct ph_descriptor *d = &n->plugin->descriptor;
    o->name = n->manifest->name;
    o->plugin = d->id;
    o->kind = kind_of(n);
    o->lanes = n->task_count;
    o->lag_records = -1;
    if (!stats_add_counters(o, d->counter_count)) {
        return false;
    }
    for (uint32_t i = 0; i < d->counter_count; i++) {
        o->counters[i] = (struct stats_counter){.name = d->counters[i].name,
                                                .doc = d->counters[i].doc,
                                                .is_gauge = d->counters[i].kind == PH_GAUGE};
    }
    return true;
}

struct stats *measure_create(const struct job *job)
{
    struct stats *s = stats_create(job->node_count);
    bool ok = s != NULL;
    for (uint32_t i = 0; ok && i < job->node_count; i++) {
        ok = describe(&job->nodes[i], &s->operators[i]);
    }
    if (!ok) {
        stats_destroy(s);
        return NULL;
    }
    s->pipeline = job->manifest->pipeline;
    s->pid = (int64_t)getpid();
    s->started_ns = clock_monotonic_ns();
    s->taken_ns = s->started_ns;
    return s;
}

/* What the present step or sleep has added by now, which the worker accounts at its end. */
static void add_present(const struct task *t, int64_t now_ns, int64_t *busy_ns, int64_t *held_ns)
{
    const struct worker *w = t->worker;
    int64_t since_ns = atomic_load_explicit(&w->since_ns, memory_order_relaxed);
    int64_t ns = since_ns != 0 && now_ns > since_ns ? now_ns - since_ns : 0;
    if (atomic_load_explicit(&w->finished, memory_order_relaxed)) {
        return;
    }
    if (atomic_load_explicit(&w->asleep, memory_order_relaxed)) {
        int rest = atomic_load_explicit(&t->counts.rest, memory_order_relaxed);
        *held_ns += rest == TASK_RESTS_BACKPRESSURED ? ns : 0;
        *busy_ns += rest == TASK_RESTS_BUSY ? ns : 0;
    } else if (atomic_load_explicit(&w->stepping, memory_order_relaxed) == t) {
        int64_t blocked_ns =
            atomic_load_explicit(&t->counts.blocked_since_ns, memory_order_relaxed);
        int64_t held = blocked_ns != 0 && now_ns > blocked_ns ? now_ns - blocked_ns : 0;
        held = held > ns ? ns : held;
        *held_ns += held;
        *busy_ns += ns - held;
    }
}

static int64_t busy_ns_of(struct task *t, int64_t now_ns)
{
    int64_t busy_ns = (int64_t)count_read(&t->counts.busy_ns);
    int64_t held_ns = 0;
    add_present(t, now_ns, &busy_ns, &held_ns);
    return busy_ns;
}

/* A task that hands its batches straight to others cannot go on while these work. */
static int64_t chained_ns(const struct task *t, int64_t now_ns)
{
    int64_t ns = 0;
    for (uint32_t i = 0; i < t->link_count; i++) {
        if (t->links[i].edge == NULL) {
            ns += busy_ns_of(t->links[i].to, now_ns) + chained_ns(t->links[i].to, now_ns);
        }
    }
    return ns;
}

static void add_task(struct task *t, int64_t now_ns, struct stats_totals *sum)
{
    struct task_counts *c = &t->counts;
    int64_t busy_ns = (int64_t)count_read(&c->busy_ns);
    int64_t held_ns = (int64_t)count_read(&c->backpressured_ns);
    add_present(t, now_ns, &busy_ns, &held_ns);
    sum->in += count_read(&c->rows_in);
    sum->out += count_read(&c->rows_out);
    sum->batches += count_read(&c->batches);
    sum->set_aside += count_read(&c->set_aside);
    sum->busy_ns += busy_ns;
    sum->backpressured_ns += held_ns + chained_ns(t, now_ns);
}

/* A sum is known where each lane knows its share. */
static void add_value(struct stats_counter *c, int64_t value)
{
    bool is_unknown = c->is_gauge && (c->value < 0 || value < 0);
    c->value = is_unknown ? -1 : c->value + value;
}

static void add_cells(const struct task *t, struct stats_operator *o)
{
    for (uint32_t i = 0; i < o->counter_count; i++) {
        struct stats_counter *c = &o->counters[i];
        add_value(c, __atomic_load_n(&t->cells[i], __ATOMIC_RELAXED));
        if (c->is_gauge && strcmp(c->name, LAG_GAUGE) == 0) {
            o->lag_records = c->value;
        }
    }
}

/* The first lane that waits speaks for all. */
static void take_waiting(struct task *t, struct stats_operator *o)
{
    (void)pthread_mutex_lock(&t->job->error_mutex);
    if (o->waiting[0] == '\0' && t->waiting.owner != NULL) {
        memcpy(o->waiting, t->waiting.text, sizeof o->waiting);
        memcpy(o->waiting_code, t->waiting.code, sizeof o->waiting_code);
        o->waiting_since_ns = t->waiting.since_ns;
        o->retry_ns = t->waiting.retry_ns;
    }
    (void)pthread_mutex_unlock(&t->job->error_mutex);
}

/* What a plugin waits for by itself, without an error that the host could tell of. */
static void take_paused(struct stats_operator *o)
{
    for (uint32_t i = 0; i < o->counter_count && o->waiting[0] == '\0'; i++) {
        const struct stats_counter *c = &o->counters[i];
        if (c->is_gauge && c->value > 0 && strcmp(c->name, PAUSED_GAUGE) == 0) {
            size_t skip =
                strncmp(c->doc, PAUSED_DOC, sizeof PAUSED_DOC - 1) == 0 ? sizeof PAUSED_DOC - 1 : 0;
            (void)snprintf(o->waiting, sizeof o->waiting, "%s", c->doc + skip);
        }
    }
}

/* What is read while workers go on is not of one moment, so that it may be a little much or little
 * for once; time never runs back. When they have ended it is exact. */
static void take_times(struct stats_totals *t, const struct stats_totals *now, bool is_exact)
{
    struct stats_totals before = *t;
    *t = *now;
    if (!is_exact) {
        t->busy_ns = now->busy_ns > before.busy_ns ? now->busy_ns : before.busy_ns;
        t->backpressured_ns = now->backpressured_ns > before.backpressured_ns
                                  ? now->backpressured_ns
                                  : before.backpressured_ns;
    }
}

static void take_operator(const struct node *n, int64_t now_ns, struct stats_operator *o)
{
    struct stats_totals sum = {0};
    bool is_exact = true;
    o->waiting[0] = '\0';
    o->waiting_code[0] = '\0';
    o->waiting_since_ns = 0;
    o->lag_records = -1;
    for (uint32_t i = 0; i < o->counter_count; i++) {
        o->counters[i].value = 0;
    }
    for (uint32_t lane = 0; lane < n->task_count; lane++) {
        is_exact = is_exact && atomic_load(&n->tasks[lane]->worker->finished);
        add_task(n->tasks[lane], now_ns, &sum);
        add_cells(n->tasks[lane], o);
        take_waiting(n->tasks[lane], o);
    }
    take_paused(o);
    take_times(&o->totals, &sum, is_exact);
}

void measure_take(struct job *job, struct stats *s)
{
    s->taken_ns = clock_monotonic_ns();
    for (uint32_t i = 0; i < job->node_count; i++) {
        take_operator(&job->nodes[i], s->taken_ns, &s->operators[i]);
    }
}
