/*
 * event-gen: produces the events of tests/support/event.h to a fresh topic, so that record
 * (partition, offset) holds event (partition, offset). Every delivery report is compared with that;
 * a topic that is not fresh is an error.
 */
#include <getopt.h>
#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "event.h"
#include "numbers.h"

#define NS_PER_S         1000000000LL
#define FLUSH_TIMEOUT_MS 60000
#define MAX_PARTITIONS   1024
#define MAX_IN_CLIENT    200000
#define RUN_MAX          512
/* Above this rate records go out in bursts of a millisecond: a sleep for each would take a core. */
#define EACH_ON_TIME_MAX_RATE 20000

struct generator {
    const char *topic;
    const char *times_file;
    uint64_t seed;
    int64_t count; /* 0: until a signal */
    int64_t rate;  /* records a second, 0: as fast as possible */
    int64_t start_offset;
    int32_t partitions;
    int32_t first_partition;
    uint32_t distinct_ips;
    double bad_percent;
    bool creates;          /* the topic, with that many partitions */
    bool is_empty;         /* and produces nothing */
    rd_kafka_conf_t *conf; /* given away to the producer */
    rd_kafka_t *rk;
    rd_kafka_topic_t *rkt;
    int64_t *times_us; /* when record i was handed to the client, with --times */
    int64_t produced;
    int64_t acknowledged;
    int64_t failed;
};

static volatile sig_atomic_t stopped;

static void on_signal(int signal_number)
{
    (void)signal_number;
    stopped = 1;
}

static int64_t now_ns(clockid_t clock)
{
    struct timespec ts;
    clock_gettime(clock, &ts);
    return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
    struct generator *g = opaque;
    int64_t expected = (int64_t)(intptr_t)message->_private;
    (void)rk;
    if (!message->err && message->offset == expected) {
        g->acknowledged++;
        return;
    }
    if (g->failed++ < 5) {
        if (message->err) {
            fprintf(stderr, "event-gen: record %" PRId32 "-%" PRId64 " was not delivered: %s\n",
                    message->partition, expected, rd_kafka_err2str(message->err));
        } else {
            fprintf(stderr,
                    "event-gen: record %" PRId32 "-%" PRId64 " got offset %" PRId64
                    ": topic %s is not fresh, or --start-offset is wrong\n",
                    message->partition, expected, message->offset, g->topic);
        }
    }
    stopped = 1;
}

static void usage(FILE *to)
{
    fprintf(to,
            "usage: event-gen --brokers B --topic T [--count N] [--rate PER_SECOND] [--seed S]\n"
            "                 [--partitions P] [--distinct ADDRESSES] [--start-offset N]\n"
            "                 [--first-partition F] [--bad-percent P] [--lz4] [--times FILE]\n"
            "                 [--create [--empty]] [-X property=value]...\n"
            "Without --count it runs until SIGINT or SIGTERM. --times writes one int64 for each "
            "record:\n"
            "microseconds since 1970 at which it was handed to the client. --create makes the "
            "topic;\n"
            "with --empty that is all.\n");
}

static void set_or_exit(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char text[512];
    if (rd_kafka_conf_set(conf, name, value, text, sizeof text) != RD_KAFKA_CONF_OK) {
        fprintf(stderr, "event-gen: %s\n", text);
        exit(EXIT_USAGE);
    }
}

static void set_property(rd_kafka_conf_t *conf, char *pair)
{
    char *equals = strchr(pair, '=');
    if (!equals) {
        fprintf(stderr, "event-gen: -X takes property=value, not \"%s\"\n", pair);
        exit(EXIT_USAGE);
    }
    *equals = '\0';
    set_or_exit(conf, pair, equals + 1);
}

static void set_defaults(rd_kafka_conf_t *conf)
{
    set_or_exit(conf, "client.id", "event-gen");
    /* A fresh broker makes the first producer wait for its coordinator: no warning to anybody. */
    set_or_exit(conf, "log_level", "3");
    /* A retry must not change the order: the offset is the record's identity. */
    set_or_exit(conf, "enable.idempotence", "true");
    set_or_exit(conf, "queue.buffering.max.messages", "1000000");
    set_or_exit(conf, "queue.buffering.max.kbytes", "1048576");
    set_or_exit(conf, "batch.num.messages", "100000");
    set_or_exit(conf, "socket.nagle.disable", "true");
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
}

