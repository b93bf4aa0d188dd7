/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "stats/control_address.h"
#include "stats/control_socket.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

static bool wait_for(int fd, short events, int64_t until_ns)
{
    struct pollfd p = {.fd = fd, .events = events};
    int64_t left_ms = (until_ns - clock_monotonic_ns()) / CLOCK_NS_PER_MS + 1;
    int n = left_ms > 0 ? poll(&p, 1, (int)left_ms) : 0;
    if (n == 0) {
        errno = ETIMEDOUT;
    }
    return n > 0;
}

static bool send_request(int fd, const char *request, int64_t until_ns)
{
    struct buf line;
    buf_init(&line, CONTROL_REQUEST_MAX);
    buf_append_text(&line, request);
    buf_append_text(&line, "\n");
    size_t sent = 0;
    while (!line.failed && sent < line.length && wait_for(fd, POLLOUT, until_ns)) {
        ssize_t n = send(fd, line.data + sent, line.length - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno != EAGAIN && errno != EINTR) {
            break;
        }
        sent += n > 0 ? (size_t)n : 0;
    }
    bool done = !line.failed && sent == line.length;
    buf_fini(&line);
    return done;
}

/* Up to the newline, which is not kept. */
static bool receive_answer(int fd, struct buf *answer, int64_t until_ns)
{
    char part[65536];
    while (!answer->failed && wait_for(fd, POLLIN, until_ns)) {
        ssize_t n = recv(fd, part, sizeof part, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            continue;
        }
        if (n <= 0) {
            errno = n == 0 ? ECONNRESET : errno;
            return false;
        }
        const char *end = memchr(part, '\n', (size_t)n);
        buf_append(answer, part, end != NULL ? (size_t)(end - part) : (size_t)n);
        if (end != NULL) {
            return !answer->failed;
        }
    }
    return false;
}

int32_t control_socket_ask(const char *folder, const char *request, struct buf *answer,
                           struct ph_error *err)
{
    struct control_address a;
    int64_t until_ns = clock_monotonic_ns() + CONTROL_TIMEOUT_MS * CLOCK_NS_PER_MS;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int32_t rc = PH_ERROR;
    /* Where too many ask at once, connect waits as long. */
    struct timeval timeout = {.tv_sec = CONTROL_TIMEOUT_MS / 1000};
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout) != 0) {
        if (fd >= 0) {
            (void)close(fd);
        }
        return ph_error_set(err, PH_ERR_FATAL, "no socket can be made: %s", strerror(errno));
    }
    if (access(folder, F_OK) != 0 && errno == ENOENT) {
        rc = PH_IDLE;
    } else if (control_address_init(&a, folder, err) == PH_OK) {
        if (connect(fd, (const struct sockaddr *)&a.address, sizeof a.address) != 0) {
            rc = errno == ENOENT || errno == ECONNREFUSED
                     ? PH_IDLE
                     : ph_error_set(err, PH_ERR_FATAL, "%s/%s cannot be asked: %s", folder,
                                    CONTROL_SOCKET_NAME, strerror(errno));
        } else if (!send_request(fd, request, until_ns) || !receive_answer(fd, answer, until_ns)) {
            rc = ph_error_set(err, PH_ERR_FATAL, "%s/%s gave no answer: %s", folder,
                              CONTROL_SOCKET_NAME, strerror(errno));
        } else {
            rc = PH_OK;
        }
        control_address_fini(&a);
    }
    (void)close(fd);
    return rc;
}
