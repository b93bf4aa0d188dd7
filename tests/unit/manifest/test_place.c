/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/place.h"

#include "load.h"
#include "manifest/pointer.h"

#include <stdio.h>

static const char text[] = "{\n"
                           "  \"a\": 1,\n"
                           "  \"b\": [true, {\"c/d\": \"x\", \"e~f\": null}, [[2], 3]],\n"
                           "  \"\\u00e4\\\"\": {\"\": 4},\n"
                           "  \"tail\": \"}],\\\"{\" , \"z\" : {}\n"
                           "}\n";

/* "line:column" of the value, with the key's in front where it has one, and "?" where not found. */
static const char *place_of(const char *pointer)
{
    static char out[64];
    struct place p = place_find(text, sizeof text - 1, pointer);
    uint32_t line[2];
    uint32_t column[2];
    place_line_column(text, p.key_offset, &line[0], &column[0]);
    place_line_column(text, p.value_offset, &line[1], &column[1]);
    (void)snprintf(out, sizeof out, "%s%u:%u %u:%u", p.found ? "" : "? ", line[0], column[0],
                   line[1], column[1]);
    return out;
}

START_TEST(finds_keys_and_values)
{
    ck_assert_str_eq(place_of(""), "1:1 1:1");
    ck_assert_str_eq(place_of("/a"), "2:3 2:8");
    ck_assert_str_eq(place_of("/b/0"), "3:9 3:9");
    ck_assert_str_eq(place_of("/z"), "5:22 5:28");
}
END_TEST

START_TEST(undoes_the_escapes_of_pointers_and_of_json)
{
    ck_assert_str_eq(place_of("/b/1/c~1d"), "3:16 3:23");
    ck_assert_str_eq(place_of("/b/1/e~0f"), "3:28 3:35");
    ck_assert_str_eq(place_of("/\xc3\xa4\""), "4:3 4:15");
    ck_assert_str_eq(place_of("/\xc3\xa4\"/"), "4:16 4:20");
}
END_TEST

START_TEST(passes_nested_values_and_brackets_in_strings)
{
    ck_assert_str_eq(place_of("/b/2/0/0"), "3:44 3:44");
    ck_assert_str_eq(place_of("/b/2/1"), "3:48 3:48");
    ck_assert_str_eq(place_of("/tail"), "5:3 5:11");
}
END_TEST

START_TEST(a_pointer_into_nothing_stands_at_its_nearest_parent)
{
    ck_assert_str_eq(place_of("/b/1/nobody/x"), "? 3:15 3:15");
    ck_assert_str_eq(place_of("/b/7"), "? 3:3 3:8");
    ck_assert_str_eq(place_of("/b/x"), "? 3:3 3:8");
    ck_assert_str_eq(place_of("/z/y"), "? 5:22 5:28");
    ck_assert_str_eq(place_of("/a/y"), "? 2:3 2:8");
    ck_assert_str_eq(place_of("/A"), "? 1:1 1:1");
}
END_TEST

START_TEST(columns_count_code_points)
{
    uint32_t line;
    uint32_t column;
    place_line_column("\xc3\xa4\xe2\x82\xac!", 5, &line, &column);
    ck_assert_uint_eq(line, 1);
    ck_assert_uint_eq(column, 3);
}
END_TEST

START_TEST(depth_ignores_brackets_in_strings)
{
    ck_assert_uint_eq(place_depth("[[\"[[[[\\\"[\"]]", 13), 2);
    ck_assert_uint_eq(place_depth("]]{", 3), 1);
    ck_assert_uint_eq(place_depth("", 0), 0);
}
END_TEST

static char duplicates[4096];

static void note_duplicate(void *context, const struct pointer *at, size_t key, size_t first)
{
    size_t length = strlen(duplicates);
    ck_assert_ptr_null(context);
    (void)snprintf(duplicates + length, sizeof duplicates - length, "%s@%zu-%zu ", at->text, first,
                   key);
}

static const char *duplicates_of(const char *json)
{
    duplicates[0] = '\0';
    ck_assert(place_duplicates(json, strlen(json), note_duplicate, NULL));
    return duplicates;
}

START_TEST(duplicates_are_found_at_every_level)
{
    ck_assert_str_eq(duplicates_of("{\"a\":1,\"b\":2}"), "");
    ck_assert_str_eq(duplicates_of("{\"a\":1,\"a\":2,\"a\":3}"), "/a@1-7 /a@1-13 ");
    ck_assert_str_eq(duplicates_of("[{},{\"x\":{\"b\":1,\"b\":1}}]"), "/1/x/b@10-16 ");
    ck_assert_str_eq(duplicates_of("[]"), "");
    ck_assert_str_eq(duplicates_of("5"), "");
}
END_TEST

START_TEST(names_are_equal_by_what_they_mean)
{
    ck_assert_str_eq(duplicates_of("{\"a\":1,\"\\u0061\":2}"), "/a@1-7 ");
    ck_assert_str_eq(duplicates_of("{\"\\ud83d\\ude00\":1,\"\xf0\x9f\x98\x80\":2}"),
                     "/\xf0\x9f\x98\x80@1-18 ");
    ck_assert_str_eq(duplicates_of("{\"\\/\":1,\"/\":2}"), "/~1@1-8 ");
}
END_TEST

START_TEST(a_pointer_that_does_not_fit_names_a_parent)
{
    struct pointer p;
    char key[600];
    memset(key, 'k', sizeof key);
    pointer_init(&p);
    pointer_push_text(&p, "a");
    pointer_push(&p, key, sizeof key);
    pointer_push_text(&p, "b");
    ck_assert_str_eq(p.text, "/a");
    pointer_pop(&p);
    pointer_pop(&p);
    pointer_push_index(&p, 7);
    ck_assert_str_eq(p.text, "/a/7");
    pointer_pop(&p);
    pointer_pop(&p);
    ck_assert_str_eq(p.text, "");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {finds_keys_and_values,
                                  undoes_the_escapes_of_pointers_and_of_json,
                                  passes_nested_values_and_brackets_in_strings,
                                  a_pointer_into_nothing_stands_at_its_nearest_parent,
                                  columns_count_code_points,
                                  depth_ignores_brackets_in_strings,
                                  duplicates_are_found_at_every_level,
                                  names_are_equal_by_what_they_mean,
                                  a_pointer_that_does_not_fit_names_a_parent};
    return run_tests("place", tests, sizeof tests / sizeof tests[0]);
}
