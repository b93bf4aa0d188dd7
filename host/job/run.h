/* SPDX-License-Identifier: Apache-2.0 */
/** Runs a prepared job to its end: start, statistics, signals, drain. */
#ifndef JOB_RUN_H
#define JOB_RUN_H

#include "job/job.h"

enum job_exit {
    JOB_EXIT_OK = 0,
    JOB_EXIT_FAILURE = 1,
    JOB_EXIT_RUNNING = 75,    /**< the pipeline runs already in another process */
    JOB_EXIT_TAKEN_OVER = 77, /**< another process owns the positions now */
    JOB_EXIT_CONFIG = 78
};

/** Somebody who shows a job while it runs. [control] */
struct job_view {
    void *arg;
    /** Each second. True: it is seen, so that the log need not say the same. */
    bool (*draw)(void *arg, const struct stats *s);
    void (*end)(void *arg); /**< nothing follows but the last lines of the log; may come twice */
};

/** What a caller may ask for besides the manifest. */
struct job_run_options {
    bool fail_on_dead_letter;    /**< JOB_EXIT_FAILURE when anything was set aside */
    bool summary_as_object;      /**< the log is JSON */
    const char *metrics_listen;  /**< where the metrics page listens, null = nowhere */
    const struct job_view *view; /**< null = none */
};

/**
 * Blocks SIGTERM, SIGINT and SIGHUP for the process and runs the job: the first SIGTERM or SIGINT
 * drains and commits, the second stops at once. Answers an exit status; failures are logged. Once
 * for each job; null options = all zero. [control]
 */
int job_run(struct job *job, const struct job_run_options *options);

#endif
