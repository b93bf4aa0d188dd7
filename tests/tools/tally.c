/* SPDX-License-Identifier: Apache-2.0 */
#include "tally.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "event.h"
#include "numbers.h"

#define EXAMPLES       5
#define MAX_PARTITIONS 1024

static const char *const fault_names[TALLY_FAULTS] = {"missing", "duplicate", "foreign", "wrong",
                                                      "out of order"};

void tally_init(struct tally *t)
{
    *t = (struct tally){
        .seed = 1, .count = -1, .partitions = 4, .distinct_ips = EVENT_DISTINCT_IPS_DEFAULT};
}

void tally_fini(struct tally *t)
{
    free(t->seen);
}

bool tally_option(struct tally *t, int option, const char *value)
{
    switch (option) {
    case 'n':
        t->count = number_or_exit("count", value, 0, INT64_MAX / 2);
        return true;
    case 's':
        t->seed = (uint64_t)number_or_exit("seed", value, 0, INT64_MAX);
        return true;
    case 'p':
        t->partitions = (int32_t)number_or_exit("partitions", value, 1, MAX_PARTITIONS);
        return true;
    case 'd':
        t->distinct_ips = (uint32_t)number_or_exit("distinct", value, 0, 1 << 30);
        return true;
    case 'B':
        t->bad_percent = percent_or_exit("bad-percent", value);
        return true;
    default:
        return false;
    }
}

bool tally_begin(struct tally *t)
{
    t->seen = calloc((size_t)t->count / 8 + 1, 1);
    return t->seen != NULL;
}

bool tally_take(struct tally *t, const char *url, size_t length, struct tally_event *event)
{
    t->taken++;
    return url != NULL && event_locate(url, length, &event->partition, &event->offset) &&
           event->partition < t->partitions && event->offset <= t->count / t->partitions &&
           event->offset * t->partitions + event->partition < t->count &&
           !event_is_bad(t->seed, event->partition, event->offset, t->bad_percent);
}

bool tally_fault(struct tally *t, enum tally_fault fault)
{
    return t->faults[fault]++ < EXAMPLES && !t->is_due[fault];
}

static void show(enum tally_fault fault, const struct tally_event *event)
{
    printf("%s: partition %" PRId32 " offset %" PRId64 "\n", fault_names[fault], event->partition,
           event->offset);
}

void tally_see(struct tally *t, const struct tally_event *event)
{
    int64_t i = event->offset * t->partitions + event->partition;
    uint8_t bit = (uint8_t)(1u << (i & 7));
    if ((t->seen[i >> 3] & bit) != 0 && tally_fault(t, TALLY_DUPLICATE)) {
        show(TALLY_DUPLICATE, event);
    }
    t->seen[i >> 3] |= bit;
}

int64_t tally_find_missing(struct tally *t)
{
    int64_t bad = 0;
    for (int64_t i = 0; i < t->count; i++) {
        struct tally_event event = {(int32_t)(i % t->partitions), i / t->partitions};
        if ((t->seen[i >> 3] & (1u << (i & 7))) != 0) {
            continue;
        }
        if (event_is_bad(t->seed, event.partition, event.offset, t->bad_percent)) {
            bad++;
        } else if (tally_fault(t, TALLY_MISSING)) {
            show(TALLY_MISSING, &event);
        }
    }
    return bad;
}

void tally_print(const struct tally *t, int faults, const char *good)
{
    for (int i = 0; i < faults; i++) {
        printf(" %s %" PRId64, fault_names[i], t->faults[i]);
    }
    printf("%s\n", good);
}
