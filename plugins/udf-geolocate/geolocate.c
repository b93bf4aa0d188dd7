/* SPDX-License-Identifier: Apache-2.0 */
#include "geolocate.h"

#include <curl/curl.h>
#include <stdlib.h>

static bool get_services(struct services *services, const struct ph_host *host)
{
    services->log = host->get_service(host, PH_SERVICE_LOG);
    services->clock = host->get_service(host, PH_SERVICE_CLOCK);
    services->wait = host->get_service(host, PH_SERVICE_WAIT);
    services->batches = host->get_service(host, PH_SERVICE_BATCHES);
    services->metrics = host->get_service(host, PH_SERVICE_METRICS);
    return services->clock != NULL && services->wait != NULL && services->batches != NULL;
}

static void make_constant_place(struct place *place)
{
    atomic_init(&place->refs, 1);
    atomic_init(&place->is_answered, true);
    place->text = place_empty_text;
    place->text_length = (uint32_t)sizeof place_empty_text - 1;
    place->expires_ns = INT64_MAX;
}

static bool set_up(struct geolocate *op)
{
    op->has_tasks_mutex = pthread_mutex_init(&op->tasks_mutex, NULL) == 0;
    return op->has_tasks_mutex &&
           trouble_init(&op->trouble, op->host, op->services.log, "got {} instead of a place") &&
           trouble_init(&op->api_trouble, op->host, op->services.log,
                        "took their place from the database") &&
           curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

void *geolocate_create(const struct ph_host *host, struct ph_error *err)
{
    struct geolocate *op;
    if (host->lane_count > PLACE_LANES_MAX) {
        (void)ph_error_set(err, PH_ERR_CONFIG, "at most %u lanes can share the look-ups, not %u",
                           PLACE_LANES_MAX, host->lane_count);
        return NULL;
    }
    op = calloc(1, sizeof *op);
    if (op == NULL) {
        (void)ph_error_set(err, PH_ERR_RETRIABLE, "out of memory");
        return NULL;
    }
    op->host = host;
    op->quota_left = -1;
    atomic_init(&op->refusal, OUTCOME_QUOTA);
    make_constant_place(&op->reserved);
    make_constant_place(&op->invalid);
    if (!get_services(&op->services, host)) {
        (void)ph_error_set(err, PH_ERR_FATAL, "this host lacks one of %s, %s and %s",
                           PH_SERVICE_CLOCK, PH_SERVICE_WAIT, PH_SERVICE_BATCHES);
    } else if (!set_up(op)) {
        (void)ph_error_set(err, PH_ERR_RETRIABLE, "libcurl could not be set up");
    } else {
        return op;
    }
    geolocate_destroy(op);
    return NULL;
}

/* libcurl's global state stays: other operators and other plugins share it. */
void geolocate_destroy(void *self)
{
    struct geolocate *op = self;
    if (op == NULL) {
        return;
    }
    store_fini(&op->store);
    places_fini(&op->places);
    gate_fini(&op->gate);
    database_fini(&op->database);
    settings_fini(&op->settings);
    trouble_fini(&op->trouble);
    trouble_fini(&op->api_trouble);
    if (op->has_tasks_mutex) {
        (void)pthread_mutex_destroy(&op->tasks_mutex);
    }
    free(op);
}

static void told_store(void *self, uint64_t written, uint64_t lost)
{
    struct geolocate *op = self;
    (void)pthread_mutex_lock(&op->tasks_mutex);
    if (op->cells != NULL) {
        ph_counter_add(op->cells[COUNTER_CACHE_FILE_WRITTEN], (int64_t)written);
        ph_counter_add(op->cells[COUNTER_CACHE_FILE_LOST], (int64_t)lost);
    }
    (void)pthread_mutex_unlock(&op->tasks_mutex);
}

static bool init_store(struct geolocate *op)
{
    const struct settings *settings = &op->settings;
    op->store.settings =
        (struct store_settings){settings->cache_file, settings->url_start, settings->cache_entries,
                                settings->ttl_ns / 1000000};
    op->store.host = op->host;
    op->store.clock = op->services.clock;
    op->store.log = op->services.log;
    op->store.told = told_store;
    op->store.context = op;
    return settings->cache_file == NULL || store_init(&op->store);
}

int32_t geolocate_init(void *self, const struct ph_config *config, struct ph_error *err)
{
    struct geolocate *op = self;
    if (settings_read(&op->settings, config, err) != PH_OK) {
        return PH_ERROR;
    }
    if (!places_init(&op->places, op->settings.cache_entries,
                     op->services.clock->random(op->host))) {
        (void)ph_error_set(err, PH_ERR_RETRIABLE, "out of memory for a cache of %u addresses",
                           op->settings.cache_entries);
        return PH_ERROR;
    }
    if (!gate_init(&op->gate, op->settings.max_in_flight) || !init_store(op)) {
        (void)ph_error_set(err, PH_ERR_RETRIABLE, "out of memory while the operator was set up");
        return PH_ERROR;
    }
    return op->settings.database == NULL ? PH_OK
                                         : database_open(&op->database, op->settings.database, err);
}

static int32_t refuse_column(const struct geolocate *op, const struct ph_schema *input,
                             struct ph_error *err)
{
    char names[400] = "";
    size_t used = 0;
    for (uint32_t i = 0; i < input->field_count && used < sizeof names; i++) {
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i == 0 ? "" : ", ",
                                 input->fields[i].name);
    }
    (void)ph_error_set(err, PH_ERR_CONFIG, "the input has no column \"%s\"; it has %s",
                       op->settings.column, names);
    ph_error_set_key(err, "/column");
    return PH_ERROR;
}

