/*
 * topic-check: compares the records of a topic with the events of tests/support/event.h, each with
 * its geodata, as a multiset. Each record names its event in its url, so a bitmap is all the memory
 * that it takes. Exit 0: as it must be; 1: differences, of which it prints the first five of each
 * sort; 2: could not read the topic; 64: usage.
 */
#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "event.h"
#include "geodata.h"
#include "numbers.h"
#include "reader.h"
#include "tally.h"

struct check {
    const char *brokers;
    const char *topic;
    bool is_splice;
    bool has_keys;      /* the ip */
    bool has_headers;   /* where the event came from */
    const char *source; /* the topic that headers name */
    int64_t duplicates_max;
    int64_t absent_max;
    bool is_ordered;       /* no record comes after a later one of its partition */
    const char *isolation; /* of the reader */
    int64_t *last;         /* for each partition of the topic and of the source: the last offset */
    struct tally tally;
};

static bool is_text(const json_t *value, struct event_text expected)
{
    return json_is_string(value) && json_string_length(value) == expected.len &&
           memcmp(json_string_value(value), expected.at, expected.len) == 0;
}

/* The event's own text with geodata before its last brace, byte by byte. */
static bool is_spliced(const struct tally *t, const rd_kafka_message_t *m,
                       const struct tally_event *e, const char *geodata, size_t geodata_len)
{
    char expected[EVENT_MAX_BYTES + 3 * GEODATA_MAX_BYTES];
    size_t len =
        event_write(expected, EVENT_MAX_BYTES, t->seed, e->partition, e->offset, t->distinct_ips);
    while (len > 0 && expected[len - 1] != '}') { /* blanks behind it go */
        len--;
    }
    json_t *text = json_stringn(geodata, geodata_len);
    char *dumped = json_dumps(text, JSON_ENCODE_ANY);
    int added = dumped == NULL ? -1
                               : snprintf(expected + len - 1, sizeof expected - len,
                                          ",\"geodata\":%s}", dumped);
    bool same =
        added > 0 && m->len == len - 1 + (size_t)added && memcmp(m->payload, expected, m->len) == 0;
    free(dumped);
    json_decref(text);
    return same;
}

static bool is_time(const json_t *value, int64_t expected_ms)
{
    char text[64];
    time_t seconds = (time_t)(expected_ms / 1000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    size_t len = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
    len += (size_t)snprintf(text + len, sizeof text - len, ".%03dZ", (int)(expected_ms % 1000));
    return is_text(value, (struct event_text){text, len});
}

/* The columns of examples/to-kafka.json, in their order. */
static bool is_object(const json_t *object, const struct event_row *e, const char *geodata,
                      size_t geodata_len)
{
    static const char *const names[] = {
        "ip", "host", "url", "referrer", "headers", "event_timestamp", "geodata"};
    size_t i = 0;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        if (i == sizeof names / sizeof names[0] || strcmp(key, names[i++]) != 0) {
            return false;
        }
    }
    const json_t *referrer = json_object_get(object, "referrer");
    return i == sizeof names / sizeof names[0] && is_text(json_object_get(object, "ip"), e->ip) &&
           is_text(json_object_get(object, "host"), e->host) &&
           is_text(json_object_get(object, "url"), e->url) &&
           (e->has_referrer ? is_text(referrer, e->referrer) : json_is_null(referrer)) &&
           is_text(json_object_get(object, "headers"), e->headers) &&
           is_time(json_object_get(object, "event_timestamp"), e->event_timestamp_ms) &&
           is_text(json_object_get(object, "geodata"), (struct event_text){geodata, geodata_len});
}

