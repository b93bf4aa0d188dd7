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
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>

#include "event.h"
#include "letters.h"
#include "numbers.h"
#include "tuple.h"

#define EXAMPLES       5
#define MAX_PARTITIONS 256
#define COLUMNS        3

enum fault {
    LOSS,
    DUPLICATE,
    FOREIGN,
    CORRUPT,
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
                                                "corrupt",
                                                "out of order",
                                                "above the position",
                                                "dead letters twice",
                                                "of no bad record",
                                                "missing"};

struct watch {
    const char *dsn;
    const char *table;
    const char *positions_table;
    const char *pipeline;
    const char *sink;
    const char *letters_file;
    uint64_t seed;
    int64_t count;
    int32_t partitions;
    uint32_t distinct_ips;
    double bad_percent;
    int64_t refused_modulo; /* the database refuses offsets with this rest; 0: none */
    int64_t refused_rest;
    int64_t interval_ms;
    bool is_final;
    bool counts_bad;
    PGconn *conn;
    struct letters letters;
    uint8_t *seen; /* rows of this look, one byte for each event */
    int64_t positions[MAX_PARTITIONS];
    int64_t last[MAX_PARTITIONS]; /* offset of the last row written */
    int64_t sum;                  /* of the positions */
    int64_t rows;
    int64_t looks;
    int64_t moved;  /* looks that saw other positions than the one before */
    int64_t unread; /* looks at dead letters that are there and could not be read */
    int64_t faults[FAULTS];
};

static void fault(struct watch *w, enum fault which, int32_t partition, int64_t offset)
{
    if (w->faults[which]++ < EXAMPLES) {
        printf("%s: partition %" PRId32 " offset %" PRId64 " (position %" PRId64 ", look %" PRId64
               ")\n",
               fault_names[which], partition, offset,
               partition >= 0 && partition < w->partitions ? w->positions[partition] : -1,
               w->looks);
    }
}

static bool is_bad(const struct watch *w, int32_t partition, int64_t offset)
{
    return event_is_bad(w->seed, partition, offset, w->bad_percent) ||
           (w->refused_modulo > 0 && offset % w->refused_modulo == w->refused_rest);
}

static bool is_event(const struct watch *w, int64_t partition, int64_t offset)
{
    return partition >= 0 && partition < w->partitions && offset >= 0 &&
           offset <= w->count / w->partitions && offset * w->partitions + partition < w->count;
}

static void check_row(struct watch *w, const struct tuple_value *row)
{
    int64_t partition = tuple_integer(row[0]);
    int64_t offset = tuple_integer(row[1]);
    w->rows++;
    if (!is_event(w, partition, offset) || is_bad(w, (int32_t)partition, offset)) {
        fault(w, FOREIGN, (int32_t)partition, offset);
        return;
    }
    int32_t p = (int32_t)partition;
    if (w->seen[offset * w->partitions + p]++ > 0) {
        fault(w, DUPLICATE, p, offset);
    }
    if (offset >= w->positions[p]) {
        fault(w, ABOVE, p, offset);
    }
    if (!w->is_final) {
        return;
    }
    char expected[EVENT_MAX_BYTES];
    size_t len = event_write(expected, sizeof expected, w->seed, p, offset, w->distinct_ips);
    if (row[2].at == NULL || (size_t)row[2].len != len || memcmp(row[2].at, expected, len) != 0) {
        fault(w, CORRUPT, p, offset);
    }
    if (offset <= w->last[p]) {
        fault(w, DISORDER, p, offset);
    }
    w->last[p] = offset;
}

