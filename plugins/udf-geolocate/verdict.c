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
                    int64_t kept_ns)
{
    struct geolocate *op = lane->op;
    uint64_t evictions = 0;
    uint64_t lanes =
        places_answer(&op->places, place, text, length, lane->calls.now_ns + kept_ns, &evictions);
    ph_counter_add(lane->cells[COUNTER_CACHE_EVICTIONS], (int64_t)evictions);
    geolocate_wake(op, lanes);
}

/* The place gets {}, which is said and counted. */
static void give_up(struct lane *lane, struct place *place, enum outcome outcome,
                    const struct verdict *verdict)
{
    char phrase[48];
    char reason[160];
    (void)snprintf(reason, sizeof reason, "%s from %s%s",
                   outcome_phrase(outcome, &verdict->transfer, phrase, sizeof phrase),
                   lane->op->settings.host, verdict->tries > 1 ? ", after several tries" : "");
    count(lane, outcome);
    trouble_note(&lane->op->trouble, lane->calls.now_ns, reason);
    publish(lane, place, NULL, 0, lane->op->settings.negative_ttl_ns);
}

static void resume(struct lane *lane)
{
    calls_resume(&lane->calls);
    if (atomic_load(&lane->op->quota_is_out) && atomic_exchange(&lane->op->quota_is_out, false)) {
        geolocate_log(lane->op, PH_LOG_INFO, "the API answers again: look-ups go on");
    }
}

static void take_answer(struct lane *lane, struct place *place, const struct verdict *verdict)
{
    struct answer answer;
    char *text = NULL;
    resume(lane);
    if (!answer_read(verdict->transfer.body, verdict->transfer.body_length, &answer)) {
        give_up(lane, place, OUTCOME_BAD_BODY, verdict);
        return;
    }
    text = malloc(answer.length);
    if (text == NULL) {
        give_up(lane, place, OUTCOME_NO_MEMORY, verdict);
        return;
    }
    memcpy(text, answer.text, answer.length);
    count(lane, OUTCOME_OK);
    publish(lane, place, text, answer.length, lane->op->settings.ttl_ns);
    trouble_flush(&lane->op->trouble, lane->calls.now_ns, false);
}

static void say_quota(struct lane *lane, long status)
{
    static const char *const actions[] = {
        [ON_QUOTA_PAUSE] = "look-ups pause and one at a time asks whether it answers again",
        [ON_QUOTA_EMPTY] = "addresses get {} meanwhile",
        [ON_QUOTA_FAIL] = "the pipeline stops",
    };
    char text[320];
    int64_t said_ns = atomic_load(&lane->op->quota_said_ns);
    if ((said_ns != 0 && lane->calls.now_ns - said_ns < TROUBLE_INTERVAL_NS) ||
        atomic_exchange(&lane->op->quota_is_out, true)) {
        return;
    }
    atomic_store(&lane->op->quota_said_ns, lane->calls.now_ns);
    (void)snprintf(text, sizeof text,
                   "%s refuses look-ups with status %ld: the quota is used up%s; %s (on_quota)",
                   lane->op->settings.host, status,
                   lane->op->settings.has_key ? " or the key is not valid" : ", no key is set",
                   actions[lane->op->settings.on_quota]);
    geolocate_log(lane->op, PH_LOG_WARNING, text);
}

static enum calls_answer take_quota(struct lane *lane, struct place *place,
                                    const struct verdict *verdict)
{
    const struct settings *settings = &lane->op->settings;
    say_quota(lane, verdict->transfer.status);
    switch (settings->on_quota) {
    case ON_QUOTA_PAUSE:
        /* Requests that were under way when the first one was refused change nothing. */
        if (lane->calls.paused_until_ns <= lane->calls.now_ns) {
            ph_counter_add(lane->cells[COUNTER_QUOTA_PAUSES], 1);
            calls_pause(&lane->calls, lane->calls.now_ns + settings->quota_retry_ns);
        }
        return CALLS_ASK_AGAIN;
    case ON_QUOTA_FAIL:
        (void)ph_error_set(&lane->error, PH_ERR_FATAL,
                           "%s refuses look-ups because the quota is used up%s (on_quota: fail); "
                           "start again when it is refilled",
                           settings->host, settings->has_key ? " or the key is not valid" : "");
        geolocate_wake(lane->op, places_abandon(&lane->op->places, place));
        return CALLS_DONE;
    case ON_QUOTA_EMPTY:
    default:
        give_up(lane, place, OUTCOME_QUOTA, verdict);
        return CALLS_DONE;
    }
}

enum calls_answer lane_finish(void *self, struct place *place, const struct verdict *verdict)
{
    struct lane *lane = self;
    if (verdict->outcome == OUTCOME_QUOTA) {
        return take_quota(lane, place, verdict);
    }
    if (verdict->outcome == OUTCOME_OK) {
        take_answer(lane, place, verdict);
    } else {
        give_up(lane, place, verdict->outcome, verdict);
    }
    return CALLS_DONE;
}
