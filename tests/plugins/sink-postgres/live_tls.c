/* SPDX-License-Identifier: Apache-2.0 */
/* TLS: the certificates are in the folder $POSTGRES_TLS_DIR, where the server can read them:
 * server.pem for 127.0.0.1 by ca.pem, stranger.pem for the same by other.pem. */
#include "live_table.h"

#include <stdio.h>
#include <stdlib.h>

#define WAIT_NS INT64_C(200000000000)

static char dsn[1024];

/* What a session that begins now has. */
static bool is_set(const char *certificate)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s.pem", getenv("POSTGRES_TLS_DIR"), certificate);
    PGconn *c = rig_connect();
    PGresult *r = PQexec(c, "SELECT current_setting('ssl_cert_file'), current_setting('ssl')");
    bool is = PQntuples(r) == 1 && strcmp(PQgetvalue(r, 0, 0), path) == 0 &&
              strcmp(PQgetvalue(r, 0, 1), "on") == 0;
    PQclear(r);
    PQfinish(c);
    return is;
}

/* From now on the server shows this certificate. */
static void show(const char *certificate)
{
    const char *folder = getenv("POSTGRES_TLS_DIR");
    int64_t end_ns = harness_now_ns() + WAIT_NS;
    rig_sql("ALTER SYSTEM SET ssl_cert_file = '%s/%s.pem'", folder, certificate);
    rig_sql("ALTER SYSTEM SET ssl_key_file = '%s/%s.key'", folder, certificate);
    rig_sql("ALTER SYSTEM SET ssl = on");
    rig_sql("SELECT pg_reload_conf()");
    while (!is_set(certificate)) {
        ck_assert_int_lt(harness_now_ns(), end_ns);
    }
}

static void hide(void)
{
    rig_sql("ALTER SYSTEM RESET ssl");
    rig_sql("ALTER SYSTEM RESET ssl_cert_file");
    rig_sql("ALTER SYSTEM RESET ssl_key_file");
    rig_sql("SELECT pg_reload_conf()");
}

static void set_up(void)
{
    show("server");
}

static void open_tls(struct rig *r, const char *host, const char *ca)
{
    (void)snprintf(dsn, sizeof dsn,
                   "host=%s hostaddr=127.0.0.1 port=%s dbname=%s sslmode=verify-full "
                   "sslrootcert='%s/%s.pem'",
                   host, PQport(rig_connection()), PQdb(rig_connection()),
                   getenv("POSTGRES_TLS_DIR"), ca);
    live_open(r, dsn);
}

START_TEST(verify_full_with_a_private_ca_writes_over_tls)
{
    struct rig r;
    open_tls(&r, "127.0.0.1", "ca");
    ck_assert_int_eq(live_claimed(&r), -1);
    live_write_epoch(&r, 0, LIVE_LARGE);
    live_write_epoch(&r, LIVE_LARGE, 3);
    live_assert_exact(LIVE_LARGE + 3);
    ck_assert_str_eq(rig_value("SELECT bool_and(s.ssl)::text || count(*) FROM pg_stat_ssl s JOIN "
                               "pg_stat_activity a USING (pid) WHERE a.application_name = "
                               "'pipehost/pipe/rows'"),
                     "true1");
    rig_close(&r);
}
END_TEST

static void assert_refused(const char *host, const char *ca, const char *says)
{
    struct rig r;
    open_tls(&r, host, ca);
    ck_assert_int_eq(harness_activate(r.task), PH_ERROR);
    assert_error(&r, PH_ERR_CONFIG, says);
    rig_close(&r);
}

START_TEST(a_certificate_of_nobody_known_is_refused_at_once)
{
    assert_refused("127.0.0.1", "other", "certificate verify failed");
}
END_TEST

START_TEST(a_certificate_for_another_name_is_refused_at_once)
{
    assert_refused("localhost", "ca", "does not match host name \"localhost\"");
}
END_TEST

START_TEST(a_ca_file_that_is_not_there_is_refused_at_once)
{
    assert_refused("127.0.0.1", "nowhere", "nowhere.pem\" does not exist");
}
END_TEST

START_TEST(a_certificate_that_goes_bad_while_running_is_waited_for)
{
    struct rig r;
    struct ph_position p;
    open_tls(&r, "127.0.0.1", "ca");
    ck_assert_int_eq(live_claimed(&r), -1);
    live_write_epoch(&r, 0, 3);
    show("stranger");
    live_kill_backend("true");
    struct ph_batch *b = live_rows(&r, 3, 3);
    assert_ok(&r, rig_write(&r, b));
    ck_assert_int_eq(rig_commit(&r, 0, 6), PH_ERROR);
    assert_error(&r, PH_ERR_RETRIABLE, "");
    rig_abort(&r);
    ck_assert_int_eq(rig_claim(&r, 1, &p), PH_ERROR);
    assert_error(&r, PH_ERR_RETRIABLE, "certificate verify failed");
    show("server");
    live_recover(&r, b, 3, 6);
    harness_batch_release(b);
    rig_close(&r);
}
END_TEST

TCase *tls_tests(void)
{
    TCase *c = tcase_create("tls");
    tcase_add_checked_fixture(c, set_up, hide);
    tcase_add_test(c, verify_full_with_a_private_ca_writes_over_tls);
    tcase_add_test(c, a_certificate_of_nobody_known_is_refused_at_once);
    tcase_add_test(c, a_certificate_for_another_name_is_refused_at_once);
    tcase_add_test(c, a_ca_file_that_is_not_there_is_refused_at_once);
    tcase_add_test(c, a_certificate_that_goes_bad_while_running_is_waited_for);
    return c;
}
