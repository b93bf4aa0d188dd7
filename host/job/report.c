/* SPDX-License-Identifier: Apache-2.0 */
#include "job/report.h"

#include "base/clock.h"
#include "base/log.h"
#include "stats/json.h"

#include <stdio.h>
#include <string.h>

/* What a log line's members may hold; more is left out piece by piece, never cut. */
#define FIELDS_MAX 2000u
#define TEXT_MAX   600u

static double seconds_since_start(const struct stats *s)
{
    return (double)(s->taken_ns - s->started_ns) / (double)CLOCK_NS_PER_S;
}

/* ---- an operator's line ---- */

/* "; records 12000, bytes 5600000": what the plugin counted. */
static void append_counters(struct buf *b, const struct stats_operator *o)
{
    const char *before = "; ";
    for (uint32_t i = 0; i < o->counter_count; i++) {
        const struct stats_counter *c = &o->counters[i];
        if (c->value != 0 && stats_counter_is_known(c)) {
            buf_append_format(b, "%s%s %lld", before, c->name, (long long)c->value);
            before = ", ";
        }
    }
}

static void operator_text(struct buf *b, const struct stats_operator *o, int64_t now_ns)
{
    buf_append_format(b, "%.0f/s in, %.0f/s out; %.0f %% busy, %.0f %% idle, %.0f %% backpressured",
                      o->in_per_s, o->out_per_s, o->busy * 100, o->idle * 100,
                      o->backpressured * 100);
    if (o->waiting[0] != '\0') {
        char waiting[STATS_WAITING_LINE_SIZE];
        stats_waiting_line(o, now_ns, waiting);
        buf_append_format(b, "; waiting: %s", waiting);
    }
    append_counters(b, o);
}

/* The counters stay out where they do not fit. */
static void operator_fields(struct buf *b, const struct stats_operator *o, int64_t now_ns)
{
    stats_json_operator(b, o);
    if (o->waiting[0] != '\0') {
        buf_append_text(b, ",");
        stats_json_waiting(b, o, now_ns);
    }
    size_t length = b->length;
    buf_append_text(b, ",\"counters\":");
    stats_json_counters(b, o, true);
    if (b->failed && b->data != NULL) {
        b->length = length;
        b->data[length] = '\0';
    }
}

static const char *text_of(const struct buf *b)
{
    return b->data != NULL ? b->data : "";
}

static void write_operator(const struct stats_operator *o, int64_t now_ns)
{
    struct buf text;
    struct buf fields;
    buf_init(&text, TEXT_MAX);
    buf_init(&fields, FIELDS_MAX);
    operator_text(&text, o, now_ns);
    operator_fields(&fields, o, now_ns);
    log_event(PH_LOG_INFO, o->name, text_of(&text), text_of(&fields));
    buf_fini(&text);
    buf_fini(&fields);
}

/* ---- the pipeline's lines ---- */

void report_write(const struct stats *s)
{
    char text[256];
    char fields[256];
    if (!log_enabled(PH_LOG_INFO)) {
        return;
    }
    (void)snprintf(text, sizeof text,
                   "%s: %.0f records/s in, %.0f rows/s committed; %llu rows committed and %llu set "
                   "aside so far",
                   s->pipeline, s->in_per_s, s->committed_per_s, (unsigned long long)s->committed,
                   (unsigned long long)s->set_aside);
    (void)snprintf(fields, sizeof fields,
                   "\"pipeline\":\"%s\",\"in_per_s\":%.1f,\"committed_per_s\":%.1f,\"committed\":%"
                   "llu,\"set_aside\":%llu",
                   s->pipeline, s->in_per_s, s->committed_per_s, (unsigned long long)s->committed,
                   (unsigned long long)s->set_aside);
    log_event(PH_LOG_INFO, NULL, text, fields);
    for (uint32_t i = 0; i < s->operator_count; i++) {
        const struct stats_operator *o = &s->operators[i];
        if (o->in_per_s > 0.0 || o->out_per_s > 0.0 || o->waiting[0] != '\0') {
            write_operator(o, s->taken_ns);
        }
    }
}

