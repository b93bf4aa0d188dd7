#include "fetch.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "parse.h"

#define URL_MAX            512
#define CONNECT_TIMEOUT_MS 5000L
#define REQUEST_TIMEOUT_MS 10000L

struct slot {
    CURL *easy;
    size_t index;
    size_t len;
    char body[FETCH_BODY_MAX + PARSE_PADDING];
};

struct fetcher {
    struct fetch_options options;
    CURLM *multi;
    struct slot *slots;
};

static size_t on_body(char *data, size_t size, size_t n, void *opaque)
{
    struct slot *slot = opaque;
    size_t len = size * n;
    if (len > FETCH_BODY_MAX - slot->len) {
        return 0;
    }
    memcpy(slot->body + slot->len, data, len);
    slot->len += len;
    return len;
}

static int open_slot(struct fetcher *f, struct slot *slot)
{
    slot->easy = curl_easy_init();
    if (!slot->easy) {
        return -1;
    }
    curl_easy_setopt(slot->easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(slot->easy, CURLOPT_WRITEDATA, slot);
    curl_easy_setopt(slot->easy, CURLOPT_PRIVATE, slot);
    curl_easy_setopt(slot->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(slot->easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(slot->easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(slot->easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
    curl_easy_setopt(slot->easy, CURLOPT_TIMEOUT_MS, REQUEST_TIMEOUT_MS);
    if (f->options.ca_file) {
        curl_easy_setopt(slot->easy, CURLOPT_CAINFO, f->options.ca_file);
    }
    return 0;
}

struct fetcher *fetcher_create(const struct fetch_options *options)
{
    struct fetcher *f = calloc(1, sizeof *f);
    if (!f || options->in_flight < 1 || options->in_flight > FETCH_IN_FLIGHT_MAX) {
        free(f);
        return NULL;
    }
    f->options = *options;
    f->multi = curl_multi_init();
    f->slots = calloc((size_t)options->in_flight, sizeof *f->slots);
    if (!f->multi || !f->slots) {
        fetcher_destroy(f);
        return NULL;
    }
    curl_multi_setopt(f->multi, CURLMOPT_MAXCONNECTS, (long)options->in_flight);
    for (int i = 0; i < options->in_flight; i++) {
        if (open_slot(f, &f->slots[i]) < 0) {
            fetcher_destroy(f);
            return NULL;
        }
    }
    return f;
}

void fetcher_destroy(struct fetcher *f)
{
    if (!f) {
        return;
    }
    for (int i = 0; f->slots && i < f->options.in_flight; i++) {
        curl_easy_cleanup(f->slots[i].easy);
    }
    curl_multi_cleanup(f->multi);
    free(f->slots);
    free(f);
}

static int start(struct fetcher *f, struct slot *slot, const char *address, size_t index)
{
    char url[URL_MAX];
    int n = snprintf(url, sizeof url, "%s?ip=%s%s%s", f->options.endpoint, address,
                     f->options.key ? "&key=" : "", f->options.key ? f->options.key : "");
    if (n < 0 || (size_t)n >= sizeof url) {
        return -1;
    }
    slot->index = index;
    slot->len = 0;
    curl_easy_setopt(slot->easy, CURLOPT_URL, url);
    return curl_multi_add_handle(f->multi, slot->easy) == CURLM_OK ? 0 : -1;
}

/* Hands on what is answered and starts the next request on each handle that is free; gives how many
 * ended. */
static int reap(struct fetcher *f, const char *const *addresses, size_t n, size_t *next,
                fetch_answered *answered, void *opaque)
{
    int ended = 0;
    int left;
    CURLMsg *message;
    while ((message = curl_multi_info_read(f->multi, &left)) != NULL) {
        struct slot *slot = NULL;
        long status = 0;
        if (message->msg != CURLMSG_DONE) {
            continue;
        }
        CURLcode code = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&slot);
        if (code == CURLE_OK) {
            curl_easy_getinfo(slot->easy, CURLINFO_RESPONSE_CODE, &status);
        } else {
            fprintf(stderr, "geolocation of %s: %s\n", addresses[slot->index],
                    curl_easy_strerror(code));
        }
        curl_multi_remove_handle(f->multi, slot->easy);
        answered(opaque, slot->index, status, slot->body, slot->len);
        ended++;
        if (*next < n && start(f, slot, addresses[*next], *next) < 0) {
            return -1;
        }
        *next += *next < n;
    }
    return ended;
}

int fetcher_run(struct fetcher *f, const char *const *addresses, size_t n, fetch_answered *answered,
                void *opaque)
{
    size_t next = 0;
    size_t ended = 0;
    while (next < n && next < (size_t)f->options.in_flight) {
        if (start(f, &f->slots[next], addresses[next], next) < 0) {
            return -1;
        }
        next++;
    }
    while (ended < n) {
        int running;
        if (curl_multi_perform(f->multi, &running) != CURLM_OK) {
            return -1;
        }
        int now_ended = reap(f, addresses, n, &next, answered, opaque);
        if (now_ended < 0) {
            return -1;
        }
        ended += (size_t)now_ended;
        if (now_ended == 0 && curl_multi_poll(f->multi, NULL, 0, 1000, NULL) != CURLM_OK) {
            return -1;
        }
    }
    return 0;
}
