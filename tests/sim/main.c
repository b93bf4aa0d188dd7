/* SPDX-License-Identifier: Apache-2.0 */
/* delivery_sim [--seed N] [--seconds N] [--epochs N] [--episodes N]: episodes of seeds N, N+1, …
 * until one of the limits. A failure prints the seed of its episode and what repeats it. */
#include "sim.h"

#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct sim_world *sim_current;

void sim_fail(const char *file, int line, const char *format, ...)
{
    va_list args;
    const char *name = strrchr(file, '/');
    (void)printf("FAILED %s:%d: ", name == NULL ? file : name + 1, line);
    va_start(args, format);
    (void)vprintf(format, args);
    va_end(args);
    (void)printf("\nepisode of seed %llu, after %llu steps; to repeat: delivery_sim --seed %llu "
                 "--episodes 1\n",
                 (unsigned long long)sim_current->seed,
                 (unsigned long long)sim_current->counts.steps,
                 (unsigned long long)sim_current->seed);
    exit(EXIT_FAILURE);
}

struct limits {
    uint64_t seed;
    uint64_t seconds;
    uint64_t epochs;
    uint64_t episodes;
};

static bool parse(int argc, char **argv, struct limits *l)
{
    const struct {
        const char *name;
        uint64_t *out;
    } options[] = {{"--seed", &l->seed},
                   {"--seconds", &l->seconds},
                   {"--epochs", &l->epochs},
                   {"--episodes", &l->episodes}};
    for (int i = 1; i < argc; i += 2) {
        uint64_t *out = NULL;
        char *end = NULL;
        for (size_t k = 0; k < sizeof options / sizeof options[0]; k++) {
            out = strcmp(argv[i], options[k].name) == 0 ? options[k].out : out;
        }
        if (out == NULL || i + 1 == argc) {
            return false;
        }
        *out = strtoull(argv[i + 1], &end, 10);
        if (*end != '\0' || end == argv[i + 1]) {
            return false;
        }
    }
    return true;
}

static void report(const struct sim_counts *c, int64_t took_ns)
{
    double seconds = (double)took_ns / (double)CLOCK_NS_PER_S;
    (void)printf(
        "%llu episodes, %llu epochs (%.0f/s), %llu rows, %llu kills, %llu failed calls, "
        "%llu take-overs, %llu dead letters, %llu positions again, %llu doubles of "
        "at-least-once, %llu records skipped and %llu written again by command, %llu starts "
        "refused in %.1f s: nothing wrong\n",
        (unsigned long long)c->episodes, (unsigned long long)c->epochs, (double)c->epochs / seconds,
        (unsigned long long)c->rows, (unsigned long long)c->kills, (unsigned long long)c->faults,
        (unsigned long long)c->takeovers, (unsigned long long)c->letters,
        (unsigned long long)c->refreshes, (unsigned long long)c->doubles,
        (unsigned long long)c->skipped, (unsigned long long)c->rewritten,
        (unsigned long long)c->refusals, seconds);
}

int main(int argc, char **argv)
{
    int64_t begin_ns = clock_monotonic_ns();
    struct limits l = {.seed = (uint64_t)clock_wall_ms() % UINT64_C(1000000000),
                       .seconds = 10,
                       .epochs = UINT64_MAX,
                       .episodes = UINT64_MAX};
    if (!parse(argc, argv, &l)) {
        (void)fprintf(stderr, "usage: %s [--seed N] [--seconds N] [--epochs N] [--episodes N]\n",
                      argv[0]);
        return 64;
    }
    struct sim_world *w = calloc(1, sizeof *w);
    if (w == NULL) {
        return EXIT_FAILURE;
    }
    sim_current = w;
    log_init(LOG_FORMAT_TEXT, PH_LOG_ERROR, STDERR_FILENO); /* not where each start begins */
    (void)printf("seed %llu\n", (unsigned long long)l.seed);
    (void)fflush(stdout);
    int64_t until_ns = begin_ns + (int64_t)l.seconds * CLOCK_NS_PER_S;
    for (uint64_t i = 0; i < l.episodes && w->counts.epochs < l.epochs; i++) {
        if (l.episodes == UINT64_MAX && clock_monotonic_ns() >= until_ns) {
            break;
        }
        sim_episode(w, l.seed + i);
    }
    report(&w->counts, clock_monotonic_ns() - begin_ns);
    free(w);
    return EXIT_SUCCESS;
}
