/* SPDX-License-Identifier: Apache-2.0 */
#include "stats/metrics_address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool parse_port(const char *text, uint16_t *port)
{
    char *end;
    if (text[0] < '0' || text[0] > '9') {
        return false;
    }
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    *port = htons((uint16_t)value);
    return errno == 0 && *end == '\0' && value <= 65535;
}

static bool parse_host(struct metrics_address *a, const char *host, uint16_t port)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)&a->address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&a->address;
    size_t length = strlen(host);
    memset(a, 0, sizeof *a);
    if (length > 2 && host[0] == '[' && host[length - 1] == ']') {
        char inside[64];
        if (length - 2 >= sizeof inside) {
            return false;
        }
        memcpy(inside, host + 1, length - 2);
        inside[length - 2] = '\0';
        v6->sin6_family = AF_INET6;
        v6->sin6_port = port;
        a->size = sizeof *v6;
        return inet_pton(AF_INET6, inside, &v6->sin6_addr) == 1;
    }
    v4->sin_family = AF_INET;
    v4->sin_port = port;
    a->size = sizeof *v4;
    return inet_pton(AF_INET, length == 0 ? "127.0.0.1" : host, &v4->sin_addr) == 1;
}

int32_t metrics_address_parse(struct metrics_address *a, const char *text, struct ph_error *err)
{
    char host[80] = "";
    uint16_t port = 0;
    const char *colon = strrchr(text, ':');
    size_t length = colon != NULL ? (size_t)(colon - text) : 0;
    bool ok = length < sizeof host && parse_port(colon != NULL ? colon + 1 : text, &port);
    if (ok) {
        memcpy(host, text, length);
        host[length] = '\0';
        ok = parse_host(a, host, port);
    }
    return ok ? PH_OK
              : ph_error_set(err, PH_ERR_CONFIG,
                             "--metrics-listen %.80s: give PORT for loopback, ADDRESS:PORT or "
                             "[ADDRESS]:PORT, with a numeric address",
                             text);
}

void metrics_address_format(const struct metrics_address *a, char *out, size_t size)
{
    char host[INET6_ADDRSTRLEN] = "?";
    if (a->address.ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&a->address;
        (void)inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof host);
        (void)snprintf(out, size, "[%s]:%u", host, (unsigned)ntohs(v6->sin6_port));
    } else {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)&a->address;
        (void)inet_ntop(AF_INET, &v4->sin_addr, host, sizeof host);
        (void)snprintf(out, size, "%s:%u", host, (unsigned)ntohs(v4->sin_port));
    }
}
