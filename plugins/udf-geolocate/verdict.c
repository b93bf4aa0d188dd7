/* SPDX-License-Identifier: Apache-2.0 */
#include "answer.h"
#include "lane.h"

#include <inttypes.h>
#include <stdlib.h>

static void count(struct lane *lane, enum outcome outcome)
{
    ph_counter_add(lane->cells[COUNTER_FIRST_OUTCOME + (uint32_t)outcome], 1);
}

static void publish(struct lane *lane, struct place *place, char *text, uint32_t length,
                    int64_t expires_ns)
{
    struct geolocate *op = lane->op;
    uint64_t evictions = 0;
    uint64_t lanes = places_answer(&op->places, place, text, length, expires_ns, &evictions);
    ph_counter_add(lane->cells[COUNTER_CACHE_EVICTIONS], (int64_t)evictions);
    geolocate_wake(op, lanes);
}

static void stop(struct lane *lane, struct place *place, const char *what)
{
    if (!ph_error_is_set(&lane->error)) {
        (void)ph_error_set(&lane->error, PH_ERR_FATAL, "%s", what);
    }
    geolocate_wake(lane->op, places_abandon(&lane->op->places, place));
}

/* False: no memory. */
static bool publish_answer(struct lane *lane, struct place *place, const struct answer *answer,
                           int64_t expires_ns)
{
    char *text = malloc(answer->length);
    if (text == NULL) {
        return false;
    }
    memcpy(text, answer->text, answer->length);
    publish(lane, place, text, answer->length, expires_ns);
    return true;
}

void lane_answer_offline(struct lane *lane, struct place *place, int64_t now_ns)
{
    struct geolocate *op = lane->op;
    const struct settings *settings = &op->settings;
    enum outcome outcome = OUTCOME_NO_MEMORY;
    struct answer answer;
    database_lock(&op->database);
    switch (database_find(&op->database, &place->address, &answer)) {
    case DATABASE_PLACE:
        outcome = publish_answer(lane, place, &answer, now_ns + settings->ttl_ns)
                      ? OUTCOME_DATABASE
                      : OUTCOME_NO_MEMORY;
        break;
    case DATABASE_UNKNOWN:
        outcome = OUTCOME_NOT_IN_DATABASE;
        publish(lane, place, NULL, 0, now_ns + settings->ttl_ns);
        break;
    case DATABASE_DAMAGED:
    default:
        outcome = OUTCOME_BAD_BODY;
        break;
    }
    if (outcome == OUTCOME_NO_MEMORY || outcome == OUTCOME_BAD_BODY) {
        publish(lane, place, NULL, 0, now_ns + settings->negative_ttl_ns);
        trouble_note(&op->trouble, now_ns,
                     outcome == OUTCOME_BAD_BODY ? "the database is damaged there"
                                                 : "out of memory");
    }
    database_unlock(&op->database);
    count(lane, outcome);
}

/* True: the database had a place for it. */
static bool fall_back(struct lane *lane, struct place *place, const char *reason)
{
    struct geolocate *op = lane->op;
    int64_t now_ns = lane->calls.now_ns;
    struct answer answer;
    bool is_placed = false;
    if (op->settings.falls_back) {
        database_lock(&op->database);
        is_placed = database_find(&op->database, &place->address, &answer) == DATABASE_PLACE &&
                    publish_answer(lane, place, &answer, now_ns + op->settings.negative_ttl_ns);
        database_unlock(&op->database);
    }
    if (is_placed) {
        count(lane, OUTCOME_DATABASE);
        trouble_note(&op->api_trouble, now_ns, reason);
    }
    return is_placed;
}

/* The place gets {}, which is said and counted, or the pipeline stops. */
static void give_up(struct lane *lane, struct place *place, enum outcome outcome,
                    const struct verdict *verdict)
{
    const struct settings *settings = &lane->op->settings;
    char phrase[48];
    char reason[160];
    (void)snprintf(reason, sizeof reason, "%s from %s%s",
                   outcome_phrase(outcome, &verdict->transfer, phrase, sizeof phrase),
                   settings->host, verdict->tries > 1 ? ", after several tries" : "");
    if (fall_back(lane, place, reason)) {
        return;
    }
    count(lane, outcome);
    if (settings->on_failure == ON_FAILURE_FAIL && !outcome_is_refusal(outcome)) {
        char text[320];
        (void)snprintf(text, sizeof text,
                       "an address could not be looked up (on_failure: fail): %s", reason);
        stop(lane, place, text);
        return;
    }
    trouble_note(&lane->op->trouble, lane->calls.now_ns, reason);
    publish(lane, place, NULL, 0, lane->calls.now_ns + settings->negative_ttl_ns);
}

static void resume(struct lane *lane, uint32_t epoch)
{
    struct geolocate *op = lane->op;
    if (gate_resume(&op->gate, epoch) && atomic_exchange(&op->refusal_was_said, false)) {
        geolocate_log(op, PH_LOG_INFO, "the API answers again: look-ups go on");
    }
}

