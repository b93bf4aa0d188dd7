/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/nearest.h"

#include "load.h"

START_TEST(counts_inserts_deletes_replacements_and_swaps)
{
    ck_assert_uint_eq(nearest_distance("topic", "topic", 5), 0);
    ck_assert_uint_eq(nearest_distance("topik", "topic", 5), 1);
    ck_assert_uint_eq(nearest_distance("topi", "topic", 5), 1);
    ck_assert_uint_eq(nearest_distance("topicc", "topic", 5), 1);
    ck_assert_uint_eq(nearest_distance("tpoic", "topic", 5), 1);
    ck_assert_uint_eq(nearest_distance("kitten", "sitting", 5), 3);
    ck_assert_uint_eq(nearest_distance("", "abc", 5), 3);
}
END_TEST

START_TEST(ignores_case)
{
    ck_assert_uint_eq(nearest_distance("KAFKA_url", "kafka_URL", 5), 0);
}
END_TEST

START_TEST(stops_at_the_limit)
{
    ck_assert_uint_eq(nearest_distance("kitten", "sitting", 2), 3);
    ck_assert_uint_eq(nearest_distance("a", "abcdefgh", 2), 3);
}
END_TEST

START_TEST(refuses_long_names_without_looking)
{
    char name[NEAREST_LENGTH_MAX + 2];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    ck_assert_uint_eq(nearest_distance(name, name, 3), 4);
}
END_TEST

static const char *hint_of(const char *wanted, const char *a, const char *b)
{
    static char out[NEAREST_HINT_SIZE];
    struct nearest n;
    nearest_init(&n, wanted);
    nearest_offer(&n, a);
    nearest_offer(&n, b);
    return nearest_hint(&n, out);
}

START_TEST(the_nearest_name_wins_and_the_first_of_equals)
{
    ck_assert_str_eq(hint_of("topik", "toxic", "topic"), ", did you mean \"topic\"?");
    ck_assert_str_eq(hint_of("bar", "baz", "car"), ", did you mean \"baz\"?");
}
END_TEST

START_TEST(a_name_that_is_far_away_is_not_suggested)
{
    ck_assert_str_eq(hint_of("brokers", "topic", "group"), "");
    ck_assert_str_eq(hint_of("x", "yz", "ab"), "");
    ck_assert_str_eq(hint_of("NOPE", "HOME", "PATH"), "");
    ck_assert_str_eq(hint_of("ab", "ac", "cd"), "");
    ck_assert_str_eq(hint_of("unix", "unix_ms", "unix_s"), ", did you mean \"unix_s\"?");
}
END_TEST

START_TEST(a_single_letter_is_not_suggested)
{
    ck_assert_str_eq(hint_of("K", "_", "k"), "");
    ck_assert_str_eq(hint_of("ab", "a", "b"), "");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {counts_inserts_deletes_replacements_and_swaps,
                                  ignores_case,
                                  stops_at_the_limit,
                                  refuses_long_names_without_looking,
                                  the_nearest_name_wins_and_the_first_of_equals,
                                  a_name_that_is_far_away_is_not_suggested,
                                  a_single_letter_is_not_suggested};
    return run_tests("nearest", tests, sizeof tests / sizeof tests[0]);
}
