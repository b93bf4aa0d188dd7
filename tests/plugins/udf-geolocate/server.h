/* SPDX-License-Identifier: Apache-2.0 */
/** An HTTP server on loopback that answers as a test tells it, one thread for each connection. */
#ifndef GEOLOCATE_TEST_SERVER_H
#define GEOLOCATE_TEST_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct server_reply {
    int status;
    char body[512];
    size_t padding_bytes; /**< so many spaces follow the body */
    const char *header;   /**< one more header line, without its end; null = none */
    bool is_held;         /**< not sent before server_release */
    bool is_never_sent;   /**< the connection stays open without a word */
    bool is_cut;          /**< promises more than it sends, then closes */
    bool is_dropped;      /**< closes without a word */
    bool is_unannounced;  /**< no Content-Length: ends with the connection */
};

/** Fills the reply to a request for target ("/?ip=8.8.8.8&key=k"). number counts all requests from
 * 1 on. One call at a time. */
typedef void (*server_script)(void *context, const char *target, uint32_t number,
                              struct server_reply *reply);

struct server;

struct server *server_start(server_script script, void *context);
/** The same at a port that a stopped server had. */
struct server *server_start_at(uint16_t port, server_script script, void *context);
/** Ends all connections. */
void server_stop(struct server *server);
uint16_t server_port(const struct server *server);
/** Sends what is held; later replies are not held any more. */
void server_release(struct server *server);
uint32_t server_requests(struct server *server);
uint32_t server_connections(struct server *server);
/** How often a target that contains text was asked for. */
uint32_t server_requests_with(struct server *server, const char *text);
/** The head of the last request, with all its lines. Into buffer. */
void server_last_head(struct server *server, char *buffer, size_t size);

#endif
