/*
 * fault-watch-kafka: looks every 100 ms, until SIGTERM, at a Kafka output, at the group in which
 * its sink keeps its positions, and at the dead letters. Broker and group show no common moment:
 * a transaction that is decided becomes visible in each partition on its own. So the order of
 * reading makes each look exact, without a tolerance in time:
 *
 *   records, then positions: no record is at or above the position of its partition. Where one is,
 *     the positions are read once more, now waiting for the transaction that moves them.
 *   positions, then dead letters: each bad record below them has one.
 *   positions, then the output's ends: all records of the transactions that moved these positions
 *     stand below these ends. As soon as a read_committed reader has come so far, it must have had
 *     each good record below the positions, once. A look that awaits this is a claim.
 *
 * Exit 0: so it is; 1: it is not, with the first five of each sort, or nothing was seen from which
 * that follows; 2: could not look; 64: usage.
 */
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "looks.h"
#include "numbers.h"
#include "output.h"

#define MAX_CLAIMS 1024
#define END_MS     180000 /* for what a transaction still holds back at the end */

enum { SEEN = 1, TOLD = 2 };

struct claim {
    int64_t positions[LOOKS_PARTITIONS_MAX];
    int64_t ends[OUTPUT_PARTITIONS_MAX];
};

struct watch {
    const char *brokers;
    const char *topic;
    const char *source;
    const char *group;
    struct looks looks; /* counts claims, when they came true or did not */
    struct output output;
    uint8_t *events;                   /* SEEN and TOLD, in the order in which they were produced */
    int64_t top[LOOKS_PARTITIONS_MAX]; /* above the last record that came */
    int64_t last[OUTPUT_PARTITIONS_MAX][LOOKS_PARTITIONS_MAX]; /* its offset, or -1 */
    struct claim claims[MAX_CLAIMS];                           /* from first on, in a ring */
    uint32_t first;
    uint32_t claim_count;
    bool is_undecided; /* a record above the positions, and these did not stand still yet */
    int64_t records;
};

/* Once for each event. */
static void fault_once(struct watch *w, enum looks_fault which, int32_t partition, int64_t offset)
{
    uint8_t *event = &w->events[offset * w->looks.fed.partitions + partition];
    if ((*event & TOLD) == 0) {
        *event |= TOLD;
        looks_fault(&w->looks, which, partition, offset);
    }
}

/* ---- records ---- */

/* -1: the header is missing or no number. */
static int64_t number_in(const rd_kafka_headers_t *headers, const char *name)
{
    const void *value;
    size_t size;
    char *end;
    if (rd_kafka_header_get_last(headers, name, &value, &size) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return -1;
    }
    int64_t number = strtoll(value, &end, 10); /* librdkafka puts a NUL behind each value */
    return size > 0 && end == (const char *)value + size ? number : -1;
}

