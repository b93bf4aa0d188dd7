/* SPDX-License-Identifier: Apache-2.0 */
#include "errors.h"
#include "harness.h"
#include "parts.h"
#include "sink.h"

#include <check.h>
#include <stdlib.h>

START_TEST(only_libpqs_own_words_about_settings_are_worth_no_retry)
{
    static const char *const settings[] = {
        "server at \"h\", port 1 failed: server does not support SSL, but SSL was required\n",
        "SSL error: certificate verify failed\n",
        "server certificate for \"a\" does not match host name \"b\"\n",
        "root certificate file \"/no\" does not exist\n",
        "could not read root certificate file \"/no\": No such file or directory\n",
        "invalid port number: \"x\"\n",
        "invalid sslmode value: \"maybe\"\n",
    };
    static const char *const passing[] = {
        "received invalid response to SSL negotiation: H\n",
        "received invalid response to GSSAPI negotiation: H\n",
        "invalid connection state, probably indicative of memory corruption\n",
        "malformed SCRAM message (invalid server signature)\n",
        "expected authentication request from server, but received H: invalid \n",
        "SSL error: unexpected eof while reading\n",
        "could not connect to server: Connection refused\n",
    };
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        ck_assert_msg(errors_is_setting(settings[i]), "%s", settings[i]);
    }
    for (size_t i = 0; i < sizeof passing / sizeof passing[0]; i++) {
        ck_assert_msg(!errors_is_setting(passing[i]), "%s", passing[i]);
    }
}
END_TEST

START_TEST(a_refused_connection_shows_its_code_and_one_line)
{
    static const char message[] =
        "connection to server at \"127.0.0.1\", port 5432 failed: FATAL:  28P01: password "
        "authentication failed for user \"x\"\nLOCATION:  auth_failed, auth.c:340\n";
    char code[6];
    char line[200];
    errors_find_sqlstate(message, code);
    errors_one_line(line, sizeof line, message);
    ck_assert_str_eq(code, "28P01");
    ck_assert_str_eq(line, "password authentication failed for user \"x\"");
    errors_find_sqlstate("could not translate host name \"FATAL:\" to address\n", code);
    ck_assert_str_eq(code, "");
    errors_one_line(line, sizeof line, "refused\n\tIs the server running on that host?\n");
    ck_assert_str_eq(line, "refused");
    errors_one_line(line, sizeof line, "one\n  two.\n");
    ck_assert_str_eq(line, "one two");
}
END_TEST

static const char *dsn_value(const char *text, const char *keyword)
{
    static char value[128];
    struct dsn d = {0};
    struct ph_error err;
    ph_error_clear(&err);
    ck_assert_msg(dsn_parse(&d, text, &err) == PH_OK, "%s: %s", text, err.text);
    const char *found = dsn_get(&d, keyword);
    (void)snprintf(value, sizeof value, "%s", found == NULL ? "(none)" : found);
    dsn_fini(&d);
    return value;
}

START_TEST(each_form_of_a_dsn_is_read)
{
    ck_assert_str_eq(dsn_value("postgresql://u:p%40ss@db:6000/x", "password"), "p@ss");
    ck_assert_str_eq(dsn_value("host=/run/pg dbname=x", "host"), "/run/pg");
    ck_assert_str_eq(dsn_value("jdbc:postgresql://db:6000/x?user=u&password=p%26q", "host"), "db");
    ck_assert_str_eq(dsn_value("jdbc:postgresql://db:6000/x?user=u&password=p%26q", "port"),
                     "6000");
    ck_assert_str_eq(dsn_value("jdbc:postgresql://db:6000/x?user=u&password=p%26q", "password"),
                     "p&q");
    ck_assert_str_eq(dsn_value("jdbc:postgresql:x", "dbname"), "x");
    ck_assert_str_eq(dsn_value("jdbc:postgresql:/x", "host"), "localhost");
    ck_assert_str_eq(dsn_value("jdbc:postgresql://h/x?ssl=true", "sslmode"), "verify-full");
    ck_assert_str_eq(dsn_value("jdbc:postgresql://h/x?currentSchema=app", "options"),
                     "-csearch_path=app");
    ck_assert_str_eq(dsn_value("jdbc:postgresql://h/x?reWriteBatchedInserts=true&user=u", "user"),
                     "u");
}
END_TEST

