/* SPDX-License-Identifier: Apache-2.0 */
/** The events of tests/support/event.h, counted where they came out of a pipeline: each names
 * itself in its url, so a bitmap is all the memory that this takes. */
#ifndef TALLY_H
#define TALLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tally_fault {
    TALLY_MISSING,
    TALLY_DUPLICATE,
    TALLY_FOREIGN,
    TALLY_WRONG,
    TALLY_DISORDER, /**< not everybody looks for it */
    TALLY_FAULTS
};

struct tally {
    /* As event-gen was told. */
    uint64_t seed;
    int64_t count; /**< below 0 = not told yet */
    int32_t partitions;
    uint32_t distinct_ips;
    double bad_percent;

    bool is_due[TALLY_FAULTS]; /**< some of these must be there: they are not shown */
    int64_t taken;             /**< what came out, whatever it is */
    int64_t faults[TALLY_FAULTS];
    uint8_t *seen; /**< one bit for each event, in the order in which they were produced */
};

struct tally_event {
    int32_t partition;
    int64_t offset;
};

/** What tally_option knows, for getopt_long. */
#define TALLY_OPTIONS                                                                              \
    {"count", required_argument, NULL, 'n'}, {"seed", required_argument, NULL, 's'},               \
        {"partitions", required_argument, NULL, 'p'}, {"distinct", required_argument, NULL, 'd'},  \
    {                                                                                              \
        "bad-percent", required_argument, NULL, 'B'                                                \
    }

void tally_init(struct tally *t);
void tally_fini(struct tally *t);
/** False: the option is the program's own. A value that is none ends the program. */
bool tally_option(struct tally *t, int option, const char *value);
/** Behind the last option. False: no memory. */
bool tally_begin(struct tally *t);

/** Counts one that came out and says which event it is; false: none that was produced. */
bool tally_take(struct tally *t, const char *url, size_t length, struct tally_event *event);
/** Counts a fault; whether it is among the few to be shown. */
bool tally_fault(struct tally *t, enum tally_fault fault);
/** Marks the event, and shows it when it came before. */
void tally_see(struct tally *t, const struct tally_event *event);
/** Shows what never came; gives the number of events that had to be left out. */
int64_t tally_find_missing(struct tally *t);
/** The end of the report's line: how many there are of the first faults, and good where it is. */
void tally_print(const struct tally *t, int faults, const char *good);

#endif
