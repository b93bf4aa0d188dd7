/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pipehost deadletter replay: one bounded run after the other, each for the letters that one
 * operator set aside of one source's records, through the part of the pipeline that they go through
 * (manifest/branch.h). The positions of its source in the sinks are its own, so that a replay that
 * is killed and begun again goes on where it was.
 */
#include "cli/commands.h"
#include "cli/letters.h"
#include "delivery/letter_time.h"
#include "job/prepare.h"
#include "job/run.h"
#include "manifest/branch.h"
#include "manifest/secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BRANCHES_MAX 256u

/* The letters of one run. */
struct lot {
    char *source;
    char *operator_name;
    uint64_t letters;
    int64_t *offsets; /* of letters about one row of several */
    uint32_t *sub_indexes;
    uint32_t row_count;
    uint32_t row_capacity;
};

struct replay {
    const struct options *o;
    const struct manifest *manifest;
    const char *file;
    struct lot lots[BRANCHES_MAX];
    uint32_t lot_count;
    uint64_t foreign; /* of another pipeline */
    uint64_t lost;    /* whose way the manifest lacks, or of which there is a part only */
    int64_t last;     /* place of the last letter */
    bool failed;
    /* Sums of the runs. */
    uint64_t replayed;
    uint64_t again;
};

/* ---- which letters go which way ---- */

static struct lot *find_lot(struct replay *r, const char *source, const char *operator_name)
{
    for (uint32_t i = 0; i < r->lot_count; i++) {
        if (strcmp(r->lots[i].source, source) == 0 &&
            strcmp(r->lots[i].operator_name, operator_name) == 0) {
            return &r->lots[i];
        }
    }
    if (r->lot_count == BRANCHES_MAX) {
        r->failed = true;
        return NULL;
    }
    struct lot *l = &r->lots[r->lot_count++];
    *l = (struct lot){.source = strdup(source), .operator_name = strdup(operator_name)};
    r->failed = r->failed || l->source == NULL || l->operator_name == NULL;
    return l;
}

static bool add_row(struct lot *l, int64_t offset, uint32_t sub_index)
{
    if (l->row_count == l->row_capacity) {
        uint32_t capacity = l->row_capacity == 0 ? 256 : l->row_capacity * 2;
        int64_t *offsets = realloc(l->offsets, capacity * sizeof *offsets);
        l->offsets = offsets != NULL ? offsets : l->offsets;
        uint32_t *subs = realloc(l->sub_indexes, capacity * sizeof *subs);
        l->sub_indexes = subs != NULL ? subs : l->sub_indexes;
        if (offsets == NULL || subs == NULL) {
            return false;
        }
        l->row_capacity = capacity;
    }
    l->offsets[l->row_count] = offset;
    l->sub_indexes[l->row_count++] = sub_index;
    return true;
}

/* What a replay set aside again has the source SOURCE:OPERATOR, and is still a letter of that
 * operator, whichever one refused it now. */
static bool split(const struct letter_view *letter, char source[BRANCH_NAME_MAX + 1],
                  const char **operator_name)
{
    (void)snprintf(source, BRANCH_NAME_MAX + 1, "%s", letter->source);
    char *colon = strchr(source, ':');
    *operator_name = colon != NULL ? colon + 1 : letter->operator_name;
    if (colon != NULL) {
        *colon = '\0';
    }
    return source[0] != '\0' && strlen(letter->source) <= BRANCH_NAME_MAX;
}

static bool sort_letter(void *arg, const struct letter_view *letter)
{
    struct replay *r = arg;
    char source[BRANCH_NAME_MAX + 1];
    const char *operator_name;
    if (strcmp(letter->pipeline, r->manifest->pipeline) != 0) {
        r->foreign++;
        return true;
    }
    bool has_way = split(letter, source, &operator_name) && !letter->is_cut &&
                   branch_is_possible(r->manifest, source, operator_name);
    if (r->o->operator_name != NULL && strcmp(r->o->operator_name, operator_name) != 0) {
        return true;
    }
    if (!has_way) {
        r->lost++;
        return true;
    }
    struct lot *l = find_lot(r, source, operator_name);
    if (l == NULL || r->failed ||
        (letter->sub_index >= 0 && !add_row(l, letter->place, (uint32_t)letter->sub_index))) {
        r->failed = true;
        return false;
    }
    l->letters++;
    r->last = letter->place;
    return true;
}

static void replay_fini(struct replay *r)
{
    for (uint32_t i = 0; i < r->lot_count; i++) {
        free(r->lots[i].source);
        free(r->lots[i].operator_name);
        free(r->lots[i].offsets);
        free(r->lots[i].sub_indexes);
    }
}

/* ---- a run ---- */

static struct manifest *load(const struct options *o, struct manifest_errors *errs)
{
    struct manifest_options load = {.env_files = o->env_files,
                                    .env_file_count = o->env_file_count,
                                    .sets = o->sets,
                                    .set_count = o->set_count};
    struct manifest *m = NULL;
    return manifest_load(o->path, &load, &m, errs) == PH_OK ? m : NULL;
}

static struct job *prepare(const struct replay *r, struct manifest *m,
                           const struct job_replay *rows, struct manifest_errors *errs, int *status)
{
    struct job_options options = {.plugin_dirs = r->o->plugin_dirs,
                                  .plugin_dir_count = r->o->plugin_dir_count,
                                  .replay = rows};
    struct job *job = NULL;
    enum job_prepared prepared = job_prepare(m, &options, &job, errs);
    *status = prepared == JOB_NOT_PREPARED ? EXIT_STATUS_FAILURE : EXIT_STATUS_CONFIG;
    return job;
}