static const struct option options[] = {{"brokers", required_argument, NULL, 'b'},
                                        {"topic", required_argument, NULL, 't'},
                                        {"count", required_argument, NULL, 'n'},
                                        {"rate", required_argument, NULL, 'r'},
                                        {"seed", required_argument, NULL, 's'},
                                        {"partitions", required_argument, NULL, 'p'},
                                        {"first-partition", required_argument, NULL, 'f'},
                                        {"distinct", required_argument, NULL, 'd'},
                                        {"start-offset", required_argument, NULL, 'o'},
                                        {"lz4", no_argument, NULL, 'l'},
                                        {"bad-percent", required_argument, NULL, 'B'},
                                        {"times", required_argument, NULL, 'T'},
                                        {"create", no_argument, NULL, 'C'},
                                        {"empty", no_argument, NULL, 'E'},
                                        {"help", no_argument, NULL, 'h'},
                                        {NULL, 0, NULL, 0}};

static void parse_options(struct generator *g, int argc, char **argv)
{
    bool brokers = false;
    int c;
    while ((c = getopt_long(argc, argv, "X:h", options, NULL)) != -1) {
        switch (c) {
        case 'b':
            set_or_exit(g->conf, "bootstrap.servers", optarg);
            brokers = true;
            break;
        case 't':
            g->topic = optarg;
            break;
        case 'n':
            g->count = number_or_exit("count", optarg, 0, INT64_MAX);
            break;
        case 'r':
            g->rate = number_or_exit("rate", optarg, 0, NS_PER_S);
            break;
        case 's':
            g->seed = (uint64_t)number_or_exit("seed", optarg, 0, INT64_MAX);
            break;
        case 'p':
            g->partitions = (int32_t)number_or_exit("partitions", optarg, 1, MAX_PARTITIONS);
            break;
        case 'f':
            g->first_partition =
                (int32_t)number_or_exit("first-partition", optarg, 0, MAX_PARTITIONS);
            break;
        case 'd':
            g->distinct_ips = (uint32_t)number_or_exit("distinct", optarg, 0, 1 << 30);
            break;
        case 'o':
            g->start_offset = number_or_exit("start-offset", optarg, 0, INT64_MAX / 2);
            break;
        case 'B':
            g->bad_percent = percent_or_exit("bad-percent", optarg);
            break;
        case 'T':
            g->times_file = optarg;
            break;
        case 'C':
            g->creates = true;
            break;
        case 'E':
            g->is_empty = true;
            break;
        case 'l':
            set_or_exit(g->conf, "compression.codec", "lz4");
            break;
        case 'X':
            set_property(g->conf, optarg);
            break;
        case 'h':
            usage(stdout);
            exit(0);
        default:
            usage(stderr);
            exit(EXIT_USAGE);
        }
    }
    if (optind < argc || !brokers || !g->topic || (g->times_file && g->count == 0)) {
        usage(stderr);
        exit(EXIT_USAGE);
    }
}

/* Whether the broker that made it also tells everybody of it. */
static bool is_known(const struct generator *g, rd_kafka_topic_t *topic)
{
    const struct rd_kafka_metadata *metadata = NULL;
    if (rd_kafka_metadata(g->rk, 0, topic, &metadata, FLUSH_TIMEOUT_MS) != 0) {
        return false;
    }
    bool known = metadata->topic_cnt == 1 && metadata->topics[0].err == 0 &&
                 metadata->topics[0].partition_cnt == g->partitions;
    for (int i = 0; known && i < g->partitions; i++) {
        known = metadata->topics[0].partitions[i].leader >= 0;
    }
    rd_kafka_metadata_destroy(metadata);
    return known;
}

static int await_topic(const struct generator *g)
{
    rd_kafka_topic_t *topic = rd_kafka_topic_new(g->rk, g->topic, NULL);
    int64_t until_ns = now_ns(CLOCK_MONOTONIC) + FLUSH_TIMEOUT_MS * (NS_PER_S / 1000);
    bool known = false;
    while (topic && !(known = is_known(g, topic)) && now_ns(CLOCK_MONOTONIC) < until_ns) {
        rd_kafka_poll(g->rk, 10);
    }
    if (topic) {
        rd_kafka_topic_destroy(topic);
    }
    if (!known) {
        fprintf(stderr, "event-gen: topic %s was made, but the broker does not tell of it\n",
                g->topic);
    }
    return known ? 0 : -1;
}

