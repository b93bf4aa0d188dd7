/* SPDX-License-Identifier: Apache-2.0 */
#include "settings.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <strings.h>

#define KEY(type_, flags_, name_, doc_, unit_, default_, values_, minimum_, maximum_)              \
    {                                                                                              \
        .size = (uint32_t)sizeof(struct ph_config_key), .type = (type_), .flags = (flags_),        \
        .name = (name_), .doc = (doc_), .unit = (unit_), .default_text = (default_),               \
        .values = (values_), .minimum = (minimum_), .maximum = (maximum_)                          \
    }

#define DAY_MS (INT64_C(24) * 3600 * 1000)

const struct ph_config_key settings_keys[SETTINGS_KEY_COUNT] = {
    KEY(PH_CONFIG_STRING, 0, "column", "column that holds the IP address, a string", NULL, "ip",
        NULL, 0, 0),
    KEY(PH_CONFIG_STRING, 0, "as", "name of the added column", NULL, "geodata", NULL, 0, 0),
    KEY(PH_CONFIG_STRING, PH_CONFIG_URL, "endpoint",
        "URL that answers ?ip=ADDRESS&key=KEY with one JSON object", NULL,
        "https://api.ip2location.io/", NULL, 0, 0),
    KEY(PH_CONFIG_SECRET, 0, "key", "the API's key; without one the API allows few look-ups a day",
        NULL, NULL, NULL, 0, 0),
    KEY(PH_CONFIG_ENUM, 0, "on_quota",
        "when the API refuses the key or the quota is used up: wait until it answers again, give "
        "{}, "
        "or stop",
        NULL, "pause", "pause|empty|fail", 0, 0),
    KEY(PH_CONFIG_DURATION, 0, "quota_retry",
        "time until one look-up tries whether the API takes them again; doubles with each try in "
        "vain, up to 16 times this",
        "ms", "60s", NULL, 1, DAY_MS),
    KEY(PH_CONFIG_ENUM, 0, "on_failure",
        "when the API answers nobody after all attempts: wait until it does, give {}, or stop. "
        "When "
        "one address alone gets no answer, or one that is no place: give {}, or (fail) stop",
        NULL, "pause", "pause|empty|fail", 0, 0),
    KEY(PH_CONFIG_INT, 0, "attempts",
        "requests for one address before on_failure decides: 429, 5xx, time-outs and broken "
        "connections are tried again, later where Retry-After says so",
        "requests", "3", NULL, 1, 10),
    KEY(PH_CONFIG_INT, 0, "max_in_flight", "requests at one time, over all lanes", "requests", "64",
        NULL, 1, SETTINGS_IN_FLIGHT_MAX),
    KEY(PH_CONFIG_DURATION, 0, "timeout_ms", "longest time for a request, connecting included",
        "ms", "5s", NULL, 1, 3600 * 1000),
    KEY(PH_CONFIG_INT, 0, "cache_entries",
        "addresses whose answer is kept, in about 250 bytes of memory each", "addresses", "100000",
        NULL, 1, 100 * 1000 * 1000),
    KEY(PH_CONFIG_PATH, 0, "cache_file",
        "file in which the API's answers outlive a restart, at most cache_entries of them; made if "
        "it is missing",
        NULL, NULL, NULL, 0, 0),
    KEY(PH_CONFIG_DURATION, 0, "ttl", "how long an answer is kept", "ms", "24h", NULL, 1,
        3650 * DAY_MS),
    KEY(PH_CONFIG_DURATION, 0, "negative_ttl", "how long {} is kept for an address that failed",
        "ms", "60s", NULL, 1, 3650 * DAY_MS),
    KEY(PH_CONFIG_SIZE, 0, "answer_max_bytes", "a longer answer is refused", "bytes", "64KiB", NULL,
        256, 16 * 1024 * 1024),
    KEY(PH_CONFIG_PATH, 0, "database",
        "MaxMind DB file (.mmdb) to look addresses up in instead of asking the API; a newer file "
        "has "
        "to take its name by rename",
        NULL, NULL, NULL, 0, 0),
    KEY(PH_CONFIG_ENUM, 0, "fallback",
        "database: the API is asked, and the database only for addresses for which it fails or "
        "refuses; what that has not gets {}",
        NULL, "none", "none|database", 0, 0),
    KEY(PH_CONFIG_BOOL, 0, "insecure", "allow plain http to another machine", NULL, "false", NULL,
        0, 0),
    KEY(PH_CONFIG_PATH, 0, "ca_file",
        "PEM file of the authorities to trust instead of the system's", NULL, NULL, NULL, 0, 0),
    KEY(PH_CONFIG_STRING, PH_CONFIG_URL, "proxy",
        "proxy's URL; the environment's proxy variables are ignored", NULL, NULL, NULL, 0, 0),
};

