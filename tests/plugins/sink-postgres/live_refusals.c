/* SPDX-License-Identifier: Apache-2.0 */
/* Settings that the server or its catalog contradicts: one sentence, at once. */
#include "live.h"

#include <stdio.h>
#include <stdlib.h>

static const struct ph_field fields[] = {{"ip", PH_TYPE_STRING, 0},
                                         {"at", PH_TYPE_TIMESTAMP_MS, 0}};

static void assert_activate(struct rig *r, const char *key, const char *says)
{
    ck_assert_int_eq(harness_activate(r->task), PH_ERROR);
    assert_error(r, PH_ERR_CONFIG, says);
    ck_assert_str_eq(rig_error(r)->config_key, key);
    const char *password = getenv("POSTGRES_PASSWORD");
    ck_assert(password == NULL || password[0] == '\0' ||
              strstr(rig_error(r)->text, password) == NULL);
}

static void assert_table(const char *columns, const char *key, const char *says)
{
    struct rig r;
    rig_sql("DROP TABLE IF EXISTS live");
    if (columns != NULL) {
        rig_sql("CREATE TABLE live (%s)", columns);
    }
    rig_settings(&r, "live");
    rig_open(&r, fields, 2);
    assert_activate(&r, key, says);
    rig_close(&r);
}

START_TEST(a_table_that_is_not_there_comes_with_its_ddl)
{
    assert_table(NULL, "/table",
                 "make it: CREATE TABLE \"live\" (\"ip\" varchar, \"at\" timestamp(3))");
}
END_TEST

START_TEST(a_column_that_is_not_there_comes_with_the_nearest)
{
    assert_table(
        "ipp text, at timestamp", "/table",
        "table \"live\" has no column \"ip\", did you mean \"ipp\"? To add it: ALTER TABLE "
        "\"live\" ADD COLUMN \"ip\" varchar");
}
END_TEST

START_TEST(a_column_of_another_type_is_refused)
{
    assert_table("ip inet, at timestamp", "/table",
                 "column \"ip\" of table \"live\" is inet, which takes no string; ALTER TABLE "
                 "\"live\" ALTER COLUMN \"ip\" TYPE varchar");
    assert_table("ip text, at text", "/table", "is text, which takes no timestamp(3)");
}
END_TEST

START_TEST(a_column_that_wants_a_value_and_gets_none_is_refused)
{
    assert_table("id int NOT NULL, ip text, at timestamp", "/table",
                 "table \"live\" wants a value for column \"id\" (NOT NULL, no default)");
}
END_TEST

static void assert_opens(void)
{
    struct rig r;
    struct ph_position p;
    rig_settings(&r, "live");
    rig_open(&r, fields, 2);
    assert_ok(&r, rig_claim(&r, 1, &p));
    rig_close(&r);
}

static void assert_refuses(const char *says)
{
    struct rig r;
    rig_settings(&r, "live");
    rig_open(&r, fields, 2);
    assert_activate(&r, "/table", says);
    rig_close(&r);
}

START_TEST(a_view_takes_rows_by_its_trigger_only)
{
    rig_sql("DROP TABLE IF EXISTS live; CREATE TABLE live_behind (ip text, at timestamp); CREATE "
            "VIEW live AS SELECT * FROM live_behind");
    assert_refuses("\"live\" is a view, which takes rows by an INSTEAD OF trigger only: name the "
                   "table behind it; or CREATE TRIGGER … INSTEAD OF INSERT ON \"live\" FOR EACH "
                   "ROW …");
    rig_sql("CREATE OR REPLACE FUNCTION live_put() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            "INSERT INTO live_behind VALUES (NEW.ip, NEW.at); RETURN NEW; END $$; CREATE TRIGGER t "
            "INSTEAD OF INSERT ON live FOR EACH ROW EXECUTE FUNCTION live_put()");
    assert_opens();
    rig_sql("DROP VIEW live; DROP TABLE live_behind; CREATE MATERIALIZED VIEW live AS SELECT ''::"
            "text AS ip, now()::timestamp AS at");
    assert_refuses("\"live\" takes no rows: it is neither a table nor a view");
    rig_sql("DROP MATERIALIZED VIEW live");
}
END_TEST

START_TEST(a_partitioned_table_needs_a_partition)
{
    static const char says[] = "table \"live\" is partitioned and has no partition, so that it "
                               "would refuse every row; make one: CREATE TABLE … PARTITION OF "
                               "\"live\" DEFAULT";
    rig_sql("DROP TABLE IF EXISTS live; CREATE TABLE live (ip text, at timestamp) PARTITION BY "
            "RANGE (at)");
    assert_refuses(says);
    rig_sql("CREATE TABLE live_all PARTITION OF live DEFAULT PARTITION BY RANGE (at)");
    assert_refuses(says);
    rig_sql("CREATE TABLE live_last PARTITION OF live_all DEFAULT");
    assert_opens();
    rig_sql("DROP TABLE live");
}
END_TEST

