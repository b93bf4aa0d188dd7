/* SPDX-License-Identifier: Apache-2.0 */
#include "relay.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_MS INT64_C(1000000)

int64_t relay_now_ns(void)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000 * NS_PER_MS + ts.tv_nsec;
}

bool relay_is_open(const struct relay *r)
{
    return r->fds[0] >= 0;
}

/* What comes at one moment, not with each byte. */
static bool is_a_moment(enum fault fault)
{
    return fault > FAULT_SLICE;
}

void relay_arm(struct relay *r, const struct plan *plan)
{
    for (int i = 0; i < 2; i++) {
        struct pipe *p = &r->pipes[i];
        bool is_counted = is_a_moment(plan->fault) && i == plan->from && plan->text_length == 0;
        p->matched = 0;
        p->fire_at = is_counted ? p->taken + plan->after : NEVER;
    }
    r->is_stalled = r->is_stalled && plan->fault != FAULT_PASS;
}

void relay_disarm(struct relay *r)
{
    r->pipes[FROM_CLIENT].fire_at = NEVER;
    r->pipes[FROM_SERVER].fire_at = NEVER;
}

void relay_init(struct relay *r, int client, int server, const struct plan *plan)
{
    memset(r, 0, sizeof *r);
    r->fds[FROM_CLIENT] = client;
    r->fds[FROM_SERVER] = server;
    relay_arm(r, plan);
}