static const char not_a_url[] = "endpoint is not a URL like https://api.ip2location.io/";

static int32_t refuse(struct ph_error *err, const char *pointer, const char *sentence)
{
    (void)ph_error_set(err, PH_ERR_CONFIG, "%s", sentence);
    ph_error_set_key(err, pointer);
    return PH_ERROR;
}

static int32_t no_memory(struct ph_error *err)
{
    return ph_error_set(err, PH_ERR_RETRIABLE, "out of memory while the settings were read");
}

static bool is_loopback(const char *host)
{
    struct in_addr ipv4;
    return strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0 ||
           (inet_pton(AF_INET, host, &ipv4) == 1 && (ntohl(ipv4.s_addr) >> 24) == 127);
}

/* Of the endpoint; what it lacks is null. Free with curl_free. */
struct url_parts {
    char *whole;
    char *scheme;
    char *host;
    char *query;
    char *fragment;
};

/* False: no memory. */
static bool get_part(CURLU *url, CURLUPart part, char **text)
{
    return curl_url_get(url, part, text, 0) != CURLUE_OUT_OF_MEMORY;
}

static bool get_parts(CURLU *url, struct url_parts *parts)
{
    return get_part(url, CURLUPART_URL, &parts->whole) &&
           get_part(url, CURLUPART_SCHEME, &parts->scheme) &&
           get_part(url, CURLUPART_HOST, &parts->host) &&
           get_part(url, CURLUPART_QUERY, &parts->query) &&
           get_part(url, CURLUPART_FRAGMENT, &parts->fragment);
}

static void free_parts(struct url_parts *parts)
{
    curl_free(parts->whole);
    curl_free(parts->scheme);
    curl_free(parts->host);
    curl_free(parts->query);
    curl_free(parts->fragment);
}

static int32_t check_parts(const struct url_parts *parts, bool insecure, struct ph_error *err)
{
    bool https = parts->scheme != NULL && strcmp(parts->scheme, "https") == 0;
    bool http = parts->scheme != NULL && strcmp(parts->scheme, "http") == 0;
    if (!https && !http) {
        return refuse(err, "/endpoint", "endpoint must begin with https:// or http://");
    }
    if (parts->fragment != NULL) {
        return refuse(err, "/endpoint", "endpoint must not hold a fragment (#)");
    }
    if (parts->whole == NULL || parts->host == NULL) {
        return refuse(err, "/endpoint", not_a_url);
    }
    if (http && !insecure && !is_loopback(parts->host)) {
        return refuse(err, "/endpoint",
                      "endpoint would send addresses and key in clear text to another machine: use "
                      "https://, or set insecure: true");
    }
    return PH_OK;
}

/* "START?ip=" or "START&ip=". */
static char *make_start(const struct url_parts *parts)
{
    size_t size = strlen(parts->whole) + sizeof "?ip=";
    char *start = malloc(size);
    if (start != NULL) {
        (void)snprintf(start, size, "%s%sip=", parts->whole, parts->query == NULL ? "?" : "&");
    }
    return start;
}

/* "" or "&key=KEY". */
static char *make_end(const char *key)
{
    char *escaped = curl_easy_escape(NULL, key, 0);
    size_t size = escaped == NULL ? 0 : strlen(escaped) + sizeof "&key=";
    char *end = escaped == NULL ? NULL : malloc(size);
    if (end != NULL) {
        (void)snprintf(end, size, "%s%s", key[0] == '\0' ? "" : "&key=", escaped);
    }
    curl_free(escaped);
    return end;
}

static int32_t read_parsed_url(struct settings *settings, CURLU *url, const char *key,
                               bool insecure, struct ph_error *err)
{
    struct url_parts parts = {NULL, NULL, NULL, NULL, NULL};
    int32_t result = get_parts(url, &parts) ? check_parts(&parts, insecure, err) : no_memory(err);
    if (result == PH_OK) {
        settings->host = strdup(parts.host);
        settings->url_start = make_start(&parts);
        settings->url_end = make_end(key);
        if (settings->host == NULL || settings->url_start == NULL || settings->url_end == NULL) {
            result = no_memory(err);
        }
    }
    free_parts(&parts);
    return result;
}

static int32_t read_url(struct settings *settings, const struct ph_config *config, const char *key,
                        struct ph_error *err)
{
    const char *endpoint = ph_config_text(config, "endpoint");
    CURLU *url = curl_url();
    CURLUcode code;
    int32_t result;
    if (url == NULL) {
        return no_memory(err);
    }
    code = curl_url_set(url, CURLUPART_URL, endpoint != NULL ? endpoint : "", CURLU_DISALLOW_USER);
    if (code == CURLUE_OUT_OF_MEMORY) {
        result = no_memory(err);
    } else if (code == CURLUE_USER_NOT_ALLOWED) {
        result = refuse(err, "/endpoint", "endpoint must not hold a user name or password");
    } else if (code != CURLUE_OK) {
        result = refuse(err, "/endpoint", "endpoint is not a URL like https://api.ip2location.io/");
    } else {
        result =
            read_parsed_url(settings, url, key, ph_config_integer(config, "insecure") != 0, err);
    }
    curl_url_cleanup(url);
    return result;
}

