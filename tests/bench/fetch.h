/*
 * Asks the geolocation service about many addresses at once, over few kept connections. Blocks
 * until each has its answer.
 */
#ifndef TESTS_BENCH_FETCH_H
#define TESTS_BENCH_FETCH_H

#include <stddef.h>

#define FETCH_IN_FLIGHT_MAX 1024
/* An answer's body may be no longer, and has PARSE_PADDING readable bytes behind it. */
#define FETCH_BODY_MAX 4096

struct fetch_options {
    const char *endpoint; /* "https://127.0.0.1:4443/" */
    const char *key;      /* or null */
    const char *ca_file;  /* or null: the system's */
    int in_flight;
};

/* `status` is HTTP's, or 0 when there was no answer. `body` is borrowed for the call. */
typedef void fetch_answered(void *opaque, size_t index, long status, const char *body, size_t len);

struct fetcher;
struct fetcher *fetcher_create(const struct fetch_options *options);
void fetcher_destroy(struct fetcher *fetcher);

/* 0 when each address was answered, good or bad; -1 when the library failed. */
__attribute__((warn_unused_result)) int fetcher_run(struct fetcher *fetcher,
                                                    const char *const *addresses, size_t n,
                                                    fetch_answered *answered, void *opaque);

#endif
