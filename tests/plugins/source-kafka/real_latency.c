/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Prints the time from a record's produce call to its arrival in the host's writer: brokers, an
 * existing topic and a rate as arguments. One thread produces, the test's thread polls.
 */
#include "feed.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define SECONDS     5
#define MAX_RECORDS 100000

struct load {
    const char *brokers;
    const char *topic;
    int64_t count;
    int64_t interval_ns;
};

struct arrivals {
    int64_t waits_ns[MAX_RECORDS];
    int64_t count;
};

static bool arrive(int32_t partition, const struct ph_record *record, void *data)
{
    struct arrivals *a = data;
    int64_t sent_ns;
    (void)partition;
    if (record->value_length != sizeof sent_ns || a->count == MAX_RECORDS) {
        return false;
    }
    memcpy(&sent_ns, record->value, sizeof sent_ns);
    a->waits_ns[a->count++] = sent_ns == 0 ? 0 : harness_now_ns() - sent_ns;
    return true;
}

static void send_stamp(rd_kafka_t *rk, const char *topic, int64_t sent_ns)
{
    if (rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                          RD_KAFKA_V_VALUE(&sent_ns, sizeof sent_ns), RD_KAFKA_V_END) != 0) {
        abort();
    }
}

static void *produce(void *data)
{
    const struct load *l = data;
    char reason[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    if (rd_kafka_conf_set(conf, "bootstrap.servers", l->brokers, reason, sizeof reason) != 0 ||
        rd_kafka_conf_set(conf, "linger.ms", "0", reason, sizeof reason) != 0 ||
        rd_kafka_conf_set(conf, "socket.nagle.disable", "true", reason, sizeof reason) != 0) {
        abort();
    }
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, reason, sizeof reason);
    /* The first one pays for the connection. */
    send_stamp(rk, l->topic, 0);
    (void)rd_kafka_flush(rk, 10000);
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    struct itimerspec pace = {.it_interval = {0, l->interval_ns}, .it_value = {0, l->interval_ns}};
    if (timer < 0 || timerfd_settime(timer, 0, &pace, NULL) != 0) {
        abort();
    }
    for (int64_t sent = 1; sent < l->count;) {
        uint64_t due = 0;
        if (read(timer, &due, sizeof due) != (ssize_t)sizeof due) {
            abort();
        }
        for (; due > 0 && sent < l->count; due--, sent++) {
            send_stamp(rk, l->topic, harness_now_ns());
        }
        (void)rd_kafka_poll(rk, 0);
    }
    (void)close(timer);
    (void)rd_kafka_flush(rk, 10000);
    rd_kafka_destroy(rk);
    return NULL;
}

static int ascending(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    static struct arrivals arrivals;
    struct feed f;
    pthread_t producer;
    if (argc != 4) {
        (void)fprintf(stderr, "usage: real_latency BROKERS TOPIC RATE\n");
        return 64;
    }
    int64_t rate = strtoll(argv[3], NULL, 10);
    if (rate < 1 || rate * SECONDS > MAX_RECORDS) {
        return 64;
    }
    const struct harness_setting settings[] = {
        {.key = "brokers", .text = argv[1]}, {.key = "topic", .text = argv[2]}, {0}};
    struct load load = {argv[1], argv[2], rate * SECONDS, 1000000000 / rate};
    if (!feed_open(&f, settings) || feed_start(&f) != PH_OK) {
        (void)fprintf(stderr, "%s\n", feed_error(&f));
        return 1;
    }
    f.check = arrive;
    f.check_data = &arrivals;
    if (pthread_create(&producer, NULL, produce, &load) != 0) {
        abort();
    }
    int32_t result = feed_until(&f, load.count, (SECONDS + 10) * 1000);
    (void)pthread_join(producer, NULL);
    qsort(arrivals.waits_ns, (size_t)arrivals.count, sizeof arrivals.waits_ns[0], ascending);
    int64_t median = arrivals.count / 2;
    int64_t slow = arrivals.count * 99 / 100;
    (void)printf("%lld of %lld records at %lld/s: p50 %.2f ms, p99 %.2f ms\n",
                 (long long)arrivals.count, (long long)load.count, (long long)rate,
                 (double)arrivals.waits_ns[median] / 1e6, (double)arrivals.waits_ns[slow] / 1e6);
    feed_close(&f);
    return result == PH_OK ? 0 : 1;
}
