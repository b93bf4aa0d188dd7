/* SPDX-License-Identifier: Apache-2.0 */
/* What monitors and a service manager get from a running pipeline. */
#include "../support/exposition.h"
#include "run.h"

#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct run r;
static struct exposition e;

static void set_up(void)
{
    run_init(&r);
}

static void tear_down(void)
{
    (void)unsetenv("NOTIFY_SOCKET");
    (void)unsetenv("WATCHDOG_USEC");
    run_fini(&r);
}

static const char running[] =
    PIPELINE("'dead_letter':{'stop_above_percent':100},",
             SOURCE(0, ",'partitions':2,'records':1000,'bad_every':50,'end':false") "," UDF(
                 "u", 2, "s0", "") "," SINK("k", 1, "u", ""));

static const char *const with_page[] = {"--metrics-listen", "0", NULL};

/* ---- a very small HTTP client ---- */

static int connect_to_page(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET};
    struct timeval timeout = {.tv_sec = RUN_WAIT_S};
    static const char before[] = "metrics are at http://127.0.0.1:";
    run_until_logged(&r, "/metrics");
    const char *at = strstr(r.log, before);
    ck_assert_msg(at != NULL, "%s", r.log);
    a.sin_port = htons((uint16_t)strtoul(at + strlen(before), NULL, 10));
    ck_assert_int_eq(inet_pton(AF_INET, "127.0.0.1", &a.sin_addr), 1);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout), 0);
    ck_assert_int_eq(connect(fd, (const struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

/* The whole answer to one request. */
static const char *http(const char *method, const char *path)
{
    static char text[1000000];
    char request[256];
    size_t got = 0;
    ssize_t n;
    int fd = connect_to_page();
    int length =
        snprintf(request, sizeof request,
                 "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", method, path);
    ck_assert_int_eq(send(fd, request, (size_t)length, MSG_NOSIGNAL), length);
    while ((n = recv(fd, text + got, sizeof text - 1 - got, 0)) > 0) {
        got += (size_t)n;
    }
    ck_assert_int_eq(n, 0);
    text[got] = '\0';
    (void)close(fd);
    return text;
}

static bool has_all_rows(struct run *run, void *arg)
{
    (void)arg;
    const char *answer = http("GET", "/metrics");
    const char *body = strstr(answer, "\r\n\r\n");
    ck_assert_msg(strncmp(answer, "HTTP/1.1 200 ", 13) == 0 && body != NULL, "%s", answer);
    ck_assert_ptr_nonnull(strstr(answer, "Content-Type: text/plain; version=0.0.4"));
    ck_assert_msg(exposition_parse(&e, body + 4), "%s in:\n%s", e.error, body);
    const struct exposition_sample *in =
        exposition_find(&e, "pipehost_operator_records_in_total", "operator=\"s0\"");
    const struct exposition_sample *out =
        exposition_find(&e, "pipehost_operator_records_out_total", "operator=\"k\"");
    return in != NULL && out != NULL && in->value == 2000 &&
           out->value == (double)run_rows(run, 1) && out->value > 1000;
}

START_TEST(the_metrics_page_has_the_numbers_of_host_and_plugins)
{
    run_write_manifest(&r, running);
    run_start(&r, with_page);
    run_until(&r, has_all_rows, NULL, "all rows on the page");
    const struct exposition_sample *set_aside =
        exposition_find(&e, "pipehost_operator_set_aside_total", "operator=\"s0\"");
    const struct exposition_sample *epochs =
        exposition_find(&e, "pipehost_plugin_sink_epochs_total", "plugin=\"sink\"");
    ck_assert_ptr_nonnull(set_aside);
    ck_assert_double_eq_tol(set_aside->value, 2000.0 - (double)run_rows(&r, 1), 1e-9);
    ck_assert_ptr_nonnull(epochs);
    ck_assert_double_ge(epochs->value, 1);
    ck_assert_int_eq(strncmp(http("GET", "/ready"), "HTTP/1.1 200 ", 13), 0);
    ck_assert_int_eq(strncmp(http("GET", "/health"), "HTTP/1.1 200 ", 13), 0);
    ck_assert_int_eq(strncmp(http("HEAD", "/metrics"), "HTTP/1.1 200 ", 13), 0);
    ck_assert_int_eq(strncmp(http("GET", "/"), "HTTP/1.1 404 ", 13), 0);
    ck_assert_int_eq(strncmp(http("POST", "/metrics"), "HTTP/1.1 405 ", 13), 0);
    run_signal(&r, SIGTERM);
    run_ends(&r, 0);
}
END_TEST

START_TEST(a_pipeline_that_still_waits_for_a_service_is_alive_and_not_ready)
{
    run_write_manifest(
        &r, PIPELINE("", SOURCE(0, ",'records':10,'fail':['activate:retriable']") "," SINK(
                             "k", 1, "s0", "")));
    run_start(&r, with_page);
    run_until_logged(&r, "waiting: ");
    ck_assert_int_eq(strncmp(http("GET", "/ready"), "HTTP/1.1 503 ", 13), 0);
    ck_assert_int_eq(strncmp(http("GET", "/health"), "HTTP/1.1 200 ", 13), 0);
    run_signal(&r, SIGTERM);
    run_ends(&r, 0);
}
END_TEST

START_TEST(silent_clients_of_the_page_hold_nobody_up)
{
    int fds[60];
    run_write_manifest(&r, running);
    run_start(&r, with_page);
    for (size_t i = 0; i < 60; i++) {
        fds[i] = connect_to_page();
        ck_assert_int_eq(send(fds[i], "GET /met", 8, MSG_NOSIGNAL), 8);
    }
    run_until(&r, has_all_rows, NULL, "all rows on the page");
    run_signal(&r, SIGTERM);
    run_ends(&r, 0);
    for (size_t i = 0; i < 60; i++) {
        (void)close(fds[i]);
    }
}
END_TEST

START_TEST(an_address_that_cannot_be_used_is_a_wrong_command_line)
{
    static const char *const args[] = {"--metrics-listen", "localhost:80", NULL};
    run_write_manifest(&r, running);
    run_start(&r, args);
    run_ends(&r, 64);
    ck_assert_ptr_nonnull(strstr(r.log, "--metrics-listen localhost:80: give PORT for loopback"));
}
END_TEST

/* ---- a service manager ---- */

static int be_manager(void)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    (void)snprintf(a.sun_path, sizeof a.sun_path, "%s/notify", r.dir);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(fd, (const struct sockaddr *)&a, sizeof a), 0);
    ck_assert_int_eq(setenv("NOTIFY_SOCKET", a.sun_path, 1), 0);
    return fd;
}

/* The next message that has the text; others are passed over, `not_before` is an error. */
static void expect_message(int fd, const char *wanted, const char *not_before)
{
    char text[1024];
    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        ck_assert_msg(poll(&p, 1, RUN_WAIT_S * 1000) == 1, "no %s", wanted);
        ssize_t n = recv(fd, text, sizeof text - 1, 0);
        ck_assert_int_gt(n, 0);
        text[n] = '\0';
        if (strstr(text, wanted) != NULL) {
            return;
        }
        ck_assert_msg(not_before == NULL || strstr(text, not_before) == NULL, "%s before %s", text,
                      wanted);
    }
}

