/* SPDX-License-Identifier: Apache-2.0 */
#include "stats/control_socket.h"

#include "base/clock.h"
#include "stats/control_address.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

struct client {
    int fd; /* -1 = free */
    int64_t until_ns;
    char request[CONTROL_REQUEST_MAX];
    size_t got;
    bool answering;
    struct buf answer;
    size_t sent;
};

struct control_socket {
    control_answer_fn answer;
    void *arg;
    struct control_address address;
    bool is_bound;
    int listen_fd;
    int epoll_fd;
    bool is_listening; /* listen_fd is in the epoll set: there is a free client */
    struct client clients[CONTROL_CLIENTS_MAX];
};

/* ---- the set of descriptors ---- */

static bool watch(struct control_socket *s, int operation, int fd, uint32_t events)
{
    struct epoll_event e = {.events = events, .data = {.fd = fd}};
    return epoll_ctl(s->epoll_fd, operation, fd, &e) == 0;
}

/* With no client free, new ones wait in the backlog. */
static void listen_if_free(struct control_socket *s)
{
    bool is_free = false;
    for (uint32_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        is_free = is_free || s->clients[i].fd < 0;
    }
    if (is_free != s->is_listening &&
        watch(s, is_free ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, s->listen_fd, EPOLLIN)) {
        s->is_listening = is_free;
    }
}

/* ---- one client ---- */

static void leave(struct client *c)
{
    (void)close(c->fd); /* epoll forgets it */
    buf_fini(&c->answer);
    c->fd = -1;
}

/* Who may ask: the kernel says who connected. */
static bool may_ask(int fd)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
           (peer.uid == geteuid() || peer.uid == 0);
}

static void accept_one(struct control_socket *s, struct client *c)
{
    int fd = accept4(s->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        return;
    }
    if (!may_ask(fd) || !watch(s, EPOLL_CTL_ADD, fd, EPOLLIN)) {
        (void)close(fd);
        return;
    }
    c->fd = fd;
    c->until_ns = clock_monotonic_ns() + CONTROL_SILENCE_MS * CLOCK_NS_PER_MS;
    c->got = 0;
    c->sent = 0;
    c->answering = false;
    buf_init(&c->answer, CONTROL_ANSWER_MAX);
}

static void make_answer(struct control_socket *s, struct client *c, size_t length)
{
    c->answering = true;
    c->until_ns = clock_monotonic_ns() + CONTROL_TIMEOUT_MS * CLOCK_NS_PER_MS;
    s->answer(s->arg, c->request, length, &c->answer);
    buf_append_text(&c->answer, "\n");
    if (c->answer.failed || !watch(s, EPOLL_CTL_MOD, c->fd, EPOLLOUT)) {
        leave(c);
    }
}

static void send_some(struct client *c)
{
    while (c->sent < c->answer.length) {
        ssize_t n = send(c->fd, c->answer.data + c->sent, c->answer.length - c->sent, MSG_NOSIGNAL);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        }
        if (n <= 0) {
            break;
        }
        c->sent += (size_t)n;
    }
    leave(c);
}

static void receive_some(struct control_socket *s, struct client *c)
{
    ssize_t n = recv(c->fd, c->request + c->got, sizeof c->request - c->got, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (n > 0) {
        char *end = memchr(c->request + c->got, '\n', (size_t)n);
        c->got += (size_t)n;
        if (end != NULL) {
            make_answer(s, c, (size_t)(end - c->request));
            return;
        }
    }
    if (n <= 0 || c->got == sizeof c->request) {
        leave(c);
    }
}

/* ---- the interface ---- */

static int32_t failed(const char *folder, const char *what, struct ph_error *err)
{
    return ph_error_set(err, PH_ERR_FATAL, "the control socket in %s cannot be %s: %s", folder,
                        what, strerror(errno));
}

static int32_t bind_in(struct control_socket *s, const char *folder, struct ph_error *err)
{
    const struct sockaddr *address = (const struct sockaddr *)&s->address.address;
    if (control_address_init(&s->address, folder, err) != PH_OK) {
        return PH_ERROR;
    }
    (void)unlink(s->address.address.sun_path);
    s->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    /* The mode that the file gets: nobody else may connect from its first moment on. */
    if (s->listen_fd < 0 || s->epoll_fd < 0 || fchmod(s->listen_fd, 0600) != 0) {
        return failed(folder, "made", err);
    }
    if (bind(s->listen_fd, address, sizeof s->address.address) != 0) {
        return failed(folder, "bound", err);
    }
    s->is_bound = true;
    return listen(s->listen_fd, CONTROL_CLIENTS_MAX) == 0 ? PH_OK
                                                          : failed(folder, "listened at", err);
}

struct control_socket *control_socket_create(const char *folder, control_answer_fn answer,
                                             void *arg, struct ph_error *err)
{
    struct control_socket *s = calloc(1, sizeof *s);
    if (s == NULL) {
        (void)ph_error_set(err, PH_ERR_FATAL, "out of memory for the control socket");
        return NULL;
    }
    s->answer = answer;
    s->arg = arg;
    s->listen_fd = -1;
    s->epoll_fd = -1;
    s->address.folder_fd = -1;
    for (uint32_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        s->clients[i].fd = -1;
    }
    if (bind_in(s, folder, err) != PH_OK) {
        control_socket_destroy(s);
        return NULL;
    }
    listen_if_free(s);
    return s;
}

void control_socket_destroy(struct control_socket *s)
{
    if (s == NULL) {
        return;
    }
    for (uint32_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        if (s->clients[i].fd >= 0) {
            leave(&s->clients[i]);
        }
    }
    if (s->is_bound) {
        (void)unlink(s->address.address.sun_path);
    }
    if (s->listen_fd >= 0) {
        (void)close(s->listen_fd);
    }
    if (s->epoll_fd >= 0) {
        (void)close(s->epoll_fd);
    }
    control_address_fini(&s->address);
    free(s);
}

int control_socket_fd(const struct control_socket *s)
{
    return s->epoll_fd;
}

int64_t control_socket_due_ns(const struct control_socket *s)
{
    int64_t due_ns = 0;
    for (uint32_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        const struct client *c = &s->clients[i];
        if (c->fd >= 0 && (due_ns == 0 || c->until_ns < due_ns)) {
            due_ns = c->until_ns;
        }
    }
    return due_ns;
}

void control_socket_serve(struct control_socket *s)
{
    int64_t now_ns = clock_monotonic_ns();
    for (uint32_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        struct client *c = &s->clients[i];
        if (c->fd < 0) {
            accept_one(s, c);
        } else if (now_ns >= c->until_ns) {
            leave(c);
            continue;
        }
        if (c->fd >= 0 && !c->answering) {
            receive_some(s, c);
        }
        if (c->fd >= 0 && c->answering) {
            send_some(c);
        }
    }
    listen_if_free(s);
}