/* Below the positions: each record a row or a letter. */
static void check_below(struct watch *w)
{
    for (int32_t p = 0; p < w->partitions; p++) {
        for (int64_t o = 0; is_event(w, p, o) && (w->is_final || o < w->positions[p]); o++) {
            int64_t i = o * w->partitions + p;
            bool bad = is_bad(w, p, o);
            if (!bad && w->seen[i] == 0) {
                fault(w, LOSS, p, o);
            }
            if (bad && w->letters.times[i] == 0) {
                fault(w, LETTER_MISSING, p, o);
            }
        }
    }
    for (int64_t i = 0; i < w->count; i++) {
        int32_t p = (int32_t)(i % w->partitions);
        int64_t o = i / w->partitions;
        if (w->letters.times[i] > 1) {
            fault(w, LETTER_TWICE, p, o);
        }
        if (w->letters.times[i] > 0 && !is_bad(w, p, o)) {
            fault(w, LETTER_FOREIGN, p, o);
        }
    }
    w->faults[LETTER_FOREIGN] += w->letters.foreign;
}

/* A done pipeline stands at the end of every partition. */
static void check_ends(struct watch *w)
{
    for (int32_t p = 0; p < w->partitions; p++) {
        int64_t end = (w->count - p + w->partitions - 1) / w->partitions;
        if (w->positions[p] != end) {
            printf("position of partition %" PRId32 " is %" PRId64 ", not %" PRId64 "\n", p,
                   w->positions[p], end);
            w->faults[LOSS]++;
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
    int64_t sum = 0;
    int n = snprintf(sql, sizeof sql,
                     "SELECT partition, next_offset FROM %s WHERE pipeline = $1 AND sink = $2",
                     w->positions_table);
    if (n < 0 || (size_t)n >= sizeof sql) {
        return false;
    }
    for (int32_t p = 0; p < w->partitions; p++) {
        w->positions[p] = 0;
        w->last[p] = -1;
    }
    PGresult *r = PQexecParams(w->conn, sql, 2, NULL, values, NULL, NULL, 0);
    bool ok = is_done(w, r, PGRES_TUPLES_OK);
    for (int i = 0; ok && i < PQntuples(r); i++) {
        long p = strtol(PQgetvalue(r, i, 0), NULL, 10);
        long long next = strtoll(PQgetvalue(r, i, 1), NULL, 10);
        if (p >= 0 && p < w->partitions && next > 0) { /* -1: claimed, never begun */
            w->positions[p] = next;
            sum += next;
        }
    }
    PQclear(r);
    w->moved += ok && sum != w->sum;
    w->sum = ok ? sum : w->sum;
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
    memset(w->seen, 0, (size_t)w->count);
    w->rows = 0;
    bool ok = run(w, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY") && read_positions(w) &&
              read_rows(w) && run(w, "COMMIT");
    if (!ok) {
        if (PQstatus(w->conn) == CONNECTION_OK) {
            PQclear(PQexec(w->conn, "ROLLBACK"));
        }
        return false;
    }
    if (!letters_read(&w->letters, w->letters_file)) {
        w->unread++;
        return false;
    }
    w->looks++;
    check_below(w);
    return true;
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
    return w->rows > 0 && w->moved == 0 ? "rows, but no position" : NULL;
}

static int report(const struct watch *w)
{
    int64_t sum = 0;
    const char *blind = blindness(w);
    printf("%" PRId64 " looks, %" PRId64 " at new positions, %" PRId64 " rows, %" PRId64
           " dead letters:",
           w->looks, w->moved, w->rows, w->letters.lines);
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
    if (fd.fd < 0) {
        return 2;
    }
    printf("looking\n");
    (void)fflush(stdout);
    do {
        (void)look(w); /* a server that is away belongs to some tests: report knows if none was */
    } while (poll(&fd, 1, (int)w->interval_ms) == 0);
    (void)look(w); /* however short the run was: at what it left */
    return report(w);
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
    w->refused_modulo = number_or_exit("refused", text, 1, INT64_MAX);
    w->refused_rest = number_or_exit("refused", colon + 1, 0, INT64_MAX);
}

static void set_option(struct watch *w, int option, char *value)
{
    const char **texts[] = {
        ['D'] = &w->dsn,          ['t'] = &w->table, ['P'] = &w->pipeline,
        ['l'] = &w->letters_file, ['k'] = &w->sink,  ['T'] = &w->positions_table};
    if ((size_t)option < sizeof texts / sizeof texts[0] && texts[option] != NULL) {
        *texts[option] = value;
        return;
    }
    switch (option) {
    case 'n':
        w->count = number_or_exit("count", value, 1, INT32_MAX);
        break;
    case 's':
        w->seed = (uint64_t)number_or_exit("seed", value, 0, INT64_MAX);
        break;
    case 'p':
        w->partitions = (int32_t)number_or_exit("partitions", value, 1, MAX_PARTITIONS);
        break;
    case 'd':
        w->distinct_ips = (uint32_t)number_or_exit("distinct", value, 0, 1 << 30);
        break;
    case 'B':
        w->bad_percent = percent_or_exit("bad-percent", value);
        break;
    case 'r':
        parse_refused(w, value);
        break;
    case 'i':
        w->interval_ms = number_or_exit("interval-ms", value, 1, 60000);
        break;
    case 'F':
        w->is_final = true;
        break;
    case 'b':
        w->counts_bad = true;
        break;
    default:
        usage(option == 'h' ? stdout : stderr);
        exit(option == 'h' ? 0 : EXIT_USAGE);
    }
}

static void parse_options(struct watch *w, int argc, char **argv)
{
    static const struct option options[] = {{"dsn", required_argument, NULL, 'D'},
                                            {"table", required_argument, NULL, 't'},
                                            {"pipeline", required_argument, NULL, 'P'},
                                            {"letters", required_argument, NULL, 'l'},
                                            {"sink", required_argument, NULL, 'k'},
                                            {"positions-table", required_argument, NULL, 'T'},
                                            {"count", required_argument, NULL, 'n'},
                                            {"seed", required_argument, NULL, 's'},
                                            {"partitions", required_argument, NULL, 'p'},
                                            {"distinct", required_argument, NULL, 'd'},
                                            {"bad-percent", required_argument, NULL, 'B'},
                                            {"refused", required_argument, NULL, 'r'},
                                            {"interval-ms", required_argument, NULL, 'i'},
                                            {"final", no_argument, NULL, 'F'},
                                            {"count-bad", no_argument, NULL, 'b'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    int option;
    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        set_option(w, option, optarg);
    }
    if (optind < argc || w->dsn == NULL || w->table == NULL || w->pipeline == NULL ||
        w->letters_file == NULL || w->count == 0) {
        usage(stderr);
        exit(EXIT_USAGE);
    }
}

static int print_bad(const struct watch *w)
{
    int64_t bad = 0;
    for (int64_t i = 0; i < w->count; i++) {
        bad += is_bad(w, (int32_t)(i % w->partitions), i / w->partitions);
    }
    printf("%" PRId64 "\n", bad);
    return 0;
}

int main(int argc, char **argv)
{
    struct watch w = {.positions_table = "pipehost_positions",
                      .sink = "rows",
                      .seed = 1,
                      .partitions = 4,
                      .distinct_ips = EVENT_DISTINCT_IPS_DEFAULT,
                      .interval_ms = 100};
    parse_options(&w, argc, argv);
    w.seen = calloc((size_t)w.count, 1);
    w.letters = (struct letters){
        .times = calloc((size_t)w.count, 1), .count = w.count, .partitions = w.partitions};
    int status = 2;
    if (w.counts_bad) {
        status = print_bad(&w);
    } else if (w.seen != NULL && w.letters.times != NULL) {
        if (!w.is_final) {
            status = watch(&w);
        } else if (look(&w)) {
            check_ends(&w);
            status = report(&w);
        }
    }
    PQfinish(w.conn);
    free(w.letters.times);
    free(w.seen);
    return status;
}
