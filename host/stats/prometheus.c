/* SPDX-License-Identifier: Apache-2.0 */
#include "stats/prometheus.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_SIZE 192u

/* ---- the format ---- */

/* In a label a quote is escaped too. */
static void append_escaped(struct buf *b, const char *text, bool is_label)
{
    for (; *text != '\0'; text++) {
        if (*text == '\n') {
            buf_append_text(b, "\\n");
        } else if (*text == '\\' || (is_label && *text == '"')) {
            buf_append_format(b, "\\%c", *text);
        } else {
            buf_append(b, text, 1);
        }
    }
}

static void family(struct buf *b, const char *name, bool is_gauge, const char *help)
{
    buf_append_format(b, "# HELP %s ", name);
    append_escaped(b, help, false);
    buf_append_format(b, "\n# TYPE %s %s\n", name, is_gauge ? "gauge" : "counter");
}

static void label(struct buf *b, const char *name, const char *value, const char *before)
{
    buf_append_format(b, "%s%s=\"", before, name);
    append_escaped(b, value, true);
    buf_append_text(b, "\"");
}

static void operator_sample(struct buf *b, const char *name, const struct stats *s,
                            const struct stats_operator *o)
{
    buf_append_text(b, name);
    label(b, "pipeline", s->pipeline, "{");
    label(b, "operator", o->name, ",");
    label(b, "plugin", o->plugin, ",");
    buf_append_text(b, "} ");
}

/* ---- the pipeline ---- */

static void pipeline_gauge(struct buf *b, const struct stats *s, const char *name, const char *help,
                           double value)
{
    family(b, name, true, help);
    buf_append_text(b, name);
    label(b, "pipeline", s->pipeline, "{");
    buf_append_format(b, "} %.3f\n", value);
}

static void pipeline_metrics(struct buf *b, const struct stats *s)
{
    static const char name[] = "pipehost_pipeline_state";
    pipeline_gauge(b, s, "pipehost_pipeline_uptime_seconds", "Time since the start",
                   (double)(s->taken_ns - s->started_ns) / (double)CLOCK_NS_PER_S);
    family(b, name, true, "1 for the state that the pipeline is in, 0 for the others");
    for (int state = STATS_STARTING; state <= STATS_STOPPING; state++) {
        buf_append_text(b, name);
        label(b, "pipeline", s->pipeline, "{");
        label(b, "state", stats_state_name((enum stats_state)state), ",");
        buf_append_format(b, "} %d\n", s->state == (enum stats_state)state ? 1 : 0);
    }
}

/* ---- operators ---- */

enum column { IN, OUT, BATCHES, SET_ASIDE, BUSY, BACKPRESSURED, LANES, WAITING, LAG, COLUMNS };

static const struct {
    const char *name;
    const char *help;
    bool is_gauge;
} columns[COLUMNS] = {
    [IN] = {"pipehost_operator_records_in_total",
            "Records that a source read, rows that other operators took", false},
    [OUT] = {"pipehost_operator_records_out_total", "Rows passed on, by a sink: rows made durable",
             false},
    [BATCHES] = {"pipehost_operator_batches_in_total", "Batches taken", false},
    [SET_ASIDE] = {"pipehost_operator_set_aside_total",
                   "Records and rows that did not go on, by the policy of on_error", false},
    [BUSY] = {"pipehost_operator_busy_seconds_total", "Time in which it worked, of all lanes",
              false},
    [BACKPRESSURED] = {"pipehost_operator_backpressured_seconds_total",
                       "Time in which it could not go on because of what lies behind it, of all "
                       "lanes",
                       false},
    [LANES] = {"pipehost_operator_lanes", "Lanes", true},
    [WAITING] = {"pipehost_operator_waiting", "1 while it waits for a service that fails", true},
    [LAG] = {"pipehost_operator_lag_records", "Records that a source has still to read", true},
};

static double seconds(int64_t ns)
{
    return (double)ns / (double)CLOCK_NS_PER_S;
}

