/*
 * A few blocks of rows between the thread that fills them and the thread that sends them.
 */
#ifndef TESTS_BENCH_HANDOFF_H
#define TESTS_BENCH_HANDOFF_H

#include <pthread.h>
#include <stdbool.h>

#include "rows.h"

#define HANDOFF_BLOCKS 8

struct handoff {
    struct rows_block blocks[HANDOFF_BLOCKS];
    unsigned filled; /* blocks given, free-running */
    unsigned sent;   /* blocks taken and done with, free-running */
    bool closed;
    bool broken; /* the sending side gave up */
    pthread_mutex_t lock;
    pthread_cond_t changed;
};

__attribute__((warn_unused_result)) int handoff_init(struct handoff *handoff);
void handoff_fini(struct handoff *handoff);

/* The block to fill next, once it is free; null when the other side gave up. [filling thread] */
struct rows_block *handoff_room(struct handoff *handoff);
void handoff_give(struct handoff *handoff);
void handoff_close(struct handoff *handoff);

/* The oldest filled block, not idle when there is one behind it; null when closed and empty.
 * [sending thread] */
struct rows_block *handoff_take(struct handoff *handoff);
void handoff_done(struct handoff *handoff, bool broken);

#endif