START_TEST(columns_that_fill_themselves_need_no_value)
{
    struct rig r;
    struct ph_position p;
    rig_sql("CREATE TABLE live (id int GENERATED ALWAYS AS IDENTITY, n int NOT NULL DEFAULT 1, "
            "twice int GENERATED ALWAYS AS (n * 2) STORED, ip text, at timestamp)");
    rig_settings(&r, "live");
    rig_open(&r, fields, 2);
    assert_ok(&r, rig_claim(&r, 1, &p));
    rig_close(&r);
    static const struct ph_field wrong[] = {{"twice", PH_TYPE_INT32, 0}};
    rig_settings(&r, "live");
    rig_open(&r, wrong, 1);
    assert_activate(&r, "/table", "column \"twice\" of table \"live\" is generated");
    rig_close(&r);
}
END_TEST

START_TEST(a_wrong_password_is_refused_at_once)
{
    struct rig r;
    rig_settings(&r, "live");
    rig_set(&r, "password", "not the password");
    rig_open(&r, fields, 2);
    assert_activate(&r, "", "password authentication failed for user");
    ck_assert_str_eq(rig_error(&r)->foreign_code, "28P01");
    ck_assert(strstr(rig_error(&r)->text, "not the password") == NULL);
    rig_close(&r);
}
END_TEST

START_TEST(a_database_that_is_not_there_is_refused_at_once)
{
    struct rig r;
    char dsn[256];
    (void)snprintf(dsn, sizeof dsn, "host=%s port=%s dbname=nowhere", PQhost(rig_connection()),
                   PQport(rig_connection()));
    rig_settings(&r, "live");
    rig_set(&r, "dsn", dsn);
    rig_open(&r, fields, 2);
    assert_activate(&r, "", "database \"nowhere\" does not exist");
    ck_assert_str_eq(rig_error(&r)->foreign_code, "3D000");
    rig_close(&r);
}
END_TEST

/* A user of no rights but those that the test gives. */
static void open_guest(struct rig *r)
{
    rig_sql("DO $$ BEGIN CREATE ROLE live_guest LOGIN PASSWORD 'guest'; EXCEPTION WHEN "
            "duplicate_object THEN NULL; END $$; DROP TABLE IF EXISTS live; CREATE TABLE live (ip "
            "text, at timestamp); REVOKE CREATE ON SCHEMA public FROM PUBLIC");
    rig_settings(r, "live");
    rig_set(r, "user", "live_guest");
    rig_set(r, "password", "guest");
    rig_open(r, fields, 2);
}

START_TEST(a_server_that_takes_no_more_connections_is_waited_for_by_its_code)
{
    struct rig r;
    open_guest(&r);
    rig_sql("ALTER ROLE live_guest CONNECTION LIMIT 0");
    ck_assert_int_eq(harness_activate(r.task), PH_ERROR);
    rig_sql("ALTER ROLE live_guest CONNECTION LIMIT -1");
    assert_error(&r, PH_ERR_RETRIABLE,
                 "too many connections for role \"live_guest\" (SQLSTATE 53300)");
    ck_assert_str_eq(rig_error(&r)->foreign_code, "53300");
    rig_close(&r);
}
END_TEST

START_TEST(a_user_without_the_right_to_insert_is_told)
{
    struct rig r;
    open_guest(&r);
    assert_activate(&r, "/table",
                    "may not be written by user \"live_guest\"; GRANT INSERT ON "
                    "\"live\"");
    rig_close(&r);
}
END_TEST

START_TEST(a_user_without_the_right_to_make_tables_gets_what_to_run)
{
    struct rig r;
    struct ph_position p;
    open_guest(&r);
    rig_sql("GRANT INSERT ON live TO live_guest");
    assert_activate(&r, "/positions_table",
                    "let an owner run: CREATE TABLE \"pipehost_positions\" (pipeline text, ");
    const char *ddl = strstr(rig_error(&r)->text, "CREATE TABLE");
    ck_assert_str_eq(rig_error(&r)->text + strlen(rig_error(&r)->text) -
                         strlen(" TO \"live_guest\""),
                     " TO \"live_guest\"");
    rig_sql("%s", ddl);
    r.task->is_active = false;
    assert_ok(&r, rig_claim(&r, 1, &p));
    rig_close(&r);
}
END_TEST

