/* SPDX-License-Identifier: Apache-2.0 */
#include "server.h"

#include <arpa/inet.h>
#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS_MAX 2048
#define TARGETS_MAX     8192
#define HEAD_MAX        4096

/* Below those that the system gives to whoever asks for any: nobody takes the port of a server that
 * is stopped and started again. */
#define FIRST_PORT       11000u
#define FIRST_PORT_COUNT 20000u
#define PORTS_TRIED      1000u

struct connection {
    struct server *server;
    pthread_t thread;
    int fd;
};

struct server {
    server_script script;
    void *context;
    int listener;
    uint16_t port;
    pthread_t acceptor;
    pthread_mutex_t mutex;
    pthread_cond_t released;
    /* Under the mutex. */
    bool holds;
    bool stops;
    uint32_t request_count;
    char *targets[TARGETS_MAX];
    char last_head[HEAD_MAX];
    uint32_t connection_count;
    struct connection connections[CONNECTIONS_MAX];
};

static bool send_all(int fd, const char *data, size_t length)
{
    while (length > 0) {
        ssize_t n = send(fd, data, length, MSG_NOSIGNAL);
        if (n <= 0) {
            return false;
        }
        data += n;
        length -= (size_t)n;
    }
    return true;
}

/* Reads up to the empty line. False: the peer is gone. */
static bool read_head(int fd, char *head)
{
    size_t used = 0;
    while (used < HEAD_MAX - 1) {
        ssize_t n = recv(fd, head + used, HEAD_MAX - 1 - used, 0);
        if (n <= 0) {
            return false;
        }
        used += (size_t)n;
        head[used] = '\0';
        if (strstr(head, "\r\n\r\n") != NULL) {
            return true;
        }
    }
    return false;
}

/* Asks the script, and waits while the reply is held. False: the server stops. */
static bool decide(struct server *server, const char *head, struct server_reply *reply)
{
    char target[1024];
    ck_assert_int_eq(sscanf(head, "GET %1023s HTTP/1.1\r\n", target), 1);
    (void)pthread_mutex_lock(&server->mutex);
    ck_assert_uint_lt(server->request_count, TARGETS_MAX);
    server->targets[server->request_count++] = strdup(target);
    memcpy(server->last_head, head, HEAD_MAX);
    server->script(server->context, target, server->request_count, reply);
    while (!server->stops && ((reply->is_held && server->holds) || reply->is_never_sent)) {
        (void)pthread_cond_wait(&server->released, &server->mutex);
    }
    bool goes_on = !server->stops;
    (void)pthread_mutex_unlock(&server->mutex);
    return goes_on;
}

static bool send_reply(int fd, const struct server_reply *reply)
{
    char head[512];
    char length_line[64] = "Connection: close\r\n";
    size_t body_length = strlen(reply->body);
    size_t promised = body_length + reply->padding_bytes + (reply->is_cut ? 10 : 0);
    if (!reply->is_unannounced) {
        (void)snprintf(length_line, sizeof length_line, "Content-Length: %zu\r\n", promised);
    }
    int n = snprintf(head, sizeof head, "HTTP/1.1 %d Some Reason\r\n%s%s%s\r\n", reply->status,
                     reply->header != NULL ? reply->header : "",
                     reply->header != NULL ? "\r\n" : "", length_line);
    bool is_good = !reply->is_dropped && send_all(fd, head, (size_t)n) &&
                   send_all(fd, reply->body, body_length);
    for (size_t i = 0; is_good && i < reply->padding_bytes; i++) {
        is_good = send_all(fd, " ", 1);
    }
    return is_good && !reply->is_cut && !reply->is_unannounced;
}

static void *serve(void *context)
{
    struct connection *connection = context;
    struct server *server = connection->server;
    char head[HEAD_MAX] = "";
    for (;;) {
        struct server_reply reply = {.status = 200};
        if (!read_head(connection->fd, head) || !decide(server, head, &reply) ||
            !send_reply(connection->fd, &reply)) {
            break;
        }
    }
    (void)shutdown(connection->fd, SHUT_RDWR);
    return NULL;
}