static void take_answer(struct lane *lane, struct place *place, const struct verdict *verdict,
                        const struct answer *answer)
{
    if (!publish_answer(lane, place, answer, lane->calls.now_ns + lane->op->settings.ttl_ns)) {
        give_up(lane, place, OUTCOME_NO_MEMORY, verdict);
        return;
    }
    count(lane, OUTCOME_OK);
    atomic_store_explicit(&lane->op->was_answered, true, memory_order_relaxed);
    if (lane->uses_store) {
        store_put(&lane->op->store, place);
    }
    trouble_flush(&lane->op->api_trouble, lane->calls.now_ns, false);
    trouble_flush(&lane->op->trouble, lane->calls.now_ns, false);
}

/* A certificate that is not trusted says nothing of any address, so no row is written for it. Until
 * the API has answered once it is a wrong setting; later it is waited for. */
static void distrust(struct lane *lane, struct place *place, const struct verdict *verdict)
{
    struct geolocate *op = lane->op;
    uint32_t flags = atomic_load(&op->was_answered) ? PH_ERR_RETRIABLE : PH_ERR_CONFIG;
    const char *why = verdict->transfer.why;
    bool is_told = why != NULL && why[0] != '\0';
    count(lane, OUTCOME_UNTRUSTED);
    if (!ph_error_is_set(&lane->error)) {
        (void)ph_error_set(
            &lane->error, flags,
            "the certificate of %s is not trusted: %s; ca_file names a file with the "
            "certificate of its authority",
            op->settings.host, is_told ? why : curl_easy_strerror(verdict->transfer.code));
        ph_error_set_key(&lane->error, op->settings.ca_file != NULL ? "/ca_file" : "/endpoint");
    }
    geolocate_wake(op, places_abandon(&op->places, place));
}

/* ---- an API that is away */

/* A place that got no answer after all its tries. Where the API has answered others meanwhile that
 * is the fate of this place alone, else the API is away: that says nothing of any address, so no
 * row is written, and the host calls again later. */
static void miss(struct lane *lane, struct place *place, const struct verdict *verdict)
{
    struct geolocate *op = lane->op;
    const char *why = verdict->transfer.why;
    bool is_told = why != NULL && why[0] != '\0';
    if (place->is_probe && holds_oldest(&lane->holds) == NULL) {
        return; /* nothing would ask again */
    }
    if (op->settings.on_failure != ON_FAILURE_PAUSE || op->settings.falls_back ||
        verdict->is_alone) {
        give_up(lane, place, verdict->outcome, verdict);
        return;
    }
    gate_lose(&op->gate);
    calls_hold(&lane->calls);
    geolocate_show_gate(op, lane->calls.now_ns);
    if (!ph_error_is_set(&lane->error)) {
        (void)ph_error_set(
            &lane->error, PH_ERR_RETRIABLE, "%s does not answer: %s; rows wait for it (on_failure)",
            op->settings.host, is_told ? why : curl_easy_strerror(verdict->transfer.code));
    }
    geolocate_wake(op, places_abandon(&op->places, place));
}

/* At most once in ten seconds. */
static bool is_time_to_say(_Atomic int64_t *said_ns, int64_t now_ns)
{
    int64_t last_ns = atomic_load(said_ns);
    return (last_ns == 0 || now_ns - last_ns >= TROUBLE_INTERVAL_NS) &&
           atomic_compare_exchange_strong(said_ns, &last_ns, now_ns);
}

/* ---- a refused key or an empty quota */

static const char *refusal_phrase(const struct settings *settings, enum outcome outcome)
{
    if (outcome == OUTCOME_KEY) {
        return settings->has_key ? "the key is not valid" : "no key is set";
    }
    return settings->has_key ? "the quota is used up or the key is not valid"
                             : "the quota is used up, no key is set";
}

static void say_refusal(struct lane *lane, const struct verdict *verdict)
{
    static const char *const actions[] = {
        [ON_QUOTA_PAUSE] = "look-ups pause and one at a time asks whether it answers again",
        [ON_QUOTA_EMPTY] = "addresses get {} meanwhile",
        [ON_QUOTA_FAIL] = "the pipeline stops",
    };
    struct geolocate *op = lane->op;
    char text[320];
    if (atomic_load(&op->refusal_was_said) ||
        !is_time_to_say(&op->refusal_said_ns, lane->calls.now_ns)) {
        return;
    }
    atomic_store(&op->refusal_was_said, true);
    (void)snprintf(text, sizeof text, "%s refuses look-ups with status %ld: %s; %s (on_quota)",
                   op->settings.host, verdict->transfer.status,
                   refusal_phrase(&op->settings, verdict->outcome),
                   op->settings.falls_back && op->settings.on_quota == ON_QUOTA_PAUSE
                       ? "the database is asked instead"
                       : actions[op->settings.on_quota]);
    geolocate_log(op, PH_LOG_WARNING, text);
}

