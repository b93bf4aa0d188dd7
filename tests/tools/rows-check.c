/*
 * rows-check: compares a table with the events of tests/support/event.h as a multiset. Each row
 * names its record in its url, so a bitmap is all the memory that it takes. Exit 0: exact; 1:
 * differences, of which it prints the first five of each sort; 2: could not read the table; 64:
 * usage.
 */
#include <arpa/inet.h>
#include <getopt.h>
#include <inttypes.h>
#include <libpq-fe.h>
#include <stdbool.h>
#include <string.h>

#include "event.h"
#include "geodata.h"
#include "numbers.h"
#include "tally.h"

#define COLUMNS           6
#define POSTGRES_EPOCH_MS 946684800000LL

enum column { COL_IP, COL_EVENT_TIMESTAMP, COL_REFERRER, COL_HOST, COL_URL, COL_GEODATA };
static const char *const column_names[COLUMNS] = {"ip",  "event_timestamp", "referrer", "host",
                                                  "url", "geodata"};

struct value {
    const char *at; /* null: SQL null */
    size_t len;
};

struct check {
    const char *dsn;
    const char *table;
    bool country_only;
    struct tally tally;
};

static bool same_text(struct value got, struct event_text expected)
{
    return got.at && got.len == expected.len && memcmp(got.at, expected.at, got.len) == 0;
}

static bool same_timestamp(struct value got, int64_t expected_ms)
{
    uint32_t half[2];
    if (!got.at || got.len != sizeof half) {
        return false;
    }
    memcpy(half, got.at, sizeof half);
    int64_t us = (int64_t)(((uint64_t)ntohl(half[0]) << 32) | ntohl(half[1]));
    return us == (expected_ms - POSTGRES_EPOCH_MS) * 1000;
}

static bool same_geodata(const struct check *c, struct value got, struct event_text ip)
{
    char expected[GEODATA_MAX_BYTES];
    size_t len = geodata_of(ip.at, ip.len, expected, sizeof expected);
    if (c->country_only) {
        const char *comma = memchr(expected, ',', len);
        len = comma ? (size_t)(comma - expected) : len;
        got.len = got.len < len ? got.len : len;
    }
    return len > 0 && same_text(got, (struct event_text){expected, len});
}

/* The first column that differs from the record's, or -1. */
static int wrong_column(const struct check *c, const struct value *row,
                        const struct tally_event *event)
{
    struct event_row expected;
    event_expected(&expected, c->tally.seed, event->partition, event->offset,
                   c->tally.distinct_ips);
    bool same[COLUMNS] = {
        [COL_IP] = same_text(row[COL_IP], expected.ip),
        [COL_EVENT_TIMESTAMP] =
            same_timestamp(row[COL_EVENT_TIMESTAMP], expected.event_timestamp_ms),
        [COL_REFERRER] = expected.has_referrer ? same_text(row[COL_REFERRER], expected.referrer)
                                               : row[COL_REFERRER].at == NULL,
        [COL_HOST] = same_text(row[COL_HOST], expected.host),
        [COL_URL] = same_text(row[COL_URL], expected.url),
        [COL_GEODATA] = same_geodata(c, row[COL_GEODATA], expected.ip),
    };
    for (int i = 0; i < COLUMNS; i++) {
        if (!same[i]) {
            return i;
        }
    }
    return -1;
}

static void check_row(struct check *c, const struct value *row)
{
    struct tally_event event;
    if (!tally_take(&c->tally, row[COL_URL].at, row[COL_URL].len, &event)) {
        if (tally_fault(&c->tally, TALLY_FOREIGN)) {
            printf("foreign: no such record: url %.*s\n", (int)row[COL_URL].len,
                   row[COL_URL].at ? row[COL_URL].at : "");
        }
        return;
    }
    tally_see(&c->tally, &event);
    int wrong = wrong_column(c, row, &event);
    if (wrong >= 0 && tally_fault(&c->tally, TALLY_WRONG)) {
        printf("wrong: partition %" PRId32 " offset %" PRId64 ": %s is %.*s\n", event.partition,
               event.offset, column_names[wrong],
               (int)(wrong == COL_EVENT_TIMESTAMP ? 0 : row[wrong].len),
               row[wrong].at ? row[wrong].at : "null");
    }
}

static bool read_be(const char **at, const char *end, size_t width, int32_t *value)
{
    uint32_t bits = 0;
    if ((size_t)(end - *at) < width) {
        return false;
    }
    for (size_t i = 0; i < width; i++) {
        bits = bits << 8 | (uint8_t) * (*at)++;
    }
    *value = width == 2 ? (int16_t)bits : (int32_t)bits;
    return true;
}

