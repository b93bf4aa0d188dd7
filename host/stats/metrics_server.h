/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A small HTTP server for monitors: /metrics (Prometheus), /health (200 while the process is
 * alive), /ready (200 while the pipeline runs, else 503). It has no thread: whoever owns it serves
 * it when its descriptor is readable, and nothing blocks.
 */
#ifndef STATS_METRICS_SERVER_H
#define STATS_METRICS_SERVER_H

#include "pipehost/error.h"
#include "stats/snapshot.h"

#define METRICS_CLIENTS_MAX 64u
#define METRICS_TIMEOUT_S   2u /**< for a silent client */

struct metrics_server;

/** Shows `s` as it is at each request. Null: err says why. */
struct metrics_server *metrics_server_create(const char *listen, const struct stats *s,
                                             struct ph_error *err);
void metrics_server_destroy(struct metrics_server *m); /**< null is fine */

/** "127.0.0.1:9400". */
const char *metrics_server_address(const struct metrics_server *m);
int metrics_server_fd(const struct metrics_server *m);
/** When to serve although the descriptor is not ready, monotonic; 0 = never. */
int64_t metrics_server_due_ns(const struct metrics_server *m);
void metrics_server_serve(struct metrics_server *m);

#endif
