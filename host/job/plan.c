/* SPDX-License-Identifier: Apache-2.0 */
#include "job/plan.h"

#include "job/services.h"
#include "job/tasks.h"

#include <stdio.h>
#include <stdlib.h>

void plan_lanes(struct job *job)
{
    for (uint32_t i = 0; i < job->node_count; i++) {
        struct node *n = &job->nodes[job->manifest->order[i]];
        n->task_count = job->manifest->parallelism;
        if ((n->plugin->descriptor.flags & PH_PLUGIN_SINGLE) != 0) {
            n->task_count = 1;
        }
        for (uint32_t k = 0; k < n->manifest->input_count; k++) {
            if (node_input(n, k)->task_count == 1) {
                n->task_count = 1; /* behind a single task there is one lane */
            }
        }
    }
}

/* An async UDF never blocks: it waits for its sockets in the worker of what it reads. */
bool plan_is_chained(const struct node *n)
{
    bool waits = (n->plugin->descriptor.flags & PH_PLUGIN_WAITS) != 0;
    bool fits = node_kind(n) == PH_KIND_ASYNC_UDF || (node_kind(n) == PH_KIND_UDF && !waits);
    return fits && n->manifest->input_count == 1 && node_input(n, 0)->task_count == n->task_count;
}

/* A check steps the tasks side by side, and hands nothing from one to another. */
static bool shares_worker(const struct node *n)
{
    return plan_is_chained(n) && !n->job->is_check;
}

static struct worker *add_worker(struct job *job, const struct task *t, struct ph_error *err)
{
    struct worker **list = realloc(job->workers, (job->worker_count + 1u) * sizeof *list);
    struct worker *w = calloc(1, sizeof *w);
    if (list != NULL) {
        job->workers = list;
    }
    if (list == NULL || w == NULL) {
        free(w);
        (void)ph_error_set(err, PH_ERR_FATAL, "out of memory for a worker");
        return NULL;
    }
    w->job = job;
    (void)snprintf(w->name, sizeof w->name, "ph-%.9s-%u", t->node->manifest->name,
                   t->pub.lane % 100);
    if (waiter_init(&w->waiter, err) != PH_OK) {
        free(w);
        return NULL;
    }
    list[job->worker_count++] = w;
    return w;
}

static int32_t join_worker(struct worker *w, struct task *t, struct ph_error *err)
{
    struct task **list = realloc(w->tasks, (w->task_count + 1u) * sizeof(struct task *));
    if (list == NULL) {
        return ph_error_set(err, PH_ERR_FATAL, "out of memory for a worker's tasks");
    }
    w->tasks = list;
    list[w->task_count++] = t;
    t->worker = w;
    return PH_OK;
}

static int32_t add_link(struct task *from, struct task *to, struct edge *edge, uint32_t input,
                        struct ph_error *err)
{
    struct link *list = realloc(from->links, (from->link_count + 1u) * sizeof *list);
    if (list == NULL) {
        return ph_error_set(err, PH_ERR_FATAL, "out of memory for a link");
    }
    from->links = list;
    list[from->link_count++] = (struct link){.to = to, .edge = edge, .input = input};
    return PH_OK;
}

static struct edge *add_edge(struct job *job, struct task *from, struct task *to)
{
    struct edge **list = realloc(job->edges, (job->edge_count + 1u) * sizeof(struct edge *));
    if (list == NULL) {
        return NULL;
    }
    job->edges = list;
    struct edge *e = aligned_alloc(RING_LINE, sizeof *e);
    if (e == NULL) {
        return NULL;
    }
    memset(e, 0, sizeof *e);
    e->producer = &from->worker->waiter;
    e->consumer = &to->worker->waiter;
    if (!ring_init(&e->ring, from->node->fans_out ? job->fan_slots : PLAN_RING_SLOTS)) {
        free(e);
        return NULL;
    }
    list[job->edge_count++] = e;
    return e;
}

