/* SPDX-License-Identifier: Apache-2.0 */
/* The stand-in of the API, a process of its own: over TLS with a certificate of its own, and with a
 * quota. */
#include "fixture.h"
#include "geo.h"

#include <arpa/inet.h>
#include <check.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define ADDRESS "11.22.33.44"

static char folder[] = "/tmp/geolocate-tls-XXXXXX";
static char cert_file[64];
static char key_file[64];
static pid_t api;
static unsigned int port;
static struct fixture f;

static pid_t spawn(const char *const *arguments, int stdout_fd)
{
    posix_spawn_file_actions_t actions;
    pid_t pid = 0;
    ck_assert_int_eq(posix_spawn_file_actions_init(&actions), 0);
    ck_assert_int_eq(posix_spawn_file_actions_adddup2(&actions, stdout_fd, STDOUT_FILENO), 0);
    ck_assert_int_eq(posix_spawnp(&pid, arguments[0], &actions, NULL,
                                  (char *const *)(uintptr_t)arguments, environ),
                     0);
    (void)posix_spawn_file_actions_destroy(&actions);
    return pid;
}

/* For 127.0.0.1 alone. */
static void make_certificate(void)
{
    int status = 0;
    const char *const arguments[] = {"openssl",
                                     "req",
                                     "-x509",
                                     "-newkey",
                                     "ec",
                                     "-pkeyopt",
                                     "ec_paramgen_curve:prime256v1",
                                     "-nodes",
                                     "-days",
                                     "2",
                                     "-subj",
                                     "/CN=127.0.0.1",
                                     "-addext",
                                     "subjectAltName=IP:127.0.0.1",
                                     "-keyout",
                                     key_file,
                                     "-out",
                                     cert_file,
                                     NULL};
    pid_t pid = spawn(arguments, STDERR_FILENO);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
}

/* quota: null = none. */
static void start_api(bool has_tls, const char *quota)
{
    const char *arguments[8] = {GEO_API};
    uint32_t count = 1;
    int ends[2];
    char line[128] = "";
    if (has_tls) {
        arguments[count++] = "--cert";
        arguments[count++] = cert_file;
        arguments[count++] = "--key";
        arguments[count++] = key_file;
    }
    if (quota != NULL) {
        arguments[count++] = "--quota";
        arguments[count++] = quota;
    }
    ck_assert_int_eq(pipe(ends), 0);
    api = spawn(arguments, ends[1]);
    (void)close(ends[1]);
    FILE *out = fdopen(ends[0], "r");
    ck_assert_ptr_nonnull(out);
    while (sscanf(line, "listening on %u", &port) != 1) {
        ck_assert_msg(fgets(line, sizeof line, out) != NULL, "the stand-in did not start");
    }
    (void)fclose(out);
}

static void stop_api(void)
{
    int status = 0;
    (void)kill(api, SIGTERM);
    (void)waitpid(api, &status, 0);
}

static void set_up(void)
{
    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(cert_file, sizeof cert_file, "%s/cert.pem", folder);
    (void)snprintf(key_file, sizeof key_file, "%s/key.pem", folder);
    make_certificate();
}

static void tear_down(void)
{
    (void)unlink(cert_file);
    (void)unlink(key_file);
    (void)rmdir(folder);
}

static void open_fixture(const char *scheme, const char *host, const char *ca_file)
{
    char endpoint[64];
    (void)snprintf(endpoint, sizeof endpoint, "%s://%s:%u/", scheme, host, port);
    const struct harness_setting settings[] = {{"endpoint", endpoint, NULL, 0},
                                               {"key", "k", NULL, 0},
                                               {"quota_retry", "50", NULL, 0},
                                               {"ca_file", ca_file, NULL, 0}};
    fixture_open_alone(&f, 1, settings, ca_file != NULL ? 4 : 3);
}

static void expect_place(uint32_t row, const char *address)
{
    struct geo_answer place;
    char text[256];
    geo_answer(address, strlen(address), &place);
    (void)snprintf(text, sizeof text, "{\"country\":\"%s\",\"state\":\"%s\",\"city\":\"%s\"}",
                   place.country_code, place.region_name, place.city_name);
    fixture_expect(&f, 0, 0, row, text);
}

static void ask(const char *host, const char *ca_file)
{
    const char *const rows[] = {ADDRESS};
    start_api(true, NULL);
    open_fixture("https", host, ca_file);
    ck_assert_int_eq(fixture_offer(&f, 0, rows, 1), PH_OK);
}

