/* SPDX-License-Identifier: Apache-2.0 */
/** What `pipehost positions` is about to change in one sink, and how it says so. */
#ifndef CLI_MOVES_H
#define CLI_MOVES_H

#include "job/kept.h"

#define MOVES_LINE_SIZE 1024u

struct move {
    uint32_t id;  /**< in job->partitions */
    int64_t from; /**< -1 = no position */
    int64_t to;   /**< -1 = forgotten */
};

struct moves {
    struct node *sink;
    struct move *items;
    uint32_t count;
};

/** Which partitions are meant. */
struct moves_filter {
    char topic[256];   /**< "" = all */
    int32_t partition; /**< -1 = all */
};

/** Of "N" or "TOPIC/N"; null = all. False: it is neither. */
__attribute__((warn_unused_result)) bool moves_parse(const char *text, struct moves_filter *f);
bool moves_match(const struct moves_filter *f, const struct ph_partition *p);

/** Room for so many; null: no memory. */
__attribute__((warn_unused_result)) bool moves_init(struct moves *m, struct node *sink,
                                                    uint32_t capacity);
void moves_fini(struct moves *m);
void moves_add(struct moves *m, uint32_t id, int64_t from, int64_t to);
/** "rows/events t[2]: 12 -> 0, at most 12 records will be written again" */
void moves_tell(const struct moves *m, const struct move *move, char *line);
/** Makes them the sink's; those that change nothing as well, so that doubts about them end. */
__attribute__((warn_unused_result)) int32_t moves_apply(const struct moves *m,
                                                        struct ph_error *err);

#endif
