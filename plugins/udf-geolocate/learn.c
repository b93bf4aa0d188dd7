/* SPDX-License-Identifier: Apache-2.0 */
#include "learn.h"

#include <stdlib.h>

bool learn_place(struct places *places, const struct address *address, char *text, uint32_t length,
                 int64_t expires_ns, int64_t now_ns)
{
    struct place *place = NULL;
    uint64_t evictions = 0;
    bool is_new =
        expires_ns > now_ns && places_find(places, address, now_ns, 0, &place) == PLACE_TO_ASK;
    if (is_new) {
        (void)places_answer(places, place, text, length, expires_ns, &evictions);
    } else {
        free(text);
    }
    place_release(place);
    return is_new;
}
