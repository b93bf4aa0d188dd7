/* SPDX-License-Identifier: Apache-2.0 */
/** From manifest to operators: everything that `pipehost validate` does, without a service.
 * [control] */
#ifndef JOB_PREPARE_H
#define JOB_PREPARE_H

#include "job/job.h"

struct job_options {
    const char *const *plugin_dirs;
    uint32_t plugin_dir_count;
    bool keeps_nothing; /**< for check.h */
    bool to_terminal;   /**< a run that only shows rows: preview.h; keeps nothing either */
    const struct job_replay *replay; /**< null = none; outlives the job */
    uint64_t row_limit;              /**< it ends when each sink has shown so many; 0 = no limit */
};

enum job_prepared {
    JOB_PREPARED,
    JOB_MISCONFIGURED, /**< the manifest, a plugin or its settings are wrong */
    JOB_NOT_PREPARED   /**< memory or descriptors are short, or a plugin failed */
};

/**
 * Loads the plugins, checks every config, creates, initialises and binds every operator in graph
 * order, reckons the memory and makes the tasks. All faults of one pass go to errs. JOB_PREPARED
 * with *out for job_destroy. The manifest must outlive the job.
 */
__attribute__((warn_unused_result)) enum job_prepared job_prepare(const struct manifest *manifest,
                                                                  const struct job_options *options,
                                                                  struct job **out,
                                                                  struct manifest_errors *errs);
void job_destroy(struct job *job); /**< accepts null and half-built ones; no worker may run */

#endif
