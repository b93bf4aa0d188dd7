/* SPDX-License-Identifier: Apache-2.0 */
#include "stats/json.h"

#include "base/clock.h"

#include <string.h>

static double seconds(int64_t ns)
{
    return (double)ns / (double)CLOCK_NS_PER_S;
}

static void append_string(struct buf *b, const char *name, const char *text)
{
    buf_append_format(b, "\"%s\":", name);
    buf_append_json_string(b, text, strlen(text));
}

void stats_json_operator(struct buf *b, const struct stats_operator *o)
{
    const struct stats_totals *t = &o->totals;
    buf_append_format(b, "\"in\":%llu,\"out\":%llu,\"set_aside\":%llu", (unsigned long long)t->in,
                      (unsigned long long)t->out, (unsigned long long)t->set_aside);
    buf_append_format(b, ",\"in_per_s\":%.1f,\"out_per_s\":%.1f", o->in_per_s, o->out_per_s);
    buf_append_format(b, ",\"busy\":%.3f,\"idle\":%.3f,\"backpressured\":%.3f", o->busy, o->idle,
                      o->backpressured);
    if (o->lag_records >= 0) {
        buf_append_format(b, ",\"lag_records\":%lld", (long long)o->lag_records);
    }
}

void stats_json_counters(struct buf *b, const struct stats_operator *o, bool only_counted)
{
    const char *comma = "";
    buf_append_text(b, "{");
    for (uint32_t i = 0; i < o->counter_count; i++) {
        const struct stats_counter *c = &o->counters[i];
        if (stats_counter_is_known(c) && (c->value != 0 || !only_counted)) {
            buf_append_format(b, "%s\"%s\":%lld", comma, c->name, (long long)c->value);
            comma = ",";
        }
    }
    buf_append_text(b, "}");
}

void stats_json_waiting(struct buf *b, const struct stats_operator *o, int64_t now_ns)
{
    append_string(b, "waiting", o->waiting);
    if (o->waiting_code[0] != '\0') {
        buf_append_text(b, ",");
        append_string(b, "waiting_code", o->waiting_code);
    }
    if (o->waiting_since_ns != 0) {
        int64_t left_ns = o->retry_ns > now_ns ? o->retry_ns - now_ns : 0;
        buf_append_format(b, ",\"waiting_s\":%.1f,\"retry_in_s\":%.1f",
                          seconds(now_ns - o->waiting_since_ns), seconds(left_ns));
    }
}

static void append_operator(struct buf *b, const struct stats_operator *o, int64_t now_ns)
{
    buf_append_text(b, "{");
    append_string(b, "name", o->name);
    buf_append_text(b, ",");
    append_string(b, "plugin", o->plugin);
    buf_append_text(b, ",");
    append_string(b, "kind", stats_kind_name(o->kind));
    buf_append_format(b, ",\"lanes\":%u,", o->lanes);
    stats_json_operator(b, o);
    buf_append_format(b, ",\"busy_s\":%.3f,\"backpressured_s\":%.3f,", seconds(o->totals.busy_ns),
                      seconds(o->totals.backpressured_ns));
    if (o->waiting[0] != '\0') {
        stats_json_waiting(b, o, now_ns);
        buf_append_text(b, ",");
    }
    buf_append_text(b, "\"counters\":");
    stats_json_counters(b, o, false);
    buf_append_text(b, "}");
}

void stats_json(struct buf *b, const struct stats *s)
{
    buf_append_text(b, "{");
    append_string(b, "pipeline", s->pipeline);
    buf_append_text(b, ",");
    append_string(b, "state", stats_state_name(s->state));
    buf_append_format(b, ",\"pid\":%lld,\"uptime_s\":%.1f", (long long)s->pid,
                      seconds(s->taken_ns - s->started_ns));
    buf_append_format(b, ",\"in\":%llu,\"committed\":%llu,\"set_aside\":%llu",
                      (unsigned long long)s->in, (unsigned long long)s->committed,
                      (unsigned long long)s->set_aside);
    buf_append_format(b, ",\"in_per_s\":%.1f,\"committed_per_s\":%.1f,\"operators\":[", s->in_per_s,
                      s->committed_per_s);
    for (uint32_t i = 0; i < s->operator_count; i++) {
        buf_append_text(b, i == 0 ? "" : ",");
        append_operator(b, &s->operators[i], s->taken_ns);
    }
    buf_append_text(b, "]}");
}