/* Whatever on_quota says, nothing is asked meanwhile. */
static void pause_for_refusal(struct lane *lane, const struct verdict *verdict)
{
    struct geolocate *op = lane->op;
    int64_t pause_ns = op->settings.quota_retry_ns;
    if (verdict->transfer.retry_after_ns > pause_ns) {
        pause_ns = verdict->transfer.retry_after_ns;
    }
    if (gate_pause(&op->gate, verdict->epoch, GATE_PAUSE_TRY, lane->calls.now_ns, &pause_ns)) {
        atomic_store(&op->refusal, verdict->outcome);
        ph_counter_add(lane->cells[COUNTER_QUOTA_PAUSES], 1);
        if (verdict->outcome == OUTCOME_QUOTA) {
            geolocate_show_quota_empty(op, verdict->epoch);
        }
        geolocate_show_gate(op, lane->calls.now_ns);
        say_refusal(lane, verdict);
    }
}

static enum calls_answer take_refusal(struct lane *lane, struct place *place,
                                      const struct verdict *verdict)
{
    const struct settings *settings = &lane->op->settings;
    pause_for_refusal(lane, verdict);
    switch (settings->on_quota) {
    case ON_QUOTA_PAUSE:
        if (settings->falls_back) {
            give_up(lane, place, verdict->outcome, verdict);
            return CALLS_DONE;
        }
        return CALLS_ASK_AGAIN;
    case ON_QUOTA_FAIL: {
        char text[320];
        (void)snprintf(text, sizeof text,
                       "%s refuses look-ups with status %ld: %s (on_quota: fail); correct the key "
                       "or wait until the quota is refilled, then start again",
                       settings->host, verdict->transfer.status,
                       refusal_phrase(settings, verdict->outcome));
        stop(lane, place, text);
        return CALLS_DONE;
    }
    case ON_QUOTA_EMPTY:
    default:
        give_up(lane, place, verdict->outcome, verdict);
        return CALLS_DONE;
    }
}

/* ---- what the calls tell */

static enum calls_answer finished(void *self, struct place *place, const struct verdict *verdict)
{
    struct lane *lane = self;
    struct verdict judged = *verdict;
    struct answer answer;
    bool is_place;
    bool is_silence = outcome_is_silence(verdict->outcome, &verdict->transfer);
    if (place->is_probe && !is_silence && verdict->outcome != OUTCOME_UNTRUSTED) {
        geolocate_show_gate(lane->op, lane->calls.now_ns);
        return CALLS_DONE;
    }
    if (verdict->epoch == 0) {
        judged.outcome = atomic_load(&lane->op->refusal);
        return take_refusal(lane, place, &judged);
    }
    is_place = verdict->outcome == OUTCOME_OK &&
               answer_read(verdict->transfer.body, verdict->transfer.body_length, &answer);
    if (verdict->outcome == OUTCOME_OK && !is_place) {
        judged.outcome = outcome_of_body(&verdict->transfer, answer.is_error);
    }
    if (outcome_is_refusal(judged.outcome)) {
        return take_refusal(lane, place, &judged);
    }
    if (judged.outcome == OUTCOME_UNTRUSTED && !lane->op->settings.falls_back) {
        distrust(lane, place, &judged);
        return CALLS_DONE;
    }
    /* A server that is broken says nothing of the quota. */
    if (judged.outcome <= OUTCOME_STATUS_4XX || judged.outcome == OUTCOME_BAD_BODY) {
        resume(lane, judged.epoch);
    }
    geolocate_show_gate(lane->op, lane->calls.now_ns);
    if (is_place) {
        take_answer(lane, place, &judged, &answer);
    } else if (is_silence) {
        miss(lane, place, &judged);
    } else {
        give_up(lane, place, judged.outcome, &judged);
    }
    return CALLS_DONE;
}

static void pleaded(void *self, const struct verdict *verdict)
{
    struct lane *lane = self;
    struct geolocate *op = lane->op;
    int64_t pause_ns = verdict->transfer.retry_after_ns;
    char text[256];
    if (!gate_pause(&op->gate, verdict->epoch, GATE_PAUSE_ALL, lane->calls.now_ns, &pause_ns)) {
        return;
    }
    ph_counter_add(lane->cells[COUNTER_RATE_PAUSES], 1);
    geolocate_show_gate(op, lane->calls.now_ns);
    if (is_time_to_say(&op->plea_said_ns, lane->calls.now_ns)) {
        (void)snprintf(text, sizeof text,
                       "%s asks for patience with status %ld: look-ups of all lanes pause for "
                       "%" PRId64 " s",
                       op->settings.host, verdict->transfer.status, pause_ns / 1000000000);
        geolocate_log(op, PH_LOG_WARNING, text);
    }
}

static void told_quota(void *self, uint32_t epoch, int64_t quota_left)
{
    struct lane *lane = self;
    geolocate_show_quota(lane->op, epoch, quota_left);
}

static bool gives_up(void *self)
{
    struct lane *lane = self;
    const struct settings *settings = &lane->op->settings;
    return (settings->on_quota == ON_QUOTA_EMPTY || settings->falls_back) &&
           gate_is_trying(&lane->op->gate);
}

static void wake(void *self, uint64_t lanes)
{
    struct lane *lane = self;
    geolocate_wake(lane->op, lanes);
}

const struct calls_events lane_events = {
    .finished = finished,
    .pleaded = pleaded,
    .told_quota = told_quota,
    .gives_up = gives_up,
    .wake = wake,
};
