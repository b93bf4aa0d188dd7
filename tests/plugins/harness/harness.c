/* SPDX-License-Identifier: Apache-2.0 */
/* The operator and its tasks, and the capturers of a source's calls. */
#include "harness.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

void *harness_alloc(size_t size)
{
    void *p = calloc(1, size);
    if (p == NULL) {
        abort();
    }
    return p;
}

void *harness_grow(void *array, uint32_t count, size_t element)
{
    if (count != 0 && (count & (count - 1)) != 0) {
        return array;
    }
    void *grown = realloc(array, (count == 0 ? 1 : (size_t)count * 2) * element);
    if (grown == NULL) {
        abort();
    }
    return grown;
}

char *harness_copy(const char *text)
{
    char *copy = strdup(text);
    if (copy == NULL) {
        abort();
    }
    return copy;
}

static const struct ph_descriptor *find_descriptor(void *library, const char *path, const char *id)
{
    const struct ph_entry *entry = (const struct ph_entry *)dlsym(library, PH_ENTRY_SYMBOL);
    if (entry == NULL || entry->magic != PH_ABI_MAGIC) {
        (void)fprintf(stderr, "harness: %s has no entry of this ABI\n", path);
        return NULL;
    }
    for (uint32_t i = 0; i < entry->descriptor_count; i++) {
        if (id == NULL || strcmp(entry->descriptors[i]->id, id) == 0) {
            return entry->descriptors[i];
        }
    }
    (void)fprintf(stderr, "harness: %s has no plugin %s\n", path, id == NULL ? "" : id);
    return NULL;
}

struct harness *harness_open(const char *path, const char *id, const char *pipeline,
                             const char *operator_name)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        (void)fprintf(stderr, "harness: %s\n", dlerror());
        return NULL;
    }
    const struct ph_descriptor *d = find_descriptor(library, path, id);
    if (d == NULL) {
        (void)dlclose(library);
        return NULL;
    }
    struct harness *h = harness_alloc(sizeof *h);
    h->library = library;
    h->descriptor = d;
    (void)pthread_mutex_init(&h->log_lock, NULL);
    h->host.size = (uint32_t)sizeof h->host;
    h->host.lane_count = 1;
    h->host.pipeline_name = harness_copy(pipeline);
    h->host.operator_name = harness_copy(operator_name);
    h->host.host_version = "harness";
    h->host.host_data = h;
    h->host.get_service = harness_service;
    h->host.delivery = PH_DELIVERY_TRANSACTIONAL;
    ph_error_clear(&h->error);
    return h;
}

/* The library stays mapped: libraries inside plugins leave threads and thread-specific data. */
void harness_close(struct harness *h)
{
    if (h == NULL) {
        return;
    }
    if (h->op != NULL && h->descriptor->ops->destroy != NULL) {
        h->descriptor->ops->destroy(h->op);
    }
    harness_config_destroy(h->config);
    for (uint32_t o = 0; o < h->output_count; o++) {
        for (uint32_t i = 0; i < h->outputs[o].schema.field_count; i++) {
            free((void *)(uintptr_t)h->outputs[o].fields[i].name);
        }
    }
    for (uint32_t i = 0; i < h->log_count; i++) {
        free(h->log_lines[i]);
    }
    free(h->log_lines);
    (void)pthread_mutex_destroy(&h->log_lock);
    free((void *)(uintptr_t)h->host.pipeline_name);
    free((void *)(uintptr_t)h->host.operator_name);
    free(h);
}

struct ph_error *harness_error(struct harness *h)
{
    ph_error_clear(&h->error);
    return &h->error;
}

int32_t harness_init(struct harness *h, const struct harness_setting *settings, uint32_t count)
{
    const struct ph_operator_ops *ops = h->descriptor->ops;
    struct ph_error *err = harness_error(h);
    h->config = harness_config_create(h->descriptor, settings, count, err);
    if (ph_error_is_set(err)) {
        return PH_ERROR;
    }
    h->op = ops->create == NULL ? &h->host : ops->create(&h->host, err);
    if (h->op == NULL) {
        return PH_ERROR;
    }
    return ops->init == NULL ? PH_OK : ops->init(h->op, harness_config_view(h->config), err);
}

static struct harness_schema *binding_output(struct harness *h, uint32_t output)
{
    if (output >= HARNESS_OUTPUTS) {
        return NULL;
    }
    if (output >= h->output_count) {
        h->output_count = output + 1;
    }
    h->outputs[output].schema.size = (uint32_t)sizeof h->outputs[output].schema;
    h->outputs[output].schema.fields = h->outputs[output].fields;
    return &h->outputs[output];
}