static void check_record(struct watch *w, const rd_kafka_message_t *m)
{
    rd_kafka_headers_t *headers;
    bool has_headers = rd_kafka_message_headers(m, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR;
    int64_t partition = has_headers ? number_in(headers, "source.partition") : -1;
    int64_t offset = has_headers ? number_in(headers, "source.offset") : -1;
    w->records++;
    if (!looks_is_event(&w->looks, partition, offset) ||
        looks_is_bad(&w->looks, (int32_t)partition, offset)) {
        looks_fault(&w->looks, LOOKS_FOREIGN, (int32_t)partition, offset);
        return;
    }
    int32_t p = (int32_t)partition;
    uint8_t *event = &w->events[offset * w->looks.fed.partitions + p];
    int64_t *last = &w->last[m->partition][p];
    if ((*event & SEEN) != 0) {
        looks_fault(&w->looks, LOOKS_DUPLICATE, p, offset);
    } else if (offset < *last) {
        looks_fault(&w->looks, LOOKS_DISORDER, p, offset);
    }
    *event |= SEEN;
    *last = offset > *last ? offset : *last;
    w->top[p] = offset >= w->top[p] ? offset + 1 : w->top[p];
}

/* What has come, or comes within this time. */
static void read_records(struct watch *w, int timeout_ms)
{
    rd_kafka_message_t *m;
    while ((m = output_next(&w->output, timeout_ms)) != NULL) {
        check_record(w, m);
        rd_kafka_message_destroy(m);
        timeout_ms = 0;
    }
}

/* ---- claims ---- */

static bool is_due(const struct watch *w, const struct claim *c)
{
    for (int32_t p = 0; p < w->output.count; p++) {
        if (w->output.read_to[p] < c->ends[p]) {
            return false;
        }
    }
    return true;
}

static void settle(struct watch *w)
{
    while (w->claim_count > 0 && is_due(w, &w->claims[w->first])) {
        const struct claim *c = &w->claims[w->first];
        w->looks.count++;
        for (int32_t p = 0; p < w->looks.fed.partitions; p++) {
            for (int64_t o = 0; looks_is_event(&w->looks, p, o) && o < c->positions[p]; o++) {
                if (!looks_is_bad(&w->looks, p, o) &&
                    (w->events[o * w->looks.fed.partitions + p] & SEEN) == 0) {
                    fault_once(w, LOOKS_LOSS, p, o);
                }
            }
        }
        w->first = (w->first + 1) % MAX_CLAIMS;
        w->claim_count--;
    }
}

/* ---- a look ---- */

static bool is_above(const struct watch *w)
{
    for (int32_t p = 0; p < w->looks.fed.partitions; p++) {
        if (w->top[p] > w->looks.positions[p]) {
            return true;
        }
    }
    return false;
}

/* False: they could not be read. */
static bool look_at_positions(struct watch *w)
{
    struct output *o = &w->output;
    if (!output_positions(o, false, w->source, w->looks.fed.partitions, w->looks.positions)) {
        return false;
    }
    w->is_undecided = is_above(w) && !output_positions(o, true, w->source, w->looks.fed.partitions,
                                                       w->looks.positions);
    for (int32_t p = 0; p < w->looks.fed.partitions; p++) {
        for (int64_t at = w->looks.positions[p]; !w->is_undecided && at < w->top[p]; at++) {
            if ((w->events[at * w->looks.fed.partitions + p] & SEEN) != 0) {
                fault_once(w, LOOKS_ABOVE, p, at);
            }
        }
    }
    looks_take_positions(&w->looks);
    return true;
}

static bool look_at_letters(struct watch *w)
{
    if (!looks_read_letters(&w->looks)) {
        return false;
    }
    for (int64_t i = 0; i < w->looks.fed.count; i++) {
        int32_t p = (int32_t)(i % w->looks.fed.partitions);
        int64_t o = i / w->looks.fed.partitions;
        bool bad = looks_is_bad(&w->looks, p, o);
        if (bad && o < w->looks.positions[p] && w->looks.letters.times[i] == 0) {
            fault_once(w, LOOKS_LETTER_MISSING, p, o);
        }
        if (w->looks.letters.times[i] > 1) {
            fault_once(w, LOOKS_LETTER_TWICE, p, o);
        }
        if (w->looks.letters.times[i] > 0 && !bad) {
            fault_once(w, LOOKS_LETTER_FOREIGN, p, o);
        }
    }
    w->looks.faults[LOOKS_LETTER_FOREIGN] += w->looks.letters.foreign;
    return true;
}

/* False: something did not answer, which belongs to some tests: report knows if none was seen. */
static bool look(struct watch *w)
{
    read_records(w, 0);
    if (!look_at_positions(w) || !look_at_letters(w) || w->claim_count == MAX_CLAIMS) {
        return false;
    }
    struct claim *c = &w->claims[(w->first + w->claim_count) % MAX_CLAIMS];
    memcpy(c->positions, w->looks.positions, sizeof c->positions);
    if (!output_ends(&w->output, c->ends)) {
        return false;
    }
    w->claim_count++;
    return true;
}

static int64_t now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* A look, and then to where the output ended. */
static void look_through(struct watch *w, int64_t until_ms)
{
    bool has_looked = false;
    while (now_ms() < until_ms && w->looks.unread == 0 &&
           (!has_looked || w->is_undecided || w->claim_count > 0)) {
        has_looked = (has_looked && !w->is_undecided) || look(w);
        read_records(w, (int)w->looks.interval_ms);
        settle(w);
    }
    w->is_undecided = w->is_undecided || !has_looked;
}

/* However short the run was: at what it left, to the end; then at the positions of the records
 * that came on the way there. */
static void look_at_end(struct watch *w)
{
    int64_t until_ms = now_ms() + END_MS;
    look_through(w, until_ms);
    look_through(w, until_ms);
}

static int watch(struct watch *w)
{
    struct pollfd fd = {.fd = looks_signals(), .events = POLLIN};
    if (fd.fd < 0 || !output_open(&w->output, w->brokers, w->group, w->topic)) {
        return 2;
    }
    printf("looking\n");
    (void)fflush(stdout);
    while (poll(&fd, 1, 0) == 0) {
        int64_t next_ms = now_ms() + w->looks.interval_ms;
        (void)look(w);
        do {
            int64_t left_ms = next_ms - now_ms();
            read_records(w, left_ms > 0 ? (int)left_ms : 0);
            settle(w);
        } while (now_ms() < next_ms && poll(&fd, 1, 0) == 0);
    }
    look_at_end(w);
    bool is_open = w->is_undecided || w->claim_count > 0;
    return looks_report(&w->looks, w->records, "records",
                        is_open ? "the last look came to no end" : NULL);
}

/* ---- the command line ---- */

static void usage(FILE *to)
{
    fprintf(to, "usage: fault-watch-kafka --brokers B --topic T --source TOPIC --group NAME\n"
                "                   --letters FILE --count N [--seed S] [--partitions P]\n"
                "                   [--distinct ADDRESSES] [--bad-percent P] [--interval-ms 100]\n"
                "--count and what follows are what event-gen was given for the source topic; the\n"
                "group has the positions. Records name their source in headers.\n");
}

static void parse_options(struct watch *w, int argc, char **argv)
{
    static const struct option options[] = {{"brokers", required_argument, NULL, 'b'},
                                            {"topic", required_argument, NULL, 't'},
                                            {"source", required_argument, NULL, 'S'},
                                            {"group", required_argument, NULL, 'g'},
                                            LOOKS_OPTIONS,
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    const char **texts[] = {
        ['b'] = &w->brokers, ['t'] = &w->topic, ['S'] = &w->source, ['g'] = &w->group};
    int o;
    while ((o = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if ((size_t)o < sizeof texts / sizeof texts[0] && texts[o] != NULL) {
            *texts[o] = optarg;
        } else if (!looks_option(&w->looks, o, optarg)) {
            usage(o == 'h' ? stdout : stderr);
            exit(o == 'h' ? 0 : EXIT_USAGE);
        }
    }
    if (optind < argc || !w->brokers || !w->topic || !w->source || !w->group ||
        !looks_is_told(&w->looks)) {
        usage(stderr);
        exit(EXIT_USAGE);
    }
}

int main(int argc, char **argv)
{
    static struct watch w;
    looks_init(&w.looks);
    parse_options(&w, argc, argv);
    memset(w.last, 0xff, sizeof w.last);
    w.events = calloc((size_t)w.looks.fed.count, 1);
    int status = w.events != NULL && looks_begin(&w.looks) ? watch(&w) : 2;
    output_close(&w.output);
    looks_fini(&w.looks);
    free(w.events);
    return status;
}
