/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SILENT_MAX 8

struct proxy {
    pthread_t thread;
    pthread_mutex_t lock;
    enum proxy_mode mode; /* under lock, as the next two */
    int breaks;
    bool is_over;
    int listener;
    int client;
    int server;
    int silent[SILENT_MAX]; /* kept open, never read again */
    int silent_count;
    struct sockaddr_in target;
    char url[128];
};

static enum proxy_mode mode_of(struct proxy *p)
{
    (void)pthread_mutex_lock(&p->lock);
    enum proxy_mode mode = p->mode;
    (void)pthread_mutex_unlock(&p->lock);
    return mode;
}

/* Counts first: whoever sees the connection end also sees the count. */
static void count_break(struct proxy *p)
{
    (void)pthread_mutex_lock(&p->lock);
    p->breaks++;
    if (p->mode != PROXY_REFUSE) {
        p->mode = PROXY_PASS;
    }
    (void)pthread_mutex_unlock(&p->lock);
}

static void fall_silent(struct proxy *p)
{
    if (p->silent_count + 2 > SILENT_MAX) {
        abort();
    }
    count_break(p);
    p->silent[p->silent_count++] = p->client;
    p->silent[p->silent_count++] = p->server;
    p->client = -1;
    p->server = -1;
}

static void break_up(struct proxy *p, bool is_on_purpose)
{
    if (is_on_purpose) {
        count_break(p);
    }
    (void)close(p->client);
    (void)close(p->server);
    p->client = -1;
    p->server = -1;
}

static void take(struct proxy *p)
{
    int client = accept(p->listener, NULL, NULL);
    if (client < 0 || p->client >= 0 || mode_of(p) == PROXY_REFUSE) {
        (void)close(client);
        return;
    }
    int server = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(server, (struct sockaddr *)&p->target, sizeof p->target) != 0) {
        (void)close(client);
        (void)close(server);
        return;
    }
    p->client = client;
    p->server = server;
}

static void pass(struct proxy *p, int from, int to, enum proxy_mode breaker,
                 enum proxy_mode silencer)
{
    char data[65536];
    ssize_t length = recv(from, data, sizeof data, 0);
    if (length <= 0) {
        break_up(p, false);
        return;
    }
    enum proxy_mode mode = mode_of(p);
    if ((mode == breaker || mode == silencer) &&
        memmem(data, (size_t)length, "COMMIT", 6) != NULL) {
        if (mode == breaker) {
            break_up(p, true);
        } else {
            fall_silent(p);
        }
        return;
    }
    for (ssize_t sent = 0; sent < length;) {
        ssize_t n = send(to, data + sent, (size_t)(length - sent), MSG_NOSIGNAL);
        if (n <= 0) {
            break_up(p, false);
            return;
        }
        sent += n;
    }
}

static bool is_over(struct proxy *p)
{
    (void)pthread_mutex_lock(&p->lock);
    bool over = p->is_over;
    (void)pthread_mutex_unlock(&p->lock);
    return over;
}

static void *relay(void *arg)
{
    struct proxy *p = (struct proxy *)arg;
    while (!is_over(p)) {
        struct pollfd fds[3] = {
            {p->listener, POLLIN, 0}, {p->client, POLLIN, 0}, {p->server, POLLIN, 0}};
        (void)poll(fds, 3, 5);
        if (p->client >= 0 && mode_of(p) == PROXY_REFUSE) {
            break_up(p, true);
            continue;
        }
        if (fds[0].revents != 0) {
            take(p);
            continue;
        }
        if (p->client >= 0 && fds[1].revents != 0) {
            pass(p, p->client, p->server, PROXY_LOSE_COMMIT, PROXY_SILENCE);
        }
        if (p->client >= 0 && fds[2].revents != 0) {
            pass(p, p->server, p->client, PROXY_LOSE_COMMIT_ANSWER, PROXY_SILENCE_ANSWER);
        }
    }
    return NULL;
}

struct proxy *proxy_create(const char *url)
{
    struct proxy *p = calloc(1, sizeof *p);
    char host[64];
    int port = 0;
    char database[64];
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof own;
    if (p == NULL || sscanf(url, "postgresql://%63[^:]:%d/%63s", host, &port, database) != 3) {
        abort();
    }
    p->target = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    p->client = p->server = -1;
    p->listener = socket(AF_INET, SOCK_STREAM, 0);
    if (inet_pton(AF_INET, host, &p->target.sin_addr) != 1 ||
        bind(p->listener, (struct sockaddr *)&own, sizeof own) != 0 ||
        listen(p->listener, 8) != 0 ||
        getsockname(p->listener, (struct sockaddr *)&own, &length) != 0) {
        abort();
    }
    (void)snprintf(p->url, sizeof p->url, "postgresql://127.0.0.1:%d/%s", ntohs(own.sin_port),
                   database);
    (void)pthread_mutex_init(&p->lock, NULL);
    if (pthread_create(&p->thread, NULL, relay, p) != 0) {
        abort();
    }
    return p;
}

void proxy_destroy(struct proxy *p)
{
    (void)pthread_mutex_lock(&p->lock);
    p->is_over = true;
    (void)pthread_mutex_unlock(&p->lock);
    (void)pthread_join(p->thread, NULL);
    (void)close(p->listener);
    if (p->client >= 0) {
        break_up(p, false);
    }
    for (int i = 0; i < p->silent_count; i++) {
        (void)close(p->silent[i]);
    }
    free(p);
}

const char *proxy_url(const struct proxy *p)
{
    return p->url;
}

void proxy_set(struct proxy *p, enum proxy_mode mode)
{
    (void)pthread_mutex_lock(&p->lock);
    p->mode = mode;
    (void)pthread_mutex_unlock(&p->lock);
}

int proxy_breaks(struct proxy *p)
{
    (void)pthread_mutex_lock(&p->lock);
    int breaks = p->breaks;
    (void)pthread_mutex_unlock(&p->lock);
    return breaks;
}
