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

#define EXAMPLES       5
#define MAX_PARTITIONS 1024
#define ASK_MS         10000

enum fault { FAULT_MISSING, FAULT_DUPLICATE, FAULT_FOREIGN, FAULT_WRONG, FAULT_DISORDER, FAULTS };
static const char *const fault_names[FAULTS] = {"missing", "duplicate", "foreign", "wrong",
                                                "out of order"};

struct check {
    const char *brokers;
    const char *topic;
    bool is_splice;
    bool has_keys;      /* the ip */
    bool has_headers;   /* where the event came from */
    const char *source; /* the topic that headers name */
    uint64_t seed;
    int64_t count;
    int32_t partitions; /* of the source */
    uint32_t distinct_ips;
    int64_t duplicates_max;
    int64_t absent_max;
    bool is_ordered;       /* no record comes after a later one of its partition */
    const char *isolation; /* of the reader */
    int64_t *last;         /* for each partition of the topic and of the source: the last offset */
    uint8_t *seen;         /* one bit for each event, in the order in which they were produced */
    int64_t records;
    int64_t faults[FAULTS];
};

/* Whether this fault is among those to be shown. */
static bool count_fault(struct check *c, enum fault fault)
{
    return c->faults[fault]++ < EXAMPLES;
}

static bool is_text(const json_t *value, struct event_text expected)
{
    return json_is_string(value) && json_string_length(value) == expected.len &&
           memcmp(json_string_value(value), expected.at, expected.len) == 0;
}

