/* SPDX-License-Identifier: Apache-2.0 */
#include "probe.h"

#include "lane.h"

#include <curl/curl.h>
#include <stdio.h>

static bool set_up(CURL *easy, const struct settings *s, char *reason)
{
    return curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, reason) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_URL, s->url_start) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PROXY, s->proxy) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, s->timeout_ms) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, s->timeout_ms) == CURLE_OK &&
           (s->ca_file == NULL || curl_easy_setopt(easy, CURLOPT_CAINFO, s->ca_file) == CURLE_OK);
}

/* An authority that is not trusted stays so; what cannot be reached now may be later. */
static uint32_t flags_of(CURLcode code)
{
    bool is_distrusted = code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE;
    return is_distrusted ? PH_ERR_CONFIG : PH_ERR_RETRIABLE;
}

static int32_t connect_once(CURL *easy, const struct settings *s, struct ph_error *err)
{
    char reason[CURL_ERROR_SIZE] = "";
    CURLcode code = set_up(easy, s, reason) ? curl_easy_perform(easy) : CURLE_OUT_OF_MEMORY;
    if (code == CURLE_OK) {
        return PH_OK;
    }
    (void)ph_error_set(err, flags_of(code), "%s cannot be reached: %s", s->host,
                       reason[0] != '\0' ? reason : curl_easy_strerror(code));
    if ((flags_of(code) & PH_ERR_CONFIG) != 0) {
        ph_error_set_key(err, s->ca_file != NULL ? "/ca_file" : "/endpoint");
    }
    return PH_ERROR;
}

int32_t probe_check(void *task, char *text, uint64_t capacity, struct ph_error *err)
{
    const struct lane *lane = task;
    const struct settings *s = &lane->op->settings;
    if (geolocate_is_offline(lane->op)) {
        (void)snprintf(text, (size_t)capacity, "%s is there", s->database);
        return PH_OK;
    }
    CURL *easy = curl_easy_init();
    if (easy == NULL) {
        return ph_error_set(err, PH_ERR_RETRIABLE, "out of memory for a connection");
    }
    int32_t rc = connect_once(easy, s, err);
    curl_easy_cleanup(easy);
    if (rc == PH_OK) {
        (void)snprintf(text, (size_t)capacity,
                       "%s accepts connections; nothing was looked up, and the key was not tried",
                       s->host);
    }
    return rc;
}
