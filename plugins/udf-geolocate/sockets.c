/* SPDX-License-Identifier: Apache-2.0 */
#include "sockets.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* The low bits are what libcurl wants, shifted up what the host watches: both enum ph_wait_events.
 */
#define WANTED_MASK   ((uint32_t)(PH_WAIT_READ | PH_WAIT_WRITE))
#define WATCHED_SHIFT 2
#define IS_OPENED     0x80u /* made by sockets_open */
#define IS_CONNECTED  0x40u /* from now on it is closed by sockets_close, so forgetting can wait */

void sockets_init(struct sockets *sockets, const struct ph_task *task, const struct ph_wait *wait)
{
    memset(sockets, 0, sizeof *sockets);
    ph_error_clear(&sockets->error);
    sockets->task = task;
    sockets->wait = wait;
}

static bool make_room(struct sockets *sockets, int fd)
{
    uint32_t count = sockets->count == 0 ? 256 : sockets->count;
    uint8_t *states;
    if (fd < 0) {
        return false;
    }
    while (count <= (uint32_t)fd) {
        count *= 2;
    }
    if (count == sockets->count) {
        return true;
    }
    states = realloc(sockets->states, count);
    if (states == NULL) {
        return false;
    }
    memset(states + sockets->count, 0, count - sockets->count);
    sockets->states = states;
    sockets->count = count;
    return true;
}

static uint32_t watched(uint8_t state)
{
    return ((uint32_t)state >> WATCHED_SHIFT) & WANTED_MASK;
}

static bool watch(struct sockets *sockets, int fd, uint32_t events)
{
    uint8_t kept = (uint8_t)(sockets->states[fd] & ~(WANTED_MASK << WATCHED_SHIFT));
    if (watched(sockets->states[fd]) == events) {
        return true;
    }
    /* libcurl closes a socket that never connected before it says so: forgetting may fail. */
    if (sockets->wait->watch(sockets->task, fd, events, events == 0 ? NULL : &sockets->error) !=
            PH_OK &&
        events != 0) {
        return false;
    }
    sockets->states[fd] = (uint8_t)(kept | events << WATCHED_SHIFT);
    return true;
}

void sockets_fini(struct sockets *sockets)
{
    for (uint32_t fd = 0; fd < sockets->count; fd++) {
        (void)watch(sockets, (int)fd, 0);
    }
    free(sockets->states);
    sockets->states = NULL;
    sockets->count = 0;
}

bool sockets_want(struct sockets *sockets, curl_socket_t fd, int what)
{
    uint32_t wanted = what == CURL_POLL_IN      ? (uint32_t)PH_WAIT_READ
                      : what == CURL_POLL_OUT   ? (uint32_t)PH_WAIT_WRITE
                      : what == CURL_POLL_INOUT ? WANTED_MASK
                                                : 0u;
    if (!make_room(sockets, fd)) {
        return false;
    }
    sockets->states[fd] = (uint8_t)((sockets->states[fd] & ~WANTED_MASK) | wanted);
    /* While it connects, libcurl waits for it to become writable. */
    if (wanted == PH_WAIT_READ && (sockets->states[fd] & IS_OPENED) != 0) {
        sockets->states[fd] |= IS_CONNECTED;
    }
    if (wanted == 0 && (sockets->states[fd] & IS_CONNECTED) != 0) {
        return true;
    }
    return watch(sockets, fd, wanted);
}

int sockets_ready(struct sockets *sockets, int fd, uint32_t events)
{
    uint32_t wanted;
    if (fd < 0 || (uint32_t)fd >= sockets->count) {
        return 0;
    }
    wanted = sockets->states[fd] & WANTED_MASK;
    if (wanted == 0) {
        (void)watch(sockets, fd, 0);
        return 0;
    }
    return ((events & PH_WAIT_READ) != 0 ? CURL_CSELECT_IN : 0) |
           ((events & PH_WAIT_WRITE) != 0 ? CURL_CSELECT_OUT : 0) |
           ((events & PH_WAIT_ERROR) != 0 ? CURL_CSELECT_ERR : 0);
}

curl_socket_t sockets_open(void *data, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct sockets *sockets = data;
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    (void)purpose;
    if (fd < 0) {
        return CURL_SOCKET_BAD;
    }
    if (!make_room(sockets, fd)) {
        (void)close(fd);
        return CURL_SOCKET_BAD;
    }
    /* An earlier socket of that number may have been closed unseen. */
    (void)watch(sockets, fd, 0);
    sockets->states[fd] = IS_OPENED;
    return fd;
}

int sockets_close(void *data, curl_socket_t fd)
{
    struct sockets *sockets = data;
    if (fd >= 0 && (uint32_t)fd < sockets->count) {
        (void)watch(sockets, fd, 0);
        sockets->states[fd] = 0;
    }
    return close(fd);
}
