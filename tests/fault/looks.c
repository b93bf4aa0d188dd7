#include "looks.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>

#include "event.h"
#include "numbers.h"

#define EXAMPLES 5

static const char *const fault_names[LOOKS_FAULTS] = {"lost",
                                                      "duplicate",
                                                      "foreign",
                                                      "corrupt",
                                                      "out of order",
                                                      "above the position",
                                                      "dead letters twice",
                                                      "of no bad record",
                                                      "missing"};

void looks_init(struct looks *l)
{
    *l = (struct looks){.interval_ms = 100};
    tally_init(&l->fed);
}

bool looks_option(struct looks *l, int option, const char *value)
{
    switch (option) {
    case 'l':
        l->letters_file = value;
        return true;
    case 'i':
        l->interval_ms = number_or_exit("interval-ms", value, 1, 60000);
        return true;
    default:
        return tally_option(&l->fed, option, value);
    }
}

bool looks_is_told(const struct looks *l)
{
    return l->letters_file != NULL && l->fed.count > 0 && l->fed.count <= INT32_MAX &&
           l->fed.partitions <= LOOKS_PARTITIONS_MAX;
}

bool looks_begin(struct looks *l)
{
    l->letters = (struct letters){.times = calloc((size_t)l->fed.count, 1),
                                  .count = l->fed.count,
                                  .partitions = l->fed.partitions};
    return l->letters.times != NULL;
}

void looks_fini(struct looks *l)
{
    free(l->letters.times);
    tally_fini(&l->fed);
}

int looks_signals(void)
{
    sigset_t signals;
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigaddset(&signals, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &signals, NULL);
    return signalfd(-1, &signals, SFD_CLOEXEC);
}

bool looks_is_event(const struct looks *l, int64_t partition, int64_t offset)
{
    const struct tally *f = &l->fed;
    return partition >= 0 && partition < f->partitions && offset >= 0 &&
           offset <= f->count / f->partitions && offset * f->partitions + partition < f->count;
}

bool looks_is_bad(const struct looks *l, int32_t partition, int64_t offset)
{
    return event_is_bad(l->fed.seed, partition, offset, l->fed.bad_percent) ||
           (l->refused_modulo > 0 && offset % l->refused_modulo == l->refused_rest);
}

void looks_fault(struct looks *l, enum looks_fault which, int32_t partition, int64_t offset)
{
    if (l->faults[which]++ < EXAMPLES) {
        printf("%s: partition %" PRId32 " offset %" PRId64 " (position %" PRId64 ", look %" PRId64
               ")\n",
               fault_names[which], partition, offset,
               partition >= 0 && partition < l->fed.partitions ? l->positions[partition] : -1,
               l->count);
    }
}

void looks_take_positions(struct looks *l)
{
    int64_t sum = 0;
    for (int32_t p = 0; p < l->fed.partitions; p++) {
        sum += l->positions[p];
    }
    l->moved += sum != l->sum;
    l->sum = sum;
}

bool looks_read_letters(struct looks *l)
{
    bool ok = letters_read(&l->letters, l->letters_file);
    l->unread += !ok;
    return ok;
}

static const char *blindness(const struct looks *l, int64_t seen, const char *blind)
{
    if (l->unread > 0) {
        return "dead letters could not be read";
    }
    if (l->count == 0) {
        return "not one look was possible";
    }
    return blind == NULL && seen > 0 && l->moved == 0 ? "records, but no position" : blind;
}

int looks_report(const struct looks *l, int64_t seen, const char *things, const char *blind)
{
    int64_t sum = 0;
    const char *why = blindness(l, seen, blind);
    printf("%" PRId64 " looks, %" PRId64 " at new positions, %" PRId64 " %s, %" PRId64
           " dead letters:",
           l->count, l->moved, seen, things, l->letters.lines);
    for (int i = 0; i < LOOKS_FAULTS; i++) {
        sum += l->faults[i];
        if (l->faults[i] > 0) {
            printf(" %s %" PRId64, fault_names[i], l->faults[i]);
        }
    }
    if (why != NULL) {
        printf(" %s", why);
    }
    bool ok = sum == 0 && why == NULL;
    printf("%s\n", ok ? " as it must be" : "");
    return ok ? 0 : 1;
}
