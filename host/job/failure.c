/* SPDX-License-Identifier: Apache-2.0 */
#include "job/failure.h"

#include "base/log.h"
#include "manifest/branch.h"

#include <stdio.h>

static void log_at_place(const struct job *job)
{
    const struct ph_error *e = &job->error;
    char pointer[32 + PH_ERROR_KEY_SIZE];
    struct manifest_errors errs;
    manifest_errors_init(&errs);
    (void)snprintf(pointer, sizeof pointer, "/operators/%u/config%s",
                   job->error_node->manifest->place, e->config_key);
    manifest_errors_add(&errs, job->manifest, pointer, "%s", e->text);
    if (errs.out_of_memory) {
        log_write(PH_LOG_ERROR, NULL, "%s", e->text);
    }
    manifest_errors_log_first(&errs);
    manifest_errors_fini(&errs);
}

void failure_log(const struct job *job)
{
    char fields[32 + BRANCH_NAME_MAX] = "";
    if (job->error_node != NULL && (job->error.flags & PH_ERR_CONFIG) != 0) {
        log_at_place(job);
        return;
    }
    if (job->error_node != NULL) {
        (void)snprintf(fields, sizeof fields, "\"operator\":\"%s\"",
                       job->error_node->manifest->name);
    }
    log_event(PH_LOG_ERROR, NULL, job->error.text, fields);
}