static bool header_is(const rd_kafka_message_t *m, const char *name, const char *expected)
{
    rd_kafka_headers_t *headers;
    const void *value;
    size_t len;
    return rd_kafka_message_headers(m, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR &&
           rd_kafka_header_get_last(headers, name, &value, &len) == RD_KAFKA_RESP_ERR_NO_ERROR &&
           len == strlen(expected) && memcmp(value, expected, len) == 0;
}

static bool are_headers(const struct check *c, const rd_kafka_message_t *m,
                        const struct tally_event *e)
{
    char partition_text[16];
    char offset_text[24];
    (void)snprintf(partition_text, sizeof partition_text, "%" PRId32, e->partition);
    (void)snprintf(offset_text, sizeof offset_text, "%" PRId64, e->offset);
    return header_is(m, "source.topic", c->source) &&
           header_is(m, "source.partition", partition_text) &&
           header_is(m, "source.offset", offset_text);
}

static const char *find_wrong(const struct check *c, const rd_kafka_message_t *m,
                              const json_t *object, const struct tally_event *event)
{
    const struct tally *t = &c->tally;
    struct event_row e;
    char geodata[GEODATA_MAX_BYTES];
    event_expected(&e, t->seed, event->partition, event->offset, t->distinct_ips);
    size_t len = geodata_of(e.ip.at, e.ip.len, geodata, sizeof geodata);
    if (c->is_splice ? !is_spliced(t, m, event, geodata, len)
                     : !is_object(object, &e, geodata, len)) {
        return "value";
    }
    if (c->has_keys && (m->key_len != e.ip.len || memcmp(m->key, e.ip.at, e.ip.len) != 0)) {
        return "key";
    }
    return c->has_headers && !are_headers(c, m, event) ? "headers" : NULL;
}

/* Records of one source partition stand in their order wherever they were written to. */
static void check_order(struct check *c, int32_t written_to, const struct tally_event *e)
{
    int64_t *last =
        &c->last[(size_t)written_to * (size_t)c->tally.partitions + (size_t)e->partition];
    if (c->is_ordered && *last > e->offset && tally_fault(&c->tally, TALLY_DISORDER)) {
        printf("out of order: partition %" PRId32 " offset %" PRId64 " after %" PRId64 "\n",
               e->partition, e->offset, *last - 1);
    }
    *last = e->offset + 1;
}

static void check_event(struct check *c, const rd_kafka_message_t *m, const json_t *object,
                        const struct tally_event *e)
{
    tally_see(&c->tally, e);
    check_order(c, m->partition, e);
    const char *wrong = find_wrong(c, m, object, e);
    if (wrong != NULL && tally_fault(&c->tally, TALLY_WRONG)) {
        printf("wrong: partition %" PRId32 " offset %" PRId64 ": %s of %.*s\n", e->partition,
               e->offset, wrong, (int)m->len, (const char *)m->payload);
    }
}

static void check_record(struct check *c, const rd_kafka_message_t *m)
{
    json_t *object = json_loadb(m->payload, m->len, JSON_REJECT_DUPLICATES, NULL);
    const json_t *url = json_object_get(object, "url");
    struct tally_event event;
    if (tally_take(&c->tally, json_string_value(url), json_string_length(url), &event)) {
        check_event(c, m, object, &event);
    } else if (tally_fault(&c->tally, TALLY_FOREIGN)) {
        printf("foreign: no such event: %.*s\n", (int)m->len, (const char *)m->payload);
    }
    json_decref(object);
}

static int64_t now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int32_t read_topic(struct check *c, rd_kafka_t *rk)
{
    int32_t left = reader_assign(rk, c->topic);
    c->last =
        left < 0 ? NULL : calloc((size_t)left * (size_t)c->tally.partitions + 1, sizeof *c->last);
    if (c->last == NULL) {
        return -1;
    }
    int64_t until_ms = now_ms() + READER_ASK_MS;
    while (left > 0) {
        int64_t left_ms = until_ms - now_ms();
        rd_kafka_message_t *m = left_ms > 0 ? rd_kafka_consumer_poll(rk, (int)left_ms) : NULL;
        if (m == NULL) {
            fprintf(stderr, "topic-check: %s: no answer\n", c->topic);
            return -1;
        }
        if (m->err != RD_KAFKA_RESP_ERR_NO_ERROR && m->rkt == NULL) {
            rd_kafka_message_destroy(m); /* a broker that was away for a moment */
            continue;
        }
        until_ms = now_ms() + READER_ASK_MS;
        if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            check_record(c, m);
        } else if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            left--;
        } else {
            fprintf(stderr, "topic-check: %s: %s\n", c->topic, rd_kafka_message_errstr(m));
            left = -1;
        }
        rd_kafka_message_destroy(m);
    }
    return left;
}

