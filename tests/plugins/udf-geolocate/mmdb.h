/* SPDX-License-Identifier: Apache-2.0 */
/** Writes small MaxMind DB files (format 2.0, IPv6 tree, 32-bit records). */
#ifndef GEOLOCATE_TEST_MMDB_H
#define GEOLOCATE_TEST_MMDB_H

#include <stdint.h>

enum mmdb_layout {
    MMDB_GEOIP2, /**< country.iso_code, subdivisions.0.names.en, city.names.en */
    MMDB_FLAT    /**< country_code, state1, city */
};

struct mmdb_record {
    const char *address;  /**< IPv4 or IPv6 */
    uint32_t prefix_bits; /**< of the address's own family */
    const char *country;  /**< null = the record has none */
    const char *state;
    const char *city;
};

/** Makes the file, by rename where one has that name. Running out of room ends the test. */
void mmdb_write(const char *path, enum mmdb_layout layout, const struct mmdb_record *records,
                uint32_t count);

#endif