static void append_value(struct buf *b, const struct stats_operator *o, enum column column)
{
    const struct stats_totals *t = &o->totals;
    switch (column) {
    case IN:
        buf_append_format(b, "%llu\n", (unsigned long long)t->in);
        break;
    case OUT:
        buf_append_format(b, "%llu\n", (unsigned long long)t->out);
        break;
    case BATCHES:
        buf_append_format(b, "%llu\n", (unsigned long long)t->batches);
        break;
    case SET_ASIDE:
        buf_append_format(b, "%llu\n", (unsigned long long)t->set_aside);
        break;
    case BUSY:
        buf_append_format(b, "%.6f\n", seconds(t->busy_ns));
        break;
    case BACKPRESSURED:
        buf_append_format(b, "%.6f\n", seconds(t->backpressured_ns));
        break;
    case LANES:
        buf_append_format(b, "%u\n", o->lanes);
        break;
    case WAITING:
        buf_append_format(b, "%d\n", o->waiting[0] != '\0' ? 1 : 0);
        break;
    default:
        buf_append_format(b, "%lld\n", (long long)o->lag_records);
        break;
    }
}

static void operator_metrics(struct buf *b, const struct stats *s)
{
    for (int column = 0; column < COLUMNS; column++) {
        const char *name = columns[column].name;
        bool begun = false;
        for (uint32_t i = 0; i < s->operator_count; i++) {
            const struct stats_operator *o = &s->operators[i];
            if (column == LAG && o->lag_records < 0) {
                continue;
            }
            if (!begun) {
                family(b, name, columns[column].is_gauge, columns[column].help);
                begun = true;
            }
            operator_sample(b, name, s, o);
            append_value(b, o, (enum column)column);
        }
    }
}

/* ---- what plugins count ---- */

struct metric {
    const struct stats_operator *operator_;
    const struct stats_counter *counter;
    bool is_done;
    char name[NAME_SIZE];
};

static void name_metric(struct metric *m)
{
    (void)snprintf(m->name, sizeof m->name, "pipehost_plugin_%s_%s%s", m->operator_->plugin,
                   m->counter->name, m->counter->is_gauge ? "" : "_total");
    for (char *at = m->name; *at != '\0'; at++) {
        bool is_name = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') ||
                       (*at >= '0' && *at <= '9') || *at == '_';
        *at = is_name ? *at : '_';
    }
}

/* All samples of a family stand together. Should two plugins come to one name with different kinds,
 * the first one's samples are shown. */
static void plugin_family(struct buf *b, const struct stats *s, struct metric *metrics,
                          size_t first, size_t count)
{
    const struct metric *m = &metrics[first];
    family(b, m->name, m->counter->is_gauge, m->counter->doc != NULL ? m->counter->doc : "");
    for (size_t i = first; i < count; i++) {
        if (metrics[i].is_done || strcmp(metrics[i].name, m->name) != 0) {
            continue;
        }
        metrics[i].is_done = true;
        if (metrics[i].counter->is_gauge == m->counter->is_gauge) {
            operator_sample(b, m->name, s, metrics[i].operator_);
            buf_append_format(b, "%lld\n", (long long)metrics[i].counter->value);
        }
    }
}

static void plugin_metrics(struct buf *b, const struct stats *s)
{
    size_t count = 0;
    for (uint32_t i = 0; i < s->operator_count; i++) {
        count += s->operators[i].counter_count;
    }
    struct metric *metrics = calloc(count + 1, sizeof *metrics);
    if (metrics == NULL) {
        b->failed = true;
        return;
    }
    size_t at = 0;
    for (uint32_t i = 0; i < s->operator_count; i++) {
        for (uint32_t k = 0; k < s->operators[i].counter_count; k++) {
            if (stats_counter_is_known(&s->operators[i].counters[k])) {
                metrics[at].operator_ = &s->operators[i];
                metrics[at].counter = &s->operators[i].counters[k];
                name_metric(&metrics[at++]);
            }
        }
    }
    count = at;
    for (size_t i = 0; i < count; i++) {
        if (!metrics[i].is_done) {
            plugin_family(b, s, metrics, i, count);
        }
    }
    free(metrics);
}

void prometheus_text(struct buf *b, const struct stats *s)
{
    pipeline_metrics(b, s);
    operator_metrics(b, s);
    plugin_metrics(b, s);
}
