/* SPDX-License-Identifier: Apache-2.0 */
#include "link.h"

#include "errors.h"
#include "properties.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <syslog.h>
#include <unistd.h>

int64_t link_now_ns(const struct link *l)
{
    return l->clock->monotonic_ns(l->task->host);
}

void link_log(const struct link *l, int32_t level, const char *format, ...)
{
    char text[2 * LINK_TEXT_SIZE];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    properties_redact(l->properties, text);
    l->log->write(l->task->host, level, text);
}

/* Of these the error events, the reports and the calls tell, once instead of at each attempt;
 * CONFWARN says of a consumer's properties what is the producer's. */
static bool is_told_elsewhere(const char *facility)
{
    static const char *const facilities[] = {"FAIL",   "ERROR",     "GETPID",
                                             "TXNERR", "TERMINATE", "CONFWARN"};
    for (size_t i = 0; i < sizeof facilities / sizeof facilities[0]; i++) {
        if (strcmp(facility, facilities[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* [io]: librdkafka's threads call this. */
static void on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    const struct link *l = rd_kafka_opaque(rk);
    int32_t as = PH_LOG_DEBUG;
    if (!is_told_elsewhere(facility)) {
        as = level <= LOG_WARNING ? PH_LOG_WARNING
                                  : (level <= LOG_NOTICE ? PH_LOG_INFO : PH_LOG_DEBUG);
    }
    link_log(l, as, "librdkafka: %s: %s", facility, text);
}

/* ---- what it says */

static bool link_gone(struct link *l)
{
    if (l->is_away) {
        return false;
    }
    l->is_away = true;
    l->away_since_ns = link_now_ns(l);
    return true;
}

bool link_take_error(struct link *l, rd_kafka_resp_err_t code, const char *reason)
{
    l->error_count++;
    if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
        return link_gone(l);
    }
    l->trouble = code;
    (void)snprintf(l->trouble_text, sizeof l->trouble_text, "%s", reason);
    properties_redact(l->properties, l->trouble_text);
    if (l->is_connected) {
        link_log(l, PH_LOG_DEBUG, "%s: %s", rd_kafka_err2name(code), l->trouble_text);
    }
    return false;
}

void link_set_back(struct link *l)
{
    l->is_away = false;
    l->reconnect_count++;
    link_log(l, PH_LOG_INFO, "Kafka at %s is back after %.1f s", l->brokers,
             (double)(link_now_ns(l) - l->away_since_ns) / 1e9);
}

/* ---- queues that wake the worker */

void link_drain(int fd)
{
    uint64_t count;
    ssize_t n;
    do {
        n = read(fd, &count, sizeof count);
    } while (n < 0 && errno == EINTR);
}

int link_watch(const struct link *l, rd_kafka_queue_t *queue, struct ph_error *err)
{
    uint64_t one = 1;
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (fd < 0) {
        return ph_error_set(err, PH_ERR_FATAL, "cannot make an eventfd: %s", strerror(errno));
    }
    if (l->wait->watch(l->task, fd, PH_WAIT_READ, err) != PH_OK) {
        (void)close(fd);
        return -1;
    }
    rd_kafka_queue_io_event_enable(queue, fd, &one, sizeof one);
    return fd;
}

void link_unwatch(const struct link *l, rd_kafka_queue_t *queue, int fd)
{
    if (fd >= 0) {
        rd_kafka_queue_io_event_enable(queue, -1, NULL, 0);
        (void)l->wait->watch(l->task, fd, 0, NULL);
        (void)close(fd);
    }
}

int32_t link_pause_until(const struct link *l, int64_t at_ns, struct ph_error *err)
{
    if (l->wait->block(l->task, l->events_fd, PH_WAIT_READ, at_ns) == PH_CANCELLED) {
        return ph_error_set(err, PH_ERR_RETRIABLE, "stopped while connecting to Kafka at %s",
                            l->brokers);
    }
    return PH_OK;
}

/* ---- its life */

int32_t link_create(struct link *l, rd_kafka_type_t type, rd_kafka_conf_t *conf,
                    struct ph_error *err)
{
    char reason[LINK_TEXT_SIZE];
    rd_kafka_conf_set_opaque(conf, l);
    rd_kafka_conf_set_log_cb(conf, on_log);
    l->rk = rd_kafka_new(type, conf, reason, sizeof reason);
    if (l->rk == NULL) {
        rd_kafka_resp_err_t code = rd_kafka_last_error();
        rd_kafka_conf_destroy(conf);
        properties_redact(l->properties, reason);
        return errors_set(err, code, ERRORS_AT_START, "librdkafka refuses the settings: %s",
                          reason);
    }
    l->events = rd_kafka_queue_get_main(l->rk);
    l->events_fd = link_watch(l, l->events, err);
    return l->events_fd < 0 ? PH_ERROR : PH_OK;
}

rd_kafka_topic_t *link_create_topic(struct link *l, const char *name, struct ph_error *err)
{
    rd_kafka_topic_t *topic = rd_kafka_topic_new(l->rk, name, NULL);
    if (topic == NULL) {
        rd_kafka_resp_err_t code = rd_kafka_last_error();
        (void)errors_set(err, code, ERRORS_AT_START, "topic \"%s\": %s", name,
                         rd_kafka_err2str(code));
    }
    return topic;
}

void link_connect(struct link *l)
{
    l->is_away = false;
    l->is_connected = true;
    l->has_told_silence = false;
    l->trouble = RD_KAFKA_RESP_ERR_NO_ERROR;
}

static void part(struct link *l)
{
    link_unwatch(l, l->events, l->events_fd);
    rd_kafka_queue_destroy(l->events);
    l->rk = NULL;
    l->events = NULL;
    l->events_fd = -1;
    l->is_connected = false;
    l->is_away = false;
    l->trouble = RD_KAFKA_RESP_ERR_NO_ERROR;
    l->trouble_text[0] = '\0';
}

void link_close(struct link *l, int flags)
{
    rd_kafka_t *rk = l->rk;
    if (rk != NULL) {
        part(l);
        rd_kafka_destroy_flags(rk, flags);
    }
}

void link_abandon(struct link *l)
{
    if (l->rk != NULL) {
        /* Its threads must not come back to what is gone by then. */
        rd_kafka_set_log_level(l->rk, LOG_EMERG);
        part(l);
    }
}
