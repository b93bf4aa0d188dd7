/*
 * fault-watch: looks at a table and at the positions of the sink that fills it, in one transaction
 * that sees one moment, and at the dead letters. At every moment must hold: no row at or above the
 * position of its partition; each record below it is a row, once, or a dead letter. Without --final
 * it says "looking" and does so every 100 ms until SIGTERM; with --final once, when the pipeline is
 * done: then every position is at its end, every payload is its record's to the byte, and the rows
 * of a partition were written in their order. Exit 0: so it is; 1: it is not, with the first five
 * of each sort, or nothing was seen from which that follows; 2: could not look; 64: usage.
 */
#include <getopt.h>
#include <inttypes.h>
#include <libpq-fe.h>
#include <poll.h>
#include <string.h>

#include "event.h"
#include "looks.h"
#include "numbers.h"
#include "tuple.h"

#define COLUMNS 3

struct watch {
    const char *dsn;
    const char *table;
    const char *positions_table;
    const char *pipeline;
    const char *sink;
    bool is_final;
    bool counts_bad;
    PGconn *conn;
    struct looks looks;
    uint8_t *seen;                      /* rows of this look, one byte for each event */
    int64_t last[LOOKS_PARTITIONS_MAX]; /* offset of the last row written */
    int64_t rows;
};

static void check_row(struct watch *w, const struct tuple_value *row)
{
    int64_t partition = tuple_integer(row[0]);
    int64_t offset = tuple_integer(row[1]);
    w->rows++;
    if (!looks_is_event(&w->looks, partition, offset) ||
        looks_is_bad(&w->looks, (int32_t)partition, offset)) {
        looks_fault(&w->looks, LOOKS_FOREIGN, (int32_t)partition, offset);
        return;
    }
    int32_t p = (int32_t)partition;
    if (w->seen[offset * w->looks.fed.partitions + p]++ > 0) {
        looks_fault(&w->looks, LOOKS_DUPLICATE, p, offset);
    }
    if (offset >= w->looks.positions[p]) {
        looks_fault(&w->looks, LOOKS_ABOVE, p, offset);
    }
    if (!w->is_final) {
        return;
    }
    char expected[EVENT_MAX_BYTES];
    size_t len = event_write(expected, sizeof expected, w->looks.fed.seed, p, offset,
                             w->looks.fed.distinct_ips);
    if (row[2].at == NULL || (size_t)row[2].len != len || memcmp(row[2].at, expected, len) != 0) {
        looks_fault(&w->looks, LOOKS_CORRUPT, p, offset);
    }
    if (offset <= w->last[p]) {
        looks_fault(&w->looks, LOOKS_DISORDER, p, offset);
    }
    w->last[p] = offset;
}

/* Below the positions: each record a row or a letter. */
static void check_below(struct watch *w)
{
    for (int32_t p = 0; p < w->looks.fed.partitions; p++) {
        for (int64_t o = 0;
             looks_is_event(&w->looks, p, o) && (w->is_final || o < w->looks.positions[p]); o++) {
            int64_t i = o * w->looks.fed.partitions + p;
            bool bad = looks_is_bad(&w->looks, p, o);
            if (!bad && w->seen[i] == 0) {
                looks_fault(&w->looks, LOOKS_LOSS, p, o);
            }
            if (bad && w->looks.letters.times[i] == 0) {
                looks_fault(&w->looks, LOOKS_LETTER_MISSING, p, o);
            }
        }
    }
    for (int64_t i = 0; i < w->looks.fed.count; i++) {
        int32_t p = (int32_t)(i % w->looks.fed.partitions);
        int64_t o = i / w->looks.fed.partitions;
        if (w->looks.letters.times[i] > 1) {
            looks_fault(&w->looks, LOOKS_LETTER_TWICE, p, o);
        }
        if (w->looks.letters.times[i] > 0 && !looks_is_bad(&w->looks, p, o)) {
            looks_fault(&w->looks, LOOKS_LETTER_FOREIGN, p, o);
        }
    }
    w->looks.faults[LOOKS_LETTER_FOREIGN] += w->looks.letters.foreign;
}

/* A done pipeline stands at the end of every partition. */
static void check_ends(struct watch *w)
{
    for (int32_t p = 0; p < w->looks.fed.partitions; p++) {
        int64_t end =
            (w->looks.fed.count - p + w->looks.fed.partitions - 1) / w->looks.fed.partitions;
        if (w->looks.positions[p] != end) {
            printf("position of partition %" PRId32 " is %" PRId64 ", not %" PRId64 "\n", p,
                   w->looks.positions[p], end);
            w->looks.faults[LOOKS_LOSS]++;
        }
    }
}

