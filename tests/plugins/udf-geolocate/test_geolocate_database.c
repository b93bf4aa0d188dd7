/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses that a file places: instead of the API, or where the API fails. */
#include "fixture.h"
#include "mmdb.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct fixture f;
static char folder[32];
static char path[64];

static const struct mmdb_record world[] = {
    {"11.0.0.0", 24, "US", "California", "Mountain View"},
    {"11.0.1.0", 24, "FR", NULL, NULL},
    {"11.0.2.0", 24, "DE", "Baden-W\xc3\xbcrttemberg", "Say \"Ulm\"\\\n"},
    {"11.0.3.0", 24, NULL, NULL, NULL},
    {"11.0.4.0", 24, "XX", NULL, "not\xff utf-8"},
    {"2600::", 16, "JP", NULL, "Tokyo"},
};
#define WORLD_COUNT ((uint32_t)(sizeof world / sizeof world[0]))

static void set_up(void)
{
    (void)snprintf(folder, sizeof folder, "/tmp/geolocate-db-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/world.mmdb", folder);
}

static void tear_down(void)
{
    (void)unlink(path);
    ck_assert_int_eq(rmdir(folder), 0);
}

static void look_up_world(enum mmdb_layout layout)
{
    const char *const rows[] = {"11.0.0.1",         "11.0.1.255", "11.0.2.3", "11.0.3.1",
                                "11.0.4.1",         "11.0.5.1",   "2600::1",  "2a00::1",
                                "::ffff:11.0.0.77", "10.0.0.1",   "x",        NULL};
    const char *const places[] = {
        "{\"country\":\"US\",\"state\":\"California\",\"city\":\"Mountain View\"}",
        "{\"country\":\"FR\",\"state\":\"\",\"city\":\"\"}",
        "{\"country\":\"DE\",\"state\":\"Baden-W\xc3\xbcrttemberg\",\"city\":\"Say "
        "\\\"Ulm\\\"\\\\\\n\"}",
        "{}",
        "{}",
        "{}",
        "{\"country\":\"JP\",\"state\":\"\",\"city\":\"Tokyo\"}",
        "{}",
        "{\"country\":\"US\",\"state\":\"California\",\"city\":\"Mountain View\"}",
        "{}",
        "{}",
        NULL,
    };
    const struct harness_setting settings[] = {{"database", path, NULL, 0}};
    mmdb_write(path, layout, world, WORLD_COUNT);
    fixture_open_alone(&f, 1, settings, 1);
    ck_assert_int_eq(fixture_offer(&f, 0, rows, 12), PH_OK);
    ck_assert_int_eq(fixture_next(&f, 0), PH_OK);
    for (uint32_t i = 0; i < 12; i++) {
        fixture_expect(&f, 0, 0, i, places[i]);
    }
    ck_assert_int_eq(fixture_counter(&f, "answers_database"), 5);
    ck_assert_int_eq(fixture_counter(&f, "answers_empty_not_in_database"), 3);
    ck_assert_int_eq(fixture_counter(&f, "answers_empty_bad_body"), 1);
    ck_assert_int_eq(fixture_counter(&f, "cache_hits"), 0);
    ck_assert_int_eq(fixture_counter(&f, "requests"), 0);
    ck_assert_int_eq(fixture_offer(&f, 0, rows, 12), PH_OK);
    ck_assert_int_eq(fixture_counter(&f, "cache_hits"), 9);
    fixture_close(&f);
}

START_TEST(a_file_with_nested_names_places_addresses_without_a_request)
{
    look_up_world(MMDB_GEOIP2);
}
END_TEST

START_TEST(a_file_with_flat_names_places_addresses_without_a_request)
{
    look_up_world(MMDB_FLAT);
}
END_TEST

/* Offers the address in batch after batch until its place is that. */
static void offer_until(uint32_t lane, const char *address, const char *place)
{
    int64_t deadline_ns = harness_now_ns() + FIXTURE_DEADLINE_MS * INT64_C(1000000);
    for (;;) {
        const struct harness_out *out = &f.outs[lane];
        ck_assert_int_lt(harness_now_ns(), deadline_ns);
        ck_assert_int_eq(fixture_offer(&f, lane, &address, 1), PH_OK);
        ck_assert_int_eq(fixture_next(&f, lane), PH_OK);
        if (harness_text_is(out->emitted[out->emitted_count - 1], "geodata", 0, place)) {
            return;
        }
        harness_out_clear(&f.outs[lane]);
        ck_assert_int_ge(harness_pump(f.lanes[lane], 20), 0);
    }
}

#define OLD_PLACE "{\"country\":\"US\",\"state\":\"California\",\"city\":\"Mountain View\"}"
#define NEW_PLACE "{\"country\":\"IT\",\"state\":\"\",\"city\":\"Roma\"}"

START_TEST(a_file_that_is_replaced_by_rename_is_used_by_all_lanes)
{
    const struct mmdb_record fresh[] = {{"11.0.0.0", 24, "IT", NULL, "Roma"}};
    const struct harness_setting settings[] = {{"database", path, NULL, 0}};
    mmdb_write(path, MMDB_GEOIP2, world, WORLD_COUNT);
    fixture_open_alone(&f, 2, settings, 1);
    offer_until(0, "11.0.0.1", OLD_PLACE);
    offer_until(1, "11.0.0.1", OLD_PLACE);
    mmdb_write(path, MMDB_GEOIP2, fresh, 1);
    offer_until(0, "11.0.0.1", NEW_PLACE);
    offer_until(1, "11.0.0.1", NEW_PLACE);
    ck_assert(harness_logged(f.harness, "the database was replaced"));
    fixture_close(&f);
}
END_TEST

