/*
 * The text of the column geodata: {"country":"US","state":"California","city":"Mountain View"}.
 * [any]
 */
#ifndef TESTS_SUPPORT_GEODATA_H
#define TESTS_SUPPORT_GEODATA_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GEODATA_MAX_BYTES 512

/* Writes the text, JSON-escaped where needed, and gives its length; 0 when it does not fit. Not
 * NUL-terminated. */
size_t geodata_write(char *buf, size_t cap, const char *country, size_t country_len,
                     const char *state, size_t state_len, const char *city, size_t city_len);

/* The text for what the stand-in answers about this address. */
size_t geodata_of(const char *ip, size_t ip_len, char *buf, size_t cap);

#ifdef __cplusplus
}
#endif

#endif
