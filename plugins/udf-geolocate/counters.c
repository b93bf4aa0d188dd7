/* SPDX-License-Identifier: Apache-2.0 */
#include "counters.h"

#define ROW(kind_, name_, doc_)                                                                    \
    {                                                                                              \
        .size = (uint32_t)sizeof(struct ph_counter), .kind = (kind_), .name = (name_),             \
        .doc = (doc_)                                                                              \
    }
#define OUTCOME_ROW(outcome_, name_, doc_)                                                         \
    [COUNTER_FIRST_OUTCOME + (outcome_)] = ROW(PH_COUNTER, name_, doc_)

const struct ph_counter counters_table[COUNTER_COUNT] = {
    [COUNTER_REQUESTS] = ROW(PH_COUNTER, "requests", "HTTP requests sent, retries included"),
    [COUNTER_RETRIES] = ROW(PH_COUNTER, "retries", "requests that repeated a failed one"),
    [COUNTER_IN_FLIGHT] = ROW(PH_GAUGE, "in_flight", "requests under way"),
    [COUNTER_CACHE_HITS] = ROW(PH_COUNTER, "cache_hits", "rows whose answer was known"),
    [COUNTER_COALESCED] =
        ROW(PH_COUNTER, "coalesced", "rows that joined a request which was under way"),
    [COUNTER_SKIPPED_PRIVATE] = ROW(PH_COUNTER, "skipped_private",
                                    "rows with a private, loopback or other reserved address"),
    [COUNTER_SKIPPED_NOT_ADDRESS] =
        ROW(PH_COUNTER, "skipped_not_address", "rows whose text is no IP address"),
    [COUNTER_CACHE_EVICTIONS] =
        ROW(PH_COUNTER, "cache_evictions", "answers dropped because cache_entries was reached"),
    [COUNTER_QUOTA_PAUSES] = ROW(PH_COUNTER, "quota_pauses",
                                 "times that look-ups paused because the API refused key or quota"),
    [COUNTER_RATE_PAUSES] =
        ROW(PH_COUNTER, "rate_pauses", "times that all lanes paused because of Retry-After"),
    [COUNTER_PAUSED] =
        ROW(PH_GAUGE, "paused", "1 while look-ups wait until the API takes them again"),
    [COUNTER_QUOTA_LEFT] =
        ROW(PH_GAUGE, "quota_left",
            "look-ups left, as the API's last X-RateLimit-Remaining or RateLimit-Remaining header "
            "said; not shown before it has said it"),
    [COUNTER_CACHE_FILE_LOADED] =
        ROW(PH_COUNTER, "cache_file_loaded", "answers that came from cache_file at the start"),
    [COUNTER_CACHE_FILE_WRITTEN] =
        ROW(PH_COUNTER, "cache_file_written", "answers written to cache_file"),
    [COUNTER_CACHE_FILE_LOST] = ROW(PH_COUNTER, "cache_file_lost",
                                    "answers that cache_file did not take, or not fast enough"),
    OUTCOME_ROW(OUTCOME_OK, "answers_ok", "addresses that the API placed"),
    OUTCOME_ROW(OUTCOME_DATABASE, "answers_database", "addresses that the database placed"),
    OUTCOME_ROW(OUTCOME_STATUS_4XX, "answers_empty_4xx", "addresses with {}: status 4xx"),
    OUTCOME_ROW(OUTCOME_STATUS_429, "answers_empty_429", "addresses with {}: too many requests"),
    OUTCOME_ROW(OUTCOME_STATUS_5XX, "answers_empty_5xx", "addresses with {}: status 5xx"),
    OUTCOME_ROW(OUTCOME_STATUS_OTHER, "answers_empty_other_status",
                "addresses with {}: a redirect or another status that is not 200"),
    OUTCOME_ROW(OUTCOME_KEY, "answers_empty_key", "addresses with {}: the API refused the key"),
    OUTCOME_ROW(OUTCOME_QUOTA, "answers_empty_quota", "addresses with {}: quota used up"),
    OUTCOME_ROW(OUTCOME_BAD_BODY, "answers_empty_bad_body", "addresses with {}: not an answer"),
    OUTCOME_ROW(OUTCOME_TOO_LARGE, "answers_empty_too_large",
                "addresses with {}: above answer_max_bytes"),
    OUTCOME_ROW(OUTCOME_TIMEOUT, "answers_empty_timeout", "addresses with {}: timeout_ms passed"),
    OUTCOME_ROW(OUTCOME_UNREACHABLE, "answers_empty_unreachable",
                "addresses with {}: no connection to the API, or it broke"),
    OUTCOME_ROW(OUTCOME_UNTRUSTED, "answers_untrusted",
                "look-ups that the API's certificate was refused for"),
    OUTCOME_ROW(OUTCOME_NO_MEMORY, "answers_empty_no_memory", "addresses with {}: out of memory"),
    OUTCOME_ROW(OUTCOME_NOT_IN_DATABASE, "answers_empty_not_in_database",
                "addresses with {}: not in the database, where that is asked instead of the API"),
};
