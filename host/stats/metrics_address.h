/* SPDX-License-Identifier: Apache-2.0 */
/** Where the metrics page listens: "PORT" or ":PORT" on loopback, "ADDRESS:PORT", "[IPv6]:PORT". */
#ifndef STATS_METRICS_ADDRESS_H
#define STATS_METRICS_ADDRESS_H

#include "pipehost/error.h"

#include <netinet/in.h>

struct metrics_address {
    struct sockaddr_storage address;
    socklen_t size;
};

__attribute__((warn_unused_result)) int32_t metrics_address_parse(struct metrics_address *a,
                                                                  const char *text,
                                                                  struct ph_error *err);
/** "127.0.0.1:9400" or "[::1]:9400". */
void metrics_address_format(const struct metrics_address *a, char *out, size_t size);

#endif
