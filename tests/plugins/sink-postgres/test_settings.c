/* SPDX-License-Identifier: Apache-2.0 */
/* The plugin through its .so, as far as it goes without a server. */
#include "harness.h"

#include <arpa/inet.h>
#include <check.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *plugin;

static const struct ph_field fields[] = {{"ip", PH_TYPE_STRING, 0}, {"geodata", PH_TYPE_JSON, 0}};

static struct harness *open_sink(const struct harness_setting *settings, uint32_t count,
                                 int32_t expected)
{
    struct harness *h = harness_open(plugin, NULL, "pipe", "rows");
    ck_assert_ptr_nonnull(h);
    ck_assert_int_eq(harness_init(h, settings, count), expected);
    return h;
}

static int32_t bind_fields(struct harness *h)
{
    static struct ph_schema schema;
    static const struct ph_schema *inputs[] = {&schema};
    schema = harness_schema_of(fields, 2);
    return harness_bind(h, inputs, 1);
}

START_TEST(a_column_that_the_input_lacks_is_refused_with_the_nearest)
{
    static const struct harness_item columns[] = {{NULL, "ip"}, {NULL, "geodta"}};
    static const struct harness_setting settings[] = {{"dsn", "postgresql:///x", NULL, 0},
                                                      {"table", "t", NULL, 0},
                                                      {"columns", NULL, columns, 2}};
    struct harness *h = open_sink(settings, 3, PH_OK);
    ck_assert_int_eq(bind_fields(h), PH_ERROR);
    ck_assert_str_eq(h->error.text,
                     "the input has no column \"geodta\", did you mean \"geodata\"?");
    ck_assert_str_eq(h->error.config_key, "/columns/1");
    ck_assert_uint_eq(h->error.flags, PH_ERR_CONFIG);
    harness_close(h);
}
END_TEST

START_TEST(a_column_named_twice_is_refused)
{
    static const struct harness_item columns[] = {{NULL, "ip"}, {NULL, "ip"}};
    static const struct harness_setting settings[] = {{"dsn", "postgresql:///x", NULL, 0},
                                                      {"table", "t", NULL, 0},
                                                      {"columns", NULL, columns, 2}};
    struct harness *h = open_sink(settings, 3, PH_OK);
    ck_assert_int_eq(bind_fields(h), PH_ERROR);
    ck_assert_str_eq(h->error.text, "column \"ip\" is named twice");
    harness_close(h);
}
END_TEST

START_TEST(a_table_that_is_no_name_is_refused)
{
    static const struct harness_setting settings[] = {{"dsn", "postgresql:///x", NULL, 0},
                                                      {"table", "a.b.c", NULL, 0}};
    struct harness *h = open_sink(settings, 2, PH_ERROR);
    ck_assert_str_eq(h->error.config_key, "/table");
    ck_assert_uint_eq(h->error.flags, PH_ERR_CONFIG);
    harness_close(h);
}
END_TEST

START_TEST(a_bad_dsn_is_refused_before_any_connection)
{
    static const struct harness_setting settings[] = {
        {"dsn", "jdbc:postgresql://db/x?socketFactory=a", NULL, 0}, {"table", "t", NULL, 0}};
    struct harness *h = open_sink(settings, 2, PH_ERROR);
    ck_assert_str_eq(
        h->error.text,
        "dsn: JDBC parameter \"socketFactory\" has no counterpart in libpq: remove it");
    ck_assert_str_eq(h->error.config_key, "/dsn");
    harness_close(h);
}
END_TEST

/* A port of loopback that is bound and not listened on: a connection is refused. */
static int deaf_port(int *fd)
{
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof own;
    *fd = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(*fd, (struct sockaddr *)&own, sizeof own), 0);
    ck_assert_int_eq(getsockname(*fd, (struct sockaddr *)&own, &length), 0);
    return ntohs(own.sin_port);
}

static void activate_at(const char *dsn, const char *timeout, const char *says, const char *told)
{
    struct harness_setting settings[] = {
        {"dsn", dsn, NULL, 0}, {"table", "t", NULL, 0}, {"connect_timeout", timeout, NULL, 0}};
    struct harness *h = open_sink(settings, 3, PH_OK);
    ck_assert_int_eq(bind_fields(h), PH_OK);
    struct harness_task *t = harness_task_create(h, 0);
    ck_assert_ptr_nonnull(t);
    ck_assert_int_eq(harness_activate(t), PH_ERROR);
    ck_assert_uint_eq(h->error.flags, PH_ERR_RETRIABLE);
    ck_assert_msg(strstr(h->error.text, says) != NULL, "%s", h->error.text);
    ck_assert_msg(strstr(h->error.text, "hunter2") == NULL, "%s", h->error.text);
    ck_assert(told == NULL ? !harness_logged(h, "connecting to") : harness_logged(h, told));
    harness_task_destroy(t);
    harness_close(h);
}

START_TEST(a_server_that_is_away_is_retriable_and_named)
{
    char dsn[96];
    char says[96];
    int fd;
    int port = deaf_port(&fd);
    (void)snprintf(dsn, sizeof dsn, "postgresql://u:hunter2@127.0.0.1:%d/x", port);
    (void)snprintf(says, sizeof says, "cannot connect to PostgreSQL at 127.0.0.1:%d/x: ", port);
    activate_at(dsn, "5s", says, NULL);
    (void)close(fd);
}
END_TEST

START_TEST(a_server_that_says_nothing_runs_into_the_timeout)
{
    char dsn[96];
    char told[128];
    int fd;
    int port = deaf_port(&fd);
    ck_assert_int_eq(listen(fd, 4), 0);
    (void)snprintf(dsn, sizeof dsn, "postgresql://u:hunter2@127.0.0.1:%d/x", port);
    activate_at(dsn, "100ms", "did not answer within 100 ms", NULL);
    (void)snprintf(told, sizeof told,
                   "connecting to PostgreSQL at 127.0.0.1:%d/x: no answer for 1.0 s, this try ends "
                   "after 1.2 s",
                   port);
    activate_at(dsn, "1200ms", "did not answer within 1200 ms", told);
    (void)close(fd);
}
END_TEST

START_TEST(it_says_what_it_is)
{
    struct harness *h = harness_open(plugin, "sink-postgres", "pipe", "rows");
    ck_assert_ptr_nonnull(h);
    ck_assert_uint_eq(h->descriptor->kind, PH_KIND_SINK);
    ck_assert_uint_eq(h->descriptor->delivery, PH_DELIVERY_TRANSACTIONAL);
    ck_assert_uint_eq(h->descriptor->flags, PH_PLUGIN_WAITS);
    ck_assert_ptr_null(h->descriptor->source);
    ck_assert_ptr_nonnull(h->descriptor->sink);
    harness_close(h);
}
END_TEST

int main(int argc, char **argv)
{
    plugin = argc > 1 ? argv[1] : "sink-postgres.so";
    Suite *suite = suite_create("sink-postgres settings");
    TCase *c = tcase_create("settings");
    tcase_add_test(c, it_says_what_it_is);
    tcase_add_test(c, a_column_that_the_input_lacks_is_refused_with_the_nearest);
    tcase_add_test(c, a_column_named_twice_is_refused);
    tcase_add_test(c, a_table_that_is_no_name_is_refused);
    tcase_add_test(c, a_bad_dsn_is_refused_before_any_connection);
    tcase_add_test(c, a_server_that_is_away_is_retriable_and_named);
    tcase_add_test(c, a_server_that_says_nothing_runs_into_the_timeout);
    suite_add_tcase(suite, c);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