/* ---- the database ---- */

static bool is_done(struct watch *w, const PGresult *r, ExecStatusType wanted)
{
    const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
    if (PQresultStatus(r) == wanted) {
        return true;
    }
    /* 42P01: no such table yet. Lost connections belong to some tests. */
    if (state != NULL && strcmp(state, "42P01") != 0 && strncmp(state, "57P", 3) != 0) {
        fprintf(stderr, "fault-watch: %s", PQerrorMessage(w->conn));
    }
    return false;
}

static bool read_positions(struct watch *w)
{
    char sql[512];
    const char *values[] = {w->pipeline, w->sink};
    int n = snprintf(sql, sizeof sql,
                     "SELECT partition, next_offset FROM %s WHERE pipeline = $1 AND sink = $2",
                     w->positions_table);
    if (n < 0 || (size_t)n >= sizeof sql) {
        return false;
    }
    for (int32_t p = 0; p < w->looks.fed.partitions; p++) {
        w->looks.positions[p] = 0;
        w->last[p] = -1;
    }
    PGresult *r = PQexecParams(w->conn, sql, 2, NULL, values, NULL, NULL, 0);
    bool ok = is_done(w, r, PGRES_TUPLES_OK);
    for (int i = 0; ok && i < PQntuples(r); i++) {
        long p = strtol(PQgetvalue(r, i, 0), NULL, 10);
        long long next = strtoll(PQgetvalue(r, i, 1), NULL, 10);
        if (p >= 0 && p < w->looks.fed.partitions && next > 0) { /* -1: claimed, never begun */
            w->looks.positions[p] = next;
        }
    }
    PQclear(r);
    if (ok) {
        looks_take_positions(&w->looks);
    }
    return ok;
}

static bool read_rows(struct watch *w)
{
    char sql[512];
    char *message;
    int len;
    struct tuple_value row[COLUMNS];
    bool is_end = false;
    int head = TUPLE_HEAD; /* of the first message */
    int n = snprintf(sql, sizeof sql,
                     "COPY (SELECT source_partition, source_offset, %s FROM %s%s) TO STDOUT "
                     "(FORMAT binary)",
                     w->is_final ? "payload" : "''", w->table, w->is_final ? " ORDER BY n" : "");
    if (n < 0 || (size_t)n >= sizeof sql) {
        return false;
    }
    PGresult *r = PQexec(w->conn, sql);
    bool ok = is_done(w, r, PGRES_COPY_OUT);
    PQclear(r);
    while (ok && (len = PQgetCopyData(w->conn, &message, 0)) > 0) {
        ok = len >= head && tuple_read(message + head, message + len, row, COLUMNS, &is_end);
        if (ok && !is_end) {
            check_row(w, row);
        }
        head = 0;
        PQfreemem(message);
    }
    while (PQstatus(w->conn) == CONNECTION_OK && (r = PQgetResult(w->conn)) != NULL) {
        ok = is_done(w, r, PGRES_COMMAND_OK) && ok;
        PQclear(r);
    }
    return ok;
}

static bool run(struct watch *w, const char *sql)
{
    PGresult *r = PQexec(w->conn, sql);
    bool ok = is_done(w, r, PGRES_COMMAND_OK);
    PQclear(r);
    return ok;
}

/* One moment of everything. The letters are read behind it: they must be there before its commit.
 */