static void wait_for_log(const char *text)
{
    int64_t deadline_ns = harness_now_ns() + FIXTURE_DEADLINE_MS * INT64_C(1000000);
    while (!harness_logged(f.harness, text)) {
        ck_assert_int_lt(harness_now_ns(), deadline_ns);
        offer_until(0, "11.0.0.1", OLD_PLACE);
        ck_assert_int_ge(harness_pump(f.lanes[0], 20), 0);
    }
}

START_TEST(a_new_file_that_is_none_is_said_and_the_old_one_stays)
{
    const struct harness_setting settings[] = {{"database", path, NULL, 0}};
    char bad[80];
    mmdb_write(path, MMDB_GEOIP2, world, WORLD_COUNT);
    fixture_open_alone(&f, 1, settings, 1);
    offer_until(0, "11.0.0.1", OLD_PLACE);
    (void)snprintf(bad, sizeof bad, "%s.bad", path);
    FILE *out = fopen(bad, "we");
    ck_assert_ptr_nonnull(out);
    (void)fputs("no database\n", out);
    (void)fclose(out);
    ck_assert_int_eq(rename(bad, path), 0);
    wait_for_log("cannot be opened anew");
    ck_assert_int_eq(unlink(path), 0);
    wait_for_log("No such file");
    fixture_close(&f);
}
END_TEST

static void answer_some(void *context, const char *target, uint32_t number,
                        struct server_reply *reply)
{
    const int *status = context;
    fixture_answer(NULL, target, number, reply);
    reply->status = strstr(target, "ip=11.0.9.9") != NULL ? 200 : *status;
}

/* Of three addresses the API has one, the file another one, and nobody the third. */
static void expect_fallback(int status, const char *counter)
{
    const char *const rows[] = {"11.0.9.9", "11.0.0.1", "11.0.5.1"};
    const struct harness_setting settings[] = {{"database", path, NULL, 0},
                                               {"fallback", "database", NULL, 0},
                                               {"key", "k", NULL, 0},
                                               {"max_in_flight", "1", NULL, 0}};
    mmdb_write(path, MMDB_GEOIP2, world, WORLD_COUNT);
    fixture_open(&f, 1, answer_some, &status, settings, 4);
    ck_assert_int_eq(fixture_offer(&f, 0, rows, 3), PH_OK);
    fixture_run_until(&f, 0, 1);
    fixture_expect_place(&f, 0, 0, 0, rows[0]);
    fixture_expect(&f, 0, 0, 1, OLD_PLACE);
    fixture_expect(&f, 0, 0, 2, "{}");
    ck_assert_int_eq(fixture_counter(&f, "answers_ok"), 1);
    ck_assert_int_eq(fixture_counter(&f, "answers_database"), 1);
    ck_assert_int_eq(fixture_counter(&f, counter), 1);
    ck_assert(harness_logged(f.harness, "1 address took their place from the database"));
    fixture_close(&f);
}

START_TEST(what_the_api_fails_to_place_the_file_places)
{
    expect_fallback(500, "answers_empty_5xx");
    expect_fallback(404, "answers_empty_4xx");
}
END_TEST

START_TEST(while_the_api_refuses_the_key_the_file_is_asked_instead)
{
    expect_fallback(403, "answers_empty_key");
}
END_TEST

static void expect_refusal(const char *key, const char *text)
{
    const struct harness_setting settings[] = {
        {"database", path, NULL, 0},
        {"fallback", "database", NULL, 0},
    };
    struct harness *h = harness_open(GEOLOCATE_SO, NULL, "pipeline", "locate");
    ck_assert_ptr_nonnull(h);
    bool has_database = strcmp(key, "/database") == 0;
    ck_assert_int_eq(harness_init(h, settings + (has_database ? 0 : 1), 1), PH_ERROR);
    ck_assert_uint_eq(h->error.flags, PH_ERR_CONFIG);
    ck_assert_str_eq(h->error.config_key, key);
    ck_assert_msg(strstr(h->error.text, text) != NULL, "%s", h->error.text);
    harness_close(h);
}

START_TEST(a_file_that_is_missing_or_none_is_refused_at_the_start)
{
    expect_refusal("/database", "No such file");
    FILE *out = fopen(path, "we");
    ck_assert_ptr_nonnull(out);
    (void)fputs("no database\n", out);
    (void)fclose(out);
    expect_refusal("/database", "cannot be used");
    ck_assert_int_eq(unlink(path), 0);
    (void)snprintf(path, sizeof path, "%s", folder);
    expect_refusal("/database", "no regular file");
}
END_TEST

START_TEST(a_fallback_without_a_file_is_refused)
{
    expect_refusal("/fallback", "needs the key database");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("geolocate database");
    TCase *tests = tcase_create("database");
    tcase_set_timeout(tests, 300);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, a_file_with_nested_names_places_addresses_without_a_request);
    tcase_add_test(tests, a_file_with_flat_names_places_addresses_without_a_request);
    tcase_add_test(tests, a_file_that_is_replaced_by_rename_is_used_by_all_lanes);
    tcase_add_test(tests, a_new_file_that_is_none_is_said_and_the_old_one_stays);
    tcase_add_test(tests, what_the_api_fails_to_place_the_file_places);
    tcase_add_test(tests, while_the_api_refuses_the_key_the_file_is_asked_instead);
    tcase_add_test(tests, a_file_that_is_missing_or_none_is_refused_at_the_start);
    tcase_add_test(tests, a_fallback_without_a_file_is_refused);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