START_TEST(a_jdbc_value_means_what_it_means_to_pgjdbc)
{
#define URL "jdbc:postgresql://h/x?"
    ck_assert_str_eq(dsn_value(URL "user=a&password=YWJjZA==", "password"), "YWJjZA==");
    ck_assert_str_eq(dsn_value(URL "user=a&password=YWJjZA==", "user"), "a");
    ck_assert_str_eq(dsn_value(URL "password=a%3Db%2Bc d+e", "password"), "a=b+c d e");
    ck_assert_str_eq(dsn_value(URL "options=-c%20geqo=off", "options"), "-c geqo=off");
    ck_assert_str_eq(dsn_value(URL "options=-c+geqo=off", "options"), "-c geqo=off");
    ck_assert_str_eq(dsn_value(URL "currentSchema=%22my+app%22, public,a%20b,c%5cd=", "options"),
                     "-csearch_path=\"my\\ app\",\\ public,a\\ b,c\\\\d=");
    ck_assert_str_eq(dsn_value(URL "options=-cgeqo%3doff&user=u&currentSchema=app", "options"),
                     "-cgeqo=off -csearch_path=app");
    ck_assert_str_eq(dsn_value(URL "options=-cgeqo=off&currentSchema=app&user=u", "user"), "u");
#undef URL
}
END_TEST

START_TEST(a_jdbc_url_may_say_which_of_several_servers)
{
    static const char *const types[][2] = {
        {"any", "any"},
        {"primary", "primary"},
        {"master", "primary"},
        {"preferPrimary", "primary"},
        {"secondary", "standby"},
        {"slave", "standby"},
        {"preferSecondary", "prefer-standby"},
        {"preferSlave", "prefer-standby"},
    };
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        char url[96];
        (void)snprintf(url, sizeof url, "jdbc:postgresql://a:1,b:2/x?targetServerType=%s&user=u",
                       types[i][0]);
        ck_assert_str_eq(dsn_value(url, "target_session_attrs"), types[i][1]);
        ck_assert_str_eq(dsn_value(url, "host"), "a,b");
        ck_assert_str_eq(dsn_value(url, "user"), "u");
    }
}
END_TEST

static void assert_refused(const char *text, const char *sentence)
{
    struct dsn d = {0};
    struct ph_error err;
    ph_error_clear(&err);
    ck_assert_int_eq(dsn_parse(&d, text, &err), PH_ERROR);
    ck_assert_str_eq(err.text, sentence);
    dsn_fini(&d);
}

START_TEST(a_dsn_is_refused_with_a_whole_sentence)
{
    static const char forms[] =
        "dsn: is no postgresql:// URI, key=value list or jdbc:postgresql:// URL";
    char with_words[160];
    assert_refused("h:5432/db", forms);
    assert_refused("host=db password=hun ter2", forms);
    (void)snprintf(with_words, sizeof with_words, "%s (libpq: invalid connection option)", forms);
    assert_refused("hots=db", with_words);
    assert_refused("jdbc:postgresql://h/x?targetServerType=leader",
                   "dsn: JDBC parameter \"targetServerType\" must be any, primary, secondary, "
                   "preferPrimary or preferSecondary");
    assert_refused("jdbc:postgresql://h/x?ssl=perhaps",
                   "dsn: JDBC parameter \"ssl\" must be true or false");
}
END_TEST

