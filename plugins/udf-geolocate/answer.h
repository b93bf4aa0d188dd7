/* SPDX-License-Identifier: Apache-2.0 */
/** The API's answer: one JSON object, of which three members become a row's text. */
#ifndef GEOLOCATE_ANSWER_H
#define GEOLOCATE_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Longest text of a row, in bytes. Longer names than fit are no names of places. */
#define ANSWER_TEXT_MAX 1024u

struct answer {
    bool is_error;   /**< the body is an object with an "error" that is not null */
    uint32_t length; /**< bytes of text */
    char text[ANSWER_TEXT_MAX];
};

/**
 * Reads country_code, region_name and city_name of a body and writes them as
 * {"country":"US","state":"California","city":"Mountain View"}: UTF-8, only what JSON demands is
 * escaped. A missing member is "", null stays null, of two members of one name the last one counts.
 * False: the body is not one well-formed JSON object (RFC 8259) in UTF-8, one of the three is
 * neither text nor null or holds U+0000 or half a surrogate pair, it is an error, or the text is
 * too long.
 */
bool answer_read(const char *body, size_t length, struct answer *out);

/** True where the body of a refusal speaks of credit, quota or a limit that is used up. */
bool answer_blames_quota(const char *body, size_t length);

/** True where it speaks of the API's key. */
bool answer_blames_key(const char *body, size_t length);

#endif
