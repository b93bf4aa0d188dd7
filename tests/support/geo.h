/*
 * Where the stand-in of the geolocation service says that an address is: a pure function of the
 * address's text, so that a checker computes what each row must hold. All functions are [any]: no
 * state, no allocation.
 */
#ifndef TESTS_SUPPORT_GEO_H
#define TESTS_SUPPORT_GEO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* UTF-8 constants that need no escape in JSON. */
struct geo_answer {
    const char *country_code;
    const char *country_name;
    const char *region_name;
    const char *city_name;
};

/* Any text has an answer; the stand-in refuses what is no address before it asks. */
void geo_answer(const char *ip, size_t ip_len, struct geo_answer *out);

/* Whether this address is among the `percent` (0..100) that the stand-in answers with a failure. */
bool geo_fails(const char *ip, size_t ip_len, uint32_t percent);

uint64_t geo_hash(const char *ip, size_t ip_len);

#ifdef __cplusplus
}
#endif

#endif