START_TEST(a_service_manager_hears_of_the_start_of_life_and_of_the_end)
{
    int fd = be_manager();
    ck_assert_int_eq(setenv("WATCHDOG_USEC", "300000", 1), 0);
    run_write_manifest(&r, running);
    run_start(&r, NULL);
    expect_message(fd, "READY=1\n", "STOPPING=1");
    for (int i = 0; i < 3; i++) {
        expect_message(fd, "WATCHDOG=1\n", "STOPPING=1");
    }
    run_signal(&r, SIGTERM);
    expect_message(fd, "STOPPING=1\n", "READY=1");
    run_ends(&r, 0);
    (void)close(fd);
}
END_TEST

START_TEST(a_start_that_waits_asks_the_service_manager_for_time)
{
    int fd = be_manager();
    run_write_manifest(
        &r,
        PIPELINE("",
                 SOURCE(0, ",'records':10,'end':false,'fail':['activate:retriable:1:2']") "," SINK(
                     "k", 1, "s0", "")));
    run_start(&r, NULL);
    expect_message(fd, "EXTEND_TIMEOUT_USEC=30000000\n", "READY=1");
    expect_message(fd, "READY=1\n", "STOPPING=1");
    run_signal(&r, SIGTERM);
    run_ends(&r, 0);
    (void)close(fd);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("monitors");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 500);
    tcase_add_checked_fixture(all, set_up, tear_down);
    tcase_add_test(all, the_metrics_page_has_the_numbers_of_host_and_plugins);
    tcase_add_test(all, a_pipeline_that_still_waits_for_a_service_is_alive_and_not_ready);
    tcase_add_test(all, silent_clients_of_the_page_hold_nobody_up);
    tcase_add_test(all, an_address_that_cannot_be_used_is_a_wrong_command_line);
    tcase_add_test(all, a_service_manager_hears_of_the_start_of_life_and_of_the_end);
    tcase_add_test(all, a_start_that_waits_asks_the_service_manager_for_time);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
