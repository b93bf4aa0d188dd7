/* Requests that wait for their time: all wait equally long, so the first in is the first out. */
#ifndef TESTS_STANDIN_DELAYS_H
#define TESTS_STANDIN_DELAYS_H

#include <microhttpd.h>
#include <stdint.h>

/* A connection has one request at a time. */
#define DELAYS_MAX 2048

struct delays {
    struct {
        struct MHD_Connection *connection;
        int64_t due_ns;
    } waiting[DELAYS_MAX];
    uint32_t head;
    uint32_t count;
    uint32_t most;
};

/* Suspends the connection; there must be room, which the daemon's connection limit ensures. */
void delays_add(struct delays *d, struct MHD_Connection *connection, int64_t due_ns);

/* Resumes every connection that is due, and gives how many. */
uint32_t delays_resume(struct delays *d, int64_t now_ns);

/* When the next one is due; -1 when none waits. */
int64_t delays_next_ns(const struct delays *d);

#endif
