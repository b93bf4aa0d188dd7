/* SPDX-License-Identifier: Apache-2.0 */
#include "address.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

struct range {
    uint8_t first[4]; /* the leading bytes */
    uint32_t bits;    /* how many of them count, at most 32 */
};

/* https://www.iana.org/assignments/iana-ipv4-special-registry, and multicast */
static const struct range reserved_ipv4[] = {
    {{0, 0, 0, 0}, 8},      {{10, 0, 0, 0}, 8},     {{100, 64, 0, 0}, 10}, {{127, 0, 0, 0}, 8},
    {{169, 254, 0, 0}, 16}, {{172, 16, 0, 0}, 12},  {{192, 0, 0, 0}, 24},  {{192, 0, 2, 0}, 24},
    {{192, 88, 99, 0}, 24}, {{192, 168, 0, 0}, 16}, {{198, 18, 0, 0}, 15}, {{198, 51, 100, 0}, 24},
    {{203, 0, 113, 0}, 24}, {{224, 0, 0, 0}, 4},    {{240, 0, 0, 0}, 4},
};

/* Only 2000::/3 is assigned to hosts; these parts of it are not:
 * https://www.iana.org/assignments/iana-ipv6-special-registry */
static const struct range global_ipv6 = {{0x20, 0, 0, 0}, 3};
static const struct range reserved_ipv6[] = {
    {{0x20, 0x01, 0x00, 0x00}, 23}, /* protocols, Teredo, benchmarking, ORCHID */
    {{0x20, 0x01, 0x0d, 0xb8}, 32}, /* documentation */
    {{0x3f, 0xff, 0x00, 0x00}, 20}, /* documentation */
};

static uint32_t leading(const uint8_t bytes[4])
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
           (uint32_t)bytes[3];
}

static bool range_holds(const struct range *range, const uint8_t bytes[4])
{
    uint32_t mask = UINT32_MAX << (32 - range->bits);
    return ((leading(bytes) ^ leading(range->first)) & mask) == 0;
}

static bool any_holds(const struct range *ranges, size_t count, const uint8_t bytes[4])
{
    for (size_t i = 0; i < count; i++) {
        if (range_holds(&ranges[i], bytes)) {
            return true;
        }
    }
    return false;
}

static bool is_mapped(const struct address *address)
{
    return memcmp(address->bytes, mapped_prefix, sizeof mapped_prefix) == 0;
}

static enum address_kind classify(const struct address *address)
{
    bool reserved;
    if (is_mapped(address)) {
        reserved = any_holds(reserved_ipv4, sizeof reserved_ipv4 / sizeof reserved_ipv4[0],
                             address->bytes + sizeof mapped_prefix);
    } else {
        reserved = !range_holds(&global_ipv6, address->bytes) ||
                   any_holds(reserved_ipv6, sizeof reserved_ipv6 / sizeof reserved_ipv6[0],
                             address->bytes);
    }
    return reserved ? ADDRESS_RESERVED : ADDRESS_PUBLIC;
}

enum address_kind address_parse(const uint8_t *text, uint32_t length, struct address *out)
{
    char copy[ADDRESS_TEXT_SIZE];
    if (length == 0 || length >= sizeof copy || memchr(text, '\0', length) != NULL) {
        return ADDRESS_INVALID;
    }
    memcpy(copy, text, length);
    copy[length] = '\0';
    memcpy(out->bytes, mapped_prefix, sizeof mapped_prefix);
    if (inet_pton(AF_INET, copy, out->bytes + sizeof mapped_prefix) != 1 &&
        inet_pton(AF_INET6, copy, out->bytes) != 1) {
        return ADDRESS_INVALID;
    }
    return classify(out);
}

void address_print(const struct address *address, char text[ADDRESS_TEXT_SIZE])
{
    bool ipv4 = is_mapped(address);
    const uint8_t *bytes = ipv4 ? address->bytes + sizeof mapped_prefix : address->bytes;
    if (inet_ntop(ipv4 ? AF_INET : AF_INET6, bytes, text, ADDRESS_TEXT_SIZE) == NULL) {
        text[0] = '\0';
    }
}
