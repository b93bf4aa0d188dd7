/* SPDX-License-Identifier: Apache-2.0 */
#include "calls.h"

#include <stdlib.h>

#define TRIES_MAX        3u
#define REST_MIN_NS      (INT64_C(50) * 1000 * 1000)
#define REST_FACTOR      4
#define BODY_FIRST_BYTES 2048u

struct call {
    CURL *easy;
    struct calls *owner;
    struct place *place; /* a reference; null = free */
    char *body;
    size_t body_length;
    size_t body_capacity;
    bool too_large;
    bool no_memory;
    uint32_t tries;
    int64_t due_ns; /* when a resting call goes on, 0 = it does not rest */
    struct call *next_free;
};

/* ---- libcurl's callbacks */

static size_t on_body(char *data, size_t size, size_t count, void *context)
{
    struct call *call = context;
    size_t length = size * count;
    size_t limit = call->owner->settings->answer_max_bytes;
    size_t capacity = call->body_capacity == 0 ? BODY_FIRST_BYTES : call->body_capacity;
    char *body = call->body;
    if (length > limit - call->body_length) {
        call->too_large = true;
        return 0;
    }
    while (capacity < call->body_length + length) {
        capacity *= 2;
    }
    if (capacity != call->body_capacity) {
        body = realloc(call->body, capacity);
        if (body == NULL) {
            call->no_memory = true;
            return 0;
        }
        call->body = body;
        call->body_capacity = capacity;
    }
    memcpy(body + call->body_length, data, length);
    call->body_length += length;
    return length;
}

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

static bool set_up_tls(CURL *easy, const struct settings *settings)
{
    return curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK &&
           (settings->ca_file == NULL ||
            curl_easy_setopt(easy, CURLOPT_CAINFO, settings->ca_file) == CURLE_OK);
}