/* ---- the end ---- */

/* What each operator did in all, for people; the object has it as members. */
static void write_operator_end(const struct stats_operator *o)
{
    struct buf text;
    buf_init(&text, TEXT_MAX);
    buf_append_format(&text, "%llu in, %llu %s", (unsigned long long)o->totals.in,
                      (unsigned long long)o->totals.out,
                      o->kind == STATS_SINK ? "committed" : "out");
    if (o->totals.set_aside > 0) {
        buf_append_format(&text, ", %llu set aside", (unsigned long long)o->totals.set_aside);
    }
    buf_append_format(&text, "; busy %.1f s, backpressured %.1f s",
                      (double)o->totals.busy_ns / (double)CLOCK_NS_PER_S,
                      (double)o->totals.backpressured_ns / (double)CLOCK_NS_PER_S);
    append_counters(&text, o);
    log_write(PH_LOG_INFO, o->name, "%s", text_of(&text));
    buf_fini(&text);
}

static void operator_end_object(struct buf *b, const struct stats_operator *o, bool counters)
{
    const struct stats_totals *t = &o->totals;
    buf_append_text(b, "{\"name\":");
    buf_append_json_string(b, o->name, strlen(o->name));
    buf_append_format(b, ",\"in\":%llu,\"out\":%llu,\"set_aside\":%llu", (unsigned long long)t->in,
                      (unsigned long long)t->out, (unsigned long long)t->set_aside);
    buf_append_format(b, ",\"busy_s\":%.3f,\"backpressured_s\":%.3f",
                      (double)t->busy_ns / (double)CLOCK_NS_PER_S,
                      (double)t->backpressured_ns / (double)CLOCK_NS_PER_S);
    if (counters) {
        buf_append_text(b, ",\"counters\":");
        stats_json_counters(b, o, true);
    }
    buf_append_text(b, "}");
}

static void totals_fields(struct buf *b, const struct stats *s, bool drained)
{
    buf_append_format(b, "\"pipeline\":\"%s\",\"done\":%s,\"seconds\":%.3f", s->pipeline,
                      drained ? "true" : "false", seconds_since_start(s));
    buf_append_format(b, ",\"in\":%llu,\"committed\":%llu,\"set_aside\":%llu",
                      (unsigned long long)s->in, (unsigned long long)s->committed,
                      (unsigned long long)s->set_aside);
}

/* The most that fits: with counters, without them, without operators. */
static void end_fields(struct buf *b, const struct stats *s, bool drained)
{
    for (int detail = 2; detail >= 0; detail--) {
        buf_clear(b);
        totals_fields(b, s, drained);
        buf_append_text(b, detail > 0 ? ",\"operators\":[" : "");
        for (uint32_t i = 0; detail > 0 && i < s->operator_count; i++) {
            buf_append_text(b, i == 0 ? "" : ",");
            operator_end_object(b, &s->operators[i], detail == 2);
        }
        buf_append_text(b, detail > 0 ? "]" : "");
        if (!b->failed) {
            return;
        }
    }
}

void report_write_end(const struct stats *s, bool drained, bool as_object)
{
    char text[256];
    struct buf fields;
    (void)snprintf(text, sizeof text,
                   "%s: %s after %.1f s; %llu records in, %llu rows committed, %llu set aside",
                   s->pipeline, drained ? "done" : "stopped", seconds_since_start(s),
                   (unsigned long long)s->in, (unsigned long long)s->committed,
                   (unsigned long long)s->set_aside);
    if (!as_object && log_enabled(PH_LOG_INFO)) {
        for (uint32_t i = 0; i < s->operator_count; i++) {
            if (s->operators[i].totals.in > 0) {
                write_operator_end(&s->operators[i]);
            }
        }
    }
    buf_init(&fields, FIELDS_MAX);
    end_fields(&fields, s, drained);
    log_event(PH_LOG_INFO, NULL, text, text_of(&fields));
    buf_fini(&fields);
}
