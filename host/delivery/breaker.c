/* SPDX-License-Identifier: Apache-2.0 */
#include "delivery/breaker.h"

void breaker_init(struct breaker *b, uint32_t percent)
{
    *b = (struct breaker){.percent = percent};
}

static void forget_oldest(struct breaker *b)
{
    uint8_t code = b->bad_codes[b->oldest];
    if (code < BREAKER_CODES) {
        b->codes[code].count--;
    }
    b->oldest = (b->oldest + 1) % BREAKER_WINDOW;
    b->bad_count--;
}

/* Forgets the bad records that a window ending at `last` has passed. */
static void move_window(struct breaker *b, uint64_t last)
{
    while (b->bad_count > 0 && b->bad[b->oldest] + BREAKER_WINDOW <= last) {
        forget_oldest(b);
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

/* The entry of a code, or one that the window has no record of; BREAKER_CODES: all are taken. */
static uint8_t find_code(const struct breaker *b, const char *code)
{
    uint8_t unused = BREAKER_CODES;
    for (uint8_t i = 0; i < BREAKER_CODES; i++) {
        if (strncmp(b->codes[i].code, code, sizeof b->codes[i].code - 1) == 0) {
            return i;
        }
        unused = b->codes[i].count == 0 && unused == BREAKER_CODES ? i : unused;
    }
    return unused;
}

static uint8_t count_code(struct breaker *b, const char *code, const char *reason,
                          const char *example)
{
    uint8_t index = find_code(b, code);
    if (index == BREAKER_CODES) {
        return index; /* it is not the commonest */
    }
    struct breaker_code *c = &b->codes[index];
    if (c->count == 0) {
        c->example_count = 0;
        (void)snprintf(c->code, sizeof c->code, "%s", code);
    }
    c->count++;
    (void)snprintf(c->reason, sizeof c->reason, "%s", reason);
    (void)snprintf(c->examples[c->example_count++ % BREAKER_EXAMPLES], BREAKER_EXAMPLE_SIZE, "%s",
                   example);
    return index;
}

static const struct breaker_code *commonest(const struct breaker *b)
{
    const struct breaker_code *most = &b->codes[0];
    for (uint32_t i = 1; i < BREAKER_CODES; i++) {
        most = b->codes[i].count > most->count ? &b->codes[i] : most;
    }
    return most;
}

/* span: "the last 1000" or "all 120". */
static int32_t trip(const struct breaker *b, const char *span, struct ph_error *err)
{
    const struct breaker_code *most = commonest(b);
    char examples[BREAKER_EXAMPLES * (BREAKER_EXAMPLE_SIZE + 2)] = "";
    size_t length = 0;
    for (uint32_t i = 0; i < most->example_count && i < BREAKER_EXAMPLES; i++) {
        length += (size_t)snprintf(examples + length, sizeof examples - length, "%s%s",
                                   i == 0 ? "" : "; ", most->examples[i]);
    }
    return ph_error_set(err, PH_ERR_FATAL,
                        "%u of %s records were set aside, more than "
                        "dead_letter.stop_above_percent (%u) allows; most often (%s): %.160s; such "
                        "as %s",
                        b->bad_count, span, b->percent, most->code, most->reason, examples);
}

int32_t breaker_bad(struct breaker *b, const char *code, const char *reason, const char *example,
                    struct ph_error *err)
{
    char span[32];
    uint64_t at = b->seen + b->ahead + 1;
    move_window(b, at);
    if (b->bad_count == BREAKER_WINDOW) { /* told again: the unit was done again */
        forget_oldest(b);
    }
    uint32_t index = (b->oldest + b->bad_count) % BREAKER_WINDOW;
    b->bad[index] = at;
    b->bad_codes[index] = count_code(b, code, reason, example);
    b->bad_count++;
    if (at < BREAKER_WINDOW || b->bad_count * 100u <= b->percent * BREAKER_WINDOW) {
        return PH_OK;
    }
    (void)snprintf(span, sizeof span, "the last %u", BREAKER_WINDOW);
    return trip(b, span, err);
}

int32_t breaker_end(const struct breaker *b, uint64_t running, struct ph_error *err)
{
    char span[32];
    uint64_t all = b->seen + running;
    if (all < BREAKER_LEAST || all >= BREAKER_WINDOW || b->bad_count * 100u <= b->percent * all) {
        return PH_OK;
    }
    (void)snprintf(span, sizeof span, "all %u", (uint32_t)all);
    return trip(b, span, err);
}