static bool set_up_easy(struct call *call, const struct settings *settings, const char *user_agent)
{
    CURL *easy = call->easy;
    return curl_easy_setopt(easy, CURLOPT_PRIVATE, call) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PROXY, settings->proxy) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_USERAGENT, user_agent) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, settings->timeout_ms) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, settings->timeout_ms) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_MAXFILESIZE, (long)settings->answer_max_bytes) ==
               CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEDATA, call) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, sockets_open) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, &call->owner->sockets) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, sockets_close) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, &call->owner->sockets) == CURLE_OK &&
           set_up_tls(easy, settings);
}

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
    char user_agent[64];
    (void)snprintf(user_agent, sizeof user_agent, "pipehost/%s", calls->task->host->host_version);
    calls->all = calloc(calls->count, sizeof *calls->all);
    for (uint32_t i = 0; calls->all != NULL && i < calls->count; i++) {
        struct call *call = &calls->all[i];
        call->owner = calls;
        call->easy = curl_easy_init();
        if (call->easy == NULL || !set_up_easy(call, calls->settings, user_agent)) {
            return false;
        }
        call->next_free = calls->free_calls;
        calls->free_calls = call;
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
    if (call->easy != NULL) {
        (void)curl_multi_remove_handle(calls->multi, call->easy);
        curl_easy_cleanup(call->easy);
    }
    if (call->place != NULL) {
        abandon(calls->context, call->place);
        place_release(call->place);
    }
    free(call->body);
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

static void start_try(struct calls *calls, struct call *call)
{
    call->body_length = 0;
    call->too_large = false;
    call->no_memory = false;
    call->due_ns = 0;
    call->tries++;
    calls->on_wire++;
    ph_counter_add(calls->requests, 1);
    write_url(calls, &call->place->address);
    if (curl_easy_setopt(call->easy, CURLOPT_URL, calls->url) != CURLE_OK ||
        curl_multi_add_handle(calls->multi, call->easy) != CURLM_OK) {
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

/* 50 to 100 ms after the first try, four times that after the second. */
static void rest(struct calls *calls, struct call *call)
{
    int64_t rest_ns = REST_MIN_NS;
    for (uint32_t i = 1; i < call->tries; i++) {
        rest_ns *= REST_FACTOR;
    }
    rest_ns += (int64_t)(calls->clock->random(calls->task->host) % (uint64_t)rest_ns);
    call->due_ns = calls->now_ns + rest_ns;
    calls->resting++;
    if (calls->rest_ns == 0 || call->due_ns < calls->rest_ns) {
        calls->rest_ns = call->due_ns;
    }
}

static void finish_try(struct calls *calls, struct call *call, CURLcode code)
{
    struct verdict verdict = {
        OUTCOME_OK,
        {code, 0, call->too_large, call->no_memory, call->body, call->body_length},
        call->tries};
    calls->on_wire--;
    (void)curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &verdict.transfer.status);
    (void)curl_multi_remove_handle(calls->multi, call->easy);
    verdict.outcome = outcome_of(&verdict.transfer);
    if (outcome_is_transient(verdict.outcome) && call->tries < TRIES_MAX) {
        rest(calls, call);
        return;
    }
    if (calls->finished(calls->context, call->place, &verdict) == CALLS_ASK_AGAIN) {
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

void calls_pause(struct calls *calls, int64_t until_ns)
{
    calls->paused_until_ns = until_ns;
}

void calls_resume(struct calls *calls)
{
    calls->paused_until_ns = 0;
}

static bool may_start(const struct calls *calls)
{
    return calls->paused_until_ns == 0 ||
           (calls->now_ns >= calls->paused_until_ns && calls->on_wire == 0);
}

static void start_asked(struct calls *calls)
{
    while (calls->free_calls != NULL && calls->first_asked != NULL && may_start(calls)) {
        struct call *call = calls->free_calls;
        calls->free_calls = call->next_free;
        call->place = take_asked(calls);
        call->tries = 0;
        start_try(calls, call);
    }
}

static void start_rested(struct calls *calls)
{
    if (calls->rest_ns == 0 || calls->rest_ns > calls->now_ns) {
        return;
    }
    calls->rest_ns = 0;
    for (uint32_t i = 0; i < calls->count && calls->resting > 0; i++) {
        struct call *call = &calls->all[i];
        if (call->due_ns == 0) {
            continue;
        }
        if (call->due_ns <= calls->now_ns) {
            calls->resting--;
            ph_counter_add(calls->retries, 1);
            start_try(calls, call);
        } else if (calls->rest_ns == 0 || call->due_ns < calls->rest_ns) {
            calls->rest_ns = call->due_ns;
        }
    }
}

static void collect(struct calls *calls)
{
    int left = 0;
    CURLMsg *message;
    while ((message = curl_multi_info_read(calls->multi, &left)) != NULL) {
        void *private_data = NULL;
        if (message->msg == CURLMSG_DONE &&
            curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private_data) == CURLE_OK) {
            finish_try(calls, private_data, message->data.result);
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
    if (calls->paused_until_ns > calls->now_ns) {
        at_ns = earlier(at_ns, calls->paused_until_ns);
    }
    if (at_ns != calls->deadline_ns) {
        calls->deadline_ns = at_ns;
        calls->wait->deadline(calls->task, at_ns);
    }
}

static void settle(struct calls *calls)
{
    ph_gauge_set(calls->in_flight, calls->on_wire);
    set_deadline(calls);
}

static int32_t run(struct calls *calls, struct ph_error *err)
{
    /* Each round that libcurl asks for at once moves some transfer on: a few for each call. */
    uint32_t rounds = 8 * calls->count;
    start_rested(calls);
    start_asked(calls);
    while (calls->timer_ns != 0 && calls->timer_ns <= calls->now_ns && rounds > 0) {
        rounds--;
        calls->timer_ns = 0;
        if (act(calls, CURL_SOCKET_TIMEOUT, 0, err) != PH_OK) {
            return PH_ERROR;
        }
        start_asked(calls);
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
    start_asked(calls);
    settle(calls);
    return PH_OK;
}