/* The event's own text with geodata before its last brace, byte by byte. */
static bool is_spliced(const struct check *c, const rd_kafka_message_t *m, int32_t partition,
                       int64_t offset, const char *geodata, size_t geodata_len)
{
    char expected[EVENT_MAX_BYTES + 3 * GEODATA_MAX_BYTES];
    size_t len =
        event_write(expected, EVENT_MAX_BYTES, c->seed, partition, offset, c->distinct_ips);
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

static bool are_headers(const struct check *c, const rd_kafka_message_t *m, int32_t partition,
                        int64_t offset)
{
    char partition_text[16];
    char offset_text[24];
    (void)snprintf(partition_text, sizeof partition_text, "%" PRId32, partition);
    (void)snprintf(offset_text, sizeof offset_text, "%" PRId64, offset);
    return header_is(m, "source.topic", c->source) &&
           header_is(m, "source.partition", partition_text) &&
           header_is(m, "source.offset", offset_text);
}

static const char *find_wrong(const struct check *c, const rd_kafka_message_t *m,
                              const json_t *object, int32_t partition, int64_t offset)
{
    struct event_row e;
    char geodata[GEODATA_MAX_BYTES];
    event_expected(&e, c->seed, partition, offset, c->distinct_ips);
    size_t len = geodata_of(e.ip.at, e.ip.len, geodata, sizeof geodata);
    if (c->is_splice ? !is_spliced(c, m, partition, offset, geodata, len)
                     : !is_object(object, &e, geodata, len)) {
        return "value";
    }
    if (c->has_keys && (m->key_len != e.ip.len || memcmp(m->key, e.ip.at, e.ip.len) != 0)) {
        return "key";
    }
    return c->has_headers && !are_headers(c, m, partition, offset) ? "headers" : NULL;
}

static bool find_event(const struct check *c, const json_t *object, int32_t *partition,
                       int64_t *offset)
{
    const json_t *url = json_object_get(object, "url");
    return json_is_string(url) &&
           event_locate(json_string_value(url), json_string_length(url), partition, offset) &&
           *partition < c->partitions && *offset <= c->count / c->partitions &&
           *offset * c->partitions + *partition < c->count;
}

/* Records of one source partition stand in their order wherever they were written to. */
static void check_order(struct check *c, int32_t written_to, int32_t partition, int64_t offset)
{
    int64_t *last = &c->last[(size_t)written_to * (size_t)c->partitions + (size_t)partition];
    if (c->is_ordered && *last > offset && count_fault(c, FAULT_DISORDER)) {
        printf("out of order: partition %" PRId32 " offset %" PRId64 " after %" PRId64 "\n",
               partition, offset, *last - 1);
    }
    *last = offset + 1;
}

static void check_record(struct check *c, const rd_kafka_message_t *m)
{
    json_t *object = json_loadb(m->payload, m->len, JSON_REJECT_DUPLICATES, NULL);
    int32_t partition;
    int64_t offset;
    c->records++;
    if (!find_event(c, object, &partition, &offset)) {
        if (count_fault(c, FAULT_FOREIGN)) {
            printf("foreign: no such event: %.*s\n", (int)m->len, (const char *)m->payload);
        }
        json_decref(object);
        return;
    }
    int64_t i = offset * c->partitions + partition;
    uint8_t bit = (uint8_t)(1u << (i & 7));
    if ((c->seen[i >> 3] & bit) != 0 && count_fault(c, FAULT_DUPLICATE) && c->duplicates_max == 0) {
        printf("duplicate: partition %" PRId32 " offset %" PRId64 "\n", partition, offset);
    }
    c->seen[i >> 3] |= bit;
    check_order(c, m->partition, partition, offset);
    const char *wrong = find_wrong(c, m, object, partition, offset);
    if (wrong != NULL && count_fault(c, FAULT_WRONG)) {
        printf("wrong: partition %" PRId32 " offset %" PRId64 ": %s of %.*s\n", partition, offset,
               wrong, (int)m->len, (const char *)m->payload);
    }
    json_decref(object);
}

static rd_kafka_t *open_consumer(const struct check *c)
{
    const char *const settings[][2] = {{"group.id", "topic-check"},
                                       {"enable.auto.commit", "false"},
                                       {"enable.partition.eof", "true"},
                                       {"auto.offset.reset", "error"},
                                       {"isolation.level", c->isolation}};
    char reason[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    bool ok = rd_kafka_conf_set(conf, "bootstrap.servers", c->brokers, reason, sizeof reason) ==
              RD_KAFKA_CONF_OK;
    for (size_t i = 0; ok && i < sizeof settings / sizeof settings[0]; i++) {
        ok = rd_kafka_conf_set(conf, settings[i][0], settings[i][1], reason, sizeof reason) ==
             RD_KAFKA_CONF_OK;
    }
    rd_kafka_t *rk = ok ? rd_kafka_new(RD_KAFKA_CONSUMER, conf, reason, sizeof reason) : NULL;
    if (rk == NULL) {
        fprintf(stderr, "topic-check: %s\n", reason);
        rd_kafka_conf_destroy(conf);
    }
    return rk;
}

/* The number of partitions assigned, each from its beginning; -1: the topic is not there. */
static int assign(const struct check *c, rd_kafka_t *rk)
{
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, c->topic, NULL);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_resp_err_t code = rd_kafka_metadata(rk, 0, topic, &metadata, ASK_MS);
    int count = code == 0 && metadata->topic_cnt == 1 ? metadata->topics[0].partition_cnt : 0;
    for (int p = 0; p < count; p++) {
        rd_kafka_topic_partition_list_add(list, c->topic, p)->offset = RD_KAFKA_OFFSET_BEGINNING;
    }
    if (count == 0 || rd_kafka_assign(rk, list) != 0) {
        fprintf(stderr, "topic-check: %s: %s\n", c->topic, rd_kafka_err2str(code));
        count = -1;
    }
    if (metadata != NULL) {
        rd_kafka_metadata_destroy(metadata);
    }
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_topic_destroy(topic);
    return count;
}

static int read_topic(struct check *c, rd_kafka_t *rk)
{
    int left = assign(c, rk);
    c->last = left < 0 ? NULL : calloc((size_t)left * (size_t)c->partitions + 1, sizeof *c->last);
    if (c->last == NULL) {
        return -1;
    }
    while (left > 0) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(rk, ASK_MS);
        if (m == NULL) {
            fprintf(stderr, "topic-check: %s: no answer\n", c->topic);
            return -1;
        }
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

static int report(struct check *c)
{
    for (int64_t i = 0; i < c->count; i++) {
        if ((c->seen[i >> 3] & (1u << (i & 7))) == 0 && count_fault(c, FAULT_MISSING) &&
            c->absent_max == 0) {
            printf("missing: partition %d offset %" PRId64 "\n", (int)(i % c->partitions),
                   i / c->partitions);
        }
    }
    bool ok = c->faults[FAULT_MISSING] == c->absent_max &&
              c->faults[FAULT_DUPLICATE] <= c->duplicates_max && c->faults[FAULT_FOREIGN] == 0 &&
              c->faults[FAULT_WRONG] == 0 && c->faults[FAULT_DISORDER] == 0;
    printf("%" PRId64 " records for %" PRId64 " events:", c->records, c->count);
    for (int i = 0; i < FAULTS; i++) {
        printf(" %s %" PRId64, fault_names[i], c->faults[i]);
    }
    printf("%s\n", ok ? ": as it must be" : "");
    return ok ? 0 : 1;
}

static void usage(FILE *to)
{
    fprintf(to,
            "usage: topic-check --brokers B --topic T --count N [--value json|splice] [--keys]\n"
            "                   [--headers SOURCE_TOPIC] [--seed S] [--partitions P]\n"
            "                   [--distinct ADDRESSES] [--duplicates AT_MOST] [--absent N]\n"
            "                   [--ordered] [--isolation read_committed|read_uncommitted]\n"
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
                                            {"count", required_argument, NULL, 'n'},
                                            {"seed", required_argument, NULL, 's'},
                                            {"partitions", required_argument, NULL, 'p'},
                                            {"distinct", required_argument, NULL, 'd'},
                                            {"duplicates", required_argument, NULL, 'u'},
                                            {"absent", required_argument, NULL, 'a'},
                                            {"ordered", no_argument, NULL, 'o'},
                                            {"isolation", required_argument, NULL, 'i'},
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
        case 'n':
            c->count = number_or_exit("count", optarg, 0, INT64_MAX / 2);
            break;
        case 's':
            c->seed = (uint64_t)number_or_exit("seed", optarg, 0, INT64_MAX);
            break;
        case 'p':
            c->partitions = (int32_t)number_or_exit("partitions", optarg, 1, MAX_PARTITIONS);
            break;
        case 'd':
            c->distinct_ips = (uint32_t)number_or_exit("distinct", optarg, 0, 1 << 30);
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
        default:
            usage(o == 'h' ? stdout : stderr);
            exit(o == 'h' ? 0 : EXIT_USAGE);
        }
    }
    if (optind < argc || !c->brokers || !c->topic || c->count < 0) {
        usage(stderr);
        exit(EXIT_USAGE);
    }
}

int main(int argc, char **argv)
{
    struct check c = {.seed = 1,
                      .count = -1,
                      .partitions = 4,
                      .distinct_ips = EVENT_DISTINCT_IPS_DEFAULT,
                      .isolation = "read_committed"};
    parse_options(&c, argc, argv);
    c.seen = calloc((size_t)c.count / 8 + 1, 1);
    rd_kafka_t *rk = c.seen ? open_consumer(&c) : NULL;
    int status = rk && read_topic(&c, rk) == 0 ? report(&c) : 2;
    if (rk) {
        rd_kafka_destroy(rk);
    }
    free(c.last);
    free(c.seen);
    return status;
}
