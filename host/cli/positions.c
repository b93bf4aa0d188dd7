/* SPDX-License-Identifier: Apache-2.0 */
/* `pipehost positions`: where the sinks of a pipeline that does not run go on. */
#include "cli/commands.h"

#include "base/log.h"
#include "cli/moves.h"
#include "job/begun.h"
#include "job/lock.h"
#include "job/prepare.h"
#include "job/run.h"
#include "manifest/secret.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct work {
    const struct options *options;
    struct job *job;
    struct moves_filter filter;
    int64_t offset;       /* that --to names, -1 = the source is to say */
    uint32_t found;       /* partitions that the sources have: ids below */
    struct moves *moves;  /* by node */
    struct json_t *shown; /* with --json */
};

/* ---- which sinks ---- */

static bool is_meant(const struct work *w, const struct node *n)
{
    const char *sink = w->options->sink;
    return node_kind(n) == PH_KIND_SINK && n->keeps_positions &&
           (sink == NULL || strcmp(sink, n->manifest->name) == 0);
}

static bool is_action(const struct work *w, const char *action)
{
    return strcmp(w->options->action, action) == 0;
}

static int blame(const struct node *n, struct ph_error *err)
{
    secret_redact(err->text);
    log_write(PH_LOG_ERROR, n != NULL ? n->manifest->name : NULL, "%s", err->text);
    return (err->flags & PH_ERR_CONFIG) != 0 ? EXIT_STATUS_CONFIG : EXIT_STATUS_FAILURE;
}

static int refuse(const char *format, const char *name)
{
    (void)fprintf(stderr, "pipehost: ");
    (void)fprintf(stderr, format, name); /* NOLINT: both formats stand in this file */
    (void)fprintf(stderr, "\n");
    return EXIT_STATUS_CONFIG;
}

static int check_sinks(const struct work *w)
{
    for (uint32_t i = 0; i < w->job->node_count; i++) {
        if (is_meant(w, &w->job->nodes[i])) {
            return EXIT_STATUS_OK;
        }
    }
    return w->options->sink != NULL
               ? refuse("--sink %s: the manifest has no such sink that keeps positions",
                        w->options->sink)
               : refuse("%s has no sink that keeps positions", w->options->path);
}

/* ---- show ---- */

static void time_text(int64_t ms, char *text, size_t size)
{
    time_t s = (time_t)(ms / 1000);
    struct tm tm;
    text[0] = '-';
    text[1] = '\0';
    if (ms >= 0 && gmtime_r(&s, &tm) != NULL) {
        (void)strftime(text, size, "%Y-%m-%dT%H:%M:%SZ", &tm);
    }
}

static void show_line(const struct node *n, const struct kept_position *k)
{
    const struct ph_partition *p = n->job->partitions.items[k->id];
    char moved[32];
    char offset[32] = "none";
    time_text(k->moved_ms, moved, sizeof moved);
    if (k->next_offset >= 0) {
        (void)snprintf(offset, sizeof offset, "%lld", (long long)k->next_offset);
    }
    (void)printf("%s/%s %s[%d]: %s", n->manifest->name, p->source, p->topic, p->partition, offset);
    if (k->moved_ms >= 0) {
        (void)printf(", moved %s", moved);
    }
    if (k->owner[0] != '\0' && k->fence < 0) {
        (void)printf(", last by %s", k->owner);
    } else if (k->owner[0] != '\0') {
        (void)printf(", taken %lld time%s, last by %s", (long long)k->fence,
                     k->fence == 1 ? "" : "s", k->owner);
    }
    (void)printf("\n");
}

static int show_object(const struct work *w, const struct node *n, const struct kept_position *k)
{
    const struct ph_partition *p = n->job->partitions.items[k->id];
    json_t *o = json_pack("{s:s, s:s, s:s, s:i, s:s, s:o, s:I, s:o, s:s, s:o}", "sink",
                          n->manifest->name, "source", p->source, "topic", p->topic, "partition",
                          p->partition, "cluster", p->cluster, "next_offset",
                          k->next_offset >= 0 ? json_integer(k->next_offset) : json_null(),
                          "fingerprint", (json_int_t)k->fingerprint, "fence",
                          k->fence >= 0 ? json_integer(k->fence) : json_null(), "owner", k->owner,
                          "moved_ms", k->moved_ms >= 0 ? json_integer(k->moved_ms) : json_null());
    return o != NULL && json_array_append_new(w->shown, o) == 0 ? EXIT_STATUS_OK
                                                                : EXIT_STATUS_FAILURE;
}

