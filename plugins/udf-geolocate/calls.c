/* SPDX-License-Identifier: Apache-2.0 */
#include "calls.h"

#include <stdlib.h>

#define REST_MIN_NS (INT64_C(50) * 1000 * 1000)
#define REST_FACTOR 4
#define REST_MAX_NS (INT64_C(10) * 1000 * 1000 * 1000)

/* Times that an address may be refused with a plea for patience, which is no failed attempt. */
#define PLEAS_MAX 20u

/* Tries without an answer while others had one, until an address gets no more of them. */
#define ALONE_MIN 3u

struct call {
    struct handle handle;
    struct place *place; /* a reference; null = free */
    uint32_t tries;
    uint32_t pleas;
    uint32_t epoch;   /* of the gate */
    int64_t began_ns; /* the running try */
    int64_t heard_ns; /* when the latest one for another address began that was answered then */
    int64_t due_ns;   /* when a resting call goes on, 0 = it does not rest */
    struct call *next_free;
};

/* ---- libcurl's callbacks */

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *socket_context)
{
    struct calls *calls = context;
    (void)easy;
    (void)socket_context;
    return sockets_want(&calls->sockets, fd, what) ? 0 : -1;
}

static int on_timer(CURLM *multi, long timeout_ms, void *context)
{
    struct calls *calls = context;
    (void)multi;
    calls->timer_ns = timeout_ms < 0 ? 0 : calls->now_ns + (int64_t)timeout_ms * 1000000;
    return 0;
}

/* ---- opening and closing */

static bool set_up_multi(struct calls *calls)
{
    long count = (long)calls->count;
    return curl_multi_setopt(calls->multi, CURLMOPT_SOCKETFUNCTION, on_socket) == CURLM_OK &&
           curl_multi_setopt(calls->multi, CURLMOPT_SOCKETDATA, calls) == CURLM_OK &&
           curl_multi_setopt(calls->multi, CURLMOPT_TIMERFUNCTION, on_timer) == CURLM_OK &&
           curl_multi_setopt(calls->multi, CURLMOPT_TIMERDATA, calls) == CURLM_OK &&
           curl_multi_setopt(calls->multi, CURLMOPT_MAX_HOST_CONNECTIONS, count) == CURLM_OK &&
           curl_multi_setopt(calls->multi, CURLMOPT_MAXCONNECTS, count) == CURLM_OK;
}

static bool make_calls(struct calls *calls)
{
    (void)snprintf(calls->user_agent, sizeof calls->user_agent, "pipehost/%s",
                   calls->task->host->host_version);
    calls->all = calloc(calls->count, sizeof *calls->all);
    for (uint32_t i = calls->all == NULL ? 0 : calls->count; i > 0; i--) {
        calls->all[i - 1].next_free = calls->free_calls;
        calls->free_calls = &calls->all[i - 1];
    }
    return calls->all != NULL;
}

int32_t calls_open(struct calls *calls, uint32_t count, struct ph_error *err)
{
    const struct settings *settings = calls->settings;
    calls->count = count;
    calls->url_size =
        strlen(settings->url_start) + 3 * (size_t)ADDRESS_TEXT_SIZE + strlen(settings->url_end) + 1;
    calls->url = malloc(calls->url_size);
    sockets_init(&calls->sockets, calls->task, calls->wait);
    calls->multi = curl_multi_init();
    if (calls->url == NULL || calls->multi == NULL || !set_up_multi(calls) || !make_calls(calls)) {
        return ph_error_set(err, PH_ERR_RETRIABLE,
                            "out of memory while %u HTTP handles were set up", count);
    }
    return PH_OK;
}

static struct place *take_asked(struct calls *calls)
{
    struct place *place = calls->first_asked;
    if (place != NULL) {
        calls->first_asked = place->next_asked;
        place->next_asked = NULL;
        if (calls->first_asked == NULL) {
            calls->last_asked = NULL;
        }
    }
    return place;
}

static void close_call(struct calls *calls, struct call *call,
                       void (*abandon)(void *context, struct place *place))
{
    if (call->handle.easy != NULL) {
        (void)curl_multi_remove_handle(calls->multi, call->handle.easy);
    }
    handle_close(&call->handle);
    if (call->place != NULL) {
        abandon(calls->context, call->place);
        place_release(call->place);
    }
}