static int create_topic(const struct generator *g)
{
    char text[512];
    rd_kafka_NewTopic_t *topic =
        rd_kafka_NewTopic_new(g->topic, g->partitions, 1, text, sizeof text);
    rd_kafka_queue_t *answers = rd_kafka_queue_new(g->rk);
    rd_kafka_CreateTopics(g->rk, &topic, 1, NULL, answers);
    rd_kafka_event_t *event = rd_kafka_queue_poll(answers, FLUSH_TIMEOUT_MS);
    const rd_kafka_CreateTopics_result_t *result = rd_kafka_event_CreateTopics_result(event);
    size_t count = 0;
    const rd_kafka_topic_result_t **results =
        result ? rd_kafka_CreateTopics_result_topics(result, &count) : NULL;
    rd_kafka_resp_err_t error =
        count == 1 ? rd_kafka_topic_result_error(results[0]) : rd_kafka_event_error(event);
    if (error) {
        fprintf(stderr, "event-gen: topic %s: %s\n", g->topic, rd_kafka_err2str(error));
    }
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(answers);
    rd_kafka_NewTopic_destroy(topic);
    return error ? -1 : await_topic(g);
}

static int open_producer(struct generator *g)
{
    char text[512];
    rd_kafka_conf_set_opaque(g->conf, g);
    g->rk = rd_kafka_new(RD_KAFKA_PRODUCER, g->conf, text, sizeof text);
    if (!g->rk) {
        fprintf(stderr, "event-gen: %s\n", text);
        rd_kafka_conf_destroy(g->conf);
        return -1;
    }
    if (g->creates && create_topic(g) < 0) {
        return -1;
    }
    g->rkt = rd_kafka_topic_new(g->rk, g->topic, NULL);
    if (!g->rkt) {
        fprintf(stderr, "event-gen: topic %s: %s\n", g->topic,
                rd_kafka_err2str(rd_kafka_last_error()));
        return -1;
    }
    return 0;
}

/* Waits until the client holds few enough records that `n` more cannot be refused: one refused in
 * the middle of a run would change the order. */
static void wait_for_room(struct generator *g, int n)
{
    while (rd_kafka_outq_len(g->rk) + n > MAX_IN_CLIENT && !stopped) {
        rd_kafka_poll(g->rk, 10);
    }
}

/* Hands `n` records of one of the partitions to the client, the first of them with this offset. */
static int produce_run(struct generator *g, int32_t place, int64_t offset, int n)
{
    int32_t partition = g->first_partition + place;
    static char bufs[RUN_MAX][EVENT_MAX_BYTES];
    static rd_kafka_message_t messages[RUN_MAX];
    for (int i = 0; i < n; i++) {
        int64_t at = offset + i;
        bool bad = event_is_bad(g->seed, partition, at, g->bad_percent);
        size_t len = (bad ? event_write_bad : event_write)(bufs[i], sizeof bufs[i], g->seed,
                                                           partition, at, g->distinct_ips);
        messages[i] =
            (rd_kafka_message_t){.payload = bufs[i], .len = len, ._private = (void *)(intptr_t)at};
        if (g->times_us) {
            g->times_us[(at - g->start_offset) * g->partitions + place] =
                now_ns(CLOCK_REALTIME) / 1000;
        }
    }
    wait_for_room(g, n);
    if (rd_kafka_produce_batch(g->rkt, partition, RD_KAFKA_MSG_F_COPY, messages, n) != n) {
        fprintf(stderr, "event-gen: partition %" PRId32 " offset %" PRId64 " and on: %s\n",
                partition, offset, rd_kafka_err2str(rd_kafka_last_error()));
        return -1;
    }
    g->produced += n;
    return 0;
}

static int produce_one(struct generator *g)
{
    int32_t partition = (int32_t)(g->produced % g->partitions);
    return produce_run(g, partition, g->start_offset + g->produced / g->partitions, 1);
}

