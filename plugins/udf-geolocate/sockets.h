/* SPDX-License-Identifier: Apache-2.0 */
/**
 * libcurl's sockets as fds that the host watches for a task. libcurl stops watching a connection
 * after each answer and watches it again with the next request; both would be a system call, so a
 * connection that libcurl does not want stays watched until it says something or is closed.
 * [worker] throughout.
 */
#ifndef GEOLOCATE_SOCKETS_H
#define GEOLOCATE_SOCKETS_H

#include "pipehost/pipehost.h"

#include <curl/curl.h>

struct sockets {
    const struct ph_task *task;
    const struct ph_wait *wait;
    uint8_t *states; /**< one for each fd number below count: enum in sockets.c */
    uint32_t count;
    struct ph_error error; /**< of the first watch that failed */
};

void sockets_init(struct sockets *sockets, const struct ph_task *task, const struct ph_wait *wait);
/** After libcurl has closed all of them. */
void sockets_fini(struct sockets *sockets);

/** libcurl's wish: CURL_POLL_IN, _OUT, _INOUT or _REMOVE. False: it cannot be watched. */
bool sockets_want(struct sockets *sockets, curl_socket_t fd, int what);

/** Readiness of fd as libcurl's action bits; 0 = libcurl did not want it, and it is forgotten. */
int sockets_ready(struct sockets *sockets, int fd, uint32_t events);

/** CURLOPT_OPENSOCKETFUNCTION and CURLOPT_CLOSESOCKETFUNCTION, with the struct as their data. */
curl_socket_t sockets_open(void *data, curlsocktype purpose, struct curl_sockaddr *address);
int sockets_close(void *data, curl_socket_t fd);

#endif
