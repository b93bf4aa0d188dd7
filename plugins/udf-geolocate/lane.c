/* SPDX-License-Identifier: Apache-2.0 */
#include "lane.h"

#include <stdlib.h>

/* ---- lifecycle */

static void find_cells(struct lane *lane)
{
    const struct ph_metrics *metrics = lane->op->services.metrics;
    for (uint32_t i = 0; i < COUNTER_COUNT; i++) {
        int64_t *cell = metrics == NULL ? NULL : metrics->cell(lane->task, i);
        lane->cells[i] = cell != NULL ? cell : &lane->spare_cells[i];
    }
}

static void set_up_calls(struct lane *lane)
{
    struct calls *calls = &lane->calls;
    calls->settings = &lane->op->settings;
    calls->task = lane->task;
    calls->wait = lane->op->services.wait;
    calls->clock = lane->op->services.clock;
    calls->gate = &lane->op->gate;
    calls->events = &lane_events;
    calls->context = lane;
    calls->requests = lane->cells[COUNTER_REQUESTS];
    calls->retries = lane->cells[COUNTER_RETRIES];
    calls->in_flight = lane->cells[COUNTER_IN_FLIGHT];
}

void *lane_create(void *self, const struct ph_task *task, struct ph_error *err)
{
    struct geolocate *op = self;
    struct lane *lane = calloc(1, sizeof *lane);
    if (lane == NULL || !front_init(&lane->front, op->settings.cache_entries,
                                    op->services.clock->random(op->host))) {
        (void)ph_error_set(err, PH_ERR_RETRIABLE, "out of memory for lane %u", task->lane);
        free(lane);
        return NULL;
    }
    lane->op = op;
    lane->task = task;
    find_cells(lane);
    set_up_calls(lane);
    geolocate_set_task(op, task->lane, task, lane->cells);
    return lane;
}

void lane_destroy(void *self)
{
    struct lane *lane = self;
    if (lane == NULL) {
        return;
    }
    lane_deactivate(lane);
    geolocate_set_task(lane->op, lane->task->lane, NULL, NULL);
    front_fini(&lane->front);
    holds_fini(&lane->holds);
    free(lane);
}

static void say_once_keyless(struct lane *lane)
{
    if (!lane->op->settings.has_key && !geolocate_is_offline(lane->op) &&
        !atomic_exchange(&lane->op->key_was_spoken_of, true)) {
        geolocate_log(lane->op, PH_LOG_INFO,
                      "no key is set: look-ups go without one, of which the API allows few a day");
    }
}

static void abandon(void *context, struct place *place)
{
    struct lane *lane = context;
    geolocate_wake(lane->op, places_abandon(&lane->op->places, place));
}

static int32_t open_calls(struct lane *lane, struct ph_error *err)
{
    if (calls_open(&lane->calls, lane->op->settings.max_in_flight, err) != PH_OK) {
        calls_close(&lane->calls, abandon);
        return PH_ERROR;
    }
    return PH_OK;
}

static int32_t use_store(struct lane *lane, struct ph_error *err)
{
    struct geolocate *op = lane->op;
    int64_t loaded = 0;
    if (op->settings.cache_file == NULL) {
        return PH_OK;
    }
    if (store_use(&op->store, &op->places, &loaded, err) != PH_OK) {
        return PH_ERROR;
    }
    lane->uses_store = true;
    ph_counter_add(lane->cells[COUNTER_CACHE_FILE_LOADED], loaded);
    return PH_OK;
}

int32_t lane_activate(void *self, struct ph_error *err)
{
    struct lane *lane = self;
    lane_deactivate(lane);
    say_once_keyless(lane);
    return use_store(lane, err) == PH_OK ? open_calls(lane, err) : PH_ERROR;
}

void lane_deactivate(void *self)
{
    struct lane *lane = self;
    calls_close(&lane->calls, abandon);
    while (holds_oldest(&lane->holds) != NULL) {
        lane->op->services.batches->release(holds_pop(&lane->holds));
    }
    ph_error_clear(&lane->error);
    if (lane->uses_store) {
        lane->uses_store = false;
        store_leave(&lane->op->store);
    }
    int64_t now_ns = lane->op->services.clock->monotonic_ns(lane->op->host);
    trouble_flush(&lane->op->trouble, now_ns, true);
    trouble_flush(&lane->op->api_trouble, now_ns, true);
}

/* ---- work */

/* Tells an error that an earlier call left. After a retriable one the requests are set up anew with
 * the call that the host makes later: unanswered places are asked for again then. */
static int32_t check(struct lane *lane, struct ph_error *err)
{
    if (ph_error_is_set(&lane->error)) {
        (void)ph_error_set(err, lane->error.flags, "%s", lane->error.text);
        ph_error_set_key(err, lane->error.config_key);
        if ((lane->error.flags & PH_ERR_RETRIABLE) != 0) {
            ph_error_clear(&lane->error);
            calls_close(&lane->calls, abandon);
            lane->has_told = true;
        }
        return PH_ERROR;
    }
    if (lane->calls.multi == NULL && open_calls(lane, err) != PH_OK) {
        return PH_ERROR;
    }
    return PH_OK;
}

/* An error is told by the next call that has a batch to do with. */
int32_t lane_ready(void *self, int fd, uint32_t events, struct ph_error *err)
{
    struct lane *lane = self;
    (void)err;
    if (lane->calls.multi != NULL && !ph_error_is_set(&lane->error)) {
        (void)calls_ready(&lane->calls, fd, events, &lane->error);
    }
    return PH_OK;
}

