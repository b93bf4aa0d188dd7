/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/secret.h"

#include "load.h"

#include <stdio.h>

static void assert_redacted(const char *text, const char *expected)
{
    char copy[256];
    (void)snprintf(copy, sizeof copy, "%s", text);
    secret_redact(copy);
    ck_assert_str_eq(copy, expected);
}

START_TEST(a_registered_secret_is_hidden_wherever_it_stands)
{
    ck_assert(secret_register("hunter2"));
    assert_redacted("hunter2", "***");
    assert_redacted("a hunter2 b hunter2", "a *** b ***");
    assert_redacted("hunter22", "***2");
    assert_redacted("nothing", "nothing");
    assert_redacted("", "");
    secret_clear();
    assert_redacted("hunter2", "hunter2");
}
END_TEST

START_TEST(a_text_that_is_a_secret_is_known_and_one_that_holds_it_is_not)
{
    ck_assert(!secret_is_known("postgres", 8));
    ck_assert(secret_register("postgres"));
    ck_assert(secret_is_known("postgres", 8));
    ck_assert(secret_is_known("postgresql", 8));
    ck_assert(!secret_is_known("postgresql", 10));
    ck_assert(!secret_is_known("postgre", 7));
    secret_clear();
}
END_TEST

START_TEST(a_name_that_holds_a_secret_is_left_alone_and_nothing_beside_it)
{
    secret_spare_name("process-events");
    ck_assert(secret_register("events"));
    assert_redacted("process-events: stopped", "process-events: stopped");
    assert_redacted("process-events.json reads events of process-events",
                    "process-events.json reads *** of process-events");
    assert_redacted("my-process-events process-events2", "my-process-*** process-***2");
    secret_clear();
    ck_assert(secret_register("events"));
    assert_redacted("process-events: stopped", "process-***: stopped");
    secret_clear();
}
END_TEST

START_TEST(a_name_that_is_a_secret_is_left_alone_in_front_only)
{
    secret_spare_name("postgres");
    ck_assert(secret_register("postgres"));
    assert_redacted("postgres: stopped", "postgres: stopped");
    assert_redacted("postgres: no password postgres: no", "postgres: no password ***: no");
    assert_redacted("postgres failed", "*** failed");
    assert_redacted("postgresql: x", "***ql: x");
    secret_clear();
}
END_TEST

START_TEST(a_secret_that_is_longer_than_a_name_is_hidden)
{
    secret_spare_name("events");
    ck_assert(secret_register("events1"));
    assert_redacted("events: events1", "events: ***");
    assert_redacted("events1: events", "***: events");
    secret_clear();
}
END_TEST

START_TEST(own_words_are_left_alone_and_shortened_with_the_text)
{
    char text[] = "a secret of secret: secret";
    unsigned char own[] = "\1\1\1\1\1\1\1\1\1\1\1\1\0\0\0\0\0\0\2\2\2\2\3\3\3\3";
    ck_assert(secret_register("secret"));
    secret_redact_but(text, own);
    ck_assert_str_eq(text, "a secret of ***: ***");
    ck_assert_mem_eq(own + 15, "\2\2\0\0\0", 6);
    secret_clear();
}
END_TEST

START_TEST(the_longest_secret_wins)
{
    ck_assert(secret_register("abcd"));
    ck_assert(secret_register("abcdefgh"));
    ck_assert(secret_register("abcdef"));
    assert_redacted("x abcdefgh y abcdef z abcd", "x *** y *** z ***");
    secret_clear();
}
END_TEST

START_TEST(short_values_and_plain_words_are_not_secrets)
{
    ck_assert(secret_register("abc"));
    ck_assert(secret_register(""));
    ck_assert(secret_register("true"));
    ck_assert(secret_register("None"));
    assert_redacted("abc true None", "abc true None");
    secret_clear();
}
END_TEST

START_TEST(a_value_that_is_registered_twice_takes_one_place)
{
    for (int i = 0; i < 2 * SECRET_COUNT_MAX; i++) {
        ck_assert(secret_register("hunter2"));
    }
    secret_clear();
}
END_TEST

START_TEST(a_full_list_says_so)
{
    char value[16];
    for (int i = 0; i < SECRET_COUNT_MAX; i++) {
        (void)snprintf(value, sizeof value, "secret%04d", i);
        ck_assert(secret_register(value));
    }
    ck_assert(!secret_register("one more"));
    secret_clear();
}
END_TEST

START_TEST(passwords_of_a_dsn_are_hidden_as_written_and_as_meant)
{
    ck_assert(secret_register_dsn("postgresql://u:p%40ssw0rd@h/db"));
    assert_redacted("p%40ssw0rd and p@ssw0rd", "*** and ***");
    ck_assert(secret_register_dsn("host=h password='it\\'s long'"));
    assert_redacted("it\\'s long and it's long", "*** and ***");
    secret_clear();
}
END_TEST

static void assert_masked(const char *text, const char *expected)
{
    struct buf out;
    buf_init(&out, 1000);
    bool hidden = secret_mask_dsn(text, strlen(text), &out);
    ck_assert_str_eq(out.data, expected);
    ck_assert_int_eq(hidden, strcmp(text, expected) != 0);
    buf_fini(&out);
}