/* With RST, as nothing may linger. */
static void reset(struct relay *r)
{
    const struct linger at_once = {.l_onoff = 1};
    for (int i = 0; i < 2; i++) {
        (void)setsockopt(r->fds[i], SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        (void)close(r->fds[i]);
        r->fds[i] = -1;
    }
}

static void close_both(struct relay *r)
{
    for (int i = 0; i < 2; i++) {
        (void)close(r->fds[i]);
        r->fds[i] = -1;
    }
}

/* ---- one pipe */

static size_t room(const struct pipe *p)
{
    return p->mark_count < PIPE_MARKS ? sizeof p->data - p->end : 0;
}

/* When the bytes at hand may go on; 0 = at once. */
static int64_t due_ns(const struct pipe *p)
{
    return p->mark_count > 0 ? p->marks[p->first_mark].due_ns : 0;
}

/* Bytes that may go on now. */
static size_t ripe(const struct pipe *p, const struct plan *plan, int64_t now_ns)
{
    size_t length = 0;
    for (unsigned i = 0; i < p->mark_count; i++) {
        unsigned at = (p->first_mark + i) % PIPE_MARKS;
        if (p->marks[at].due_ns > now_ns) {
            break;
        }
        length = (size_t)(p->marks[at].until - p->given);
    }
    if (plan->fault == FAULT_SLICE && length > plan->amount) {
        length = (size_t)plan->amount;
    }
    return p->fire_at != NEVER && length > p->fire_at - p->given ? (size_t)(p->fire_at - p->given)
                                                                 : length;
}

/* Looks for the plan's text in what came last. A text that repeats its own beginning may be missed.
 */
static void look(struct pipe *p, const struct plan *plan, size_t length)
{
    for (size_t i = p->end - length; i < p->end && p->fire_at == NEVER; i++) {
        p->matched =
            p->data[i] == plan->text[p->matched] ? p->matched + 1 : p->data[i] == plan->text[0];
        if (p->matched == plan->text_length) {
            p->fire_at = p->taken - (p->end - 1 - i) + plan->after;
        }
    }
}

/* False: the connection broke. */
static bool take(struct relay *r, int from, const struct plan *plan)
{
    struct pipe *p = &r->pipes[from];
    if (p->at == p->end) {
        p->at = p->end = 0;
    }
    ssize_t n = recv(r->fds[from], p->data + p->end, room(p), MSG_DONTWAIT);
    if (n < 0) {
        return errno == EAGAIN || errno == EINTR;
    }
    p->has_ended = n == 0;
    if (r->is_black || p->is_shut || n == 0) {
        return true;
    }
    p->end += (size_t)n;
    p->taken += (size_t)n;
    unsigned mark = (p->first_mark + p->mark_count++) % PIPE_MARKS;
    p->marks[mark].until = p->taken;
    p->marks[mark].due_ns =
        plan->fault == FAULT_LATENCY ? relay_now_ns() + (int64_t)plan->amount * NS_PER_MS : 0;
    if (is_a_moment(plan->fault) && plan->text_length > 0 && from == plan->from) {
        look(p, plan, (size_t)n);
    }
    return true;
}

/* False: the connection broke. */
static bool give(struct relay *r, int from, const struct plan *plan)
{
    struct pipe *p = &r->pipes[from];
    size_t length = ripe(p, plan, relay_now_ns());
    if (length > 0) {
        ssize_t n = send(r->fds[1 - from], p->data + p->at, length, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0) {
            return errno == EAGAIN || errno == EINTR;
        }
        p->at += (size_t)n;
        p->given += (size_t)n;
    }
    while (p->mark_count > 0 && p->marks[p->first_mark].until <= p->given) {
        p->first_mark = (p->first_mark + 1) % PIPE_MARKS;
        p->mark_count--;
    }
    if (p->has_ended && p->at == p->end && !p->is_shut) {
        p->is_shut = true;
        (void)shutdown(r->fds[1 - from], SHUT_WR);
    }
    return true;
}

/* ---- both */

static void drop(struct pipe *p)
{
    p->at = p->end;
    p->mark_count = 0;
}

static void fire(struct relay *r, const struct plan *plan)
{
    r->pipes[plan->from].fire_at = NEVER;
    switch (plan->fault) {
    case FAULT_STALL:
        r->is_stalled = true;
        break;
    case FAULT_RESET:
        reset(r);
        break;
    case FAULT_CLOSE:
        /* Bytes that come for this side from now on are dropped. */
        r->pipes[1 - plan->toward].is_shut = true;
        drop(&r->pipes[1 - plan->toward]);
        (void)shutdown(r->fds[plan->toward], SHUT_WR);
        break;
    case FAULT_BLACK_HOLE:
        r->is_black = true;
        drop(&r->pipes[FROM_CLIENT]);
        drop(&r->pipes[FROM_SERVER]);
        break;
    case FAULT_PASS:
    case FAULT_LATENCY:
    case FAULT_SLICE:
    default:
        break;
    }
}

int64_t relay_wants(const struct relay *r, const struct plan *plan, struct pollfd fds[2])
{
    int64_t wait_ns = -1;
    int64_t now_ns = relay_now_ns();
    for (int i = 0; i < 2; i++) {
        fds[i] = (struct pollfd){.fd = -1};
    }
    for (int i = 0; i < 2 && relay_is_open(r) && !r->is_stalled; i++) {
        const struct pipe *p = &r->pipes[i];
        if (!p->has_ended && (room(p) > 0 || p->at == p->end)) {
            fds[i].fd = r->fds[i];
            fds[i].events |= POLLIN;
        }
        if (r->is_black || p->is_shut) {
            continue;
        }
        if (ripe(p, plan, now_ns) > 0 || (p->has_ended && p->at == p->end)) {
            fds[1 - i].fd = r->fds[1 - i];
            fds[1 - i].events |= POLLOUT;
        } else if (due_ns(p) > now_ns && (wait_ns < 0 || due_ns(p) - now_ns < wait_ns)) {
            wait_ns = due_ns(p) - now_ns;
        }
    }
    return wait_ns;
}

/* True: the plan's fault has come. */
static bool come(struct relay *r, const struct plan *plan)
{
    const struct pipe *counted = &r->pipes[plan->from];
    if (counted->fire_at != NEVER && counted->given >= counted->fire_at) {
        fire(r, plan);
        return true;
    }
    if (!r->is_black && r->pipes[0].has_ended && r->pipes[1].has_ended && r->pipes[0].is_shut &&
        r->pipes[1].is_shut) {
        close_both(r);
    }
    return false;
}

bool relay_step(struct relay *r, const struct plan *plan, const struct pollfd fds[2])
{
    bool is_well = true;
    if (!relay_is_open(r) || r->is_stalled) {
        return false;
    }
    for (int i = 0; i < 2 && is_well; i++) {
        if ((fds[i].revents & (POLLIN | POLLHUP | POLLERR)) != 0 && (fds[i].events & POLLIN) != 0) {
            is_well = take(r, i, plan);
        }
        if (is_well && !r->is_black && !r->pipes[i].is_shut) {
            is_well = give(r, i, plan);
        }
    }
    if (is_well) {
        return come(r, plan);
    }
    if (r->is_black) {
        r->pipes[0].has_ended = r->pipes[1].has_ended = true;
    } else {
        reset(r);
    }
    return false;
}