static int show_sink(struct work *w, struct node *n)
{
    struct kept k = {.items = NULL};
    struct ph_error err;
    uint32_t shown = 0;
    ph_error_clear(&err);
    int status = kept_read(n, &k, &err) == PH_OK ? EXIT_STATUS_OK : blame(n, &err);
    for (uint32_t i = 0; status == EXIT_STATUS_OK && i < k.count; i++) {
        if (!moves_match(&w->filter, w->job->partitions.items[k.items[i].id])) {
            continue;
        }
        shown++;
        if (w->shown != NULL) {
            status = show_object(w, n, &k.items[i]);
        } else {
            show_line(n, &k.items[i]);
        }
    }
    if (status == EXIT_STATUS_OK && shown == 0 && w->shown == NULL) {
        (void)printf("%s: no position\n", n->manifest->name);
    }
    kept_fini(&k);
    return status;
}

static int show(struct work *w)
{
    int status = EXIT_STATUS_OK;
    w->shown = w->options->json ? json_array() : NULL;
    for (uint32_t i = 0; status == EXIT_STATUS_OK && i < w->job->node_count; i++) {
        if (is_meant(w, &w->job->nodes[i])) {
            status = show_sink(w, &w->job->nodes[i]);
        }
    }
    if (w->shown != NULL && status == EXIT_STATUS_OK) {
        (void)json_dumpf(w->shown, stdout, JSON_INDENT(2));
        (void)printf("\n");
    }
    json_decref(w->shown);
    return status;
}

/* ---- set and reset ---- */

static int resolve(struct work *w)
{
    for (uint32_t i = 0; i < w->job->node_count; i++) {
        struct node *n = &w->job->nodes[i];
        struct ph_error err;
        ph_error_clear(&err);
        if (node_kind(n) == PH_KIND_SOURCE && kept_resolve(n, &err) != PH_OK) {
            return blame(n, &err);
        }
    }
    w->found = w->job->partitions.count;
    return EXIT_STATUS_OK;
}

/* Every partition that the sources have, at the place that was asked for. */
static void collect_found(const struct work *w, struct moves *m, const struct kept *k)
{
    for (uint32_t id = 0; id < w->found; id++) {
        const struct ph_partition *p = w->job->partitions.items[id];
        const struct kept_position *now = kept_find(k, id);
        if (moves_match(&w->filter, p) && kept_feeds(m->sink, p)) {
            moves_add(m, id, now != NULL ? now->next_offset : -1,
                      w->offset >= 0 ? w->offset : w->job->resolved[id]);
        }
    }
}

/* Every position that there is. */
static void collect_kept(struct moves *m, const struct kept *k)
{
    for (uint32_t i = 0; i < k->count; i++) {
        if (k->items[i].next_offset >= 0) {
            moves_add(m, k->items[i].id, k->items[i].next_offset, -1);
        }
    }
}

static bool forgets_all(const struct work *w)
{
    return is_action(w, "reset") && w->filter.partition < 0;
}

static int collect(struct work *w, struct node *n)
{
    struct moves *m = &w->moves[n->index];
    struct kept k = {.items = NULL};
    struct ph_error err;
    ph_error_clear(&err);
    int status = kept_read(n, &k, &err) == PH_OK ? EXIT_STATUS_OK : blame(n, &err);
    if (status == EXIT_STATUS_OK && !moves_init(m, n, w->job->partitions.count)) {
        (void)ph_error_set(&err, PH_ERR_FATAL, "out of memory for positions");
        status = blame(n, &err);
    }
    if (status == EXIT_STATUS_OK && forgets_all(w)) {
        collect_kept(m, &k);
    } else if (status == EXIT_STATUS_OK) {
        collect_found(w, m, &k);
    }
    kept_fini(&k);
    return status;
}

