#include "delays.h"

#include <assert.h>

void delays_add(struct delays *d, struct MHD_Connection *connection, int64_t due_ns)
{
    assert(d->count < DELAYS_MAX);
    uint32_t at = (d->head + d->count) % DELAYS_MAX;
    d->waiting[at].connection = connection;
    d->waiting[at].due_ns = due_ns;
    d->count++;
    if (d->count > d->most) {
        d->most = d->count;
    }
    MHD_suspend_connection(connection);
}

uint32_t delays_resume(struct delays *d, int64_t now_ns)
{
    uint32_t resumed = 0;
    while (d->count > 0 && d->waiting[d->head].due_ns <= now_ns) {
        MHD_resume_connection(d->waiting[d->head].connection);
        d->head = (d->head + 1) % DELAYS_MAX;
        d->count--;
        resumed++;
    }
    return resumed;
}

int64_t delays_next_ns(const struct delays *d)
{
    return d->count > 0 ? d->waiting[d->head].due_ns : -1;
}
