/* SPDX-License-Identifier: Apache-2.0 */
#include "job/report.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdio.h>

struct totals {
    uint64_t in;        /* records that the sources read */
    uint64_t committed; /* rows that the sinks made durable */
    uint64_t set_aside; /* records and rows */
};

static struct totals total(struct job *job)
{
    struct totals sum = {0};
    for (uint32_t i = 0; i < job->node_count; i++) {
        struct node *n = &job->nodes[i];
        for (uint32_t lane = 0; lane < n->task_count; lane++) {
            struct task_counts *c = &n->tasks[lane]->counts;
            sum.set_aside += count_read(&c->set_aside);
            sum.in += node_kind(n) == PH_KIND_SOURCE ? count_read(&c->rows_in) : 0;
            sum.committed += node_kind(n) == PH_KIND_SINK ? count_read(&c->rows_out) : 0;
        }
    }
    return sum;
}

void report_init(struct report *r)
{
    *r = (struct report){.started_ns = clock_monotonic_ns(), .last_ns = clock_monotonic_ns()};
}

void report_write(struct report *r, struct job *job)
{
    struct totals t = total(job);
    int64_t now_ns = clock_monotonic_ns();
    double seconds = (double)(now_ns - r->last_ns) / (double)CLOCK_NS_PER_S;
    double in = (double)(t.in - r->last_in) / seconds;
    double out = (double)(t.committed - r->last_out) / seconds;
    char text[256];
    char fields[256];
    (void)snprintf(text, sizeof text,
                   "%s: %.0f records/s in, %.0f rows/s committed; %llu rows committed and %llu set "
                   "aside so far",
                   job->manifest->pipeline, in, out, (unsigned long long)t.committed,
                   (unsigned long long)t.set_aside);
    (void)snprintf(fields, sizeof fields,
                   "\"pipeline\":\"%s\",\"in_per_s\":%.1f,\"committed_per_s\":%.1f,\"committed\":%"
                   "llu,\"set_aside\":%llu",
                   job->manifest->pipeline, in, out, (unsigned long long)t.committed,
                   (unsigned long long)t.set_aside);
    log_event(PH_LOG_INFO, NULL, text, fields);
    *r = (struct report){
        .started_ns = r->started_ns, .last_ns = now_ns, .last_in = t.in, .last_out = t.committed};
}

void report_write_end(struct report *r, struct job *job, bool drained)
{
    struct totals t = total(job);
    double seconds = (double)(clock_monotonic_ns() - r->started_ns) / (double)CLOCK_NS_PER_S;
    char text[256];
    char fields[256];
    (void)snprintf(text, sizeof text,
                   "%s: %s after %.1f s; %llu records in, %llu rows committed, %llu set aside",
                   job->manifest->pipeline, drained ? "done" : "stopped", seconds,
                   (unsigned long long)t.in, (unsigned long long)t.committed,
                   (unsigned long long)t.set_aside);
    (void)snprintf(fields, sizeof fields,
                   "\"pipeline\":\"%s\",\"done\":%s,\"seconds\":%.3f,\"in\":%llu,\"committed\":%"
                   "llu,\"set_aside\":%llu",
                   job->manifest->pipeline, drained ? "true" : "false", seconds,
                   (unsigned long long)t.in, (unsigned long long)t.committed,
                   (unsigned long long)t.set_aside);
    log_event(PH_LOG_INFO, NULL, text, fields);
}
