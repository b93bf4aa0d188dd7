/*
 * bench-run: runs a command and prints in one line what it took: wall, CPU of it and its children,
 * the most memory, memory early and late in the run, and the CPU that another process with its
 * children (a database) took meanwhile.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cpu.h"
#include "tools/numbers.h"

#define SAMPLE_MS   50
#define SAMPLES_MAX 200000

struct run {
    pid_t cpu_of;         /* 0: nobody else */
    int64_t stop_after_s; /* 0: let it end by itself */
    pid_t child;
    int64_t rss_kib[SAMPLES_MAX];
    size_t samples;
};

static double now_s(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static double seconds_of(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static void sample_rss(struct run *run)
{
    char path[64];
    long pages;
    snprintf(path, sizeof path, "/proc/%d/statm", (int)run->child);
    FILE *file = fopen(path, "r");
    if (file && run->samples < SAMPLES_MAX && fscanf(file, "%*s %ld", &pages) == 1) {
        run->rss_kib[run->samples++] = pages * (sysconf(_SC_PAGESIZE) / 1024);
    }
    if (file) {
        fclose(file);
    }
}

/* The most between two shares of the run. */
static int64_t most_between(const struct run *run, double from, double to)
{
    int64_t most = 0;
    for (size_t i = 0; i < run->samples; i++) {
        double share = (double)i / (double)run->samples;
        if (share >= from && share < to && run->rss_kib[i] > most) {
            most = run->rss_kib[i];
        }
    }
    return most;
}

/* Waits for the end of the child, without ever polling for it. */
static void watch(struct run *run, double start_s)
{
    int fd = (int)syscall(SYS_pidfd_open, run->child, 0);
    struct pollfd pfd = {.fd = fd, .events = POLLIN};
    bool asked = false;
    while (fd >= 0 && poll(&pfd, 1, SAMPLE_MS) == 0) {
        sample_rss(run);
        if (run->stop_after_s > 0 && !asked && now_s() - start_s >= (double)run->stop_after_s) {
            kill(run->child, SIGTERM);
            asked = true;
        }
    }
    if (fd >= 0) {
        close(fd);
    }
}

static void usage(void)
{
    fprintf(stderr,
            "usage: bench-run [--cpu-of PID] [--stop-after SECONDS] [--] COMMAND [ARG]...\n");
    exit(EXIT_USAGE);
}

static void parse_options(struct run *run, int argc, char **argv)
{
    static const struct option options[] = {{"cpu-of", required_argument, NULL, 'c'},
                                            {"stop-after", required_argument, NULL, 's'},
                                            {NULL, 0, NULL, 0}};
    int o;
    while ((o = getopt_long(argc, argv, "+", options, NULL)) != -1) {
        if (o == 'c') {
            run->cpu_of = (pid_t)number_or_exit("cpu-of", optarg, 1, INT32_MAX);
        } else if (o == 's') {
            run->stop_after_s = number_or_exit("stop-after", optarg, 1, 86400);
        } else {
            usage();
        }
    }
    if (optind == argc) {
        usage();
    }
}

static int report(const struct run *run, double wall_s, double other_s, int status,
                  const struct rusage *usage_of_child)
{
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    printf("exit=%d wall_s=%.3f user_s=%.3f sys_s=%.3f max_rss_kib=%ld early_rss_kib=%" PRId64
           " late_rss_kib=%" PRId64 " other_cpu_s=%.3f\n",
           code, wall_s, seconds_of(usage_of_child->ru_utime), seconds_of(usage_of_child->ru_stime),
           usage_of_child->ru_maxrss, most_between(run, 0.2, 0.4), most_between(run, 0.8, 1.1),
           other_s);
    return code;
}

int main(int argc, char **argv)
{
    static struct run run;
    struct rusage usage_of_child;
    int status;
    parse_options(&run, argc, argv);
    double other_s = run.cpu_of ? cpu_of_tree(run.cpu_of) : 0;
    double start_s = now_s();
    run.child = fork();
    if (run.child == 0) {
        /* The one line on standard output is ours. */
        dup2(STDERR_FILENO, STDOUT_FILENO);
        execvp(argv[optind], argv + optind);
        fprintf(stderr, "%s: %s\n", argv[optind], strerror(errno));
        _exit(127);
    }
    if (run.child < 0) {
        perror("fork");
        return 1;
    }
    watch(&run, start_s);
    if (wait4(run.child, &status, 0, &usage_of_child) < 0) {
        perror("wait4");
        return 1;
    }
    double wall_s = now_s() - start_s;
    other_s = run.cpu_of ? cpu_of_tree(run.cpu_of) - other_s : 0;
    return report(&run, wall_s, other_s, status, &usage_of_child);
}