/* libcurl says only "unknown authority" of a file that is not there. */
static int32_t check_ca_file(const char *path, struct ph_error *err)
{
    char line[128];
    FILE *file = fopen(path, "re");
    bool found = false;
    if (file == NULL) {
        (void)ph_error_set(err, PH_ERR_CONFIG, "ca_file \"%s\" cannot be opened: %s", path,
                           strerror(errno));
        ph_error_set_key(err, "/ca_file");
        return PH_ERROR;
    }
    while (!found && fgets(line, sizeof line, file) != NULL) {
        found = strncmp(line, "-----BEGIN ", 11) == 0 && strstr(line, "CERTIFICATE-----") != NULL;
    }
    (void)fclose(file);
    return found ? PH_OK : refuse(err, "/ca_file", "ca_file holds no certificate in PEM form");
}

static int32_t check_proxy(const char *proxy, struct ph_error *err)
{
    CURLU *url = curl_url();
    CURLUcode code;
    if (url == NULL) {
        return no_memory(err);
    }
    code = curl_url_set(url, CURLUPART_URL, proxy, CURLU_DEFAULT_SCHEME | CURLU_NON_SUPPORT_SCHEME);
    curl_url_cleanup(url);
    if (code == CURLUE_OUT_OF_MEMORY) {
        return no_memory(err);
    }
    return code == CURLUE_OK ? PH_OK
                             : refuse(err, "/proxy",
                                      "proxy is neither HOST:PORT nor a URL like "
                                      "http://proxy.example.com:3128");
}

int32_t settings_read(struct settings *settings, const struct ph_config *config,
                      struct ph_error *err)
{
    const char *key = ph_config_text(config, "key");
    const char *proxy = ph_config_text(config, "proxy");
    settings->column = ph_config_text(config, "column");
    settings->as = ph_config_text(config, "as");
    settings->ca_file = ph_config_text(config, "ca_file");
    settings->proxy = proxy != NULL ? proxy : "";
    settings->cache_file = ph_config_text(config, "cache_file");
    settings->database = ph_config_text(config, "database");
    settings->falls_back = ph_config_integer(config, "fallback") != 0;
    settings->has_key = key != NULL && key[0] != '\0';
    settings->on_quota = (enum settings_on_quota)ph_config_integer(config, "on_quota");
    settings->on_failure = (enum settings_on_failure)ph_config_integer(config, "on_failure");
    settings->attempts = (uint32_t)ph_config_integer(config, "attempts");
    settings->max_in_flight = (uint32_t)ph_config_integer(config, "max_in_flight");
    settings->cache_entries = (uint32_t)ph_config_integer(config, "cache_entries");
    settings->answer_max_bytes = (uint32_t)ph_config_integer(config, "answer_max_bytes");
    settings->timeout_ms = (long)ph_config_integer(config, "timeout_ms");
    settings->ttl_ns = ph_config_integer(config, "ttl") * 1000000;
    settings->negative_ttl_ns = ph_config_integer(config, "negative_ttl") * 1000000;
    settings->quota_retry_ns = ph_config_integer(config, "quota_retry") * 1000000;
    if (settings->column == NULL || settings->column[0] == '\0') {
        return refuse(err, "/column", "column must name the column that holds the address");
    }
    if (settings->as == NULL || settings->as[0] == '\0') {
        return refuse(err, "/as", "as must name the column to add");
    }
    if (settings->ca_file != NULL && check_ca_file(settings->ca_file, err) != PH_OK) {
        return PH_ERROR;
    }
    if (settings->proxy[0] != '\0' && check_proxy(settings->proxy, err) != PH_OK) {
        return PH_ERROR;
    }
    if (settings->falls_back && settings->database == NULL) {
        return refuse(err, "/fallback", "fallback: database needs the key database, a file");
    }
    if (settings->cache_file != NULL && settings->database != NULL && !settings->falls_back) {
        return refuse(err, "/cache_file",
                      "cache_file keeps the API's answers, but the API is not asked: leave out "
                      "cache_file, or set fallback: database");
    }
    return read_url(settings, config, key != NULL ? key : "", err);
}

void settings_fini(struct settings *settings)
{
    free(settings->url_start);
    free(settings->url_end);
    free(settings->host);
    memset(settings, 0, sizeof *settings);
}
