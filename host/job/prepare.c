/* SPDX-License-Identifier: Apache-2.0 */
#include "job/prepare.h"
#include "job/begun.h"

#include "base/error.h"
#include "job/bind.h"
#include "job/discovery.h"
#include "job/encoding.h"
#include "job/former.h"
#include "job/guarantee.h"
#include "job/plan.h"
#include "job/preview.h"
#include "job/reach.h"
#include "job/reads.h"
#include "job/services.h"
#include "job/start.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Adds an operator's error at its place in the manifest; below is the pointer under the operator.
 */
static void add_error(struct node *n, const char *below, const struct ph_error *err,
                      struct manifest_errors *errs)
{
    char pointer[32 + PH_ERROR_KEY_SIZE];
    n->job->is_misconfigured = n->job->is_misconfigured && (err->flags & PH_ERR_CONFIG) != 0;
    (void)snprintf(pointer, sizeof pointer, "/operators/%u%s%s", n->manifest->place, below,
                   err->config_key);
    manifest_errors_add(errs, n->job->manifest, pointer, "%s: %s", n->manifest->name, err->text);
}

static const char *kind_name(uint32_t kind)
{
    return kind == PH_KIND_SOURCE ? "source" : kind == PH_KIND_SINK ? "sink" : "UDF";
}

/* Two ways of the same records into one operator. */
static void check_ways(struct node *n, struct manifest_errors *errs)
{
    char pointer[48];
    uint32_t a = 0;
    uint32_t b = 0;
    const struct node *source = reach_find_double(n, &a, &b);
    if (source == NULL) {
        return;
    }
    (void)snprintf(pointer, sizeof pointer, "/operators/%u/input", n->manifest->place);
    manifest_errors_add(errs, n->job->manifest, pointer,
                        "the records of %s come to %s by two ways, %s and %s: let one of them read "
                        "the other",
                        source->manifest->name, n->manifest->name, node_input(n, a)->manifest->name,
                        node_input(n, b)->manifest->name);
}

static bool is_read(const struct node *n)
{
    for (uint32_t i = 0; i < n->job->node_count; i++) {
        const struct node *reader = &n->job->nodes[i];
        for (uint32_t input = 0; input < reader->manifest->input_count; input++) {
            if (node_input(reader, input) == n) {
                return true;
            }
        }
    }
    return false;
}

static void check_kind(struct node *n, struct manifest_errors *errs)
{
    uint32_t inputs = n->manifest->input_count;
    uint32_t kind = node_kind(n);
    char pointer[48];
    (void)snprintf(pointer, sizeof pointer, "/operators/%u", n->manifest->place);
    if (kind == PH_KIND_SOURCE && inputs > 0) {
        manifest_errors_add(errs, n->job->manifest, pointer, "%s is a source and has no input",
                            n->manifest->name);
    }
    if (kind != PH_KIND_SOURCE && inputs == 0) {
        manifest_errors_add(errs, n->job->manifest, pointer, "%s is a %s and needs an \"input\"",
                            n->manifest->name, kind_name(kind));
    }
    guarantee_check(n, errs);
    if (kind != PH_KIND_SINK && !is_read(n)) {
        manifest_errors_add(errs, n->job->manifest, pointer,
                            "nothing reads %s: name it as the \"input\" of another operator, or "
                            "take it out",
                            n->manifest->name);
    }
    check_ways(n, errs);
    for (uint32_t i = 0; i < inputs; i++) {
        if (node_kind(node_input(n, i)) == PH_KIND_SINK) {
            manifest_errors_add(errs, n->job->manifest, pointer,
                                "%s reads %s, which is a sink and has no output", n->manifest->name,
                                node_input(n, i)->manifest->name);
        }
    }
}

static void load_plugin(struct node *n, struct manifest_errors *errs)
{
    struct ph_error err;
    ph_error_clear(&err);
    if (registry_find(&n->job->registry, n->manifest->plugin_name, n->manifest->plugin_id,
                      &n->plugin, &err) != PH_OK) {
        add_error(n, "/plugin", &err, errs);
        return;
    }
    const struct ph_descriptor *d = &n->plugin->descriptor;
    if (config_create(n->job->manifest, n->index, d->config, d->config_count, &n->config, errs) !=
        PH_OK) {
        n->config = NULL; /* errs says why, and the other operators are looked at all the same */
    }
    if (n->job->replaces_sinks && node_kind(n) == PH_KIND_SINK &&
        preview_replace(n, &err) != PH_OK) {
        add_error(n, "", &err, errs);
    }
}