/* Reads one tuple: 1, or 0 for the end mark, or -1 where the bytes are not COPY's. */
static int read_tuple(const char *at, const char *end, struct value *row)
{
    int32_t n;
    if (!read_be(&at, end, 2, &n) || (n != COLUMNS && n != -1)) {
        return -1;
    }
    for (int i = 0; i < n; i++) {
        int32_t len;
        if (!read_be(&at, end, 4, &len) || len > end - at) {
            return -1;
        }
        row[i] = (struct value){len < 0 ? NULL : at, len < 0 ? 0 : (size_t)len};
        at += len < 0 ? 0 : len;
    }
    return n == COLUMNS;
}

static int read_rows(struct check *c, PGconn *conn)
{
    char *message;
    int len;
    size_t head =
        19; /* COPY's signature, flags and extension length, in front of the first tuple */
    while ((len = PQgetCopyData(conn, &message, 0)) > 0) {
        struct value row[COLUMNS];
        int got = (size_t)len < head ? -1 : read_tuple(message + head, message + len, row);
        head = 0;
        if (got > 0) {
            check_row(c, row);
        }
        PQfreemem(message);
        if (got < 0) {
            fprintf(stderr, "rows-check: the server sent bytes that are not binary COPY\n");
            return -1;
        }
    }
    PGresult *result = PQgetResult(conn);
    bool ok = len == -1 && PQresultStatus(result) == PGRES_COMMAND_OK;
    if (!ok) {
        fprintf(stderr, "rows-check: %s", PQerrorMessage(conn));
    }
    PQclear(result);
    return ok ? 0 : -1;
}

static int read_table(struct check *c, PGconn *conn)
{
    char sql[512];
    int n = snprintf(sql, sizeof sql,
                     "COPY (SELECT ip::text, event_timestamp::timestamp, referrer::text, "
                     "host::text, url::text, geodata::text FROM %s) TO STDOUT (FORMAT binary)",
                     c->table);
    if (n < 0 || (size_t)n >= sizeof sql) {
        fprintf(stderr, "rows-check: --table is too long\n");
        return -1;
    }
    PGresult *result = PQexec(conn, sql);
    ExecStatusType status = PQresultStatus(result);
    PQclear(result);
    if (status != PGRES_COPY_OUT) {
        fprintf(stderr, "rows-check: %s", PQerrorMessage(conn));
        return -1;
    }
    return read_rows(c, conn);
}

static int report(struct tally *t)
{
    int64_t bad = tally_find_missing(t);
    int64_t faults = 0;
    for (int i = 0; i < TALLY_FAULTS; i++) {
        faults += t->faults[i];
    }
    printf("%" PRId64 " rows for %" PRId64 " records, %" PRId64 " of them undecodable:", t->taken,
           t->count, bad);
    tally_print(t, TALLY_DISORDER, faults == 0 ? ": exact" : "");
    return faults == 0 ? 0 : 1;
}

static void usage(FILE *to)
{
    fprintf(to, "usage: rows-check --dsn DSN --count N [--table processed_events] [--seed S]\n"
                "                  [--partitions P] [--distinct ADDRESSES] [--bad-percent P]\n"
                "                  [--country-only]\n"
                "The options are those that event-gen was given.\n");
}

static void parse_options(struct check *c, int argc, char **argv)
{
    static const struct option options[] = {
        {"dsn", required_argument, NULL, 'D'},    {"table", required_argument, NULL, 't'},
        {"country-only", no_argument, NULL, 'C'}, TALLY_OPTIONS,
        {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0}};
    int o;
    while ((o = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        switch (o) {
        case 'D':
            c->dsn = optarg;
            break;
        case 't':
            c->table = optarg;
            break;
        case 'C':
            c->country_only = true;
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
    if (optind < argc || !c->dsn || c->tally.count < 0) {
        usage(stderr);
        exit(EXIT_USAGE);
    }
}

int main(int argc, char **argv)
{
    struct check c = {.table = "processed_events"};
    tally_init(&c.tally);
    parse_options(&c, argc, argv);
    PGconn *conn = tally_begin(&c.tally) ? PQconnectdb(c.dsn) : NULL;
    int status = 2;
    if (conn && PQstatus(conn) != CONNECTION_OK) {
        fprintf(stderr, "rows-check: %s", PQerrorMessage(conn));
    } else if (conn && read_table(&c, conn) == 0) {
        status = report(&c.tally);
    }
    PQfinish(conn);
    tally_fini(&c.tally);
    return status;
}
