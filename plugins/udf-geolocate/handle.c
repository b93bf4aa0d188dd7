/* SPDX-License-Identifier: Apache-2.0 */
#include "handle.h"

#include <stdlib.h>
#include <string.h>

#define BODY_FIRST_BYTES 2048u

/* An API that wants a longer pause is asked again after this one. */
#define RETRY_AFTER_MAX_S INT64_C(3600)

static size_t on_body(char *data, size_t size, size_t count, void *context)
{
    struct handle *handle = context;
    size_t length = size * count;
    size_t capacity = handle->body_capacity == 0 ? BODY_FIRST_BYTES : handle->body_capacity;
    char *body = handle->body;
    if (length > handle->body_limit - handle->body_length) {
        handle->too_large = true;
        return 0;
    }
    while (capacity < handle->body_length + length) {
        capacity *= 2;
    }
    if (capacity != handle->body_capacity) {
        body = realloc(handle->body, capacity);
        if (body == NULL) {
            handle->no_memory = true;
            return 0;
        }
        handle->body = body;
        handle->body_capacity = capacity;
    }
    memcpy(body + handle->body_length, data, length);
    handle->body_length += length;
    return length;
}

static bool set_up_tls(CURL *easy, const struct settings *settings)
{
    return curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK &&
           (settings->ca_file == NULL ||
            curl_easy_setopt(easy, CURLOPT_CAINFO, settings->ca_file) == CURLE_OK);
}

static bool set_up_sockets(CURL *easy, struct sockets *sockets)
{
    return curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, sockets_open) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, sockets) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, sockets_close) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, sockets) == CURLE_OK;
}

static bool set_up(struct handle *handle, const struct settings *settings, const char *user_agent)
{
    CURL *easy = handle->easy;
    return curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
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
           curl_easy_setopt(easy, CURLOPT_WRITEDATA, handle) == CURLE_OK &&
           set_up_tls(easy, settings);
}

bool handle_open(struct handle *handle, const struct settings *settings, struct sockets *sockets,
                 const char *user_agent, void *owner)
{
    handle->body_limit = settings->answer_max_bytes;
    handle->easy = curl_easy_init();
    return handle->easy != NULL &&
           curl_easy_setopt(handle->easy, CURLOPT_PRIVATE, owner) == CURLE_OK &&
           curl_easy_setopt(handle->easy, CURLOPT_ERRORBUFFER, handle->why) == CURLE_OK &&
           set_up_sockets(handle->easy, sockets) && set_up(handle, settings, user_agent);
}

void handle_close(struct handle *handle)
{
    if (handle->easy != NULL) {
        curl_easy_cleanup(handle->easy);
    }
    free(handle->body);
    memset(handle, 0, sizeof *handle);
}

bool handle_prepare(struct handle *handle, const char *url)
{
    handle->body_length = 0;
    handle->too_large = false;
    handle->no_memory = false;
    handle->why[0] = '\0';
    return curl_easy_setopt(handle->easy, CURLOPT_URL, url) == CURLE_OK;
}

/* -1: the header is missing, or no number of look-ups. */
static int64_t read_count(CURL *easy, const char *name)
{
    struct curl_header *header = NULL;
    char *end = NULL;
    long long count;
    if (curl_easy_header(easy, name, 0, CURLH_HEADER, -1, &header) != CURLHE_OK ||
        header->value[0] < '0' || header->value[0] > '9') {
        return -1;
    }
    count = strtoll(header->value, &end, 10);
    return *end == '\0' ? (int64_t)count : -1;
}

static int64_t read_quota_left(CURL *easy)
{
    int64_t left = read_count(easy, "X-RateLimit-Remaining");
    return left >= 0 ? left : read_count(easy, "RateLimit-Remaining");
}

/* libcurl reads both forms of the header (RFC 9110, 10.2.3), a date as seconds from now. */
static int64_t read_retry_after_ns(CURL *easy)
{
    curl_off_t seconds = 0;
    if (curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &seconds) != CURLE_OK || seconds <= 0) {
        return 0;
    }
    return (seconds < RETRY_AFTER_MAX_S ? (int64_t)seconds : RETRY_AFTER_MAX_S) * 1000000000;
}

void handle_read(const struct handle *handle, CURLcode code, struct transfer *out)
{
    memset(out, 0, sizeof *out);
    out->code = code;
    out->why = handle->why;
    out->too_large = handle->too_large;
    out->no_memory = handle->no_memory;
    out->body = handle->body;
    out->body_length = handle->body_length;
    out->quota_left = -1;
    if (handle->easy != NULL) {
        (void)curl_easy_getinfo(handle->easy, CURLINFO_RESPONSE_CODE, &out->status);
        out->quota_left = read_quota_left(handle->easy);
        out->retry_after_ns = read_retry_after_ns(handle->easy);
    }
}

void *handle_owner(CURL *easy)
{
    void *owner = NULL;
    return curl_easy_getinfo(easy, CURLINFO_PRIVATE, &owner) == CURLE_OK ? owner : NULL;
}
