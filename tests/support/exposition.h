/* SPDX-License-Identifier: Apache-2.0 */
/** A strict reader of Prometheus' text exposition format 0.0.4: what its grammar leaves to taste
 * (no HELP, samples of a family apart, labels twice) is an error here. */
#ifndef TESTS_SUPPORT_EXPOSITION_H
#define TESTS_SUPPORT_EXPOSITION_H

#include <stdbool.h>
#include <stddef.h>

#define EXPOSITION_SAMPLES_MAX 2000

struct exposition_sample {
    char name[200];
    char labels[600]; /* as written, without braces */
    char type[16];    /* of its family */
    double value;
};

struct exposition {
    struct exposition_sample samples[EXPOSITION_SAMPLES_MAX];
    size_t count;
    char error[300]; /* with the line's number */
};

/* False: error says why. */
bool exposition_parse(struct exposition *e, const char *text);

/* The only sample with that name whose labels contain the text; null = none or several. */
const struct exposition_sample *exposition_find(const struct exposition *e, const char *name,
                                                const char *label);

#endif
