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
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>

#include "event.h"
#include "letters.h"
#include "numbers.h"
#include "output.h"
#include "tally.h"

#define EXAMPLES       5
#define MAX_PARTITIONS 16
#define MAX_CLAIMS     1024
#define END_MS         90000 /* for what a transaction still holds back at the end */

enum fault {
    LOSS,
    DUPLICATE,
    FOREIGN,
    DISORDER,
    ABOVE,
    LETTER_TWICE,
    LETTER_FOREIGN,
    LETTER_MISSING,
    FAULTS
};
static const char *const fault_names[FAULTS] = {"lost",
                                                "duplicate",
                                                "foreign",
                                                "out of order",
                                                "above the position",
                                                "dead letters twice",
                                                "of no bad record",
                                                "missing"};

enum { SEEN = 1, TOLD = 2 };

struct claim {
    int64_t positions[MAX_PARTITIONS];
    int64_t ends[OUTPUT_PARTITIONS_MAX];
};

struct watch {
    const char *brokers;
    const char *topic;
    const char *source;
    const char *group;
    const char *letters_file;
    int64_t interval_ms;
    struct tally fed; /* what event-gen was told */
    struct output output;
    struct letters letters;
    uint8_t *events;             /* SEEN and TOLD, in the order in which they were produced */
    int64_t top[MAX_PARTITIONS]; /* above the last record that came */
    int64_t last[OUTPUT_PARTITIONS_MAX][MAX_PARTITIONS]; /* its offset, or -1 */
    int64_t positions[MAX_PARTITIONS];
    struct claim claims[MAX_CLAIMS]; /* from first on, in a ring */
    uint32_t first;
    uint32_t claim_count;
    bool is_undecided; /* a record above the positions, and these did not stand still yet */
    int64_t sum;       /* of the positions */
    int64_t records;
    int64_t looks; /* claims that came true or did not */
    int64_t moved; /* looks that saw other positions than the one before */
    int64_t unread;
    int64_t faults[FAULTS];
};

static void fault(struct watch *w, enum fault which, int32_t partition, int64_t offset)
{
    if (w->faults[which]++ < EXAMPLES) {
        printf("%s: partition %" PRId32 " offset %" PRId64 " (position %" PRId64 ", look %" PRId64
               ")\n",
               fault_names[which], partition, offset,
               partition >= 0 && partition < w->fed.partitions ? w->positions[partition] : -1,
               w->looks);
    }
}

/* Once for each event. */
static void fault_once(struct watch *w, enum fault which, int32_t partition, int64_t offset)
{
    uint8_t *event = &w->events[offset * w->fed.partitions + partition];
    if ((*event & TOLD) == 0) {
        *event |= TOLD;
        fault(w, which, partition, offset);
    }
}

static bool is_event(const struct watch *w, int64_t partition, int64_t offset)
{
    const struct tally *f = &w->fed;
    return partition >= 0 && partition < f->partitions && offset >= 0 &&
           offset <= f->count / f->partitions && offset * f->partitions + partition < f->count;
}

