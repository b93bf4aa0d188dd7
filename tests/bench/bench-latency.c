/*
 * bench-latency: from the moment at which a record was handed to the producer (event-gen --times)
 * to the commit of the transaction that wrote its row (track_commit_timestamp), whatever process
 * moved it. Postgres takes that time stamp just before it flushes the log: the flush itself is in
 * no number.
 */
#include <getopt.h>
#include <inttypes.h>
#include <libpq-fe.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "event.h"
#include "tools/numbers.h"

#define PARTITIONS_MAX 1024

struct latency {
    const char *dsn;
    const char *table;
    const char *times_file;
    int32_t partitions;
    int64_t skip; /* the first records, sent while the job was still starting */
    int64_t *times_us;
    int64_t records;
    int64_t *latencies_us;
    int64_t rows;
    int64_t strangers;
};

static int read_times(struct latency *l)
{
    FILE *file = fopen(l->times_file, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0) {
        perror(l->times_file);
        return -1;
    }
    l->records = ftell(file) / (long)sizeof *l->times_us;
    rewind(file);
    l->times_us = calloc((size_t)l->records + 1, sizeof *l->times_us);
    l->latencies_us = calloc((size_t)l->records + 1, sizeof *l->latencies_us);
    bool ok =
        l->times_us && l->latencies_us &&
        fread(l->times_us, sizeof *l->times_us, (size_t)l->records, file) == (size_t)l->records;
    fclose(file);
    return ok ? 0 : -1;
}

static void take_row(struct latency *l, const char *url, const char *committed_us)
{
    int32_t partition;
    int64_t offset;
    if (!event_locate(url, strlen(url), &partition, &offset) || partition >= l->partitions ||
        offset * l->partitions + partition >= l->records || l->rows == l->records) {
        l->strangers++;
        return;
    }
    int64_t i = offset * l->partitions + partition;
    if (i >= l->skip) {
        l->latencies_us[l->rows++] = strtoll(committed_us, NULL, 10) - l->times_us[i];
    }
}

static int read_rows(struct latency *l, PGconn *conn)
{
    char sql[512];
    snprintf(sql, sizeof sql,
             "SELECT url, (extract(epoch FROM pg_xact_commit_timestamp(xmin)) * 1000000)::bigint "
             "FROM %s",
             l->table);
    PGresult *result = PQexec(conn, sql);
    if (PQresultStatus(result) != PGRES_TUPLES_OK) {
        fprintf(stderr, "bench-latency: %s", PQerrorMessage(conn));
        PQclear(result);
        return -1;
    }
    for (int i = 0; i < PQntuples(result); i++) {
        take_row(l, PQgetvalue(result, i, 0), PQgetvalue(result, i, 1));
    }
    PQclear(result);
    return 0;
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static double percentile_ms(const struct latency *l, double share)
{
    int64_t i = (int64_t)(share * (double)(l->rows - 1));
    return l->rows > 0 ? (double)l->latencies_us[i] / 1000 : 0;
}

static int report(struct latency *l)
{
    int64_t expected = l->records - l->skip;
    qsort(l->latencies_us, (size_t)l->rows, sizeof *l->latencies_us, compare);
    printf("rows=%" PRId64 " missing=%" PRId64 " p50_ms=%.2f p90_ms=%.2f p99_ms=%.2f max_ms=%.2f\n",
           l->rows, expected - l->rows, percentile_ms(l, 0.5), percentile_ms(l, 0.9),
           percentile_ms(l, 0.99), percentile_ms(l, 1));
    return l->rows == expected && l->strangers == 0 ? 0 : 1;
}

static void usage(void)
{
    fprintf(stderr, "usage: bench-latency --dsn DSN --times FILE [--table processed_events]\n"
                    "                     [--partitions 4] [--skip RECORDS]\n");
    exit(EXIT_USAGE);
}

static void parse_options(struct latency *l, int argc, char **argv)
{
    static const struct option options[] = {
        {"dsn", required_argument, NULL, 'D'},        {"times", required_argument, NULL, 'T'},
        {"table", required_argument, NULL, 't'},      {"skip", required_argument, NULL, 's'},
        {"partitions", required_argument, NULL, 'p'}, {NULL, 0, NULL, 0}};
    int o;
    while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (o) {
        case 'D':
            l->dsn = optarg;
            break;
        case 'T':
            l->times_file = optarg;
            break;
        case 't':
            l->table = optarg;
            break;
        case 's':
            l->skip = number_or_exit("skip", optarg, 0, INT32_MAX);
            break;
        case 'p':
            l->partitions = (int32_t)number_or_exit("partitions", optarg, 1, PARTITIONS_MAX);
            break;
        default:
            usage();
        }
    }
    if (optind < argc || !l->dsn || !l->times_file) {
        usage();
    }
}

int main(int argc, char **argv)
{
    struct latency l = {.table = "processed_events", .partitions = 4};
    int status = 2;
    parse_options(&l, argc, argv);
    PGconn *conn = PQconnectdb(l.dsn);
    if (PQstatus(conn) != CONNECTION_OK) {
        fprintf(stderr, "bench-latency: %s", PQerrorMessage(conn));
    } else if (read_times(&l) == 0 && read_rows(&l, conn) == 0) {
        status = report(&l);
    }
    PQfinish(conn);
    free(l.times_us);
    free(l.latencies_us);
    return status;
}