static int apply(struct work *w, struct node *n)
{
    const struct moves *m = &w->moves[n->index];
    char line[MOVES_LINE_SIZE];
    struct ph_error err;
    ph_error_clear(&err);
    if (!w->options->dry_run && moves_apply(m, &err) != PH_OK) {
        return blame(n, &err);
    }
    for (uint32_t i = 0; i < m->count; i++) {
        moves_tell(m, &m->items[i], line);
        (void)printf("%s\n", line);
    }
    return EXIT_STATUS_OK;
}

static int for_each_sink(struct work *w, int (*step)(struct work *, struct node *))
{
    int status = EXIT_STATUS_OK;
    for (uint32_t i = 0; status == EXIT_STATUS_OK && i < w->job->node_count; i++) {
        if (is_meant(w, &w->job->nodes[i])) {
            status = step(w, &w->job->nodes[i]);
        }
    }
    return status;
}

static int forget_file(struct work *w, struct node *sink)
{
    struct ph_error err;
    ph_error_clear(&err);
    return begun_forget(w->job, sink, &err) == PH_OK ? EXIT_STATUS_OK : blame(sink, &err);
}

/* Nothing of these sinks is known any more: neither all of their positions nor those of a partition
 * that is found later are lost. */
static int forget_begun(struct work *w)
{
    if (!forgets_all(w) || w->options->dry_run) {
        return EXIT_STATUS_OK;
    }
    int status = for_each_sink(w, forget_file);
    return status == EXIT_STATUS_OK && w->options->sink == NULL ? forget_file(w, NULL) : status;
}

static int count_moves(const struct work *w, uint32_t *count)
{
    *count = 0;
    for (uint32_t i = 0; i < w->job->node_count; i++) {
        *count += w->moves[i].count;
    }
    if (*count == 0 && w->options->partition != NULL) {
        return refuse("--partition %s: no source of the manifest has it", w->options->partition);
    }
    return EXIT_STATUS_OK;
}

static int change(struct work *w)
{
    uint32_t count;
    w->moves = calloc(w->job->node_count, sizeof *w->moves);
    int status = w->moves == NULL ? EXIT_STATUS_FAILURE : EXIT_STATUS_OK;
    if (status == EXIT_STATUS_OK && !forgets_all(w)) {
        status = resolve(w);
    }
    status = status == EXIT_STATUS_OK ? for_each_sink(w, collect) : status;
    status = status == EXIT_STATUS_OK ? count_moves(w, &count) : status;
    status = status == EXIT_STATUS_OK ? for_each_sink(w, apply) : status;
    status = status == EXIT_STATUS_OK ? forget_begun(w) : status;
    if (status == EXIT_STATUS_OK) {
        (void)printf("%u position%s %s\n", count, count == 1 ? "" : "s",
                     w->options->dry_run ? "would be changed: this was a dry run" : "changed");
    }
    for (uint32_t i = 0; w->moves != NULL && i < w->job->node_count; i++) {
        moves_fini(&w->moves[i]);
    }
    free(w->moves);
    return status;
}

/* ---- rename ---- */

static int rename_sink(struct work *w, struct node *n)
{
    struct ph_error err;
    ph_error_clear(&err);
    if (w->options->dry_run) {
        (void)printf("%s: would take over what \"%s\" has\n", n->manifest->name, w->options->from);
        return EXIT_STATUS_OK;
    }
    if (kept_rename(n, w->options->from, &err) != PH_OK) {
        return blame(n, &err);
    }
    return show_sink(w, n);
}

/* ---- all of it ---- */

static int take_lock(const struct work *w)
{
    struct ph_error err;
    long pid;
    ph_error_clear(&err);
    switch (lock_take(w->job, &pid, &err)) {
    case LOCK_TAKEN:
        return EXIT_STATUS_OK;
    case LOCK_HELD_BY_OTHER:
        log_write(PH_LOG_ERROR, NULL,
                  "%s runs as PID %ld: stop it first; positions show and --dry-run work meanwhile",
                  w->job->manifest->pipeline, pid);
        return JOB_EXIT_RUNNING;
    default:
        return blame(NULL, &err);
    }
}

