/* What one who looks at an output again and again has seen: how far its positions are, which
 * dead letters there are, and what of it must not be. */
#ifndef TESTS_FAULT_LOOKS_H
#define TESTS_FAULT_LOOKS_H

#include <stdbool.h>
#include <stdint.h>

#include "letters.h"
#include "tally.h"

#define LOOKS_PARTITIONS_MAX 256

enum looks_fault {
    LOOKS_LOSS,
    LOOKS_DUPLICATE,
    LOOKS_FOREIGN,
    LOOKS_CORRUPT,
    LOOKS_DISORDER,
    LOOKS_ABOVE,
    LOOKS_LETTER_TWICE,
    LOOKS_LETTER_FOREIGN,
    LOOKS_LETTER_MISSING,
    LOOKS_FAULTS
};

struct looks {
    struct tally fed;       /* what event-gen was told, and no more of it */
    int64_t refused_modulo; /* the output refuses offsets with this rest; 0: none */
    int64_t refused_rest;
    const char *letters_file;
    int64_t interval_ms;
    struct letters letters;
    int64_t positions[LOOKS_PARTITIONS_MAX]; /* next offsets */
    int64_t sum;                             /* of them, at the last look */
    int64_t count;
    int64_t moved;  /* looks that saw other positions than the one before */
    int64_t unread; /* looks at dead letters that are there and could not be read */
    int64_t faults[LOOKS_FAULTS];
};

/* What looks_option knows, for getopt_long. */
#define LOOKS_OPTIONS                                                                              \
    {"letters", required_argument, NULL, 'l'}, {"interval-ms", required_argument, NULL, 'i'},      \
        TALLY_OPTIONS

void looks_init(struct looks *l);
/* False: the option is the program's own. A value that is none ends the program. */
bool looks_option(struct looks *l, int option, const char *value);
/* What is needed was among the options. */
bool looks_is_told(const struct looks *l);
/* Behind the last option. False: no memory; looks_fini is due all the same. */
bool looks_begin(struct looks *l);
void looks_fini(struct looks *l);

/* Readable from SIGTERM or SIGINT on, which end nothing any more; -1: there is none. */
int looks_signals(void);

bool looks_is_event(const struct looks *l, int64_t partition, int64_t offset);
/* Not to be in the output, but among the dead letters. */
bool looks_is_bad(const struct looks *l, int32_t partition, int64_t offset);

/* Counts it, and shows it where it is among the first few. */
void looks_fault(struct looks *l, enum looks_fault which, int32_t partition, int64_t offset);
/* The positions are those of another look now. */
void looks_take_positions(struct looks *l);
/* False: they are there, but cannot be read. */
bool looks_read_letters(struct looks *l);

/* Prints the last line; `seen` things called `things` are in the output. blind: why nothing follows
 * from there being no fault, or null. Gives the exit status. */
int looks_report(const struct looks *l, int64_t seen, const char *things, const char *blind);

#endif