static void sleep_until(int64_t monotonic_ns)
{
    struct timespec ts = {.tv_sec = monotonic_ns / NS_PER_S, .tv_nsec = monotonic_ns % NS_PER_S};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
}

/* How many records may have left `elapsed_ns` after the start. */
static int64_t due_records(const struct generator *g, int64_t elapsed_ns)
{
    return elapsed_ns / NS_PER_S * g->rate + elapsed_ns % NS_PER_S * g->rate / NS_PER_S + 1;
}

static int produce_paced(struct generator *g)
{
    int64_t start_ns = now_ns(CLOCK_MONOTONIC);
    int64_t step_ns = g->rate > EACH_ON_TIME_MAX_RATE ? NS_PER_S / 1000 : NS_PER_S / g->rate;
    for (int64_t wake_ns = start_ns; !stopped; wake_ns += step_ns) {
        sleep_until(wake_ns);
        int64_t due = due_records(g, now_ns(CLOCK_MONOTONIC) - start_ns);
        while (g->produced < due && !stopped) {
            if (g->count > 0 && g->produced == g->count) {
                return 0;
            }
            if (produce_one(g) < 0) {
                return -1;
            }
        }
        rd_kafka_poll(g->rk, 0);
    }
    return 0;
}

/* How many of the records are in this partition. */
static int64_t partition_count(const struct generator *g, int32_t partition)
{
    return g->count == 0 ? INT64_MAX : (g->count - partition + g->partitions - 1) / g->partitions;
}

static int produce_unpaced(struct generator *g)
{
    for (int64_t round = 0; (g->count == 0 || g->produced < g->count) && !stopped; round++) {
        for (int32_t p = 0; p < g->partitions && !stopped; p++) {
            int64_t rest = partition_count(g, p) - round * RUN_MAX;
            int n = rest < RUN_MAX ? (int)rest : RUN_MAX;
            if (n > 0 && produce_run(g, p, g->start_offset + round * RUN_MAX, n) < 0) {
                return -1;
            }
        }
        rd_kafka_poll(g->rk, 0);
    }
    return 0;
}

static int write_times(const struct generator *g)
{
    FILE *file = fopen(g->times_file, "wb");
    size_t n = (size_t)g->produced;
    if (!file || fwrite(g->times_us, sizeof *g->times_us, n, file) != n || fclose(file) != 0) {
        perror(g->times_file);
        return -1;
    }
    return 0;
}

static int run(struct generator *g)
{
    int64_t start_ns = now_ns(CLOCK_MONOTONIC);
    int failed = g->rate > 0 ? produce_paced(g) : produce_unpaced(g);
    rd_kafka_resp_err_t err = rd_kafka_flush(g->rk, FLUSH_TIMEOUT_MS);
    if (err) {
        fprintf(stderr, "event-gen: %d records still unacknowledged after %d s: %s\n",
                rd_kafka_outq_len(g->rk), FLUSH_TIMEOUT_MS / 1000, rd_kafka_err2str(err));
    }
    double seconds = (double)(now_ns(CLOCK_MONOTONIC) - start_ns) / NS_PER_S;
    printf("%" PRId64 " records acknowledged in %.2f s, %.0f/s\n", g->acknowledged, seconds,
           (double)g->acknowledged / seconds);
    if (failed == 0 && g->times_file) {
        failed = write_times(g);
    }
    return failed != 0 || err || g->failed > 0 || g->acknowledged != g->produced;
}

int main(int argc, char **argv)
{
    struct generator g = {.seed = 1,
                          .partitions = 4,
                          .distinct_ips = EVENT_DISTINCT_IPS_DEFAULT,
                          .conf = rd_kafka_conf_new()};
    struct sigaction action = {.sa_handler = on_signal};
    set_defaults(g.conf);
    parse_options(&g, argc, argv);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    if (g.times_file) {
        g.times_us = calloc((size_t)g.count, sizeof *g.times_us);
    }
    int status = 1;
    if ((!g.times_file || g.times_us) && open_producer(&g) == 0) {
        status = g.is_empty ? 0 : run(&g);
    }
    if (g.rkt) {
        rd_kafka_topic_destroy(g.rkt);
    }
    if (g.rk) {
        rd_kafka_destroy(g.rk);
    }
    free(g.times_us);
    return status;
}
