/* SPDX-License-Identifier: Apache-2.0 */
#include "stats/snapshot.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct stats *stats_create(uint32_t operator_count)
{
    struct stats *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return NULL;
    }
    s->operators = calloc(operator_count, sizeof *s->operators);
    if (s->operators == NULL) {
        free(s);
        return NULL;
    }
    s->operator_count = operator_count;
    return s;
}

void stats_destroy(struct stats *s)
{
    if (s != NULL) {
        for (uint32_t i = 0; i < s->operator_count; i++) {
            free(s->operators[i].counters);
        }
        free(s->operators);
        free(s);
    }
}

bool stats_add_counters(struct stats_operator *o, uint32_t count)
{
    o->counters = calloc(count + 1u, sizeof *o->counters);
    o->counter_count = o->counters != NULL ? count : 0;
    return o->counters != NULL;
}

bool stats_base_init(struct stats_base *b, const struct stats *s)
{
    b->taken_ns = s->started_ns;
    b->totals = calloc(s->operator_count + 1u, sizeof *b->totals);
    return b->totals != NULL;
}

void stats_base_fini(struct stats_base *b)
{
    free(b->totals);
    b->totals = NULL;
}

void stats_base_set(struct stats_base *b, const struct stats *s)
{
    b->taken_ns = s->taken_ns;
    for (uint32_t i = 0; i < s->operator_count; i++) {
        b->totals[i] = s->operators[i].totals;
    }
}

static double per_second(uint64_t count, int64_t ns)
{
    return ns <= 0 ? 0.0 : (double)count * (double)CLOCK_NS_PER_S / (double)ns;
}

static double share(int64_t part_ns, int64_t whole_ns, double most)
{
    double x = whole_ns <= 0 ? 0.0 : (double)part_ns / (double)whole_ns;
    return x < 0.0 ? 0.0 : x > most ? most : x;
}

static void operator_rates(struct stats_operator *o, const struct stats_totals *before, int64_t ns)
{
    o->in_per_s = per_second(o->totals.in - before->in, ns);
    o->out_per_s = per_second(o->totals.out - before->out, ns);
    int64_t lanes_ns = ns * o->lanes;
    o->busy = share(o->totals.busy_ns - before->busy_ns, lanes_ns, 1.0);
    o->backpressured =
        share(o->totals.backpressured_ns - before->backpressured_ns, lanes_ns, 1.0 - o->busy);
    o->idle = 1.0 - o->busy - o->backpressured;
}

void stats_rates(struct stats *s, const struct stats_base *b)
{
    int64_t ns = s->taken_ns - b->taken_ns;
    s->in = 0;
    s->committed = 0;
    s->set_aside = 0;
    s->in_per_s = 0.0;
    s->committed_per_s = 0.0;
    for (uint32_t i = 0; i < s->operator_count; i++) {
        struct stats_operator *o = &s->operators[i];
        operator_rates(o, &b->totals[i], ns);
        s->set_aside += o->totals.set_aside;
        if (o->kind == STATS_SOURCE) {
            s->in += o->totals.in;
            s->in_per_s += o->in_per_s;
        } else if (o->kind == STATS_SINK) {
            s->committed += o->totals.out;
            s->committed_per_s += o->out_per_s;
        }
    }
}

static double seconds(int64_t ns)
{
    return ns < 0 ? 0.0 : (double)ns / (double)CLOCK_NS_PER_S;
}

void stats_waiting_line(const struct stats_operator *o, int64_t now_ns,
                        char out[STATS_WAITING_LINE_SIZE])
{
    double past = seconds(now_ns - o->waiting_since_ns);
    double left = seconds(o->retry_ns - now_ns);
    size_t length = 0;
    if (o->waiting_since_ns != 0) {
        length = (size_t)snprintf(out, STATS_WAITING_LINE_SIZE, "%s%s%.*f s, ", o->waiting_code,
                                  o->waiting_code[0] == '\0' ? "" : ", ", past < 10 ? 1 : 0, past);
        char *rest = out + length;
        size_t size = STATS_WAITING_LINE_SIZE - length;
        length += (size_t)(left > 0 ? snprintf(rest, size,
                                               "next try in %.*f s: ", left < 10 ? 1 : 0, left)
                                    : snprintf(rest, size, "trying again: "));
    }
    (void)snprintf(out + length, STATS_WAITING_LINE_SIZE - length, "%s", o->waiting);
}

const char *stats_kind_name(enum stats_kind kind)
{
    static const char *const names[] = {"source", "udf", "sink"};
    return names[kind];
}

const char *stats_state_name(enum stats_state state)
{
    static const char *const names[] = {"starting", "running", "draining", "stopping"};
    return names[state];
}
