/* SPDX-License-Identifier: Apache-2.0 */
#include "module/tables.h"

#include "module/defaults.h"

#include <stdlib.h>

/* A table is its size, 4 reserved bytes, and then function pointers only: pointers of `from` that
 * are set replace those of `to`. */
static void overlay(void *to, size_t to_size, const void *from, size_t from_size)
{
    size_t end = from_size < to_size ? from_size : to_size;
    for (size_t at = 2 * sizeof(uint32_t); at + sizeof(void *) <= end; at += sizeof(void *)) {
        void *function;
        memcpy(&function, (const char *)from + at, sizeof function);
        if (function != NULL) {
            memcpy((char *)to + at, &function, sizeof function);
        }
    }
}

/* Rows of the module's size into rows of ours. Null: no memory, or count is 0. */
static void *copy_rows(const void *rows, uint32_t count, size_t row_size)
{
    uint32_t from_size;
    char *copy;
    if (count == 0) {
        return NULL;
    }
    memcpy(&from_size, rows, sizeof from_size);
    copy = (char *)calloc(count, row_size);
    for (uint32_t i = 0; copy != NULL && i < count; i++) {
        const uint32_t size = (uint32_t)row_size;
        memcpy(copy + i * row_size, (const char *)rows + (size_t)i * from_size,
               from_size < row_size ? from_size : row_size);
        memcpy(copy + i * row_size, &size, sizeof size);
    }
    return copy;
}

static int32_t lacks(const char *path, const struct ph_descriptor *d, const char *function,
                     const char *why, struct ph_error *err)
{
    return ph_error_set(err, PH_ERR_CONFIG, "%s: plugin \"%s\": its function .%s is not set, %s",
                        path, d->id, function, why);
}

static int32_t check_ops(const struct plugin *p, const char *path, struct ph_error *err)
{
    if ((p->ops.create == defaults_ops.create) != (p->ops.destroy == defaults_ops.destroy)) {
        return lacks(path, &p->descriptor,
                     p->ops.create == defaults_ops.create ? "create" : "destroy",
                     "but the other one of create and destroy is", err);
    }
    if ((p->ops.task_create == defaults_ops.task_create) !=
        (p->ops.task_destroy == defaults_ops.task_destroy)) {
        return lacks(path, &p->descriptor,
                     p->ops.task_create == defaults_ops.task_create ? "task_create"
                                                                    : "task_destroy",
                     "but the other one of task_create and task_destroy is", err);
    }
    return PH_OK;
}

static int32_t check_sink(const struct plugin *p, const char *path, struct ph_error *err)
{
    const struct ph_sink_ops *s = &p->sink;
    bool is_transactional = p->descriptor.delivery == PH_DELIVERY_TRANSACTIONAL;
    if (s->write == NULL) {
        return lacks(path, &p->descriptor, "write", "and a sink needs it", err);
    }
    if (is_transactional && s->claim == defaults_sink.claim) {
        return lacks(path, &p->descriptor, "claim", "and a transactional sink needs it", err);
    }
    if (is_transactional && s->abort == defaults_sink.abort) {
        return lacks(path, &p->descriptor, "abort", "and a transactional sink needs it", err);
    }
    if (p->descriptor.delivery != PH_DELIVERY_EPHEMERAL && s->commit == defaults_sink.commit) {
        return lacks(path, &p->descriptor, "commit", "and a sink that is not ephemeral needs it",
                     err);
    }
    return PH_OK;
}

static int32_t check_needed(const struct plugin *p, const char *path, struct ph_error *err)
{
    const struct ph_descriptor *d = &p->descriptor;
    if (check_ops(p, path, err) != PH_OK) {
        return PH_ERROR;
    }
    switch (d->kind) {
    case PH_KIND_SOURCE:
        if (p->source.start == NULL) {
            return lacks(path, d, "start", "and a source needs it", err);
        }
        return p->source.poll != NULL ? PH_OK
                                      : lacks(path, d, "poll", "and a source needs it", err);
    case PH_KIND_UDF:
        return p->udf.process != NULL ? PH_OK
                                      : lacks(path, d, "process", "and a udf needs it", err);
    case PH_KIND_ASYNC_UDF:
        if (p->async_udf.offer == NULL) {
            return lacks(path, d, "offer", "and an async udf needs it", err);
        }
        return p->async_udf.next != NULL ? PH_OK
                                         : lacks(path, d, "next", "and an async udf needs it", err);
    default:
        return check_sink(p, path, err);
    }
}

/* The tables of the plugin's kind: ours with theirs on top. The descriptor then points at ours. */
static void fill_tables(struct plugin *p, const struct ph_descriptor *d)
{
    p->ops = defaults_ops;
    if (d->kind == PH_KIND_UDF || d->kind == PH_KIND_ASYNC_UDF) {
        p->ops.bind = defaults_bind_udf;
    }
    if (d->ops != NULL) {
        overlay(&p->ops, sizeof p->ops, d->ops, d->ops->size);
    }
    p->descriptor.ops = &p->ops;
    if (d->kind == PH_KIND_SOURCE) {
        p->source = defaults_source;
        overlay(&p->source, sizeof p->source, d->source, d->source->size);
        p->descriptor.source = &p->source;
    } else if (d->kind == PH_KIND_UDF) {
        p->udf = defaults_udf;
        overlay(&p->udf, sizeof p->udf, d->udf, d->udf->size);
        p->descriptor.udf = &p->udf;
    } else if (d->kind == PH_KIND_ASYNC_UDF) {
        p->async_udf = defaults_async_udf;
        overlay(&p->async_udf, sizeof p->async_udf, d->async_udf, d->async_udf->size);
        p->descriptor.async_udf = &p->async_udf;
    } else {
        p->sink = defaults_sink;
        overlay(&p->sink, sizeof p->sink, d->sink, d->sink->size);
        p->descriptor.sink = &p->sink;
    }
}

int32_t plugin_init(struct plugin *p, const struct module *module, const char *path,
                    const struct ph_descriptor *d, struct ph_error *err)
{
    struct ph_config_key *config = copy_rows(d->config, d->config_count, sizeof *config);
    struct ph_counter *counters = copy_rows(d->counters, d->counter_count, sizeof *counters);
    *p = (struct plugin){.module = module, .descriptor = *d};
    p->descriptor.size = (uint32_t)sizeof p->descriptor;
    p->descriptor.config = config;
    p->descriptor.counters = counters;
    fill_tables(p, d);
    if ((config == NULL && d->config_count > 0) || (counters == NULL && d->counter_count > 0)) {
        plugin_fini(p);
        return ph_error_set(err, PH_ERR_FATAL, "%s: not loaded: out of memory", path);
    }
    if (check_needed(p, path, err) != PH_OK) {
        plugin_fini(p);
        return PH_ERROR;
    }
    return PH_OK;
}

void plugin_fini(struct plugin *p)
{
    free((void *)(uintptr_t)p->descriptor.config);
    free((void *)(uintptr_t)p->descriptor.counters);
    *p = (struct plugin){.module = NULL};
}