static int32_t create_operator(struct node *n, struct ph_error *err)
{
    services_init_host(n);
    n->op = n->plugin->ops.create(&n->host, err);
    if (n->op == NULL) {
        return ph_error_set(err, PH_ERR_FATAL, "the plugin made no operator");
    }
    n->has_op = true;
    if (n->plugin->ops.init(n->op, config_get(n->config), err) == PH_OK) {
        return PH_OK;
    }
    return ph_error_set(err, PH_ERR_FATAL, "init failed without saying why");
}

static bool prepare_operator(struct node *n, struct manifest_errors *errs)
{
    struct ph_error err;
    ph_error_clear(&err);
    if (create_operator(n, &err) != PH_OK) {
        add_error(n, "/config", &err, errs);
        return false;
    }
    if (node_bind(n, &err) != PH_OK) {
        add_error(n, node_kind(n) == PH_KIND_SOURCE ? "" : "/config", &err, errs);
        return false;
    }
    bool is_replaced = n->job->replaces_sinks && node_kind(n) == PH_KIND_SINK;
    if (!is_replaced && encoding_check(n, &err) != PH_OK) {
        add_error(n, "", &err, errs);
        return false;
    }
    return true;
}

static int32_t init_nodes(struct job *job, struct ph_error *err)
{
    const struct manifest *m = job->manifest;
    job->nodes = calloc(m->operator_count, sizeof *job->nodes);
    if (job->nodes == NULL) {
        return ph_error_set(err, PH_ERR_FATAL, "out of memory for operators");
    }
    job->node_count = m->operator_count;
    for (uint32_t i = 0; i < m->operator_count; i++) {
        job->nodes[i].job = job;
        job->nodes[i].index = i;
        job->nodes[i].manifest = &m->operators[i];
    }
    reach_init(job);
    return PH_OK;
}

static int32_t init_committed(struct node *n, struct ph_error *err)
{
    if (node_kind(n) != PH_KIND_SINK) {
        return PH_OK;
    }
    if (guarantee_init(n, err) != PH_OK) {
        return PH_ERROR;
    }
    n->committed = malloc(PARTITIONS_MAX * sizeof *n->committed);
    n->has_begun = calloc(PARTITIONS_MAX, sizeof *n->has_begun);
    if (n->committed == NULL || n->has_begun == NULL) {
        return ph_error_set(err, PH_ERR_FATAL, "out of memory for positions");
    }
    for (uint32_t i = 0; i < PARTITIONS_MAX; i++) {
        atomic_init(&n->committed[i], -1);
    }
    return PH_OK;
}

static int32_t init_job(struct job *job, const struct job_options *options, struct ph_error *err)
{
    job->lock_fd = -1;
    job->cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    job->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    (void)pthread_mutex_init(&job->error_mutex, NULL);
    ph_error_clear(&job->error);
    if (job->cancel_fd < 0 || job->event_fd < 0) {
        return ph_error_set(err, PH_ERR_FATAL,
                            "no descriptors are left: raise the limit (ulimit -n)");
    }
    struct dead_letter_settings letters = {.path = job->manifest->dead_letter_file,
                                           .max_bytes = (uint64_t)job->manifest->dead_letter_max_mib
                                                        << 20,
                                           .file_count = job->manifest->dead_letter_files};
    job->dead_letters = dead_letters_create(job->manifest->pipeline, &letters);
    job->reasons = reasons_create();
    job->discovery = discovery_create(job);
    if (job->dead_letters == NULL || job->reasons == NULL || job->discovery == NULL) {
        return ph_error_set(err, PH_ERR_FATAL, "out of memory for dead letters");
    }
    if (finder_init(&job->finder, options->plugin_dirs, options->plugin_dir_count,
                    job->manifest->dir, err) != PH_OK) {
        return PH_ERROR;
    }
    job->has_finder = true;
    registry_init(&job->registry, &job->finder);
    return init_nodes(job, err);
}

/* Plugins and configs of all operators first, so that one pass shows all their faults; then bind in
 * graph order. */
