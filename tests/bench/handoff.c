#include "handoff.h"

#include <stdlib.h>

int handoff_init(struct handoff *h)
{
    *h = (struct handoff){.filled = 0};
    pthread_mutex_init(&h->lock, NULL);
    pthread_cond_init(&h->changed, NULL);
    for (int i = 0; i < HANDOFF_BLOCKS; i++) {
        h->blocks[i].data = malloc(ROWS_BLOCK_BYTES + ROWS_ROW_MAX);
        if (!h->blocks[i].data) {
            return -1;
        }
    }
    return 0;
}

void handoff_fini(struct handoff *h)
{
    for (int i = 0; i < HANDOFF_BLOCKS; i++) {
        free(h->blocks[i].data);
    }
    pthread_cond_destroy(&h->changed);
    pthread_mutex_destroy(&h->lock);
}

struct rows_block *handoff_room(struct handoff *h)
{
    pthread_mutex_lock(&h->lock);
    while (h->filled - h->sent == HANDOFF_BLOCKS && !h->broken) {
        pthread_cond_wait(&h->changed, &h->lock);
    }
    struct rows_block *block = h->broken ? NULL : &h->blocks[h->filled % HANDOFF_BLOCKS];
    pthread_mutex_unlock(&h->lock);
    return block;
}

static void note(struct handoff *h, unsigned *counter, bool *flag)
{
    pthread_mutex_lock(&h->lock);
    if (counter) {
        (*counter)++;
    }
    if (flag) {
        *flag = true;
    }
    pthread_cond_signal(&h->changed);
    pthread_mutex_unlock(&h->lock);
}

void handoff_give(struct handoff *h)
{
    note(h, &h->filled, NULL);
}

void handoff_close(struct handoff *h)
{
    note(h, NULL, &h->closed);
}

struct rows_block *handoff_take(struct handoff *h)
{
    pthread_mutex_lock(&h->lock);
    while (h->filled == h->sent && !h->closed) {
        pthread_cond_wait(&h->changed, &h->lock);
    }
    struct rows_block *block = h->filled == h->sent ? NULL : &h->blocks[h->sent % HANDOFF_BLOCKS];
    if (block && h->filled - h->sent > 1) {
        block->idle = false;
    }
    pthread_mutex_unlock(&h->lock);
    return block;
}

void handoff_done(struct handoff *h, bool broken)
{
    note(h, &h->sent, broken ? &h->broken : NULL);
}
