/* SPDX-License-Identifier: Apache-2.0 */
#include "delivery/breaker.h"

void breaker_init(struct breaker *b, uint32_t percent)
{
    *b = (struct breaker){.percent = percent};
}

/* Forgets the bad records that a window ending at `last` has passed. */
static void move_window(struct breaker *b, uint64_t last)
{
    while (b->bad_count > 0 && b->bad[b->oldest] + BREAKER_WINDOW <= last) {
        b->oldest = (b->oldest + 1) % BREAKER_WINDOW;
        b->bad_count--;
    }
}

void breaker_place(struct breaker *b, uint64_t ahead)
{
    b->ahead = ahead;
}

void breaker_seen(struct breaker *b, uint64_t count)
{
    b->seen += count;
    b->ahead = 0;
}

static void count_code(struct breaker *b, const char *code, const char *reason)
{
    uint32_t i = 0;
    while (i < b->code_count && strcmp(b->codes[i].code, code) != 0) {
        i++;
    }
    if (i == BREAKER_CODES) {
        return; /* the commonest are among the first ones seen */
    }
    if (i == b->code_count) {
        b->code_count++;
        (void)snprintf(b->codes[i].code, sizeof b->codes[i].code, "%s", code);
    }
    b->codes[i].count++;
    (void)snprintf(b->codes[i].reason, sizeof b->codes[i].reason, "%s", reason);
}

static const struct breaker_code *commonest(const struct breaker *b)
{
    const struct breaker_code *most = &b->codes[0];
    for (uint32_t i = 1; i < b->code_count; i++) {
        most = b->codes[i].count > most->count ? &b->codes[i] : most;
    }
    return most;
}

static int32_t trip(const struct breaker *b, struct ph_error *err)
{
    const struct breaker_code *most = commonest(b);
    return ph_error_set(err, PH_ERR_FATAL,
                        "%u of the last %u records were set aside, more than "
                        "dead_letter.stop_above_percent (%u) allows; most often (%s): %s; the last "
                        "ones: %s, %s, %s",
                        b->bad_count, BREAKER_WINDOW, b->percent, most->code, most->reason,
                        b->examples[0], b->examples[1], b->examples[2]);
}

int32_t breaker_bad(struct breaker *b, const char *code, const char *reason, const char *place,
                    struct ph_error *err)
{
    uint64_t at = b->seen + b->ahead + 1;
    move_window(b, at);
    if (b->bad_count == BREAKER_WINDOW) { /* told again: the unit was done again */
        b->oldest = (b->oldest + 1) % BREAKER_WINDOW;
        b->bad_count--;
    }
    b->bad[(b->oldest + b->bad_count) % BREAKER_WINDOW] = at;
    b->bad_count++;
    count_code(b, code, reason);
    char *example = b->examples[b->example_count++ % BREAKER_EXAMPLES];
    (void)snprintf(example, sizeof b->examples[0], "%s", place);
    return at >= BREAKER_WINDOW && b->bad_count * 100u > b->percent * BREAKER_WINDOW ? trip(b, err)
                                                                                     : PH_OK;
}
