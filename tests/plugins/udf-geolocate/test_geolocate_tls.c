/* SPDX-License-Identifier: Apache-2.0 */
/* The API over TLS: the stand-in with a certificate of its own. */
#include "fixture.h"
#include "geo.h"

#include <check.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
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

static void start_api(void)
{
    const char *const arguments[] = {GEO_API, "--cert", cert_file, "--key", key_file, NULL};
    int ends[2];
    char line[128] = "";
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

static void set_up(void)
{
    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(cert_file, sizeof cert_file, "%s/cert.pem", folder);
    (void)snprintf(key_file, sizeof key_file, "%s/key.pem", folder);
    make_certificate();
    start_api();
}

static void tear_down(void)
{
    int status = 0;
    (void)kill(api, SIGTERM);
    (void)waitpid(api, &status, 0);
    (void)unlink(cert_file);
    (void)unlink(key_file);
    (void)rmdir(folder);
}

static void look_up(const char *host, const char *ca_file)
{
    const char *const rows[] = {ADDRESS};
    char endpoint[64];
    (void)snprintf(endpoint, sizeof endpoint, "https://%s:%u/", host, port);
    const struct harness_setting settings[] = {{"endpoint", endpoint, NULL, 0},
                                               {"ca_file", ca_file, NULL, 0}};
    fixture_open_alone(&f, 1, settings, ca_file != NULL ? 2 : 1);
    ck_assert_int_eq(fixture_offer(&f, 0, rows, 1), PH_OK);
    fixture_run_until(&f, 0, 1);
}

static void expect_untrusted(void)
{
    fixture_expect(&f, 0, 0, 0, "{}");
    ck_assert_int_eq(fixture_counter(&f, "answers_empty_untrusted"), 1);
    ck_assert_int_eq(fixture_counter(&f, "retries"), 0);
    ck_assert(harness_logged(f.harness, "certificate"));
    fixture_close(&f);
}

START_TEST(a_certificate_of_a_trusted_authority_is_taken)
{
    struct geo_answer place;
    char text[256];
    geo_answer(ADDRESS, strlen(ADDRESS), &place);
    (void)snprintf(text, sizeof text, "{\"country\":\"%s\",\"state\":\"%s\",\"city\":\"%s\"}",
                   place.country_code, place.region_name, place.city_name);
    look_up("127.0.0.1", cert_file);
    fixture_expect(&f, 0, 0, 0, text);
    fixture_close(&f);
}
END_TEST

START_TEST(a_certificate_of_an_unknown_authority_is_refused)
{
    look_up("127.0.0.1", NULL);
    expect_untrusted();
}
END_TEST

START_TEST(a_certificate_of_another_name_is_refused)
{
    look_up("localhost", cert_file);
    expect_untrusted();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("geolocate tls");
    TCase *tests = tcase_create("tls");
    tcase_set_timeout(tests, 60);
    tcase_add_unchecked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, a_certificate_of_a_trusted_authority_is_taken);
    tcase_add_test(tests, a_certificate_of_an_unknown_authority_is_refused);
    tcase_add_test(tests, a_certificate_of_another_name_is_refused);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