static bool is_bad(const struct watch *w, int32_t partition, int64_t offset)
{
    return event_is_bad(w->fed.seed, partition, offset, w->fed.bad_percent);
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
    if (!is_event(w, partition, offset) || is_bad(w, (int32_t)partition, offset)) {
        fault(w, FOREIGN, (int32_t)partition, offset);
        return;
    }
    int32_t p = (int32_t)partition;
    uint8_t *event = &w->events[offset * w->fed.partitions + p];
    int64_t *last = &w->last[m->partition][p];
    if ((*event & SEEN) != 0) {
        fault(w, DUPLICATE, p, offset);
    } else if (offset < *last) {
        fault(w, DISORDER, p, offset);
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
        w->looks++;
        for (int32_t p = 0; p < w->fed.partitions; p++) {
            for (int64_t o = 0; is_event(w, p, o) && o < c->positions[p]; o++) {
                if (!is_bad(w, p, o) && (w->events[o * w->fed.partitions + p] & SEEN) == 0) {
                    fault_once(w, LOSS, p, o);
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
    for (int32_t p = 0; p < w->fed.partitions; p++) {
        if (w->top[p] > w->positions[p]) {
            return true;
        }
    }
    return false;
}

/* False: they could not be read. */
static bool look_at_positions(struct watch *w)
{
    int64_t sum = 0;
    struct output *o = &w->output;
    if (!output_positions(o, false, w->source, w->fed.partitions, w->positions)) {
        return false;
    }
    w->is_undecided =
        is_above(w) && !output_positions(o, true, w->source, w->fed.partitions, w->positions);
    for (int32_t p = 0; p < w->fed.partitions; p++) {
        sum += w->positions[p];
        for (int64_t at = w->positions[p]; !w->is_undecided && at < w->top[p]; at++) {
            if ((w->events[at * w->fed.partitions + p] & SEEN) != 0) {
                fault_once(w, ABOVE, p, at);
            }
        }
    }
    w->moved += sum != w->sum;
    w->sum = sum;
    return true;
}

static bool look_at_letters(struct watch *w)
{
    if (!letters_read(&w->letters, w->letters_file)) {
        w->unread++;
        return false;
    }
    for (int64_t i = 0; i < w->fed.count; i++) {
        int32_t p = (int32_t)(i % w->fed.partitions);
        int64_t o = i / w->fed.partitions;
        bool bad = is_bad(w, p, o);
        if (bad && o < w->positions[p] && w->letters.times[i] == 0) {
            fault_once(w, LETTER_MISSING, p, o);
        }
        if (w->letters.times[i] > 1) {
            fault_once(w, LETTER_TWICE, p, o);
        }
        if (w->letters.times[i] > 0 && !bad) {
            fault_once(w, LETTER_FOREIGN, p, o);
        }
    }
    w->faults[LETTER_FOREIGN] += w->letters.foreign;
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
    memcpy(c->positions, w->positions, sizeof c->positions);
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

/* However short the run was: at what it left, to the end. */
static void look_at_end(struct watch *w)
{
    int64_t until_ms = now_ms() + END_MS;
    bool has_looked = false;
    while (now_ms() < until_ms && w->unread == 0 &&
           (!has_looked || w->is_undecided || w->claim_count > 0)) {
        has_looked = (has_looked && !w->is_undecided) || look(w);
        read_records(w, (int)w->interval_ms);
        settle(w);
    }
    w->is_undecided = w->is_undecided || !has_looked;
}

/* Why nothing follows from there being no fault; null: it does. */
static const char *blindness(const struct watch *w)
{
    if (w->unread > 0) {
        return "dead letters could not be read";
    }
    if (w->looks == 0) {
        return "not one look was possible";
    }
    if (w->is_undecided || w->claim_count > 0) {
        return "the last look came to no end";
    }
    return w->records > 0 && w->moved == 0 ? "records, but no position" : NULL;
}

static int report(const struct watch *w)
{
    int64_t sum = 0;
    const char *blind = blindness(w);
    printf("%" PRId64 " looks, %" PRId64 " at new positions, %" PRId64 " records, %" PRId64
           " dead letters:",
           w->looks, w->moved, w->records, w->letters.lines);
    for (int i = 0; i < FAULTS; i++) {
        sum += w->faults[i];
        if (w->faults[i] > 0) {
            printf(" %s %" PRId64, fault_names[i], w->faults[i]);
        }
    }
    if (blind != NULL) {
        printf(" %s", blind);
    }
    bool ok = sum == 0 && blind == NULL;
    printf("%s\n", ok ? " as it must be" : "");
    return ok ? 0 : 1;
}

static int watch(struct watch *w)
{
    sigset_t signals;
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigaddset(&signals, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &signals, NULL);
    struct pollfd fd = {.fd = signalfd(-1, &signals, SFD_CLOEXEC), .events = POLLIN};
    if (fd.fd < 0 || !output_open(&w->output, w->brokers, w->group, w->topic)) {
        return 2;
    }
    printf("looking\n");
    (void)fflush(stdout);
    while (poll(&fd, 1, 0) == 0) {
        int64_t next_ms = now_ms() + w->interval_ms;
        (void)look(w);
        do {
            int64_t left_ms = next_ms - now_ms();
            read_records(w, left_ms > 0 ? (int)left_ms : 0);
            settle(w);
        } while (now_ms() < next_ms && poll(&fd, 1, 0) == 0);
    }
    look_at_end(w);
    return report(w);
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
                                            {"letters", required_argument, NULL, 'l'},
                                            {"interval-ms", required_argument, NULL, 'i'},
                                            TALLY_OPTIONS,
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    const char **texts[] = {['b'] = &w->brokers,
                            ['t'] = &w->topic,
                            ['S'] = &w->source,
                            ['g'] = &w->group,
                            ['l'] = &w->letters_file};
    int o;
    while ((o = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if ((size_t)o < sizeof texts / sizeof texts[0] && texts[o] != NULL) {
            *texts[o] = optarg;
        } else if (o == 'i') {
            w->interval_ms = number_or_exit("interval-ms", optarg, 1, 60000);
        } else if (!tally_option(&w->fed, o, optarg)) {
            usage(o == 'h' ? stdout : stderr);
            exit(o == 'h' ? 0 : EXIT_USAGE);
        }
    }
    if (optind < argc || !w->brokers || !w->topic || !w->source || !w->group || !w->letters_file ||
        w->fed.count < 1 || w->fed.partitions > MAX_PARTITIONS) {
        usage(stderr);
        exit(EXIT_USAGE);
    }
}

int main(int argc, char **argv)
{
    static struct watch w = {.interval_ms = 100};
    tally_init(&w.fed);
    parse_options(&w, argc, argv);
    memset(w.last, 0xff, sizeof w.last);
    w.events = calloc((size_t)w.fed.count, 1);
    w.letters = (struct letters){.times = calloc((size_t)w.fed.count, 1),
                                 .count = w.fed.count,
                                 .partitions = w.fed.partitions};
    int status = w.events != NULL && w.letters.times != NULL ? watch(&w) : 2;
    output_close(&w.output);
    free(w.letters.times);
    free(w.events);
    return status;
}
