/* SPDX-License-Identifier: Apache-2.0 */
/** An IP address as a look-up's key: what text names one, and which ones no public database knows.
 */
#ifndef GEOLOCATE_ADDRESS_H
#define GEOLOCATE_ADDRESS_H

#include <stdint.h>

/** Longest text of an address, with its NUL. */
#define ADDRESS_TEXT_SIZE 46u

/** Sixteen bytes in network order; IPv4 stands as IPv4-mapped IPv6, so both spellings are one key.
 */
struct address {
    uint8_t bytes[16];
};

enum address_kind {
    ADDRESS_PUBLIC,   /**< worth a look-up */
    ADDRESS_RESERVED, /**< private, loopback, link-local, multicast, documentation, ... */
    ADDRESS_INVALID   /**< not the text of an IPv4 or IPv6 address */
};

/** Text need not end in a NUL. *out is set unless the answer is ADDRESS_INVALID. */
enum address_kind address_parse(const uint8_t *text, uint32_t length, struct address *out);

/** The address's one canonical spelling, with a NUL. */
void address_print(const struct address *address, char text[ADDRESS_TEXT_SIZE]);

#endif
