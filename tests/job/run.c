/* SPDX-License-Identifier: Apache-2.0 */
#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S INT64_C(1000000000)

int64_t run_now_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

static void path_in(const struct run *r, const char *name, char *path, size_t size)
{
    (void)snprintf(path, size, "%s/%s", r->dir, name);
}

/*
 * What is durable stays, unless a test takes it away, so that each row is looked at once, however
 * often a test asks while it waits: a whole log read anew for each question would take more than
 * the pipeline does.
 */
struct seen {
    uint64_t read[STAGE_LANES]; /* of the log */
    uint64_t rows;
    int64_t positions[UINT8_MAX + 1][UINT8_MAX + 1]; /* by source and partition, + 1; 0 = none */
};

void run_init(struct run *r)
{
    char path[128];
    memset(r, 0, sizeof *r);
    (void)snprintf(r->dir, sizeof r->dir, "/tmp/pipehost-job-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(r->dir));
    path_in(r, "stage.bin", path, sizeof path);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(ftruncate(fd, (off_t)sizeof *r->stage), 0);
    r->stage = mmap(NULL, sizeof *r->stage, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ck_assert(r->stage != MAP_FAILED);
    (void)close(fd);
    r->seen = calloc(STAGE_SLOTS, sizeof *r->seen);
    ck_assert_ptr_nonnull(r->seen);
    for (uint32_t slot = 0; slot < STAGE_SLOTS; slot++) {
        for (uint32_t p = 0; p < STAGE_PARTITIONS; p++) {
            atomic_store(&r->stage->told[slot][p], -1);
        }
    }
}

static int remove_one(const char *path, const struct stat *s, int kind, struct FTW *place)
{
    (void)s;
    (void)kind;
    (void)place;
    return remove(path);
}

void run_fini(struct run *r)
{
    if (r->pid > 0) {
        (void)kill(r->pid, SIGKILL);
        (void)waitpid(r->pid, NULL, 0);
    }
    (void)munmap(r->stage, sizeof *r->stage);
    free(r->seen);
    (void)nftw(r->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

void run_write_manifest(struct run *r, const char *text)
{
    char path[128];
    path_in(r, "p.json", path, sizeof path);
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    for (const char *at = text; *at != '\0'; at++) {
        (void)fputc(*at == '\'' ? '"' : *at, f);
    }
    ck_assert_int_eq(fclose(f), 0);
}

static void spawn(struct run *r, const char *const *argv, const char *out)
{
    extern char **environ;
    char log[128];
    posix_spawn_file_actions_t actions;
    path_in(r, "log", log, sizeof log);
    ck_assert_int_eq(r->pid, 0);
    ck_assert_int_eq(posix_spawn_file_actions_init(&actions), 0);
    ck_assert_int_eq(
        posix_spawn_file_actions_addopen(&actions, 1, out, O_WRONLY | O_CREAT | O_TRUNC, 0600), 0);
    ck_assert_int_eq(
        posix_spawn_file_actions_addopen(&actions, 2, log, O_WRONLY | O_CREAT | O_TRUNC, 0600), 0);
    ck_assert_int_eq(
        posix_spawn(&r->pid, PIPEHOST, &actions, NULL, (char **)(uintptr_t)argv, environ), 0);
    (void)posix_spawn_file_actions_destroy(&actions);
}

void run_start(struct run *r, const char *const *args)
{
    char manifest[128];
    const char *argv[32] = {PIPEHOST, manifest, "--plugin-dir", STAGE_DIR};
    int argc = 4;
    path_in(r, "p.json", manifest, sizeof manifest);
    while (args != NULL && *args != NULL && argc < 31) {
        argv[argc++] = *args++;
    }
    spawn(r, argv, "/dev/null");
}

void run_start_command(struct run *r, const char *const *words)
{
    const char *argv[32] = {PIPEHOST};
    char out[128];
    int argc = 1;
    while (*words != NULL && argc < 31) {
        argv[argc++] = *words++;
    }
    path_in(r, "out", out, sizeof out);
    spawn(r, argv, out);
}

void run_read_log(struct run *r)
{
    char path[128];
    path_in(r, "log", path, sizeof path);
    FILE *f = fopen(path, "r");
    size_t length = f != NULL ? fread(r->log, 1, sizeof r->log - 1, f) : 0;
    r->log[length] = '\0';
    if (f != NULL) {
        (void)fclose(f);
    }
}

static void give_up(struct run *r, const char *what)
{
    run_read_log(r);
    if (r->pid > 0) {
        (void)kill(r->pid, SIGKILL);
        (void)waitpid(r->pid, NULL, 0);
        r->pid = 0;
    }
    ck_abort_msg("%s; log:\n%s", what, r->log);
}

/* Waits a moment; true where the process has ended. */
static bool has_ended(const struct run *r, int milliseconds)
{
    int fd = (int)syscall(SYS_pidfd_open, r->pid, 0);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int n = poll(&p, 1, milliseconds);
    (void)close(fd);
    return n > 0;
}

int run_wait(struct run *r)
{
    int status;
    if (!has_ended(r, RUN_WAIT_S * 1000)) {
        give_up(r, "the process does not end");
    }
    ck_assert_int_eq(waitpid(r->pid, &status, 0), r->pid);
    r->pid = 0;
    run_read_log(r);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void run_ends(struct run *r, int status)
{
    int ended = run_wait(r);
    ck_assert_msg(ended == status, "exit status %d, not %d; log:\n%s", ended, status, r->log);
}

void run_expect(struct run *r, const char *manifest, int status)
{
    int ended = run_whole(r, manifest);
    ck_assert_msg(ended == status, "exit status %d, not %d; log:\n%s", ended, status, r->log);
}

int run_whole(struct run *r, const char *manifest)
{
    run_write_manifest(r, manifest);
    run_start(r, NULL);
    return run_wait(r);
}

unsigned long run_needed_mib(struct run *r)
{
    static const char *const args[] = {"--set", "/memory={\"limit_mib\":1}", NULL};
    static const char before[] = "this graph needs ";
    run_start(r, args);
    run_ends(r, 78);
    const char *at = strstr(r->log, before);
    ck_assert_msg(at != NULL, "%s", r->log);
    unsigned long mib = strtoul(at + strlen(before), NULL, 10);
    ck_assert_uint_gt(mib, 1);
    return mib;
}

void run_signal(struct run *r, int signal)
{
    ck_assert_int_eq(kill(r->pid, signal), 0);
}

void run_until(struct run *r, bool (*holds)(struct run *r, void *arg), void *arg, const char *what)
{
    int64_t until_ns = run_now_ns() + RUN_WAIT_S * NS_PER_S;
    while (!holds(r, arg)) {
        char text[256];
        bool ended = has_ended(r, 5);
        if ((ended && !holds(r, arg)) || run_now_ns() > until_ns) {
            (void)snprintf(text, sizeof text, "%s before: %s", ended ? "ended" : "time is up",
                           what);
            give_up(r, text);
        }
    }
}

bool run_has_logged(struct run *r, const char *text)
{
    run_read_log(r);
    return strstr(r->log, text) != NULL;
}

static bool has_logged(struct run *r, void *arg)
{
    return run_has_logged(r, arg);
}

void run_until_logged(struct run *r, const char *text)
{
    run_until(r, has_logged, (void *)(uintptr_t)text, text);
}

int64_t run_cpu_ns(struct run *r)
{
    clockid_t clock;
    struct timespec t;
    ck_assert_int_eq(clock_getcpuclockid(r->pid, &clock), 0);
    ck_assert_int_eq(clock_gettime(clock, &t), 0);
    return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

/* ---- what the sinks have ---- */

static const struct seen *look(const struct run *r, uint32_t sink)
{
    struct seen *s = &r->seen[sink];
    for (uint32_t lane = 0; lane < STAGE_LANES; lane++) {
        const struct stage_log *log = &r->stage->logs[sink][lane];
        uint64_t count = atomic_load(&log->durable);
        if (count < s->read[lane]) {
            memset(s, 0, sizeof *s);
            return look(r, sink);
        }
        for (; s->read[lane] < count; s->read[lane]++) {
            const struct stage_row *row = &log->rows[s->read[lane]];
            int64_t *position = &s->positions[row->source][row->partition];
            if (row->is_position == 0) {
                s->rows++;
            } else if (row->offset >= *position) {
                *position = row->offset + 1;
            }
        }
    }
    return s;
}

uint64_t run_rows(const struct run *r, uint32_t sink)
{
    return look(r, sink)->rows;
}

uint32_t run_count(const struct run *r, uint32_t sink, uint32_t source, uint32_t partition,
                   int64_t offset)
{
    uint32_t rows = 0;
    for (uint32_t lane = 0; lane < STAGE_LANES; lane++) {
        const struct stage_log *log = &r->stage->logs[sink][lane];
        uint64_t count = atomic_load(&log->durable);
        for (uint64_t i = 0; i < count; i++) {
            const struct stage_row *row = &log->rows[i];
            rows += row->is_position == 0 && row->source == source && row->partition == partition &&
                    row->offset == offset;
        }
    }
    return rows;
}

int64_t run_position(const struct run *r, uint32_t sink, uint32_t source, uint32_t partition)
{
    return look(r, sink)->positions[source][partition] - 1;
}

uint32_t run_once(int64_t offset)
{
    (void)offset;
    return 1;
}

/* Per record: how many rows, and the sum of their sub-indexes. */
struct tally {
    uint32_t rows;
    uint64_t subs;
};

/* Each ck_assert that holds is told to Check's parent through a pipe: too much for each row. */
void run_check(const struct run *r, uint32_t sink, uint32_t source, uint32_t partitions,
               int64_t records, run_expected expected)
{
    struct tally *tallies = calloc((size_t)partitions * (size_t)records, sizeof *tallies);
    ck_assert_ptr_nonnull(tallies);
    for (uint32_t lane = 0; lane < STAGE_LANES; lane++) {
        const struct stage_log *log = &r->stage->logs[sink][lane];
        uint64_t count = atomic_load(&log->durable);
        for (uint64_t i = 0; i < count; i++) {
            const struct stage_row *row = &log->rows[i];
            if (row->is_position != 0 || row->source != source) {
                continue;
            }
            if (row->partition >= partitions || row->offset < 0 || row->offset >= records) {
                ck_abort_msg("a row of partition %u offset %lld, which is none; log:\n%s",
                             row->partition, (long long)row->offset, r->log);
            }
            struct tally *t = &tallies[(int64_t)row->partition * records + row->offset];
            t->rows++;
            t->subs += row->sub;
        }
    }
    for (uint32_t p = 0; p < partitions; p++) {
        for (int64_t offset = 0; offset < records; offset++) {
            const struct tally *t = &tallies[(int64_t)p * records + offset];
            uint64_t n = expected(offset);
            if (t->rows != n) {
                ck_abort_msg("partition %u offset %lld has %u rows, not %llu; log:\n%s", p,
                             (long long)offset, t->rows, (unsigned long long)n, r->log);
            }
            if (n != 0 && t->subs != n * (n - 1) / 2) {
                ck_abort_msg("partition %u offset %lld: sub-indexes are wrong", p,
                             (long long)offset);
            }
        }
        ck_assert_msg(run_position(r, sink, source, p) == records,
                      "partition %u stands at %lld; log:\n%s", p,
                      (long long)run_position(r, sink, source, p), r->log);
    }
    free(tallies);
}

/* What a kill left of a line is no letter, though the next start gave it a line break. */
static bool is_whole(const char *line)
{
    size_t length = strlen(line);
    return length > 2 && strcmp(line + length - 2, "}\n") == 0 && strstr(line, ",\"value") != NULL;
}

uint32_t run_letters(const struct run *r, const char *text)
{
    static char line[200000];
    char path[128];
    uint32_t count = 0;
    path_in(r, "state/dead.jsonl", path, sizeof path);
    FILE *f = fopen(path, "r");
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        count += is_whole(line) && strstr(line, text) != NULL;
    }
    if (f != NULL) {
        (void)fclose(f);
    }
    return count;
}
