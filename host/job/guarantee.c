/* SPDX-License-Identifier: Apache-2.0 */
#include "job/guarantee.h"

#include "base/log.h"
#include "job/plan.h"
#include "job/reach.h"

#include <limits.h>
#include <stdio.h>

static bool is_transactional(const struct node *sink)
{
    return sink->plugin->descriptor.delivery == PH_DELIVERY_TRANSACTIONAL;
}

/* Whether its rows come into a sink that would have each of them once. */
static bool feeds_exactly_once(const struct node *n)
{
    const struct job *job = n->job;
    for (uint32_t i = 0; i < job->node_count; i++) {
        const struct node *sink = &job->nodes[i];
        if (node_kind(sink) == PH_KIND_SINK && is_transactional(sink) && reach_has(job, n, sink)) {
            return true;
        }
    }
    return false;
}

static void check_state(struct node *n, struct manifest_errors *errs)
{
    const struct manifest *m = n->job->manifest;
    bool is_stateful = (n->plugin->descriptor.flags & PH_PLUGIN_STATEFUL) != 0;
    char pointer[48];
    if (!is_stateful && n->manifest->is_state_volatile) {
        (void)snprintf(pointer, sizeof pointer, "/operators/%u/state", n->manifest->place);
        manifest_errors_add(errs, m, pointer, "%s keeps no state: take \"state\" out",
                            n->manifest->name);
    } else if (is_stateful && !n->manifest->is_state_volatile &&
               m->exactly_once != MANIFEST_ONCE_GIVEN_UP && feeds_exactly_once(n)) {
        (void)snprintf(pointer, sizeof pointer, "/operators/%u", n->manifest->place);
        manifest_errors_add(errs, m, pointer,
                            "%s keeps state that a restart loses, and this pipeline delivers "
                            "exactly once: say \"state\": \"volatile\" here if what it gives may "
                            "differ after a restart, or \"exactly_once\": false",
                            n->manifest->name);
    }
}

void guarantee_check(struct node *n, struct manifest_errors *errs)
{
    const struct manifest *m = n->job->manifest;
    bool is_sink = node_kind(n) == PH_KIND_SINK;
    char pointer[48];
    if (n->job->replaces_sinks) {
        return; /* nothing is delivered */
    }
    if (m->exactly_once == MANIFEST_ONCE_REQUIRED && is_sink && !is_transactional(n)) {
        (void)snprintf(pointer, sizeof pointer, "/operators/%u", n->manifest->place);
        manifest_errors_add(errs, m, pointer,
                            "\"exactly_once\" is true, but %s keeps no positions with its rows",
                            n->manifest->name);
    }
    check_state(n, errs);
}

static int32_t init_ledger(struct node *n, struct ph_error *err)
{
    char path[PATH_MAX];
    int length = snprintf(path, sizeof path, "%s/%s.positions", n->job->manifest->state_dir,
                          n->manifest->name);
    if (length < 0 || (size_t)length >= sizeof path) {
        return ph_error_set(err, PH_ERR_CONFIG, "the path of state_dir is too long");
    }
    n->ledger = ledger_create(path);
    return n->ledger != NULL ? PH_OK
                             : ph_error_set(err, PH_ERR_FATAL, "out of memory for positions");
}

int32_t guarantee_init(struct node *n, struct ph_error *err)
{
    bool is_given_up = n->job->manifest->exactly_once == MANIFEST_ONCE_GIVEN_UP;
    n->keeps_positions = n->plugin->descriptor.delivery != PH_DELIVERY_EPHEMERAL;
    bool host_keeps = n->keeps_positions && (is_given_up || !is_transactional(n));
    return host_keeps ? init_ledger(n, err) : PH_OK;
}

void guarantee_tell(const struct job *job)
{
    const struct manifest *m = job->manifest;
    int64_t rows = m->commit_max_rows != 0 ? m->commit_max_rows : PLAN_COMMIT_ROWS;
    if (m->exactly_once != MANIFEST_ONCE_GIVEN_UP || job->is_preview) {
        return;
    }
    log_write(PH_LOG_WARNING, NULL,
              "\"exactly_once\" is false: a crash may have the rows of one commit (about %lld at "
              "most) of each lane of a sink written twice, and a second process is not shut out. "
              "What it saves: positions and their table in the database of the rows. The only "
              "positions are in %s",
              (long long)rows, m->state_dir);
}
