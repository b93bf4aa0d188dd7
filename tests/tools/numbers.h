/* Reading a number from a command line: the whole text, in range, or the tool ends with a sentence.
 */
#ifndef TESTS_TOOLS_NUMBERS_H
#define TESTS_TOOLS_NUMBERS_H

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define EXIT_USAGE 64

static inline int64_t number_or_exit(const char *option, const char *text, int64_t least,
                                     int64_t most)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || value < least || value > most) {
        fprintf(stderr, "--%s: \"%s\" is not a whole number from %lld to %lld\n", option, text,
                (long long)least, (long long)most);
        exit(EXIT_USAGE);
    }
    return value;
}

static inline double percent_or_exit(const char *option, const char *text)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end != '\0' || !(value >= 0 && value <= 100)) {
        fprintf(stderr, "--%s: \"%s\" is not a percentage from 0 to 100\n", option, text);
        exit(EXIT_USAGE);
    }
    return value;
}

#endif
