/* The dead letters of one pipeline: which records they name, and how often. */
#ifndef TESTS_FAULT_LETTERS_H
#define TESTS_FAULT_LETTERS_H

#include <stdbool.h>
#include <stdint.h>

/* One byte for each event, in the order in which they were produced: how many letters name it. */
struct letters {
    uint8_t *times;
    int64_t count; /* events */
    int32_t partitions;
    int64_t lines;
    int64_t foreign; /* no such event, or no letter at all */
};

/* Reads FILE and FILE.1 and so on, as far as there are any. False: one cannot be read. */
bool letters_read(struct letters *l, const char *file);

#endif