START_TEST(a_dsn_that_cannot_be_read_is_refused_without_showing_it)
{
    static const struct {
        const char *dsn;
        const char *says;
    } cases[] = {
        {"postgresql://u:hunter2/word@db/x", "port is no number"},
        {"postgresql://u:7/hunter2@db/x", "percent-encode the password"},
        {"postgresql://u:a@hunter2@db/x", "percent-encode the password"},
        {"host=db password=hun ter2", "postgresql:// URI"},
        {"postgresql://u:hunter2%zz@db/x", "postgresql:// URI"},
        {"", "is empty"},
        {"jdbc:postgresql://db/x?password=hunter2&socketFactory=evil", "\"socketFactory\""},
        {"jdbc:postgresql://db/x?password=hunter2&ssl=perhaps", "\"ssl\""},
        {"jdbc:mysql://db/x?password=hunter2", "jdbc:postgresql: is wanted"},
        {"host=db sslkey=engine:hunter2", "engine"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct dsn d = {0};
        struct ph_error err;
        ph_error_clear(&err);
        ck_assert_int_eq(dsn_parse(&d, cases[i].dsn, &err), PH_ERROR);
        ck_assert_uint_eq(err.flags, PH_ERR_CONFIG);
        ck_assert_str_eq(err.config_key, "/dsn");
        ck_assert_msg(strstr(err.text, cases[i].says) != NULL, "%s", err.text);
        ck_assert_msg(strstr(err.text, "hunter2") == NULL, "%s", err.text);
        ck_assert_msg(strstr(err.text, "ter2") == NULL, "%s", err.text);
        dsn_fini(&d);
    }
}
END_TEST

START_TEST(a_table_name_is_quoted_part_by_part)
{
    static const struct {
        const char *name;
        const char *sql;
    } cases[] = {{"events", "\"events\""},
                 {"app.Events", "\"app\".\"Events\""},
                 {"\"odd.name\"", "\"odd.name\""},
                 {"a.\"b\"\"c\"", "\"a\".\"b\"\"c\""},
                 {"x; DROP TABLE y", "\"x; DROP TABLE y\""},
                 {"", NULL},
                 {".x", NULL},
                 {"x.", NULL},
                 {"a.b.c", NULL},
                 {"\"\"", NULL},
                 {"\"open", NULL},
                 {"\"a\"b", NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sql s = {0};
        bool is_name = sql_add_table(&s, cases[i].name);
        ck_assert_msg(is_name == (cases[i].sql != NULL), "%s", cases[i].name);
        if (is_name) {
            ck_assert_str_eq(sql_text(&s), cases[i].sql);
        }
        sql_fini(&s);
    }
}
END_TEST

START_TEST(a_literal_cannot_end_early)
{
    struct sql s = {0};
    sql_add_literal(&s, "it's \\ '");
    ck_assert_str_eq(sql_text(&s), "'it''s \\ '''");
    sql_fini(&s);
}
END_TEST

START_TEST(the_line_of_an_error_is_found_in_its_context)
{
    ck_assert_uint_eq(poison_line("COPY t, line 7", "t"), 7);
    ck_assert_uint_eq(poison_line("COPY t2, line 12, column ip", "t2"), 12);
    ck_assert_uint_eq(poison_line("PL/pgSQL function f() line 3 at RAISE\nCOPY t, line 9", "t"), 9);
    ck_assert_uint_eq(poison_line("COPY t, Zeile 5, Spalte ip", "t"), 5);
    ck_assert_uint_eq(poison_line("JSON data, line 1: {...\nCOPY t, line 4, column j", "t"), 4);
    ck_assert_uint_eq(poison_line("SQL statement \"x\"", "t"), 0);
    ck_assert_uint_eq(poison_line("", "t"), 0);
}
END_TEST

START_TEST(a_line_is_the_row_that_was_sent_with_it)
{
    struct ph_batch first = {0};
    struct ph_batch second = {0};
    uint32_t skipped[] = {0, 2, 3};
    struct segment segments[] = {
        {.batch = &first, .first_line = 1, .line_count = 3},
        /* rows 0, 2 and 3 of six were set aside: lines 4, 5, 6 are rows 1, 4, 5 */
        {.batch = &second, .first_line = 4, .line_count = 3, .skipped_count = 3},
    };
    struct epoch e = {.segments = segments, .segment_count = 2, .skipped = skipped};
    const struct ph_batch *batch = NULL;
    uint32_t row = 0;
    static const uint32_t rows[] = {0, 1, 2, 1, 4, 5};
    for (uint32_t line = 1; line <= 6; line++) {
        ck_assert(poison_find(&e, line, &batch, &row));
        ck_assert_ptr_eq(batch, line <= 3 ? &first : &second);
        ck_assert_uint_eq(row, rows[line - 1]);
    }
    ck_assert(!poison_find(&e, 0, &batch, &row));
    ck_assert(!poison_find(&e, 7, &batch, &row));
}
END_TEST

START_TEST(utf8_is_told_from_other_bytes)
{
    static const struct {
        const char *text;
        size_t length;
        bool is_fine;
    } cases[] = {{"", 0, true},
                 {"abc", 3, true},
                 {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9, true},
                 {"a\0b", 3, false},
                 {"\xc0\xaf", 2, false},
                 {"\xe0\x80\xaf", 3, false},
                 {"\xed\xa0\x80", 3, false},
                 {"\xf4\x90\x80\x80", 4, false},
                 {"\xf5\x80\x80\x80", 4, false},
                 {"\xe2\x82", 2, false},
                 {"\x80", 1, false},
                 {"\xc3z", 2, false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ck_assert_msg(poison_is_utf8((const uint8_t *)cases[i].text, cases[i].length) ==
                          cases[i].is_fine,
                      "case %zu", i);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sink-postgres parts");
    TCase *parts = tcase_create("parts");
    tcase_add_test(parts, only_libpqs_own_words_about_settings_are_worth_no_retry);
    tcase_add_test(parts, a_refused_connection_shows_its_code_and_one_line);
    tcase_add_test(parts, each_form_of_a_dsn_is_read);
    tcase_add_test(parts, a_jdbc_value_means_what_it_means_to_pgjdbc);
    tcase_add_test(parts, a_jdbc_url_may_say_which_of_several_servers);
    tcase_add_test(parts, a_dsn_is_refused_with_a_whole_sentence);
    tcase_add_test(parts, a_dsn_that_cannot_be_read_is_refused_without_showing_it);
    tcase_add_test(parts, a_table_name_is_quoted_part_by_part);
    tcase_add_test(parts, a_literal_cannot_end_early);
    tcase_add_test(parts, the_line_of_an_error_is_found_in_its_context);
    tcase_add_test(parts, a_line_is_the_row_that_was_sent_with_it);
    tcase_add_test(parts, utf8_is_told_from_other_bytes);
    suite_add_tcase(suite, parts);
    suite_add_tcase(suite, encode_tests());
    suite_add_tcase(suite, errors_tests());
    suite_add_tcase(suite, tally_tests());
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
