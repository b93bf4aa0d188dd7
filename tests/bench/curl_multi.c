/*
 * curl_multi: the yardstick of the geolocating UDF: nothing but requests to the service, each
 * address once, many in flight over kept connections.
 */
#include <curl/curl.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "event.h"
#include "fetch.h"
#include "tools/numbers.h"

struct tally {
    size_t good;
    size_t other;
};

static void on_answer(void *opaque, size_t index, long status, const char *body, size_t len)
{
    struct tally *tally = opaque;
    (void)index;
    (void)body;
    if (status == 200 && len > 0) {
        tally->good++;
    } else {
        tally->other++;
    }
}

/* The addresses of the first `count` events of a topic where each event has its own. */
static char **addresses_create(size_t count, int32_t partitions)
{
    char **addresses = calloc(count, sizeof *addresses);
    for (size_t i = 0; addresses && i < count; i++) {
        struct event_row row;
        event_expected(&row, 1, (int32_t)(i % (size_t)partitions),
                       (int64_t)(i / (size_t)partitions), 0);
        addresses[i] = strndup(row.ip.at, row.ip.len);
        if (!addresses[i]) {
            return NULL;
        }
    }
    return addresses;
}

static double seconds_of(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static int run(const struct fetch_options *options, char **addresses, size_t count)
{
    struct timespec start;
    struct timespec end;
    struct rusage used;
    struct tally tally = {0};
    struct fetcher *fetcher = fetcher_create(options);
    clock_gettime(CLOCK_MONOTONIC, &start);
    if (!fetcher ||
        fetcher_run(fetcher, (const char *const *)addresses, count, on_answer, &tally) < 0) {
        fprintf(stderr, "curl_multi: libcurl failed\n");
        fetcher_destroy(fetcher);
        return 1;
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    getrusage(RUSAGE_SELF, &used);
    double wall = (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9;
    double cpu = seconds_of(used.ru_utime) + seconds_of(used.ru_stime);
    printf("good=%zu other=%zu wall_s=%.3f per_s=%.0f cpu_us=%.1f\n", tally.good, tally.other, wall,
           (double)count / wall, cpu * 1e6 / (double)count);
    fetcher_destroy(fetcher);
    return tally.other > 0;
}

static void usage(void)
{
    fprintf(stderr,
            "usage: curl_multi --endpoint URL [--count 40000] [--partitions 4] [--in-flight 64]\n"
            "                  [--key K] [--ca-file FILE]\n");
    exit(EXIT_USAGE);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"endpoint", required_argument, NULL, 'E'},
                                            {"key", required_argument, NULL, 'k'},
                                            {"ca-file", required_argument, NULL, 'c'},
                                            {"in-flight", required_argument, NULL, 'i'},
                                            {"count", required_argument, NULL, 'n'},
                                            {"partitions", required_argument, NULL, 'p'},
                                            {NULL, 0, NULL, 0}};
    struct fetch_options fetch = {.in_flight = 64};
    size_t count = 40000;
    int32_t partitions = 4;
    int o;
    while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (o) {
        case 'E':
            fetch.endpoint = optarg;
            break;
        case 'k':
            fetch.key = optarg;
            break;
        case 'c':
            fetch.ca_file = optarg;
            break;
        case 'i':
            fetch.in_flight = (int)number_or_exit("in-flight", optarg, 1, FETCH_IN_FLIGHT_MAX);
            break;
        case 'n':
            count = (size_t)number_or_exit("count", optarg, 1, 10000000);
            break;
        case 'p':
            partitions = (int32_t)number_or_exit("partitions", optarg, 1, 64);
            break;
        default:
            usage();
        }
    }
    if (optind < argc || !fetch.endpoint) {
        usage();
    }
    curl_global_init(CURL_GLOBAL_DEFAULT);
    char **addresses = addresses_create(count, partitions);
    int status = addresses ? run(&fetch, addresses, count) : 1;
    for (size_t i = 0; addresses && i < count; i++) {
        free(addresses[i]);
    }
    free(addresses);
    curl_global_cleanup();
    return status;
}