START_TEST(connecting_makes_nothing_and_claiming_makes_the_positions_table)
{
    struct rig r;
    struct ph_position p;
    rig_sql("CREATE TABLE live (ip text, at timestamp)");
    rig_settings(&r, "live");
    rig_open(&r, fields, 2);
    ck_assert_int_eq(harness_activate(r.task), PH_OK);
    ck_assert_str_eq(rig_value("SELECT to_regclass('pipehost_positions')"), "");
    r.task->is_active = false;
    assert_ok(&r, rig_claim(&r, 1, &p));
    ck_assert_str_eq(rig_value("SELECT count(*) FROM pipehost_positions"), "1");
    rig_close(&r);
}
END_TEST

START_TEST(a_schema_that_is_not_there_is_told_when_connecting)
{
    struct rig r;
    rig_sql("CREATE TABLE live (ip text, at timestamp)");
    rig_settings(&r, "live");
    rig_set(&r, "positions_table", "nowhere.positions");
    rig_open(&r, fields, 2);
    assert_activate(
        &r, "/positions_table",
        "the positions table \"nowhere\".\"positions\" cannot be made: there is no such "
        "schema");
    rig_close(&r);
}
END_TEST

START_TEST(a_positions_table_that_is_something_else_is_refused)
{
    struct rig r;
    rig_sql("CREATE TABLE live (ip text, at timestamp); CREATE TABLE pipehost_positions (source "
            "text)");
    rig_settings(&r, "live");
    rig_open(&r, fields, 2);
    assert_activate(&r, "/positions_table", "table \"pipehost_positions\" is no positions table");
    rig_close(&r);
}
END_TEST

START_TEST(a_table_dropped_while_running_ends_the_epoch_with_its_name)
{
    static const struct harness_cell cells[] = {CELL_TEXT("1.2.3.4"), CELL_NULL};
    struct rig r;
    struct ph_position p;
    rig_sql("CREATE TABLE live (ip text, at timestamp)");
    rig_settings(&r, "live");
    rig_open(&r, fields, 2);
    assert_ok(&r, rig_claim(&r, 1, &p));
    rig_sql("DROP TABLE live");
    struct ph_batch *b = harness_batch(&r.schema, cells, 1);
    assert_ok(&r, rig_write(&r, b));
    ck_assert_int_eq(rig_commit(&r, 0, 1), PH_ERROR);
    assert_error(&r, PH_ERR_CONFIG, "relation \"live\" does not exist");
    harness_batch_release(b);
    rig_close(&r);
}
END_TEST

/* A table of (ip text, at timestamp) is altered behind the sink's back; then `count` rows of value
 * ip. Leaves the sink after the commit that noticed. */
static void alter_and_write(struct rig *r, const char *alter, const char *ip, uint32_t count)
{
    struct ph_position p;
    struct harness_cell *cells = calloc(2 * count, sizeof *cells);
    ck_assert_ptr_nonnull(cells);
    for (uint32_t i = 0; i < count; i++) {
        cells[2 * i] = (struct harness_cell)CELL_TEXT(ip);
        cells[2 * i + 1] = (struct harness_cell)CELL_INT(86400000);
    }
    rig_sql("DROP TABLE IF EXISTS live, pipehost_positions; CREATE TABLE live (ip text, at "
            "timestamp)");
    rig_settings(r, "live");
    rig_open(r, fields, 2);
    assert_ok(r, rig_claim(r, 1, &p));
    rig_sql("ALTER TABLE live %s", alter);
    struct ph_batch *b = harness_batch(&r->schema, cells, count);
    assert_ok(r, rig_write(r, b));
    ck_assert_int_eq(rig_commit(r, 0, count), PH_ERROR);
    assert_error(r, PH_ERR_RETRIABLE, "table \"live\" was altered since it was looked up");
    ck_assert_uint_eq(r->task->reject_count, 0);
    ck_assert_str_eq(rig_value("SELECT count(*) FROM live"), "0");
    rig_abort(r);
    if (rig_claim(r, 1, &p) == PH_OK) {
        assert_ok(r, rig_write(r, b));
        (void)rig_commit(r, 0, count);
    }
    harness_batch_release(b);
    free(cells);
}

START_TEST(a_column_altered_while_running_to_a_type_of_the_same_size_gets_no_wrong_values)
{
    struct rig r;
    alter_and_write(&r, "ALTER at TYPE bigint USING 0", "1.2.3.4", 1);
    assert_error(&r, PH_ERR_CONFIG, "is bigint, which takes no timestamp(3)");
    rig_close(&r);
    alter_and_write(&r, "ALTER at TYPE bigint USING 0", "1.2.3.4", 5000);
    assert_error(&r, PH_ERR_CONFIG, "is bigint, which takes no timestamp(3)");
    rig_close(&r);
}
END_TEST