static int32_t connect_ring(struct task *from, struct task *to, uint32_t input,
                            struct ph_error *err)
{
    uint32_t n = to->edge_count + 1;
    struct edge **edges = realloc(to->edges, n * sizeof(struct edge *));
    to->edges = edges != NULL ? edges : to->edges;
    uint32_t *inputs = realloc(to->edge_inputs, n * sizeof *inputs);
    to->edge_inputs = inputs != NULL ? inputs : to->edge_inputs;
    bool *ended = realloc(to->edge_ended, n * sizeof *ended);
    to->edge_ended = ended != NULL ? ended : to->edge_ended;
    struct edge *e =
        edges != NULL && inputs != NULL && ended != NULL ? add_edge(to->job, from, to) : NULL;
    if (e == NULL) {
        return ph_error_set(err, PH_ERR_FATAL, "out of memory for an edge");
    }
    edges[n - 1] = e;
    inputs[n - 1] = input;
    ended[n - 1] = false;
    to->edge_count = n;
    return add_link(from, to, e, input, err);
}

/* All tasks of the input whose lane ends here: the same lane, or every lane where this one is
 * single. */
static int32_t connect_input(struct task *t, uint32_t input, struct ph_error *err)
{
    const struct node *from = node_input(t->node, input);
    int32_t rc = PH_OK;
    for (uint32_t lane = 0; lane < from->task_count && rc == PH_OK; lane++) {
        if (t->node->task_count == from->task_count && lane != t->pub.lane) {
            continue;
        }
        rc = shares_worker(t->node) ? add_link(from->tasks[lane], t, NULL, input, err)
                                    : connect_ring(from->tasks[lane], t, input, err);
    }
    return rc;
}

static int32_t add_task(struct node *n, uint32_t lane, struct ph_error *err)
{
    struct task *t = calloc(1, sizeof *t);
    n->tasks[lane] = t;
    if (t == NULL) {
        return ph_error_set(err, PH_ERR_FATAL, "out of memory for a task");
    }
    t->node = n;
    t->job = n->job;
    services_init_task(t, lane);
    /* Letters that a sink refuses are no worse off for it. */
    breaker_init(&t->breaker, n->manifest->is_of_letters
                                  ? 100
                                  : n->job->manifest->dead_letter_stop_above_percent);
    t->cells = calloc(n->plugin->descriptor.counter_count + 1u, sizeof *t->cells);
    if (t->cells == NULL) {
        return ph_error_set(err, PH_ERR_FATAL, "out of memory for counters");
    }
    struct worker *w =
        shares_worker(n) ? node_input(n, 0)->tasks[lane]->worker : add_worker(n->job, t, err);
    if (w == NULL || join_worker(w, t, err) != PH_OK) {
        return PH_ERROR;
    }
    int32_t rc = PH_OK;
    for (uint32_t i = 0; i < n->manifest->input_count && rc == PH_OK; i++) {
        rc = connect_input(t, i, err);
    }
    return rc;
}

int32_t plan_tasks(struct job *job, struct ph_error *err)
{
    for (uint32_t i = 0; i < job->node_count; i++) {
        struct node *n = &job->nodes[job->manifest->order[i]];
        n->tasks = calloc(n->task_count, sizeof(struct task *));
        if (n->tasks == NULL) {
            return ph_error_set(err, PH_ERR_FATAL, "out of memory for tasks");
        }
        for (uint32_t lane = 0; lane < n->task_count; lane++) {
            if (add_task(n, lane, err) != PH_OK) {
                return PH_ERROR;
            }
        }
    }
    return PH_OK;
}

static void task_free(struct task *t)
{
    if (t != NULL) {
        batch_release(t->pending);
        batch_release(t->unfiltered);
        free(t->cells);
        free(t->edges);
        free(t->edge_inputs);
        free(t->edge_ended);
        free(t->links);
        free(t);
    }
}

static void edge_free(struct edge *e)
{
    struct slot slot;
    while (ring_pop(&e->ring, &slot)) {
        batch_release(slot.batch);
    }
    ring_fini(&e->ring);
    free(e);
}

void plan_fini(struct job *job)
{
    for (uint32_t i = 0; i < job->edge_count; i++) {
        edge_free(job->edges[i]);
    }
    for (uint32_t i = 0; i < job->node_count; i++) {
        struct node *n = &job->nodes[i];
        for (uint32_t lane = 0; n->tasks != NULL && lane < n->task_count; lane++) {
            task_free(n->tasks[lane]);
        }
        free(n->tasks);
        n->tasks = NULL;
    }
    for (uint32_t i = 0; i < job->worker_count; i++) {
        waiter_fini(&job->workers[i]->waiter);
        free(job->workers[i]->tasks);
        free(job->workers[i]);
    }
    free(job->edges);
    free(job->workers);
    job->edge_count = 0;
    job->worker_count = 0;
}
