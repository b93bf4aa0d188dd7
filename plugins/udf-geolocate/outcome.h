/* SPDX-License-Identifier: Apache-2.0 */
/** What became of a look-up. */
#ifndef GEOLOCATE_OUTCOME_H
#define GEOLOCATE_OUTCOME_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum outcome {
    OUTCOME_OK,
    OUTCOME_DATABASE,   /**< placed by the database */
    OUTCOME_STATUS_4XX, /**< refused */
    OUTCOME_STATUS_429, /**< too many requests just now */
    OUTCOME_STATUS_5XX,
    OUTCOME_STATUS_OTHER, /**< a redirect, which is not followed, or an odd success */
    OUTCOME_KEY,          /**< the key was refused */
    OUTCOME_QUOTA, /**< refused because the quota is used up, or (some APIs) the key is bad */
    OUTCOME_BAD_BODY,
    OUTCOME_TOO_LARGE,
    OUTCOME_TIMEOUT,
    OUTCOME_UNREACHABLE, /**< no name, no connection, or it broke */
    OUTCOME_UNTRUSTED,   /**< the certificate was refused */
    OUTCOME_NO_MEMORY,
    OUTCOME_NOT_IN_DATABASE, /**< no request was made */
    OUTCOME_COUNT
};

/** A finished transfer. */
struct transfer {
    CURLcode code;
    const char *why;  /**< the library's sentence about code; null or "" = none */
    long status;      /**< 0 = none came */
    bool too_large;   /**< stopped because the body was longer than allowed */
    bool no_memory;   /**< stopped because there was no room for the body */
    const char *body; /**< what came of it */
    size_t body_length;
    int64_t retry_after_ns; /**< the pause that the API asks for, 0 = none */
    int64_t quota_left;     /**< look-ups, -1 = it does not say */
};

/** All but what takes a look into the body of an OUTCOME_OK. */
enum outcome outcome_of(const struct transfer *transfer);

/** Of an OUTCOME_OK whose body is no place: is_error = it is the API's error object. */
enum outcome outcome_of_body(const struct transfer *transfer, bool is_error);

/** True where the same request may succeed a moment later. */
bool outcome_is_transient(enum outcome outcome);

/** True where no HTTP status came, for want of a name, a connection or time. */
bool outcome_is_silence(enum outcome outcome, const struct transfer *transfer);

/** True where no other address will fare better until somebody pays or corrects the key. */
bool outcome_is_refusal(enum outcome outcome);

/** True where the API asked all clients to wait: 429 or 503 with Retry-After. */
bool outcome_is_plea(enum outcome outcome, const struct transfer *transfer);

/** For a sentence: "HTTP status 503", "a time-out". The text lives as long as buffer. */
const char *outcome_phrase(enum outcome outcome, const struct transfer *transfer, char *buffer,
                           size_t size);

#endif
