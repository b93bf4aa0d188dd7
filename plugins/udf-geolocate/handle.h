/* SPDX-License-Identifier: Apache-2.0 */
/** One reused libcurl handle: a GET at a time, and the body that came. [worker] throughout. */
#ifndef GEOLOCATE_HANDLE_H
#define GEOLOCATE_HANDLE_H

#include "outcome.h"
#include "settings.h"
#include "sockets.h"

struct handle {
    CURL *easy; /**< null = not open */
    char *body;
    size_t body_length;
    size_t body_capacity;
    size_t body_limit;
    bool too_large;
    bool no_memory;
    char why[CURL_ERROR_SIZE];
};

/** A zeroed one. owner is what handle_owner answers. False: no memory; close it all the same. */
bool handle_open(struct handle *handle, const struct settings *settings, struct sockets *sockets,
                 const char *user_agent, void *owner) __attribute__((warn_unused_result));
/** Also of a zeroed one. It must be in no multi handle. */
void handle_close(struct handle *handle);

/** Forgets the last answer. False: no memory. */
bool handle_prepare(struct handle *handle, const char *url) __attribute__((warn_unused_result));

/** What became of it; body and all live until the next handle_prepare. */
void handle_read(const struct handle *handle, CURLcode code, struct transfer *out);

/** Null: not one of these. */
void *handle_owner(CURL *easy);

#endif