static int32_t binding_add(struct ph_binding *b, uint32_t output, const char *name, uint32_t type,
                           uint32_t flags, struct ph_error *err)
{
    struct harness_schema *s = binding_output((struct harness *)b->host_data, output);
    if (s == NULL || s->schema.field_count == HARNESS_FIELDS) {
        return ph_error_set(err, PH_ERR_CONFIG, "too many outputs or columns");
    }
    if (ph_schema_find(&s->schema, name) >= 0) {
        return ph_error_set(err, PH_ERR_CONFIG, "column \"%s\" exists already", name);
    }
    s->fields[s->schema.field_count++] = (struct ph_field){harness_copy(name), type, flags};
    return PH_OK;
}

static int32_t binding_pass(struct ph_binding *b, uint32_t output, uint32_t input,
                            struct ph_error *err)
{
    struct harness_schema *s = binding_output((struct harness *)b->host_data, output);
    if (s == NULL || s->schema.field_count > 0 || input >= b->input_count) {
        return ph_error_set(err, PH_ERR_CONFIG, "pass comes first and names an input");
    }
    for (uint32_t i = 0; i < b->inputs[input]->field_count; i++) {
        const struct ph_field *f = &b->inputs[input]->fields[i];
        int32_t result = binding_add(b, output, f->name, f->type, f->flags, err);
        if (result != PH_OK) {
            return result;
        }
    }
    s->has_pass = true;
    s->passed = s->schema.field_count;
    s->passed_input = input;
    return PH_OK;
}

/* Every column of the harness's batches has its values. */
static void binding_reads(struct ph_binding *b, uint32_t input, uint32_t column)
{
    if (input >= b->input_count || column >= b->inputs[input]->field_count) {
        abort();
    }
}

int32_t harness_bind(struct harness *h, const struct ph_schema *const *inputs, uint32_t count)
{
    struct ph_binding b = {.size = (uint32_t)sizeof b,
                           .input_count = count,
                           .inputs = h->inputs,
                           .host_data = h,
                           .pass = binding_pass,
                           .add = binding_add,
                           .reads = binding_reads};
    if (count > HARNESS_OUTPUTS) {
        abort();
    }
    for (uint32_t i = 0; i < count; i++) {
        h->inputs[i] = inputs[i];
    }
    h->input_count = count;
    return h->descriptor->ops->bind == NULL ? PH_OK
                                            : h->descriptor->ops->bind(h->op, &b, harness_error(h));
}

struct harness_task *harness_task_create(struct harness *h, uint32_t lane)
{
    struct harness_task *t = harness_alloc(sizeof *t);
    t->owner = h;
    t->task.size = (uint32_t)sizeof t->task;
    t->task.lane = lane;
    t->task.host = &h->host;
    t->task.host_data = t;
    t->task.reject = harness_row_reject;
    t->cells = harness_alloc((h->descriptor->counter_count + 1) * sizeof *t->cells);
    t->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (t->wake_fd < 0) {
        abort();
    }
    t->self = h->descriptor->ops->task_create == NULL
                  ? h->op
                  : h->descriptor->ops->task_create(h->op, &t->task, harness_error(h));
    if (t->self == NULL) {
        harness_task_destroy(t);
        return NULL;
    }
    return t;
}

int32_t harness_activate(struct harness_task *t)
{
    const struct ph_operator_ops *ops = t->owner->descriptor->ops;
    t->is_active = true;
    return ops->activate == NULL ? PH_OK : ops->activate(t->self, harness_error(t->owner));
}

void harness_deactivate(struct harness_task *t)
{
    if (t->is_active && t->owner->descriptor->ops->deactivate != NULL) {
        t->owner->descriptor->ops->deactivate(t->self);
    }
    t->is_active = false;
}

void harness_task_destroy(struct harness_task *t)
{
    if (t == NULL) {
        return;
    }
    if (t->self != NULL) {
        harness_deactivate(t);
        if (t->owner->descriptor->ops->task_destroy != NULL) {
            t->owner->descriptor->ops->task_destroy(t->self);
        }
    }
    (void)close(t->wake_fd);
    free(t->cells);
    free(t->rejects);
    free(t);
}

void harness_rejects_clear(struct harness_task *t)
{
    free(t->rejects);
    t->rejects = NULL;
    t->reject_count = 0;
}

bool harness_logged(struct harness *h, const char *text)
{
    bool is_there = false;
    (void)pthread_mutex_lock(&h->log_lock);
    for (uint32_t i = 0; i < h->log_count && !is_there; i++) {
        is_there = strstr(h->log_lines[i], text) != NULL;
    }
    (void)pthread_mutex_unlock(&h->log_lock);
    return is_there;
}
