/* SPDX-License-Identifier: Apache-2.0 */
/** A TCP relay between the sink and the server, on a thread of its own, that breaks on command. */
#ifndef SINK_POSTGRES_PROXY_H
#define SINK_POSTGRES_PROXY_H

#include <stdbool.h>

enum proxy_mode {
    PROXY_PASS,
    PROXY_LOSE_COMMIT,        /**< breaks before the text "COMMIT" reaches the server */
    PROXY_LOSE_COMMIT_ANSWER, /**< breaks when the server has said "COMMIT": it is done, nobody
                                 hears */
    PROXY_SILENCE,            /**< as PROXY_LOSE_COMMIT, but nothing is closed: nobody answers */
    PROXY_SILENCE_ANSWER,     /**< the same as PROXY_LOSE_COMMIT_ANSWER */
    PROXY_REFUSE              /**< breaks what there is, and each new connection */
};

struct proxy;

/** Relays to the host and port of a postgresql://HOST:PORT/… URL. */
struct proxy *proxy_create(const char *url);
void proxy_destroy(struct proxy *p);
/** The URL to use instead. */
const char *proxy_url(const struct proxy *p);
/** A break puts the mode back to PROXY_PASS, but for PROXY_REFUSE. */
void proxy_set(struct proxy *p, enum proxy_mode mode);
/** How often it broke on purpose. */
int proxy_breaks(struct proxy *p);

#endif
