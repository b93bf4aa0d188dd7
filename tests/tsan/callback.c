/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A race of ours inside a callback of librdkafka, which the suppressions must not hide: the
 * sanitizer has to end this program.
 */
#include <librdkafka/rdkafka.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#define DEADLINE_S 60

static int64_t seen; /* the race: written by two threads */
static _Atomic int called;

static void on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    (void)rk;
    (void)level;
    (void)facility;
    (void)text;
    seen++;
    atomic_fetch_add_explicit(&called, 1, memory_order_relaxed);
}

int main(void)
{
    char reason[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    time_t until = time(NULL) + DEADLINE_S;
    if (rd_kafka_conf_set(conf, "bootstrap.servers", "127.0.0.1:1", reason, sizeof reason) !=
        RD_KAFKA_CONF_OK) {
        return 2;
    }
    rd_kafka_conf_set_log_cb(conf, on_log);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, reason, sizeof reason);
    if (rk == NULL) {
        return 2;
    }
    while (atomic_load_explicit(&called, memory_order_relaxed) < 2 && time(NULL) < until) {
        seen++;
        (void)rd_kafka_poll(rk, 10);
    }
    (void)printf("no race was seen in %d calls\n", atomic_load(&called));
    rd_kafka_destroy(rk);
    return 0;
}