static int work(struct work *w)
{
    bool only_looks = is_action(w, "show") || w->options->dry_run;
    int status = check_sinks(w);
    if (status == EXIT_STATUS_OK && !only_looks) {
        status = take_lock(w);
    }
    if (status != EXIT_STATUS_OK) {
        return status;
    }
    if (is_action(w, "show")) {
        return show(w);
    }
    return is_action(w, "rename") ? for_each_sink(w, rename_sink) : change(w);
}

static bool has_key(const struct node *n, const char *key)
{
    const struct ph_descriptor *d = &n->plugin->descriptor;
    for (uint32_t i = 0; i < d->config_count; i++) {
        if (strcmp(d->config[i].name, key) == 0) {
            return true;
        }
    }
    return false;
}

#define SET_SIZE (MANIFEST_NAME_MAX + 256u)

/* --set for each source, so that it resolves to the place itself. Null: see stderr. */
static char *place_sources(const struct job *job, const struct options *o, struct options *placed)
{
    bool is_time = strcmp(o->to, "earliest") != 0 && strcmp(o->to, "latest") != 0;
    char *texts = calloc(2 * (size_t)job->node_count, SET_SIZE);
    *placed = *o;
    for (uint32_t i = 0; texts != NULL && i < job->node_count; i++) {
        const struct node *n = &job->nodes[i];
        char *text = texts + (size_t)2 * i * SET_SIZE;
        if (node_kind(n) != PH_KIND_SOURCE) {
            continue;
        }
        if (!has_key(n, "startup_mode") || !has_key(n, "startup_timestamp") ||
            placed->set_count + 2 > OPTIONS_LIST_MAX) {
            (void)refuse("source %s knows no such place: give an offset", n->manifest->name);
            free(texts);
            return NULL;
        }
        (void)snprintf(text, SET_SIZE, "%s/config/startup_mode=%s", n->manifest->name,
                       is_time ? "timestamp" : o->to);
        (void)snprintf(text + SET_SIZE, SET_SIZE, "%s/config/startup_timestamp=%s",
                       n->manifest->name, is_time ? o->to : "");
        placed->sets[placed->set_count++] = text;
        placed->sets[placed->set_count++] = text + SET_SIZE;
    }
    return texts;
}

/* Prepares the job once more with its sources placed. */
static struct job *prepare_placed(struct job *job, const struct options *o,
                                  struct manifest **manifest, char **texts, int *status)
{
    struct options placed;
    *texts = place_sources(job, o, &placed);
    job_destroy(job);
    manifest_destroy(*manifest);
    *manifest = NULL;
    *status = EXIT_STATUS_CONFIG;
    return *texts != NULL ? command_prepare(&placed, manifest, status) : NULL;
}

/* An offset is nothing but digits. */
static int64_t offset_of(const char *to)
{
    char *end;
    errno = 0;
    long long offset = to != NULL && to[0] >= '0' && to[0] <= '9' ? strtoll(to, &end, 10) : -1;
    return offset >= 0 && errno == 0 && *end == '\0' ? offset : -1;
}

int command_positions(const struct options *o)
{
    struct work w = {.options = o, .offset = offset_of(o->to)};
    struct manifest *manifest = NULL;
    char *texts = NULL;
    int status;
    if (!moves_parse(o->partition, &w.filter)) {
        (void)refuse("--partition is N or TOPIC/N, not %s", o->partition);
        return EXIT_STATUS_USAGE;
    }
    if (w.offset >= 0 && w.filter.partition < 0) {
        (void)refuse("--to %s is of one partition: name it by --partition", o->to);
        return EXIT_STATUS_USAGE;
    }
    w.job = command_prepare(o, &manifest, &status);
    if (w.job != NULL && o->to != NULL && w.offset < 0) {
        w.job = prepare_placed(w.job, o, &manifest, &texts, &status);
    }
    status = w.job != NULL ? work(&w) : status;
    job_destroy(w.job);
    manifest_destroy(manifest);
    free(texts);
    return fflush(stdout) == 0 ? status : EXIT_STATUS_FAILURE;
}
