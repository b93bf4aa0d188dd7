/*
 * The yardstick: Kafka -> geolocate (cached) -> Postgres by hand, without host or plugins, as fast
 * as we know how. Exactly once like pipehost: the positions are committed with the rows. Ends after
 * --count records, or on SIGINT or SIGTERM.
 */
#include <getopt.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "job.h"
#include "tools/numbers.h"

static volatile sig_atomic_t stopped;

static void on_signal(int signal_number)
{
    (void)signal_number;
    stopped = 1;
}

static void set_or_exit(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char text[512];
    if (rd_kafka_conf_set(conf, name, value, text, sizeof text) != RD_KAFKA_CONF_OK) {
        fprintf(stderr, "%s\n", text);
        exit(EXIT_USAGE);
    }
}

/* One answer brings a megabyte of each of four partitions: half the work for the broker. The queue
 * is JOB_PREFETCH_KIB. */
static void set_defaults(rd_kafka_conf_t *conf)
{
    set_or_exit(conf, "client.id", "handwritten");
    set_or_exit(conf, "fetch.max.bytes", "4000000");
    set_or_exit(conf, "queued.min.messages", "10000000");
    set_or_exit(conf, "queued.max.messages.kbytes", "65536");
    set_or_exit(conf, "fetch.error.backoff.ms", "10");
    set_or_exit(conf, "socket.nagle.disable", "true");
    set_or_exit(conf, "auto.offset.reset", "error");
}

/* Without these the allocator gives each fetched megabyte back to the kernel and faults it in
 * again. */
static void tune_malloc(void)
{
    mallopt(M_MMAP_THRESHOLD, 64 << 20);
    mallopt(M_TRIM_THRESHOLD, 512 << 20);
    mallopt(M_TOP_PAD, 16 << 20);
}

static void usage(FILE *to)
{
    fprintf(to,
            "usage: handwritten --brokers B --topic T --dsn DSN [--partitions P] [--count N]\n"
            "                   [--output-topic T --positions FILE]   in the place of --dsn, or "
            "beside it\n"
            "                   [--table processed_events] [--epoch-rows 50000]\n"
            "                   [--endpoint URL [--key K] [--ca-file FILE] [--in-flight 64]]\n"
            "                   [-X property=value]...\n"
            "Without --endpoint geodata comes from the function that the stand-in answers by.\n");
}

/* Of both clients. */
static void set_property(struct job *job, char *pair)
{
    char *equals = strchr(pair, '=');
    if (!equals) {
        usage(stderr);
        exit(EXIT_USAGE);
    }
    *equals = '\0';
    set_or_exit(job->conf, pair, equals + 1);
    set_or_exit(job->out.conf, pair, equals + 1);
}

static const struct option options[] = {
    {"brokers", required_argument, NULL, 'b'},    {"topic", required_argument, NULL, 't'},
    {"dsn", required_argument, NULL, 'D'},        {"output-topic", required_argument, NULL, 'o'},
    {"positions", required_argument, NULL, 'P'},  {"partitions", required_argument, NULL, 'p'},
    {"count", required_argument, NULL, 'n'},      {"table", required_argument, NULL, 'T'},
    {"epoch-rows", required_argument, NULL, 'e'}, {"endpoint", required_argument, NULL, 'E'},
    {"key", required_argument, NULL, 'k'},        {"ca-file", required_argument, NULL, 'c'},
    {"in-flight", required_argument, NULL, 'i'},  {NULL, 0, NULL, 0}};

static void parse_options(struct job *job, int argc, char **argv)
{
    int o;
    while ((o = getopt_long(argc, argv, "X:", options, NULL)) != -1) {
        switch (o) {
        case 'b':
            set_or_exit(job->conf, "bootstrap.servers", optarg);
            set_or_exit(job->out.conf, "bootstrap.servers", optarg);
            break;
        case 't':
            job->topic = optarg;
            break;
        case 'D':
            job->dsn = optarg;
            break;
        case 'o':
            job->out.topic = optarg;
            break;
        case 'P':
            job->out.positions = optarg;
            break;
        case 'p':
            job->sink.partitions =
                (int32_t)number_or_exit("partitions", optarg, 1, ROWS_PARTITIONS_MAX);
            break;
        case 'n':
            job->count = number_or_exit("count", optarg, 0, INT64_MAX);
            break;
        case 'T':
            job->sink.table = optarg;
            break;
        case 'e':
            job->sink.epoch_rows_max = (int)number_or_exit("epoch-rows", optarg, 1, 10000000);
            break;
        case 'E':
            job->fetch.endpoint = optarg;
            break;
        case 'k':
            job->fetch.key = optarg;
            break;
        case 'c':
            job->fetch.ca_file = optarg;
            break;
        case 'i':
            job->fetch.in_flight = (int)number_or_exit("in-flight", optarg, 1, FETCH_IN_FLIGHT_MAX);
            break;
        case 'X':
            set_property(job, optarg);
            break;
        default:
            usage(stderr);
            exit(EXIT_USAGE);
        }
    }
    if (optind < argc || !job->topic || (!job->out.topic && !job->dsn) ||
        (job->out.topic && !job->out.positions)) {
        usage(stderr);
        exit(EXIT_USAGE);
    }
    job->sink.topic = job->topic;
}

static double seconds_of(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static void report(const struct job *job, const struct timespec *start)
{
    struct timespec end;
    struct rusage usage_now;
    clock_gettime(CLOCK_MONOTONIC, &end);
    getrusage(RUSAGE_SELF, &usage_now);
    double wall =
        (double)(end.tv_sec - start->tv_sec) + (double)(end.tv_nsec - start->tv_nsec) / 1e9;
    double user = seconds_of(usage_now.ru_utime);
    double sys = seconds_of(usage_now.ru_stime);
    printf("%" PRId64 " records, %" PRId64 " undecodable, %" PRId64 " commits, %.3f s wall, %.0f/s,"
           " %.3f s user, %.3f s system, %.3f us CPU a record\n",
           job->records, job->undecodable, job->out.topic ? job->out.commits : job->sink.commits,
           wall, (double)job->records / wall, user, sys, (user + sys) * 1e6 / (double)job->records);
}

int main(int argc, char **argv)
{
    static struct job job = {
        .sink = {.table = "processed_events", .partitions = 4, .epoch_rows_max = 50000},
        .fetch = {.in_flight = 64}};
    struct timespec start;
    struct sigaction action = {.sa_handler = on_signal};
    clock_gettime(CLOCK_MONOTONIC, &start);
    tune_malloc();
    job.conf = rd_kafka_conf_new();
    job.out.conf = rd_kafka_conf_new();
    set_defaults(job.conf);
    parse_options(&job, argc, argv);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    int failed = job_open(&job) < 0 || job_run(&job, &stopped) < 0;
    if (!failed) {
        report(&job, &start);
    }
    job_close(&job);
    return failed;
}
