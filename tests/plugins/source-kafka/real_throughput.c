/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Prints how fast poll reads a topic to its end and what it costs the process: brokers and topic as
 * arguments, then any number of KEY=VALUE settings (rdkafka.NAME=VALUE for a property). hash=N
 * hashes each value N times: a pipeline that is slower than the broker, so that the queue fills.
 */
#include "feed.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define SETTINGS_MAX 16

static double cpu_s(int who)
{
    struct rusage u;
    (void)getrusage(who, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static long peak_mib(void)
{
    struct rusage u;
    (void)getrusage(RUSAGE_SELF, &u);
    return u.ru_maxrss / 1024;
}

struct work {
    size_t arena_at;
    int hashes;
    uint64_t hash;
};

/* Copies as a host would, round and round in an arena of 1 MiB. */
static bool work_on(int32_t partition, const struct ph_record *record, void *data)
{
    static uint8_t arena[1 << 20];
    struct work *w = data;
    (void)partition;
    if (w->arena_at + record->value_length > sizeof arena) {
        w->arena_at = 0;
    }
    if (record->value_length <= sizeof arena && record->value_length > 0) {
        memcpy(arena + w->arena_at, record->value, record->value_length);
        for (int i = 0; i < w->hashes; i++) {
            for (uint32_t b = 0; b < record->value_length; b++) {
                w->hash = (w->hash ^ arena[w->arena_at + b]) * UINT64_C(0x100000001b3);
            }
        }
        w->arena_at += record->value_length;
    }
    return true;
}

/* Reads to the end in batches of the host's size; counts the time with nothing to read. */
static int32_t run(struct feed *f, int64_t *idle_ns)
{
    for (;;) {
        f->room = 4096;
        int32_t result = feed_poll(f);
        if (result < 0 || result == PH_END) {
            return result;
        }
        if (result == PH_IDLE) {
            int64_t began_ns = harness_now_ns();
            if (harness_pump(f->task, 60000) < 0) {
                return PH_ERROR;
            }
            *idle_ns += harness_now_ns() - began_ns;
        }
    }
}

int main(int argc, char **argv)
{
    struct harness_setting settings[SETTINGS_MAX] = {{.key = "brokers"}, {.key = "topic"}};
    struct harness_item items[SETTINGS_MAX];
    uint32_t count = 2;
    uint32_t item_count = 0;
    struct feed f;
    struct work work = {0};
    int64_t idle_ns = 0;
    if (argc < 3 || argc > SETTINGS_MAX - 2) {
        (void)fprintf(stderr, "usage: real_throughput BROKERS TOPIC [KEY=VALUE]...\n");
        return 64;
    }
    settings[0].text = argv[1];
    settings[1].text = argv[2];
    settings[count++] = (struct harness_setting){.key = "startup_mode", .text = "earliest"};
    settings[count++] = (struct harness_setting){.key = "bounded_mode", .text = "latest"};
    for (int i = 3; i < argc; i++) {
        char *value = strchr(argv[i], '=');
        if (value == NULL) {
            return 64;
        }
        *value++ = '\0';
        if (strcmp(argv[i], "hash") == 0) {
            work.hashes = atoi(value);
        } else if (strncmp(argv[i], "rdkafka.", 8) == 0) {
            items[item_count++] = (struct harness_item){argv[i] + 8, value};
        } else {
            settings[count++] = (struct harness_setting){.key = argv[i], .text = value};
        }
    }
    if (item_count > 0) {
        settings[count++] =
            (struct harness_setting){.key = "rdkafka", .items = items, .item_count = item_count};
    }
    settings[count] = (struct harness_setting){0};
    if (!feed_open(&f, settings) || feed_start(&f) != PH_OK) {
        (void)fprintf(stderr, "%s\n", feed_error(&f));
        return 1;
    }
    f.check = work_on;
    f.check_data = &work;
    int64_t began_ns = harness_now_ns();
    double began_cpu_s = cpu_s(RUSAGE_SELF);
    double began_thread_s = cpu_s(RUSAGE_THREAD);
    int32_t result = run(&f, &idle_ns);
    double idle_s = (double)idle_ns / 1e9;
    double wall_s = (double)(harness_now_ns() - began_ns) / 1e9;
    double all_s = cpu_s(RUSAGE_SELF) - began_cpu_s;
    double worker_s = cpu_s(RUSAGE_THREAD) - began_thread_s;
    (void)printf("%lld records in %.3f s: %.0f/s, CPU a record %.3f us, of it the worker %.3f us; "
                 "idle %.3f s, peak %ld MiB%s\n",
                 (long long)f.total, wall_s, (double)f.total / wall_s,
                 all_s * 1e6 / (double)f.total, worker_s * 1e6 / (double)f.total, idle_s,
                 peak_mib(), result == PH_END ? "" : " (not the whole topic)");
    feed_close(&f);
    return result == PH_END ? 0 : 1;
}
