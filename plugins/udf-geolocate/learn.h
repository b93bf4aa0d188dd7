/* SPDX-License-Identifier: Apache-2.0 */
/** Answers that come from another memory than the API: a saved state, a file. */
#ifndef GEOLOCATE_LEARN_H
#define GEOLOCATE_LEARN_H

#include "place.h"

/** Answers an address that nobody asks for. The text is taken over; null = place_empty_text. False:
 * expired, known already, or no memory. [any] */
bool learn_place(struct places *places, const struct address *address, char *text, uint32_t length,
                 int64_t expires_ns, int64_t now_ns);

#endif