/* What was under way leaves room for other lanes. */
static void leave_gate(struct calls *calls)
{
    uint32_t lane = calls->task->lane;
    for (; calls->on_wire > 0; calls->on_wire--) {
        gate_leave(calls->gate, lane);
    }
    calls->events->wake(calls->context, gate_settle(calls->gate, lane, false));
}

void calls_close(struct calls *calls, void (*abandon)(void *context, struct place *place))
{
    struct place *place;
    for (uint32_t i = 0; calls->all != NULL && i < calls->count; i++) {
        close_call(calls, &calls->all[i], abandon);
    }
    while ((place = take_asked(calls)) != NULL) {
        abandon(calls->context, place);
        place_release(place);
    }
    if (calls->multi != NULL) {
        (void)curl_multi_cleanup(calls->multi);
        leave_gate(calls);
        calls->wait->deadline(calls->task, 0);
    }
    sockets_fini(&calls->sockets);
    free(calls->url);
    free(calls->all);
    if (calls->in_flight != NULL) {
        ph_gauge_set(calls->in_flight, 0);
    }
    memset(&calls->multi, 0, sizeof *calls - offsetof(struct calls, multi));
}

/* ---- one call's way */

/* The canonical spelling holds no character but ':' that a query must escape. */
static void write_url(struct calls *calls, const struct address *address)
{
    char text[ADDRESS_TEXT_SIZE];
    char escaped[3 * ADDRESS_TEXT_SIZE];
    char *out = escaped;
    address_print(address, text);
    for (const char *p = text; *p != '\0'; p++) {
        if (*p == ':') {
            memcpy(out, "%3A", 3);
            out += 3;
        } else {
            *out++ = *p;
        }
    }
    *out = '\0';
    (void)snprintf(calls->url, calls->url_size, "%s%s%s", calls->settings->url_start, escaped,
                   calls->settings->url_end);
}

static void finish_try(struct calls *calls, struct call *call, CURLcode code);

static bool prepare(struct calls *calls, struct call *call)
{
    write_url(calls, &call->place->address);
    if (call->handle.easy == NULL &&
        !handle_open(&call->handle, calls->settings, &calls->sockets, calls->user_agent, call)) {
        handle_close(&call->handle);
        return false;
    }
    return handle_prepare(&call->handle, calls->url);
}

/* The gate has let it in. */
static void start_try(struct calls *calls, struct call *call)
{
    call->due_ns = 0;
    call->began_ns = calls->now_ns;
    call->heard_ns = gate_heard_ns(calls->gate, &call->place->address);
    call->tries++;
    calls->on_wire++;
    ph_counter_add(calls->requests, 1);
    if (!prepare(calls, call) ||
        curl_multi_add_handle(calls->multi, call->handle.easy) != CURLM_OK) {
        finish_try(calls, call, CURLE_OUT_OF_MEMORY);
    }
}

static void free_call(struct calls *calls, struct call *call)
{
    place_release(call->place);
    call->place = NULL;
    call->next_free = calls->free_calls;
    calls->free_calls = call;
}

static void ask_first(struct calls *calls, struct place *place)
{
    place_retain(place);
    place->next_asked = calls->first_asked;
    calls->first_asked = place;
    if (calls->last_asked == NULL) {
        calls->last_asked = place;
    }
}

/* 50 to 100 ms after the first try, four times that after the second, and no sooner than the API
 * asks for. */
static void rest(struct calls *calls, struct call *call, int64_t retry_after_ns)
{
    int64_t rest_ns = REST_MIN_NS;
    for (uint32_t i = 1; i < call->tries && rest_ns < REST_MAX_NS; i++) {
        rest_ns *= REST_FACTOR;
    }
    rest_ns += (int64_t)(calls->clock->random(calls->task->host) % (uint64_t)rest_ns);
    call->due_ns = calls->now_ns + retry_after_ns + rest_ns;
    calls->resting++;
    if (calls->rest_ns == 0 || call->due_ns < calls->rest_ns) {
        calls->rest_ns = call->due_ns;
    }
}

/* True where the same request is made again later. */
static bool tries_again(struct calls *calls, struct call *call, const struct verdict *verdict)
{
    if (!outcome_is_transient(verdict->outcome) || call->place->is_probe) {
        return false;
    }
    /* Who waits for the API tries anew by himself. */
    if (outcome_is_silence(verdict->outcome, &verdict->transfer) && gate_is_away(calls->gate)) {
        return false;
    }
    if (outcome_is_plea(verdict->outcome, &verdict->transfer)) {
        calls->events->pleaded(calls->context, verdict);
        if (verdict->outcome == OUTCOME_STATUS_429 && call->pleas < PLEAS_MAX) {
            call->pleas++;
            call->tries--;
        }
    }
    return call->tries < calls->settings->attempts;
}