static bool prepare_operators(struct job *job, struct manifest_errors *errs)
{
    for (uint32_t i = 0; i < job->node_count; i++) {
        load_plugin(&job->nodes[i], errs);
    }
    if (manifest_errors_any(errs)) {
        return false;
    }
    for (uint32_t i = 0; i < job->node_count; i++) {
        check_kind(&job->nodes[i], errs);
    }
    if (manifest_errors_any(errs)) {
        return false;
    }
    plan_lanes(job);
    for (uint32_t i = 0; i < job->node_count; i++) {
        if (!prepare_operator(&job->nodes[job->manifest->order[i]], errs)) {
            return false;
        }
    }
    if (!reads_trace(job)) {
        manifest_errors_add_plain(errs, "out of memory for schemas");
        return false;
    }
    return true;
}

static int32_t plan(struct job *job, struct ph_error *err)
{
    for (uint32_t i = 0; i < job->node_count; i++) {
        if (init_committed(&job->nodes[i], err) != PH_OK) {
            return PH_ERROR;
        }
    }
    return plan_memory(job, err) == PH_OK ? plan_tasks(job, err) : PH_ERROR;
}

static bool create_tasks(struct job *job, struct manifest_errors *errs)
{
    for (uint32_t i = 0; i < job->node_count; i++) {
        struct node *n = &job->nodes[job->manifest->order[i]];
        struct ph_error err;
        ph_error_clear(&err);
        if (tasks_create(n, &err) != PH_OK) {
            add_error(n, "/config", &err, errs);
            return false;
        }
    }
    return true;
}

static void prepare(struct job *job, const struct job_options *options,
                    struct manifest_errors *errs)
{
    struct ph_error err;
    ph_error_clear(&err);
    if (init_job(job, options, &err) != PH_OK) {
        job->is_misconfigured = (err.flags & PH_ERR_CONFIG) != 0;
        manifest_errors_add_plain(errs, "%s", err.text);
        return;
    }
    if (!prepare_operators(job, errs)) {
        return;
    }
    if (plan(job, &err) != PH_OK) {
        job->is_misconfigured = (err.flags & PH_ERR_CONFIG) != 0;
        manifest_errors_add(errs, job->manifest, err.config_key, "%s", err.text);
        return;
    }
    (void)create_tasks(job, errs);
}

enum job_prepared job_prepare(const struct manifest *manifest, const struct job_options *options,
                              struct job **out, struct manifest_errors *errs)
{
    struct job *job = calloc(1, sizeof *job);
    *out = NULL;
    if (job == NULL) {
        manifest_errors_add_plain(errs, "out of memory");
        return JOB_NOT_PREPARED;
    }
    job->manifest = manifest;
    job->is_misconfigured = true;
    job->is_preview = options->to_terminal || options->keeps_nothing;
    job->is_check = options->keeps_nothing;
    job->replaces_sinks = options->to_terminal;
    job->row_limit = options->row_limit;
    job->replay = options->replay;
    prepare(job, options, errs);
    if (manifest_errors_any(errs)) {
        bool misconfigured = job->is_misconfigured && !errs->out_of_memory;
        job_destroy(job);
        return misconfigured ? JOB_MISCONFIGURED : JOB_NOT_PREPARED;
    }
    *out = job;
    return JOB_PREPARED;
}

static void node_fini(struct node *n)
{
    if (n->has_op) {
        n->plugin->ops.destroy(n->op);
    }
    config_destroy(n->config);
    ledger_destroy(n->ledger);
    free((void *)n->committed);
    free(n->has_begun);
    former_fini(n);
}

void job_destroy(struct job *job)
{
    if (job == NULL) {
        return;
    }
    tasks_destroy(job);
    plan_fini(job);
    for (uint32_t i = job->node_count; i-- > 0;) {
        node_fini(&job->nodes[job->manifest->order[i]]);
    }
    for (uint32_t i = 0; i < job->node_count; i++) {
        reserve_destroy(job->nodes[i].reserve);
        node_unbind(&job->nodes[i]);
    }
    pool_destroy(job->pool);
    free(job->nodes);
    if (job->has_finder) {
        registry_fini(&job->registry);
        finder_fini(&job->finder);
    }
    dead_letters_destroy(job->dead_letters);
    reasons_destroy(job->reasons);
    discovery_destroy(job->discovery);
    partitions_fini(&job->partitions);
    (void)close(job->cancel_fd);
    (void)close(job->event_fd);
    if (job->lock_fd >= 0) {
        (void)close(job->lock_fd);
    }
    (void)pthread_mutex_destroy(&job->error_mutex);
    free(job);
}
