/*
 * bench-start: starts a job over a topic that is being fed, and takes the time from there to the
 * first row that another session sees; kills the job with signal 9, starts it again and takes the
 * time to the next row.
 */
#include <errno.h>
#include <getopt.h>
#include <libpq-fe.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tools/numbers.h"

#define DEADLINE_MS 60000

struct start {
    const char *dsn;
    const char *table;
    int64_t run_ms; /* how long the job works before it is killed */
    char **command;
    PGconn *conn;
};

static int64_t now_us(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static void pause_ms(int64_t ms)
{
    struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&ts, NULL);
}

static bool run_sql(struct start *s, const char *format, int *rows)
{
    char sql[512];
    snprintf(sql, sizeof sql, format, s->table);
    PGresult *result = PQexec(s->conn, sql);
    ExecStatusType status = PQresultStatus(result);
    bool ok = status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK;
    if (!ok) {
        fprintf(stderr, "bench-start: %s", PQerrorMessage(s->conn));
    } else if (rows) {
        *rows = PQntuples(result);
    }
    PQclear(result);
    return ok;
}

static pid_t spawn(const struct start *s)
{
    pid_t pid = fork();
    if (pid == 0) {
        dup2(STDERR_FILENO, STDOUT_FILENO);
        execvp(s->command[0], s->command);
        fprintf(stderr, "%s: %s\n", s->command[0], strerror(errno));
        _exit(127);
    }
    return pid;
}

static void end(pid_t pid, int signal_number)
{
    if (pid > 0) {
        kill(pid, signal_number);
        waitpid(pid, NULL, 0);
    }
}

/* Empties the table, starts the job and waits for a row: milliseconds, or -1. */
static double time_to_row(struct start *s, pid_t *pid)
{
    int rows = 0;
    if (!run_sql(s, "TRUNCATE %s", NULL)) {
        return -1;
    }
    int64_t start_us = now_us();
    *pid = spawn(s);
    while (*pid > 0 && run_sql(s, "SELECT 1 FROM %s LIMIT 1", &rows) && rows == 0) {
        if (now_us() - start_us > DEADLINE_MS * 1000LL || waitpid(*pid, NULL, WNOHANG) != 0) {
            fprintf(stderr, "bench-start: the job ended, or there was no row within %d s\n",
                    DEADLINE_MS / 1000);
            return -1;
        }
        pause_ms(1);
    }
    return rows > 0 ? (double)(now_us() - start_us) / 1000 : -1;
}

static int measure(struct start *s)
{
    pid_t pid = -1;
    double first_ms = time_to_row(s, &pid);
    pause_ms(first_ms < 0 ? 0 : s->run_ms);
    end(pid, SIGKILL);
    pid = -1;
    double next_ms = first_ms < 0 ? -1 : time_to_row(s, &pid);
    end(pid, SIGTERM);
    printf("first_row_ms=%.1f next_row_ms=%.1f\n", first_ms, next_ms);
    return first_ms < 0 || next_ms < 0;
}

static void usage(void)
{
    fprintf(stderr,
            "usage: bench-start --dsn DSN [--table processed_events] [--run-ms 2000] -- COMMAND "
            "[ARG]...\n");
    exit(EXIT_USAGE);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"dsn", required_argument, NULL, 'D'},
                                            {"table", required_argument, NULL, 't'},
                                            {"run-ms", required_argument, NULL, 'r'},
                                            {NULL, 0, NULL, 0}};
    struct start s = {.table = "processed_events", .run_ms = 2000};
    int status = 2;
    int o;
    while ((o = getopt_long(argc, argv, "+", options, NULL)) != -1) {
        switch (o) {
        case 'D':
            s.dsn = optarg;
            break;
        case 't':
            s.table = optarg;
            break;
        case 'r':
            s.run_ms = number_or_exit("run-ms", optarg, 0, 600000);
            break;
        default:
            usage();
        }
    }
    if (!s.dsn || optind == argc) {
        usage();
    }
    s.command = argv + optind;
    s.conn = PQconnectdb(s.dsn);
    if (PQstatus(s.conn) != CONNECTION_OK) {
        fprintf(stderr, "bench-start: %s", PQerrorMessage(s.conn));
    } else {
        status = measure(&s);
    }
    PQfinish(s.conn);
    return status;
}