/* A try got no answer. True where that is the fate of its address and not of the API.
 *
 * The API answered others during the try where one that began no sooner was answered; it did right
 * before the try where one was answered by then that began after the address's last failure. (The
 * time of a beginning may be a little early and that of a failure a little late, never the
 * reverse.) Either happens by chance to an API that comes and goes, hence must happen several
 * times; but not that it leaves one waiting until its time is up, and is still there. */
static bool is_alone(struct calls *calls, const struct call *call, enum outcome outcome)
{
    struct place *place = call->place;
    bool failed_before = place->failed_ns != 0;
    bool was_there = failed_before && call->heard_ns > place->failed_ns;
    bool is_there = gate_heard_ns(calls->gate, &place->address) >= call->began_ns;
    place->failed_ns = calls->clock->monotonic_ns(calls->task->host);
    place->alone_count += was_there || is_there ? 1 : 0;
    return failed_before &&
           (place->alone_count >= ALONE_MIN ||
            (is_there && outcome == OUTCOME_TIMEOUT && !gate_is_away(calls->gate)));
}

static void listen_to(struct calls *calls, struct call *call, struct verdict *verdict)
{
    struct place *place = call->place;
    if (verdict->transfer.status != 0) {
        place->failed_ns = 0;
        place->alone_count = 0;
        if (gate_hear(calls->gate, &place->address, call->began_ns)) {
            calls->events->wake(calls->context, UINT64_MAX);
        }
    } else if (outcome_is_silence(verdict->outcome, &verdict->transfer)) {
        verdict->is_alone = is_alone(calls, call, verdict->outcome);
    }
}

static void finish_try(struct calls *calls, struct call *call, CURLcode code)
{
    struct verdict verdict = {.tries = call->tries, .epoch = call->epoch};
    handle_read(&call->handle, code, &verdict.transfer);
    calls->on_wire--;
    gate_leave(calls->gate, calls->task->lane);
    if (call->handle.easy != NULL) {
        (void)curl_multi_remove_handle(calls->multi, call->handle.easy);
    }
    verdict.outcome = outcome_of(&verdict.transfer);
    if (verdict.transfer.quota_left >= 0) {
        calls->events->told_quota(calls->context, call->epoch, verdict.transfer.quota_left);
    }
    listen_to(calls, call, &verdict);
    if (tries_again(calls, call, &verdict)) {
        rest(calls, call, verdict.transfer.retry_after_ns);
        return;
    }
    if (calls->events->finished(calls->context, call->place, &verdict) == CALLS_ASK_AGAIN) {
        ask_first(calls, call->place);
    }
    free_call(calls, call);
}

/* ---- running */

void calls_ask(struct calls *calls, struct place *place)
{
    place_retain(place);
    place->next_asked = NULL;
    if (calls->last_asked != NULL) {
        calls->last_asked->next_asked = place;
    } else {
        calls->first_asked = place;
    }
    calls->last_asked = place;
}

static bool enter(struct calls *calls, struct call *call)
{
    switch (
        gate_enter(calls->gate, calls->task->lane, calls->now_ns, &call->epoch, &calls->gate_ns)) {
    case GATE_IN:
        return true;
    case GATE_FULL:
        calls->is_refused = true;
        return false;
    case GATE_SHUT:
    default:
        return false;
    }
}

/* While the gate is shut. */
static void give_up_asked(struct calls *calls)
{
    struct verdict verdict = {.outcome = OUTCOME_QUOTA, .transfer = {.quota_left = -1}};
    struct place *place;
    while ((place = take_asked(calls)) != NULL) {
        (void)calls->events->finished(calls->context, place, &verdict);
        place_release(place);
    }
}

static void start_asked(struct calls *calls)
{
    while (calls->free_calls != NULL && calls->first_asked != NULL) {
        struct call *call = calls->free_calls;
        if (!enter(calls, call)) {
            break;
        }
        calls->free_calls = call->next_free;
        call->place = take_asked(calls);
        call->tries = 0;
        call->pleas = 0;
        start_try(calls, call);
    }
    if (calls->gate_ns != 0 && calls->first_asked != NULL &&
        calls->events->gives_up(calls->context)) {
        give_up_asked(calls);
    }
}