static void expect_untrusted(const char *key)
{
    fixture_run_until_error(&f);
    ck_assert_uint_eq(f.harness->error.flags, PH_ERR_CONFIG);
    ck_assert_str_eq(f.harness->error.config_key, key);
    ck_assert_ptr_nonnull(strstr(f.harness->error.text, "certificate"));
    ck_assert_int_eq(fixture_counter(&f, "answers_untrusted"), 1);
    ck_assert_int_eq(fixture_counter(&f, "retries"), 0);
    fixture_close(&f);
}

START_TEST(a_certificate_of_a_trusted_authority_is_taken)
{
    ask("127.0.0.1", cert_file);
    fixture_run_until(&f, 0, 1);
    expect_place(0, ADDRESS);
    fixture_close(&f);
}
END_TEST

START_TEST(a_certificate_of_an_unknown_authority_is_refused)
{
    ask("127.0.0.1", NULL);
    expect_untrusted("/endpoint");
}
END_TEST

START_TEST(a_certificate_of_another_name_is_refused)
{
    ask("localhost", cert_file);
    expect_untrusted("/ca_file");
}
END_TEST

/* ---- with a quota */

#define MANY 50u
static char texts[MANY][24];
static const char *rows[MANY];

static void offer_many(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        (void)snprintf(texts[i], sizeof texts[i], "11.0.0.%u", i + 1);
        rows[i] = texts[i];
    }
    ck_assert_int_eq(fixture_offer(&f, 0, rows, count), PH_OK);
}

START_TEST(an_api_that_limits_its_rate_places_all_addresses)
{
    start_api(true, "20/s");
    open_fixture("https", "127.0.0.1", cert_file);
    offer_many(MANY);
    fixture_run_until(&f, 0, 1);
    for (uint32_t i = 0; i < MANY; i++) {
        expect_place(i, rows[i]);
    }
    ck_assert_int_ge(fixture_counter(&f, "rate_pauses"), 1);
    ck_assert_int_ge(fixture_counter(&f, "quota_left"), 0);
    ck_assert(harness_logged(f.harness, "asks for patience with status 429"));
    fixture_close(&f);
}
END_TEST

static void refill(void)
{
    static const char request[] = "GET /refill HTTP/1.0\r\n\r\n";
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char answer[512];
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(send(fd, request, sizeof request - 1, MSG_NOSIGNAL), sizeof request - 1);
    ck_assert_int_gt(recv(fd, answer, sizeof answer, 0), 0);
    (void)close(fd);
}

START_TEST(an_empty_quota_holds_the_rows_until_it_is_refilled)
{
    int64_t deadline_ns = harness_now_ns() + FIXTURE_DEADLINE_MS * INT64_C(1000000);
    start_api(false, "30");
    open_fixture("http", "127.0.0.1", NULL);
    offer_many(MANY);
    while (fixture_counter(&f, "quota_pauses") < 3) {
        ck_assert_int_lt(harness_now_ns(), deadline_ns);
        ck_assert_int_ge(harness_pump(f.lanes[0], 50), 0);
        ck_assert_int_eq(fixture_next(&f, 0), PH_IDLE);
    }
    ck_assert_int_eq(fixture_counter(&f, "answers_ok"), 30);
    ck_assert_int_eq(fixture_counter(&f, "quota_left"), 0);
    ck_assert_int_eq(fixture_counter(&f, "paused"), 1);
    refill();
    fixture_run_until(&f, 0, 1);
    for (uint32_t i = 0; i < MANY; i++) {
        expect_place(i, rows[i]);
    }
    ck_assert(harness_logged(f.harness, "refuses look-ups with status 401"));
    ck_assert(harness_logged(f.harness, "the API answers again"));
    fixture_close(&f);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("geolocate stand-in");
    TCase *tests = tcase_create("stand-in");
    tcase_set_timeout(tests, 300);
    tcase_add_unchecked_fixture(tests, set_up, tear_down);
    tcase_add_checked_fixture(tests, NULL, stop_api);
    tcase_add_test(tests, a_certificate_of_a_trusted_authority_is_taken);
    tcase_add_test(tests, a_certificate_of_an_unknown_authority_is_refused);
    tcase_add_test(tests, a_certificate_of_another_name_is_refused);
    tcase_add_test(tests, an_api_that_limits_its_rate_places_all_addresses);
    tcase_add_test(tests, an_empty_quota_holds_the_rows_until_it_is_refilled);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
