/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

#include "cli/view.h"
#include "job/check.h"
#include "job/letter_place.h"
#include "job/prepare.h"
#include "job/run.h"
#include "manifest/print.h"
#include "manifest/secret.h"

#include <stdio.h>
#include <stdlib.h>

#define PRINT_MAX (64u << 20)

/* A run refuses them as well, but makes their folder first. */
static void check_letters(const struct options *o, struct job **job, struct manifest_errors *errs)
{
    if (*job == NULL || (o->command != COMMAND_VALIDATE && o->command != COMMAND_CHECK)) {
        return;
    }
    letter_place_check(*job, errs);
    if (manifest_errors_any(errs)) {
        job_destroy(*job);
        *job = NULL;
    }
}

void command_spare_names(const struct manifest *m)
{
    secret_spare_name(m->pipeline);
    for (uint32_t i = 0; i < m->operator_count; i++) {
        secret_spare_name(m->operators[i].name);
        secret_spare_name(m->operators[i].plugin_name);
    }
}

struct job *command_prepare(const struct options *o, struct manifest **manifest, int *status)
{
    struct manifest_errors errs;
    struct manifest_options load = {.env_files = o->env_files,
                                    .env_file_count = o->env_file_count,
                                    .sets = o->sets,
                                    .set_count = o->set_count};
    struct job_options options = {.plugin_dirs = o->plugin_dirs,
                                  .plugin_dir_count = o->plugin_dir_count,
                                  .to_terminal = o->to_terminal,
                                  .keeps_nothing = o->command == COMMAND_CHECK,
                                  .row_limit =
                                      o->command == COMMAND_CHECK ? CHECK_RECORDS : o->limit};
    struct job *job = NULL;
    enum job_prepared prepared = JOB_MISCONFIGURED;
    log_init(o->log_format, o->log_level, 2);
    log_set_redactor(secret_redact_but);
    manifest_errors_init(&errs);
    if (manifest_load(o->path, &load, manifest, &errs) == PH_OK) {
        command_spare_names(*manifest);
        prepared = job_prepare(*manifest, &options, &job, &errs);
    }
    check_letters(o, &job, &errs);
    manifest_errors_print(&errs);
    *status = prepared == JOB_NOT_PREPARED || errs.out_of_memory ? EXIT_STATUS_FAILURE
                                                                 : EXIT_STATUS_CONFIG;
    manifest_errors_fini(&errs);
    return job;
}

/* Rows on the terminal are what a preview is for: a view would only push them up. */
static bool wants_view(const struct options *o)
{
    bool is_fit =
        !o->to_terminal && o->log_format == LOG_FORMAT_TEXT && o->log_level >= PH_LOG_INFO;
    return o->live || (is_fit && !o->no_live);
}

static int run(struct job *job, const struct options *o)
{
    struct view *view = wants_view(o) && view_is_possible() ? view_create() : NULL;
    const struct job_run_options options = {.fail_on_dead_letter = o->fail_on_dead_letter,
                                            .summary_as_object = o->log_format == LOG_FORMAT_JSON,
                                            .metrics_listen = o->metrics_listen,
                                            .view = view_job(view)};
    int status = job_run(job, &options);
    view_destroy(view);
    return status;
}

int command_run(const struct options *o)
{
    struct manifest *manifest = NULL;
    int status;
    struct job *job = command_prepare(o, &manifest, &status);
    status = job != NULL ? run(job, o) : status;
    job_destroy(job);
    manifest_destroy(manifest);
    return status;
}

static bool print_manifest(const struct job *job)
{
    struct buf text;
    const struct config **configs = calloc(job->node_count, sizeof *configs);
    buf_init(&text, PRINT_MAX);
    for (uint32_t i = 0; configs != NULL && i < job->node_count; i++) {
        configs[i] = job->nodes[i].config;
    }
    bool ok = configs != NULL && manifest_print(job->manifest, configs, &text);
    if (ok) {
        (void)fwrite(text.data, 1, text.length, stdout);
    } else {
        log_write(PH_LOG_ERROR, NULL, "out of memory");
    }
    free((void *)configs);
    buf_fini(&text);
    return ok && fflush(stdout) == 0;
}

int command_validate(const struct options *o)
{
    struct manifest *manifest = NULL;
    int status;
    struct job *job = command_prepare(o, &manifest, &status);
    if (job != NULL && o->print) {
        status = print_manifest(job) ? EXIT_STATUS_OK : EXIT_STATUS_FAILURE;
    } else if (job != NULL) {
        (void)printf("%s: %s is valid: %u operators\n", o->path, manifest->pipeline,
                     manifest->operator_count - (manifest->dead_letter_operator != NULL));
        status = EXIT_STATUS_OK;
    }
    job_destroy(job);
    manifest_destroy(manifest);
    return status;
}