static void start_rested(struct calls *calls)
{
    if (!calls->has_rested && (calls->rest_ns == 0 || calls->rest_ns > calls->now_ns)) {
        return;
    }
    calls->rest_ns = 0;
    calls->has_rested = false;
    for (uint32_t i = 0; i < calls->count && calls->resting > 0; i++) {
        struct call *call = &calls->all[i];
        if (call->due_ns == 0) {
            continue;
        }
        if (call->due_ns > calls->now_ns) {
            calls->rest_ns = calls->rest_ns == 0 || call->due_ns < calls->rest_ns ? call->due_ns
                                                                                  : calls->rest_ns;
        } else if (!calls->has_rested && enter(calls, call)) {
            calls->resting--;
            ph_counter_add(calls->retries, 1);
            start_try(calls, call);
        } else {
            calls->has_rested = true;
        }
    }
}

/* Those that have waited longest go first. */
static void start_all(struct calls *calls)
{
    calls->gate_ns = 0;
    calls->is_refused = false;
    if (!calls->is_held) {
        start_rested(calls);
        start_asked(calls);
    }
}

static void collect(struct calls *calls)
{
    int left = 0;
    CURLMsg *message;
    while ((message = curl_multi_info_read(calls->multi, &left)) != NULL) {
        void *call = message->msg == CURLMSG_DONE ? handle_owner(message->easy_handle) : NULL;
        if (call != NULL) {
            finish_try(calls, call, message->data.result);
        }
    }
}

static int32_t act(struct calls *calls, curl_socket_t fd, int action, struct ph_error *err)
{
    int running = 0;
    CURLMcode code = curl_multi_socket_action(calls->multi, fd, action, &running);
    if (ph_error_is_set(&calls->sockets.error)) {
        return ph_error_set(err, calls->sockets.error.flags, "%s", calls->sockets.error.text);
    }
    if (code != CURLM_OK) {
        return ph_error_set(err, PH_ERR_RETRIABLE, "libcurl gave up all transfers: %s",
                            curl_multi_strerror(code));
    }
    collect(calls);
    return PH_OK;
}

static int64_t earlier(int64_t a_ns, int64_t b_ns)
{
    return a_ns == 0 || (b_ns != 0 && b_ns < a_ns) ? b_ns : a_ns;
}

static void set_deadline(struct calls *calls)
{
    int64_t at_ns = earlier(calls->timer_ns, calls->rest_ns);
    at_ns = earlier(at_ns, calls->gate_ns);
    if (at_ns != calls->deadline_ns) {
        calls->deadline_ns = at_ns;
        calls->wait->deadline(calls->task, at_ns);
    }
}

static void settle(struct calls *calls)
{
    ph_gauge_set(calls->in_flight, calls->on_wire);
    set_deadline(calls);
    calls->events->wake(calls->context,
                        gate_settle(calls->gate, calls->task->lane, calls->is_refused));
}

static int32_t run(struct calls *calls, struct ph_error *err)
{
    /* Each round that libcurl asks for at once moves some transfer on: a few for each call. */
    uint32_t rounds = 8 * calls->count;
    start_all(calls);
    while (calls->timer_ns != 0 && calls->timer_ns <= calls->now_ns && rounds > 0) {
        rounds--;
        calls->timer_ns = 0;
        if (act(calls, CURL_SOCKET_TIMEOUT, 0, err) != PH_OK) {
            return PH_ERROR;
        }
        start_all(calls);
    }
    settle(calls);
    return PH_OK;
}

int32_t calls_run(struct calls *calls, struct ph_error *err)
{
    calls->now_ns = calls->clock->monotonic_ns(calls->task->host);
    /* The host forgets a deadline that has passed. */
    if (calls->deadline_ns <= calls->now_ns) {
        calls->deadline_ns = 0;
    }
    return run(calls, err);
}

int32_t calls_ready(struct calls *calls, int fd, uint32_t events, struct ph_error *err)
{
    int action = sockets_ready(&calls->sockets, fd, events);
    if (action == 0 && fd >= 0) {
        return PH_OK;
    }
    calls->now_ns = calls->clock->monotonic_ns(calls->task->host);
    if (calls->deadline_ns <= calls->now_ns) {
        calls->deadline_ns = 0;
    }
    if (fd < 0) {
        return run(calls, err);
    }
    if (act(calls, fd, action, err) != PH_OK) {
        return PH_ERROR;
    }
    start_all(calls);
    settle(calls);
    return PH_OK;
}
