/* SPDX-License-Identifier: Apache-2.0 */
/* One line for each operator, in the order of the graph: what was found, or what is wrong. */
#include "cli/commands.h"

#include "job/check.h"
#include "job/prepare.h"
#include "manifest/place.h"
#include "manifest/secret.h"

#include <stdio.h>
#include <stdlib.h>

struct sums {
    uint32_t failed;
    bool misconfigured;
};

/* Where in the manifest the setting stands that the error blames. */
static void print_place(const struct node *n, const struct ph_error *err)
{
    const struct manifest *m = n->job->manifest;
    char pointer[64 + PH_ERROR_KEY_SIZE];
    uint32_t line;
    uint32_t column;
    if ((err->flags & PH_ERR_CONFIG) == 0) {
        return;
    }
    (void)snprintf(pointer, sizeof pointer, "/operators/%u/config%s", n->manifest->place,
                   err->config_key);
    struct place place = place_find(m->text, m->text_length, pointer);
    place_line_column(m->text, place.value_offset, &line, &column);
    (void)printf(" (%s:%u:%u: %s)", m->path, line, column, pointer);
}

static void print_records(const struct check_result *r)
{
    const char *at = r->records.data;
    while (at != NULL && *at != '\0') {
        int length = (int)strcspn(at, "\n");
        (void)printf("    %.*s\n", length, at);
        at += length + (at[length] == '\n');
    }
}

static void tell(struct check_result *r, struct sums *sums)
{
    const char *name = r->node->manifest->name;
    if (check_end(r) == PH_OK) {
        (void)printf("%s: ok%s%s\n", name, r->text[0] != '\0' ? ": " : "", r->text);
        print_records(r);
    } else {
        secret_redact(r->error.text);
        sums->failed++;
        sums->misconfigured = sums->misconfigured || (r->error.flags & PH_ERR_CONFIG) != 0;
        (void)printf("%s: wrong: %s", name, r->error.text);
        print_place(r->node, &r->error);
        (void)printf("\n");
    }
    (void)fflush(stdout);
}

static int check_all(struct job *job)
{
    struct sums sums = {.failed = 0};
    struct check_result *results = calloc(job->node_count, sizeof *results);
    if (results == NULL) {
        log_write(PH_LOG_ERROR, NULL, "out of memory");
        return EXIT_STATUS_FAILURE;
    }
    for (uint32_t i = 0; i < job->node_count; i++) {
        check_result_init(&results[i]);
        check_begin(&results[i], &job->nodes[job->manifest->order[i]]);
    }
    for (uint32_t i = 0; i < job->node_count; i++) {
        tell(&results[i], &sums);
        check_result_fini(&results[i]);
    }
    free(results);
    (void)printf("%s: %u of %u operators can do their work\n", job->manifest->pipeline,
                 job->node_count - sums.failed, job->node_count);
    if (sums.failed == 0) {
        return fflush(stdout) == 0 && ferror(stdout) == 0 ? EXIT_STATUS_OK : EXIT_STATUS_FAILURE;
    }
    return sums.misconfigured ? EXIT_STATUS_CONFIG : EXIT_STATUS_FAILURE;
}

int command_check(const struct options *o)
{
    struct manifest *manifest = NULL;
    int status;
    struct job *job = command_prepare(o, &manifest, &status);
    status = job != NULL ? check_all(job) : status;
    job_destroy(job);
    manifest_destroy(manifest);
    return status;
}
