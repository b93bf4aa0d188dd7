/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Tells a service manager how the pipeline stands, over the datagram socket that NOTIFY_SOCKET
 * names: the protocol of sd_notify(3), by hand. Without that variable all of it does nothing.
 * [control]
 */
#ifndef STATS_NOTIFY_H
#define STATS_NOTIFY_H

#include "stats/snapshot.h"

#include <sys/un.h>

struct notify {
    int fd; /**< -1 = nobody wants to know */
    struct sockaddr_un address;
    unsigned address_size;
    int64_t watchdog_ns; /**< between two signs of life, 0 = none is asked for */
    int64_t next_sign_ns;
    int64_t next_text_ns;
    enum stats_state told;
};

/** Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID. */
void notify_init(struct notify *n);
void notify_fini(struct notify *n);
/** When notify_tell has something to say, monotonic; 0 = nothing before a change of state. */
int64_t notify_due_ns(const struct notify *n);
/** READY=1 when it runs, STOPPING=1 when it ends, WATCHDOG=1 where asked for, STATUS= as text;
 * while it waits for services at its start, that the manager shall wait as well. */
void notify_tell(struct notify *n, const struct stats *s);

#endif