static void *accept_all(void *context)
{
    struct server *server = context;
    int fd;
    while ((fd = accept(server->listener, NULL, NULL)) >= 0) {
        (void)pthread_mutex_lock(&server->mutex);
        ck_assert_uint_lt(server->connection_count, CONNECTIONS_MAX);
        struct connection *connection = &server->connections[server->connection_count++];
        connection->server = server;
        connection->fd = fd;
        ck_assert_int_eq(pthread_create(&connection->thread, NULL, serve, connection), 0);
        (void)pthread_mutex_unlock(&server->mutex);
    }
    return NULL;
}

/* False: somebody else listens there. */
static bool listen_at(struct server *server, uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int yes = 1;
    server->port = port;
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(server->listener, 0);
    ck_assert_int_eq(setsockopt(server->listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes), 0);
    if (bind(server->listener, (struct sockaddr *)&address, sizeof address) == 0 &&
        listen(server->listener, 512) == 0) {
        return true;
    }
    (void)close(server->listener);
    return false;
}

static struct server *start(uint16_t port, uint32_t count, server_script script, void *context)
{
    struct server *server = calloc(1, sizeof *server);
    bool listens = false;
    ck_assert_ptr_nonnull(server);
    server->script = script;
    server->context = context;
    server->holds = true;
    for (uint32_t i = 0; i < count && !listens; i++) {
        listens = listen_at(server, (uint16_t)(port + i));
    }
    ck_assert_msg(listens, "no port from %u on is free", (unsigned int)port);
    (void)pthread_mutex_init(&server->mutex, NULL);
    (void)pthread_cond_init(&server->released, NULL);
    ck_assert_int_eq(pthread_create(&server->acceptor, NULL, accept_all, server), 0);
    return server;
}

struct server *server_start(server_script script, void *context)
{
    uint32_t place = (uint32_t)getpid() * 7919u % FIRST_PORT_COUNT;
    return start((uint16_t)(FIRST_PORT + place), PORTS_TRIED, script, context);
}

struct server *server_start_at(uint16_t port, server_script script, void *context)
{
    return start(port, 1, script, context);
}

void server_stop(struct server *server)
{
    if (server == NULL) {
        return;
    }
    (void)shutdown(server->listener, SHUT_RDWR);
    (void)pthread_join(server->acceptor, NULL);
    (void)close(server->listener);
    (void)pthread_mutex_lock(&server->mutex);
    server->stops = true;
    (void)pthread_cond_broadcast(&server->released);
    (void)pthread_mutex_unlock(&server->mutex);
    for (uint32_t i = 0; i < server->connection_count; i++) {
        (void)shutdown(server->connections[i].fd, SHUT_RDWR);
        (void)pthread_join(server->connections[i].thread, NULL);
        (void)close(server->connections[i].fd);
    }
    for (uint32_t i = 0; i < server->request_count; i++) {
        free(server->targets[i]);
    }
    (void)pthread_cond_destroy(&server->released);
    (void)pthread_mutex_destroy(&server->mutex);
    free(server);
}

uint16_t server_port(const struct server *server)
{
    return server->port;
}

void server_release(struct server *server)
{
    (void)pthread_mutex_lock(&server->mutex);
    server->holds = false;
    (void)pthread_cond_broadcast(&server->released);
    (void)pthread_mutex_unlock(&server->mutex);
}

uint32_t server_requests(struct server *server)
{
    return server_requests_with(server, "");
}

uint32_t server_connections(struct server *server)
{
    (void)pthread_mutex_lock(&server->mutex);
    uint32_t count = server->connection_count;
    (void)pthread_mutex_unlock(&server->mutex);
    return count;
}

uint32_t server_requests_with(struct server *server, const char *text)
{
    uint32_t count = 0;
    (void)pthread_mutex_lock(&server->mutex);
    for (uint32_t i = 0; i < server->request_count; i++) {
        count += strstr(server->targets[i], text) != NULL ? 1 : 0;
    }
    (void)pthread_mutex_unlock(&server->mutex);
    return count;
}

void server_last_head(struct server *server, char *buffer, size_t size)
{
    (void)pthread_mutex_lock(&server->mutex);
    (void)snprintf(buffer, size, "%s", server->last_head);
    (void)pthread_mutex_unlock(&server->mutex);
}
