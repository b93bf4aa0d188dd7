/* SPDX-License-Identifier: Apache-2.0 */
/** The control thread's look at its job: a snapshot each second, and who gets to see it: the log,
 * the control socket, the metrics page, a service
 * manager. The caller
 * holds the lock of state_dir, but for a preview. [control] */
#ifndef JOB_OVERVIEW_H
#define JOB_OVERVIEW_H

#include "job/measure.h"
#include "job/run.h"
#include "stats/control_socket.h"
#include "stats/metrics_server.h"
#include "stats/notify.h"

#include <poll.h>

#define OVERVIEW_FDS_MAX 2u

struct overview {
    struct job *job;
    const struct job_run_options *options;
    struct stats *stats;            /**< of the last second */
    struct control_socket *control; /**< null where none can be made */
    struct metrics_server *metrics; /**< null where none is asked for */
    struct notify notify;
    struct stats_base second; /**< of the last second, which the live view and status show */
    struct stats_base lines;  /**< of the last lines in the log */
    bool is_viewed;
    int64_t next_second_ns;
    int64_t next_lines_ns;
};

/** fini is due in both cases. */
__attribute__((warn_unused_result)) int32_t overview_init(struct overview *o, struct job *job,
                                                          const struct job_run_options *options,
                                                          struct ph_error *err);
void overview_fini(struct overview *o);

/** Descriptors whose readiness is a reason to call overview_serve; how many there are. */
uint32_t overview_fds(const struct overview *o, struct pollfd fds[OVERVIEW_FDS_MAX]);
/** When overview_serve has something to do at the latest, monotonic. */
int64_t overview_due_ns(const struct overview *o);
void overview_serve(struct overview *o, bool started);
/** Ends the live view: the process is about to end. */
void overview_hide(struct overview *o);
/** The summary, when no worker runs any more. */
void overview_end(struct overview *o, bool drained);

#endif