START_TEST(a_column_altered_while_running_to_a_type_that_fits_goes_on)
{
    struct rig r;
    alter_and_write(&r, "ALTER at TYPE date", "1.2.3.4", 1);
    ck_assert_str_eq(rig_value("SELECT ip || ' ' || at FROM live"), "1.2.3.4 1970-01-02");
    rig_close(&r);
    alter_and_write(&r, "ALTER ip TYPE varchar(20)", "1.2.3.4", 5000);
    ck_assert_str_eq(rig_value("SELECT count(*) FROM live WHERE ip = '1.2.3.4'"), "5000");
    rig_close(&r);
}
END_TEST

START_TEST(a_column_altered_while_running_blames_no_row)
{
    struct rig r;
    alter_and_write(&r, "ALTER ip TYPE json USING NULL", "no json", 1);
    ck_assert_uint_eq(r.task->reject_count, 1); /* by a sink that knew the type */
    ck_assert_str_eq(r.task->rejects[0].code, "22P02");
    rig_close(&r);
}
END_TEST

START_TEST(a_server_without_tls_is_refused_at_once_where_tls_is_wanted)
{
    struct rig r;
    char dsn[256];
    (void)snprintf(dsn, sizeof dsn, "host=%s port=%s dbname=%s sslmode=require",
                   PQhost(rig_connection()), PQport(rig_connection()), PQdb(rig_connection()));
    rig_settings(&r, "live");
    rig_set(&r, "dsn", dsn);
    rig_open(&r, fields, 2);
    assert_activate(&r, "", "server does not support SSL, but SSL was required");
    rig_close(&r);
}
END_TEST

START_TEST(a_jdbc_url_works)
{
    struct rig r;
    struct ph_position p;
    char dsn[512];
    (void)snprintf(dsn, sizeof dsn,
                   "jdbc:postgresql://%s:%s/%s?user=%s&password=%s&tcpKeepAlive=true",
                   PQhost(rig_connection()), PQport(rig_connection()), PQdb(rig_connection()),
                   getenv("POSTGRES_USER"), getenv("POSTGRES_PASSWORD"));
    rig_sql("CREATE TABLE live (ip text, at timestamp)");
    rig_settings(&r, "live");
    rig_set(&r, "dsn", dsn);
    rig_set(&r, "user", "");
    rig_set(&r, "password", "");
    rig_open(&r, fields, 2);
    assert_ok(&r, rig_claim(&r, 1, &p));
    rig_close(&r);
}
END_TEST

TCase *refusal_tests(void)
{
    TCase *c = tcase_create("refusals");
    tcase_add_test(c, a_table_that_is_not_there_comes_with_its_ddl);
    tcase_add_test(c, a_column_that_is_not_there_comes_with_the_nearest);
    tcase_add_test(c, a_column_of_another_type_is_refused);
    tcase_add_test(c, a_column_that_wants_a_value_and_gets_none_is_refused);
    tcase_add_test(c, a_view_takes_rows_by_its_trigger_only);
    tcase_add_test(c, a_partitioned_table_needs_a_partition);
    tcase_add_test(c, columns_that_fill_themselves_need_no_value);
    tcase_add_test(c, a_wrong_password_is_refused_at_once);
    tcase_add_test(c, a_database_that_is_not_there_is_refused_at_once);
    tcase_add_test(c, a_server_that_takes_no_more_connections_is_waited_for_by_its_code);
    tcase_add_test(c, a_user_without_the_right_to_insert_is_told);
    tcase_add_test(c, a_user_without_the_right_to_make_tables_gets_what_to_run);
    tcase_add_test(c, connecting_makes_nothing_and_claiming_makes_the_positions_table);
    tcase_add_test(c, a_schema_that_is_not_there_is_told_when_connecting);
    tcase_add_test(c, a_positions_table_that_is_something_else_is_refused);
    tcase_add_test(c, a_table_dropped_while_running_ends_the_epoch_with_its_name);
    tcase_add_test(c,
                   a_column_altered_while_running_to_a_type_of_the_same_size_gets_no_wrong_values);
    tcase_add_test(c, a_column_altered_while_running_to_a_type_that_fits_goes_on);
    tcase_add_test(c, a_column_altered_while_running_blames_no_row);
    tcase_add_test(c, a_server_without_tls_is_refused_at_once_where_tls_is_wanted);
    tcase_add_test(c, a_jdbc_url_works);
    return c;
}