static void run_calls(struct lane *lane)
{
    if (!ph_error_is_set(&lane->error)) {
        (void)calls_run(&lane->calls, &lane->error);
    }
}

static void refresh_database(struct lane *lane, int64_t now_ns)
{
    struct geolocate *op = lane->op;
    struct database *database = &op->database;
    char why[128];
    char text[320];
    switch (database_refresh(database, geolocate_is_offline(op) ? &op->places : NULL, now_ns, why,
                             sizeof why)) {
    case DATABASE_REPLACED:
        geolocate_log(op, PH_LOG_INFO, "the database was replaced: look-ups use the new file");
        break;
    case DATABASE_TROUBLE:
        (void)snprintf(
            text, sizeof text,
            "the database %s cannot be opened anew: %s; look-ups go on with the old file",
            database->path, why);
        geolocate_log(op, PH_LOG_WARNING, text);
        break;
    case DATABASE_SAME:
    default:
        break;
    }
    /* Beside the API its answers live no longer than those that failed. */
    uint32_t generation = atomic_load(&database->generation);
    if (lane->database_generation != generation && geolocate_is_offline(op)) {
        front_forget(&lane->front);
    }
    lane->database_generation = generation;
}

int32_t lane_offer(void *self, const struct ph_batch *batch, struct ph_error *err)
{
    struct lane *lane = self;
    const struct services *services = &lane->op->services;
    struct hold *hold;
    int64_t now_ns;
    if (check(lane, err) != PH_OK) {
        return PH_ERROR;
    }
    /* To take a batch would say that all is well again, while others wait. */
    if (holds_are_full(&lane->holds, batch->row_count) ||
        (lane->has_told && holds_oldest(&lane->holds) != NULL && gate_is_away(&lane->op->gate))) {
        return PH_MORE;
    }
    lane->has_told = false;
    now_ns = services->clock->monotonic_ns(lane->op->host);
    if (lane->op->database.path != NULL) {
        refresh_database(lane, now_ns);
    }
    hold = holds_claim(&lane->holds, batch->row_count);
    if (hold == NULL || !lane_look_up(lane, hold, batch, now_ns)) {
        return ph_error_set(err, PH_ERR_RETRIABLE, "out of memory for a batch of %u rows",
                            batch->row_count);
    }
    services->batches->retain(batch);
    holds_push(&lane->holds, hold, batch);
    if (lane->calls.first_asked != NULL) {
        run_calls(lane);
    }
    return PH_OK;
}

static int32_t emit(struct lane *lane, const struct hold *hold, struct ph_out *out)
{
    struct ph_draft *draft = out->derive(out, 0, hold->batch);
    if (draft == NULL) {
        return PH_MORE;
    }
    if (!hold_fill(hold, &draft->builders[0]) || out->emit(out, draft) != PH_OK) {
        out->discard(out, draft);
        return PH_MORE;
    }
    lane->op->services.batches->release(holds_pop(&lane->holds));
    return PH_OK;
}

static void adopt(struct lane *lane, const struct hold *hold)
{
    for (uint32_t i = hold->answered_count; i < hold->place_count; i++) {
        struct place *place = hold->places[i].place;
        if (!place_is_answered(place) &&
            places_await(&lane->op->places, place, lane->task->lane) == PLACE_TO_ASK) {
            calls_ask(&lane->calls, place);
        }
    }
}

/* While the API is away another address that it has answered before goes first: it tells an API
 * that is away from an address that gets no answer. Without memory the others try by themselves. */
static void probe(struct lane *lane, const struct place *waiting)
{
    struct address address;
    struct place *place = gate_probe(&lane->op->gate, &waiting->address, &address)
                              ? place_create_probe(&address)
                              : NULL;
    if (place != NULL) {
        calls_ask(&lane->calls, place);
        place_release(place);
    }
}

/* Another lane may own the place that the oldest batch waits for. If its owner has given it up, it
 * has given up others as well. */
static void await(struct lane *lane, struct place *place)
{
    struct holds *holds = &lane->holds;
    if (places_await(&lane->op->places, place, lane->task->lane) != PLACE_TO_ASK) {
        return;
    }
    probe(lane, place);
    calls_ask(&lane->calls, place);
    for (uint32_t i = 0; i < holds->count; i++) {
        adopt(lane, &holds->ring[(holds->first + i) % HOLDS_MAX]);
    }
    run_calls(lane);
}

int32_t lane_next(void *self, struct ph_out *out, struct ph_error *err)
{
    struct lane *lane = self;
    struct hold *hold = holds_oldest(&lane->holds);
    struct place *place;
    if (calls_are_due(&lane->calls)) {
        run_calls(lane);
    }
    if (hold != NULL && hold_unanswered(hold) == NULL &&
        (lane->error.flags & PH_ERR_RETRIABLE) != 0) {
        return emit(lane, hold, out); /* what is complete need not wait */
    }
    if (check(lane, err) != PH_OK) {
        return PH_ERROR;
    }
    if (hold == NULL) {
        return PH_END;
    }
    place = hold_unanswered(hold);
    if (place != NULL) {
        await(lane, place);
    }
    /* It may have been answered just before it was awaited. */
    return hold_unanswered(hold) == NULL ? emit(lane, hold, out) : PH_IDLE;
}

int32_t lane_hand_back(void *self, const struct ph_batch **batches, uint32_t capacity,
                       uint32_t *count)
{
    struct lane *lane = self;
    *count = 0;
    while (*count < capacity && holds_oldest(&lane->holds) != NULL) {
        batches[(*count)++] = holds_pop(&lane->holds);
    }
    return holds_oldest(&lane->holds) == NULL ? PH_OK : PH_MORE;
}
