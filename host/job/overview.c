/* SPDX-License-Identifier: Apache-2.0 */
#include "job/overview.h"

#include "base/clock.h"
#include "base/log.h"
#include "job/report.h"
#include "job/requests.h"

static void answer(void *arg, const char *request, size_t length, struct buf *out)
{
    const struct overview *o = arg;
    requests_answer(o->stats, request, length, out);
}

/* A pipeline runs without it where its folder cannot hold one. A preview has no lock: the folder's
 * socket may be another process's. */
static void open_control(struct overview *o)
{
    struct ph_error err;
    if (o->job->is_preview) {
        return;
    }
    ph_error_clear(&err);
    o->control = control_socket_create(o->job->manifest->state_dir, answer, o, &err);
    if (o->control == NULL) {
        log_write(PH_LOG_WARNING, NULL, "%s; `pipehost status` will not find this pipeline",
                  err.text);
    }
}

static void draw(struct overview *o)
{
    const struct job_view *view = o->options->view;
    o->is_viewed = view != NULL && view->draw(view->arg, o->stats);
}

static int32_t open_metrics(struct overview *o, struct ph_error *err)
{
    if (o->options->metrics_listen == NULL) {
        return PH_OK;
    }
    o->metrics = metrics_server_create(o->options->metrics_listen, o->stats, err);
    if (o->metrics == NULL) {
        return PH_ERROR;
    }
    log_write(PH_LOG_INFO, NULL, "metrics are at http://%s/metrics",
              metrics_server_address(o->metrics));
    return PH_OK;
}

int32_t overview_init(struct overview *o, struct job *job, const struct job_run_options *options,
                      struct ph_error *err)
{
    static const struct job_run_options none = {.fail_on_dead_letter = false};
    *o = (struct overview){.job = job, .options = options != NULL ? options : &none};
    notify_init(&o->notify);
    o->stats = measure_create(job);
    if (o->stats == NULL || !stats_base_init(&o->second, o->stats) ||
        !stats_base_init(&o->lines, o->stats)) {
        return ph_error_set(err, PH_ERR_FATAL, "out of memory for the statistics");
    }
    open_control(o);
    o->next_second_ns = o->stats->started_ns + CLOCK_NS_PER_S;
    o->next_lines_ns = o->stats->started_ns + REPORT_INTERVAL_NS;
    if (open_metrics(o, err) != PH_OK) {
        return PH_ERROR;
    }
    draw(o);
    return PH_OK;
}

void overview_fini(struct overview *o)
{
    metrics_server_destroy(o->metrics);
    o->metrics = NULL;
    control_socket_destroy(o->control);
    o->control = NULL;
    notify_fini(&o->notify);
    stats_base_fini(&o->second);
    stats_base_fini(&o->lines);
    stats_destroy(o->stats);
    o->stats = NULL;
}

uint32_t overview_fds(const struct overview *o, struct pollfd fds[OVERVIEW_FDS_MAX])
{
    uint32_t count = 0;
    if (o->control != NULL) {
        fds[count++] = (struct pollfd){.fd = control_socket_fd(o->control), .events = POLLIN};
    }
    if (o->metrics != NULL) {
        fds[count++] = (struct pollfd){.fd = metrics_server_fd(o->metrics), .events = POLLIN};
    }
    return count;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

int64_t overview_due_ns(const struct overview *o)
{
    int64_t at_ns = earlier(o->next_second_ns, notify_due_ns(&o->notify));
    at_ns = o->control != NULL ? earlier(at_ns, control_socket_due_ns(o->control)) : at_ns;
    return o->metrics != NULL ? earlier(at_ns, metrics_server_due_ns(o->metrics)) : at_ns;
}

static enum stats_state state_of(const struct job *job, bool started)
{
    return atomic_load(&job->cancelled)  ? STATS_STOPPING
           : atomic_load(&job->draining) ? STATS_DRAINING
           : started                     ? STATS_RUNNING
                                         : STATS_STARTING;
}

static void write_lines(struct overview *o)
{
    stats_rates(o->stats, &o->lines);
    if (o->stats->state != STATS_STARTING && !o->is_viewed) {
        report_write(o->stats);
    }
    stats_base_set(&o->lines, o->stats);
}

/* Rates want a time that is long enough to reckon with: what is taken here stays for a second. */
static void take(struct overview *o, int64_t now_ns)
{
    o->next_second_ns += CLOCK_NS_PER_S;
    if (o->next_second_ns <= now_ns) {
        o->next_second_ns = now_ns + CLOCK_NS_PER_S;
    }
    measure_take(o->job, o->stats);
    if (now_ns >= o->next_lines_ns) {
        o->next_lines_ns += REPORT_INTERVAL_NS;
        write_lines(o);
    }
    stats_rates(o->stats, &o->second);
    stats_base_set(&o->second, o->stats);
    draw(o);
}

void overview_serve(struct overview *o, bool started)
{
    int64_t now_ns = clock_monotonic_ns();
    o->stats->state = state_of(o->job, started);
    if (now_ns >= o->next_second_ns) {
        take(o, now_ns);
    }
    if (o->control != NULL) {
        control_socket_serve(o->control);
    }
    if (o->metrics != NULL) {
        metrics_server_serve(o->metrics);
    }
    notify_tell(&o->notify, o->stats);
}

void overview_hide(struct overview *o)
{
    if (o->options->view != NULL) {
        o->options->view->end(o->options->view->arg);
        o->is_viewed = false;
    }
}

void overview_end(struct overview *o, bool drained)
{
    overview_hide(o);
    o->stats->state = STATS_STOPPING;
    measure_take(o->job, o->stats);
    stats_rates(o->stats, &o->lines);
    notify_tell(&o->notify, o->stats);
    report_write_end(o->stats, drained, o->options->summary_as_object);
}