START_TEST(the_password_of_a_uri_is_cut_out)
{
    assert_masked("postgresql://u:secret@h:5432/db", "postgresql://u:***@h:5432/db");
    assert_masked("postgres://u:p%40x@h1,h2/db?sslmode=require",
                  "postgres://u:***@h1,h2/db?sslmode=require");
    assert_masked("https://u:a:b@h/", "https://u:***@h/");
    assert_masked("redis://:secret@h", "redis://:***@h");
}
END_TEST

START_TEST(a_raw_password_with_the_signs_of_a_uri_is_cut_out_whole)
{
    assert_masked("postgresql://u:a@b/c@h/db", "postgresql://u:***@h/db");
    assert_masked("postgresql://u:a?b@h/db", "postgresql://u:***@h/db");
    assert_masked("postgresql://u:a#b@h/db", "postgresql://u:***@h/db");
}
END_TEST

START_TEST(a_uri_without_a_password_stays_as_it_is)
{
    assert_masked("postgresql://u@h/db", "postgresql://u@h/db");
    assert_masked("postgresql://h:5432/db", "postgresql://h:5432/db");
    assert_masked("https://api.example.org/?ip=1", "https://api.example.org/?ip=1");
    assert_masked("localhost:9092", "localhost:9092");
    assert_masked("", "");
}
END_TEST

START_TEST(query_parameters_named_like_secrets_are_cut_out)
{
    assert_masked("postgresql://h/db?user=u&password=secret&a=b",
                  "postgresql://h/db?user=u&password=***&a=b");
    assert_masked("jdbc:postgresql://h:5432/db?user=u&password=se'cret&ssl=true",
                  "jdbc:postgresql://h:5432/db?user=u&password=***&ssl=true");
    assert_masked("https://h/?ip=1&key=ABC#x", "https://h/?ip=1&key=***#x");
    assert_masked("postgresql://u:one@h/db?sslpassword=two",
                  "postgresql://u:***@h/db?sslpassword=***");
}
END_TEST

START_TEST(key_value_pairs_are_cut_out_with_their_quotes_kept)
{
    assert_masked("host=h password=secret user=u", "host=h password=*** user=u");
    assert_masked("host=h password = secret user=u", "host=h password = *** user=u");
    assert_masked("password='a b\\'c' host=h", "password='***' host=h");
    assert_masked("user=u password='never closed", "user=u password='***");
    assert_masked("org.x.PlainLoginModule required username=\"u\" password=\"p w\";",
                  "org.x.PlainLoginModule required username=\"u\" password=\"***\";");
}
END_TEST

START_TEST(an_empty_password_is_nothing_to_hide)
{
    assert_masked("postgresql://u:@h/db", "postgresql://u:@h/db");
    assert_masked("password='' host=h", "password='' host=h");
    assert_masked("password=", "password=");
}
END_TEST

START_TEST(more_passwords_than_it_can_name_hide_the_rest)
{
    char text[1000] = "";
    for (size_t i = 0; i < 20; i++) {
        memcpy(text + i * 13, "pwd=abcdefgh ", 14);
    }
    struct buf out;
    buf_init(&out, 1000);
    ck_assert(secret_mask_dsn(text, strlen(text), &out));
    ck_assert_ptr_null(strstr(out.data, "abc"));
    buf_fini(&out);
}
END_TEST

static bool is_name(const char *name)
{
    return secret_is_name(name, strlen(name));
}

START_TEST(names_of_secrets_are_known)
{
    ck_assert(is_name("password"));
    ck_assert(is_name("sasl.password"));
    ck_assert(is_name("SSL_KEY_PEM"));
    ck_assert(is_name("key"));
    ck_assert(is_name("api_key"));
    ck_assert(is_name("clientSecret"));
    ck_assert(is_name("sasl.jaas.config"));
    ck_assert(!is_name("keyspace"));
    ck_assert(!is_name("monkey"));
    ck_assert(!is_name("ssl.key.location"));
    ck_assert(!is_name("topic"));
    ck_assert(!is_name(""));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {a_registered_secret_is_hidden_wherever_it_stands,
                                  a_text_that_is_a_secret_is_known_and_one_that_holds_it_is_not,
                                  a_name_that_holds_a_secret_is_left_alone_and_nothing_beside_it,
                                  a_name_that_is_a_secret_is_left_alone_in_front_only,
                                  a_secret_that_is_longer_than_a_name_is_hidden,
                                  own_words_are_left_alone_and_shortened_with_the_text,
                                  the_longest_secret_wins,
                                  short_values_and_plain_words_are_not_secrets,
                                  a_value_that_is_registered_twice_takes_one_place,
                                  a_full_list_says_so,
                                  passwords_of_a_dsn_are_hidden_as_written_and_as_meant,
                                  the_password_of_a_uri_is_cut_out,
                                  a_raw_password_with_the_signs_of_a_uri_is_cut_out_whole,
                                  a_uri_without_a_password_stays_as_it_is,
                                  query_parameters_named_like_secrets_are_cut_out,
                                  key_value_pairs_are_cut_out_with_their_quotes_kept,
                                  an_empty_password_is_nothing_to_hide,
                                  more_passwords_than_it_can_name_hide_the_rest,
                                  names_of_secrets_are_known};
    return run_tests("secret", tests, sizeof tests / sizeof tests[0]);
}