static void count(struct replay *r, struct job *job)
{
    for (uint32_t i = 0; i < job->node_count; i++) {
        struct node *n = &job->nodes[i];
        for (uint32_t k = 0; k < n->task_count; k++) {
            r->replayed +=
                node_kind(n) == PH_KIND_SOURCE ? count_read(&n->tasks[k]->counts.rows_in) : 0;
        }
    }
    r->again += dead_letters_count(job->dead_letters);
}

static int run_lot(struct replay *r, const struct lot *l)
{
    const struct branch branch = {
        .source = l->source, .operator_name = l->operator_name, .file = r->file};
    const struct job_replay rows = {.operator_name = l->operator_name,
                                    .offsets = l->offsets,
                                    .sub_indexes = l->sub_indexes,
                                    .count = l->row_count};
    const struct job_run_options options = {.summary_as_object =
                                                r->o->log_format == LOG_FORMAT_JSON};
    struct manifest_errors errs;
    struct job *job = NULL;
    int status = EXIT_STATUS_FAILURE;
    manifest_errors_init(&errs);
    struct manifest *m = load(r->o, &errs);
    if (m != NULL && branch_cut(m, &branch)) {
        job = prepare(r, m, &rows, &errs, &status);
    }
    manifest_errors_print(&errs);
    manifest_errors_fini(&errs);
    if (job != NULL) {
        log_write(PH_LOG_INFO, NULL, "%s: %llu letters of %s, records of %s", m->pipeline,
                  (unsigned long long)l->letters, l->operator_name, l->source);
        status = job_run(job, &options);
        count(r, job);
        if (status == EXIT_STATUS_OK && atomic_load(&job->draining)) {
            status = EXIT_STATUS_FAILURE;
            log_write(PH_LOG_WARNING, NULL, "%s: stopped: another replay goes on here",
                      m->pipeline);
        }
    }
    job_destroy(job);
    manifest_destroy(m);
    return status;
}

/* ---- all of them ---- */

static void print_summary(const struct replay *r, const struct letters_reading *reading,
                          uint64_t letters)
{
    char time[LETTER_TIME_SIZE];
    (void)printf("%llu letters replayed, %llu of them dead again", (unsigned long long)r->replayed,
                 (unsigned long long)r->again);
    if (letters > r->replayed) {
        (void)printf("; %llu were replayed before", (unsigned long long)(letters - r->replayed));
    }
    (void)printf("\n");
    if (r->foreign > 0) {
        (void)printf("%llu letters are of another pipeline\n", (unsigned long long)r->foreign);
    }
    if (r->lost > 0) {
        (void)printf("%llu letters cannot be replayed: their operator or source is not in the "
                     "manifest, or they have a part of the record only\n",
                     (unsigned long long)r->lost);
    }
    if (reading->bad > 0) {
        (void)printf("%llu lines are no whole letter, the first at %s\n",
                     (unsigned long long)reading->bad, reading->first_bad);
    }
    if (letters > 0 && r->lost == 0 && r->foreign == 0 && r->o->operator_name == NULL) {
        letter_time_print(r->last, time);
        (void)printf("to take what was replayed out: pipehost deadletter discard %s --until %s "
                     "--yes\n",
                     r->file, time);
    }
}

static int run_all(struct replay *r)
{
    struct letters_reading reading = {.path = r->file, .take = sort_letter, .arg = r};
    struct ph_error err;
    uint64_t letters = 0;
    int status = EXIT_STATUS_OK;
    ph_error_clear(&err);
    if (letters_each(&reading, &err) != PH_OK || r->failed) {
        log_write(PH_LOG_ERROR, NULL, "%s", r->failed ? "out of memory for letters" : err.text);
        return !r->failed && (err.flags & PH_ERR_CONFIG) != 0 ? EXIT_STATUS_CONFIG
                                                              : EXIT_STATUS_FAILURE;
    }
    for (uint32_t i = 0; status == EXIT_STATUS_OK && i < r->lot_count; i++) {
        letters += r->lots[i].letters;
        status = run_lot(r, &r->lots[i]);
    }
    if (status == EXIT_STATUS_OK) {
        print_summary(r, &reading, letters);
    }
    return status;
}

/* One name for one file, which need not be there: positions go by it. Null: no memory, no folder.
 */
static char *absolute_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash == NULL ? strdup(".") : strndup(path, (size_t)(slash - path) + 1);
    char *real = folder == NULL ? NULL : realpath(folder, NULL);
    char *out = NULL;
    const char *name = slash == NULL ? path : slash + 1;
    if (real != NULL && asprintf(&out, "%s/%s", strcmp(real, "/") == 0 ? "" : real, name) < 0) {
        out = NULL;
    }
    free(folder);
    free(real);
    return out;
}

int command_deadletter_replay(const struct options *o)
{
    struct manifest_errors errs;
    char *file = NULL;
    int status = EXIT_STATUS_CONFIG;
    log_init(o->log_format, o->log_level, 2);
    log_set_redactor(secret_redact_but);
    manifest_errors_init(&errs);
    struct manifest *m = load(o, &errs);
    manifest_errors_print(&errs);
    manifest_errors_fini(&errs);
    struct replay *r = calloc(1, sizeof *r);
    if (m != NULL && r != NULL) {
        command_spare_names(m);
        const char *named = o->second_path != NULL ? o->second_path : m->dead_letter_file;
        file = absolute_of(named);
        r->o = o;
        r->manifest = m;
        r->file = file != NULL ? file : named;
        status = run_all(r);
        replay_fini(r);
    }
    free(file);
    free(r);
    manifest_destroy(m);
    return status;
}