int32_t geolocate_bind(void *self, struct ph_binding *binding, struct ph_error *err)
{
    struct geolocate *op = self;
    const struct ph_schema *input;
    const struct ph_field *field;
    if (binding->input_count != 1) {
        return ph_error_set(err, PH_ERR_CONFIG, "takes one input, not %u", binding->input_count);
    }
    input = binding->inputs[0];
    op->column = ph_schema_find(input, op->settings.column);
    if (op->column < 0) {
        return refuse_column(op, input, err);
    }
    field = &input->fields[op->column];
    if (field->type != PH_TYPE_STRING) {
        (void)ph_error_set(err, PH_ERR_CONFIG, "column \"%s\" is %s; an address is a string",
                           field->name, ph_type_name(field->type));
        ph_error_set_key(err, "/column");
        return PH_ERROR;
    }
    if (ph_schema_find(input, op->settings.as) >= 0) {
        (void)ph_error_set(err, PH_ERR_CONFIG, "the input has a column \"%s\" already",
                           op->settings.as);
        ph_error_set_key(err, "/as");
        return PH_ERROR;
    }
    binding->reads(binding, 0, (uint32_t)op->column);
    if (binding->pass(binding, 0, 0, err) != PH_OK) {
        return PH_ERROR;
    }
    return binding->add(binding, 0, op->settings.as, PH_TYPE_STRING,
                        field->flags & PH_FIELD_REQUIRED, err);
}

void geolocate_set_task(struct geolocate *op, uint32_t lane, const struct ph_task *task,
                        int64_t *const *cells)
{
    (void)pthread_mutex_lock(&op->tasks_mutex);
    op->tasks[lane] = task;
    if (lane == 0) {
        op->cells = cells;
    }
    if (lane == 0 && cells != NULL) {
        ph_gauge_set(cells[COUNTER_QUOTA_LEFT], op->quota_left);
    }
    (void)pthread_mutex_unlock(&op->tasks_mutex);
}

static void set_quota(struct geolocate *op, int64_t quota_left)
{
    op->quota_left = quota_left;
    if (op->cells != NULL) {
        ph_gauge_set(op->cells[COUNTER_QUOTA_LEFT], quota_left);
    }
}

void geolocate_show_quota(struct geolocate *op, uint32_t epoch, int64_t quota_left)
{
    (void)pthread_mutex_lock(&op->tasks_mutex);
    if ((int32_t)(epoch - op->quota_epoch) >= 0) {
        set_quota(op, quota_left);
    } else if (op->quota_left < 0) {
        set_quota(op, 0); /* it was refused, and is one that counts */
    }
    (void)pthread_mutex_unlock(&op->tasks_mutex);
}

void geolocate_show_quota_empty(struct geolocate *op, uint32_t epoch)
{
    (void)pthread_mutex_lock(&op->tasks_mutex);
    op->quota_epoch = epoch + 1;
    if (op->quota_left > 0) {
        set_quota(op, 0);
    }
    (void)pthread_mutex_unlock(&op->tasks_mutex);
}

void geolocate_show_gate(struct geolocate *op, int64_t now_ns)
{
    (void)pthread_mutex_lock(&op->tasks_mutex);
    if (op->cells != NULL) {
        ph_gauge_set(op->cells[COUNTER_PAUSED], gate_is_shut(&op->gate, now_ns) ? 1 : 0);
    }
    (void)pthread_mutex_unlock(&op->tasks_mutex);
}

void geolocate_wake(struct geolocate *op, uint64_t lanes)
{
    if (lanes == 0) {
        return;
    }
    (void)pthread_mutex_lock(&op->tasks_mutex);
    for (uint32_t lane = 0; lanes != 0; lane++, lanes >>= 1) {
        if ((lanes & 1) != 0 && op->tasks[lane] != NULL) {
            op->services.wait->wake(op->tasks[lane]);
        }
    }
    (void)pthread_mutex_unlock(&op->tasks_mutex);
}

void geolocate_log(const struct geolocate *op, int32_t level, const char *text)
{
    if (op->services.log != NULL) {
        op->services.log->write(op->host, level, text);
    }
}