static bool look(struct watch *w)
{
    if (w->conn == NULL || PQstatus(w->conn) != CONNECTION_OK) {
        PQfinish(w->conn);
        w->conn = PQconnectdb(w->dsn);
    }
    memset(w->seen, 0, (size_t)w->looks.fed.count);
    w->rows = 0;
    bool ok = run(w, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY") && read_positions(w) &&
              read_rows(w) && run(w, "COMMIT");
    if (!ok) {
        if (PQstatus(w->conn) == CONNECTION_OK) {
            PQclear(PQexec(w->conn, "ROLLBACK"));
        }
        return false;
    }
    if (!looks_read_letters(&w->looks)) {
        return false;
    }
    w->looks.count++;
    check_below(w);
    return true;
}

static int watch(struct watch *w)
{
    struct pollfd fd = {.fd = looks_signals(), .events = POLLIN};
    if (fd.fd < 0) {
        return 2;
    }
    printf("looking\n");
    (void)fflush(stdout);
    do {
        (void)look(w); /* a server that is away belongs to some tests: report knows if none was */
    } while (poll(&fd, 1, (int)w->looks.interval_ms) == 0);
    /* However short the run was: at what it left, over a new connection where the old one broke. */
    if (!look(w)) {
        (void)look(w);
    }
    return looks_report(&w->looks, w->rows, "rows", NULL);
}

static void usage(FILE *to)
{
    fprintf(to, "usage: fault-watch --dsn DSN --table T --pipeline NAME --letters FILE --count N\n"
                "                   [--sink rows] [--positions-table pipehost_positions]\n"
                "                   [--seed S] [--partitions P] [--distinct ADDRESSES]\n"
                "                   [--bad-percent P] [--refused MODULO:REST]\n"
                "                   [--interval-ms 100] [--final | --count-bad]\n"
                "--count and those of the third line are what event-gen was given. --refused: the\n"
                "table refuses the rows whose offset has this rest. --count-bad: only prints how\n"
                "many of the events are no rows.\n");
}

static void parse_refused(struct watch *w, char *text)
{
    char *colon = strchr(text, ':');
    if (colon == NULL) {
        usage(stderr);
        exit(EXIT_USAGE);
    }
    *colon = '\0';
    w->looks.refused_modulo = number_or_exit("refused", text, 1, INT64_MAX);
    w->looks.refused_rest = number_or_exit("refused", colon + 1, 0, INT64_MAX);
}

static void set_option(struct watch *w, int option, char *value)
{
    const char **texts[] = {['D'] = &w->dsn,
                            ['t'] = &w->table,
                            ['P'] = &w->pipeline,
                            ['k'] = &w->sink,
                            ['T'] = &w->positions_table};
    if ((size_t)option < sizeof texts / sizeof texts[0] && texts[option] != NULL) {
        *texts[option] = value;
        return;
    }
    switch (option) {
    case 'r':
        parse_refused(w, value);
        break;
    case 'F':
        w->is_final = true;
        break;
    case 'b':
        w->counts_bad = true;
        break;
    default:
        if (!looks_option(&w->looks, option, value)) {
            usage(option == 'h' ? stdout : stderr);
            exit(option == 'h' ? 0 : EXIT_USAGE);
        }
    }
}

static void parse_options(struct watch *w, int argc, char **argv)
{
    static const struct option options[] = {{"dsn", required_argument, NULL, 'D'},
                                            {"table", required_argument, NULL, 't'},
                                            {"pipeline", required_argument, NULL, 'P'},
                                            {"sink", required_argument, NULL, 'k'},
                                            {"positions-table", required_argument, NULL, 'T'},
                                            {"refused", required_argument, NULL, 'r'},
                                            {"final", no_argument, NULL, 'F'},
                                            {"count-bad", no_argument, NULL, 'b'},
                                            LOOKS_OPTIONS,
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    int option;
    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        set_option(w, option, optarg);
    }
    if (optind < argc || w->dsn == NULL || w->table == NULL || w->pipeline == NULL ||
        !looks_is_told(&w->looks)) {
        usage(stderr);
        exit(EXIT_USAGE);
    }
}

static int print_bad(const struct watch *w)
{
    int64_t bad = 0;
    for (int64_t i = 0; i < w->looks.fed.count; i++) {
        bad += looks_is_bad(&w->looks, (int32_t)(i % w->looks.fed.partitions),
                            i / w->looks.fed.partitions);
    }
    printf("%" PRId64 "\n", bad);
    return 0;
}

int main(int argc, char **argv)
{
    struct watch w = {.positions_table = "pipehost_positions", .sink = "rows"};
    looks_init(&w.looks);
    parse_options(&w, argc, argv);
    w.seen = calloc((size_t)w.looks.fed.count, 1);
    int status = 2;
    if (w.counts_bad) {
        status = print_bad(&w);
    } else if (w.seen != NULL && looks_begin(&w.looks)) {
        if (!w.is_final) {
            status = watch(&w);
        } else if (look(&w)) {
            check_ends(&w);
            status = looks_report(&w.looks, w.rows, "rows", NULL);
        }
    }
    PQfinish(w.conn);
    looks_fini(&w.looks);
    free(w.seen);
    return status;
}