static int report(const struct check *c, struct tally *t)
{
    (void)tally_find_missing(t);
    bool ok = t->faults[TALLY_MISSING] == c->absent_max &&
              t->faults[TALLY_DUPLICATE] <= c->duplicates_max && t->faults[TALLY_FOREIGN] == 0 &&
              t->faults[TALLY_WRONG] == 0 && t->faults[TALLY_DISORDER] == 0;
    printf("%" PRId64 " records for %" PRId64 " events:", t->taken, t->count);
    tally_print(t, TALLY_FAULTS, ok ? ": as it must be" : "");
    return ok ? 0 : 1;
}

static void usage(FILE *to)
{
    fprintf(to,
            "usage: topic-check --brokers B --topic T --count N [--value json|splice] [--keys]\n"
            "                   [--headers SOURCE_TOPIC] [--seed S] [--partitions P]\n"
            "                   [--distinct ADDRESSES] [--bad-percent P]\n"
            "                   [--duplicates AT_MOST] [--absent N] [--ordered]\n"
            "                   [--isolation read_committed|read_uncommitted]\n"
            "--partitions and what follows are those that event-gen was given; --absent is the\n"
            "exact number of events that must not be there; --ordered: those of one partition\n"
            "stand in their order.\n");
}

static void parse_options(struct check *c, int argc, char **argv)
{
    static const struct option options[] = {{"brokers", required_argument, NULL, 'b'},
                                            {"topic", required_argument, NULL, 't'},
                                            {"value", required_argument, NULL, 'v'},
                                            {"keys", no_argument, NULL, 'k'},
                                            {"headers", required_argument, NULL, 'H'},
                                            {"duplicates", required_argument, NULL, 'u'},
                                            {"absent", required_argument, NULL, 'a'},
                                            {"ordered", no_argument, NULL, 'o'},
                                            {"isolation", required_argument, NULL, 'i'},
                                            TALLY_OPTIONS,
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    int o;
    while ((o = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        switch (o) {
        case 'b':
            c->brokers = optarg;
            break;
        case 't':
            c->topic = optarg;
            break;
        case 'v':
            c->is_splice = strcmp(optarg, "splice") == 0;
            break;
        case 'k':
            c->has_keys = true;
            break;
        case 'H':
            c->has_headers = true;
            c->source = optarg;
            break;
        case 'u':
            c->duplicates_max = number_or_exit("duplicates", optarg, 0, INT64_MAX);
            break;
        case 'a':
            c->absent_max = number_or_exit("absent", optarg, 0, INT64_MAX);
            break;
        case 'o':
            c->is_ordered = true;
            break;
        case 'i':
            c->isolation = optarg;
            break;
        case 'h':
            usage(stdout);
            exit(0);
        default:
            if (!tally_option(&c->tally, o, optarg)) {
                usage(stderr);
                exit(EXIT_USAGE);
            }
        }
    }
    if (optind < argc || !c->brokers || !c->topic || c->tally.count < 0) {
        usage(stderr);
        exit(EXIT_USAGE);
    }
}

int main(int argc, char **argv)
{
    struct check c = {.isolation = "read_committed"};
    tally_init(&c.tally);
    parse_options(&c, argc, argv);
    c.tally.is_due[TALLY_DUPLICATE] = c.duplicates_max > 0;
    c.tally.is_due[TALLY_MISSING] = c.absent_max > 0;
    rd_kafka_t *rk =
        tally_begin(&c.tally) ? reader_open(c.brokers, "topic-check", c.isolation) : NULL;
    int status = rk && read_topic(&c, rk) == 0 ? report(&c, &c.tally) : 2;
    if (rk) {
        rd_kafka_destroy(rk);
    }
    free(c.last);
    tally_fini(&c.tally);
    return status;
}
