/* SPDX-License-Identifier: Apache-2.0 */
/** An operator's settings, checked. */
#ifndef GEOLOCATE_SETTINGS_H
#define GEOLOCATE_SETTINGS_H

#include "pipehost/pipehost.h"

#define SETTINGS_IN_FLIGHT_MAX 512
#define SETTINGS_KEY_COUNT     20

enum settings_on_failure { ON_FAILURE_PAUSE = 0, ON_FAILURE_EMPTY = 1, ON_FAILURE_FAIL = 2 };
enum settings_on_quota { ON_QUOTA_PAUSE = 0, ON_QUOTA_EMPTY = 1, ON_QUOTA_FAIL = 2 };

struct settings {
    const char *column; /**< borrowed, like all texts below but the URL's parts */
    const char *as;
    const char *ca_file;    /**< null = the system's authorities */
    const char *proxy;      /**< "" = none */
    const char *cache_file; /**< null = none */
    const char *database;   /**< null = none */
    bool
        falls_back; /**< the database is asked where the API fails; else it is instead of the API */
    /* An address's URL is url_start, the address, url_end. url_end may hold the key. */
    char *url_start;
    char *url_end;
    char *host; /**< of the endpoint, for sentences */
    bool has_key;
    enum settings_on_quota on_quota;
    enum settings_on_failure on_failure;
    uint32_t attempts;      /**< for one address */
    uint32_t max_in_flight; /**< over all lanes */
    uint32_t cache_entries;
    uint32_t answer_max_bytes;
    long timeout_ms;
    int64_t ttl_ns;
    int64_t negative_ttl_ns;
    int64_t quota_retry_ns;
};

extern const struct ph_config_key settings_keys[SETTINGS_KEY_COUNT];

/** Settings must be zeroed. [control] */
int32_t settings_read(struct settings *settings, const struct ph_config *config,
                      struct ph_error *err) __attribute__((warn_unused_result));
/** Also of zeroed or half-read ones. */
void settings_fini(struct settings *settings);

#endif
