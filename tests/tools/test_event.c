#include <check.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "event.h"

#define SEED       7
#define PARTITIONS 4
#define RECORDS    50000
#define DISTINCT   1000

static json_t *load(const char *buf, size_t len)
{
    return json_loadb(buf, len, JSON_REJECT_DUPLICATES, NULL);
}

/* An assertion that holds costs a write to a pipe: none in what is done for each record. */
static void assert_text(const json_t *event, const char *key, struct event_text expected)
{
    const json_t *value = json_object_get(event, key);
    if (!json_is_string(value) || json_string_length(value) != expected.len ||
        memcmp(json_string_value(value), expected.at, expected.len) != 0) {
        char *found = json_dumps(value, JSON_ENCODE_ANY);
        ck_abort_msg("%s is %s, not %.*s", key, found != NULL ? found : "nothing",
                     (int)expected.len, expected.at);
    }
}

static int64_t ms_of(const char *iso)
{
    struct tm tm = {0};
    int ms = 0;
    if (sscanf(iso, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
               &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &ms) != 7) {
        ck_abort_msg("%s is no time", iso);
    }
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    return (int64_t)timegm(&tm) * 1000 + ms;
}

static void assert_event(const json_t *event, const struct event_row *row)
{
    assert_text(event, "ip", row->ip);
    assert_text(event, "host", row->host);
    assert_text(event, "url", row->url);
    assert_text(event, "headers", row->headers);
    const json_t *referrer = json_object_get(event, "referrer");
    if (row->has_referrer) {
        assert_text(event, "referrer", row->referrer);
    } else if (referrer != NULL && !json_is_null(referrer)) {
        ck_abort_msg("there is a referrer");
    }
    const char *time = json_string_value(json_object_get(event, "event_time"));
    if (time == NULL || ms_of(time) != row->event_timestamp_ms) {
        ck_abort_msg("the time is %s, not %" PRId64 " ms", time != NULL ? time : "missing",
                     row->event_timestamp_ms);
    }
}

START_TEST(each_event_is_json_that_decodes_to_its_expected_row)
{
    char buf[EVENT_MAX_BYTES];
    for (int64_t i = 0; i < RECORDS; i++) {
        int32_t partition = (int32_t)(i % PARTITIONS);
        int64_t offset = i / PARTITIONS;
        struct event_row row;
        size_t len = event_write(buf, sizeof buf, SEED, partition, offset, DISTINCT);
        event_expected(&row, SEED, partition, offset, DISTINCT);
        json_t *event = load(buf, len);
        if (event == NULL) {
            ck_abort_msg("record %" PRId64 " is no JSON: %.*s", i, (int)len, buf);
        }
        assert_event(event, &row);
        json_decref(event);
    }
}
END_TEST

START_TEST(the_headers_are_json_text_spelled_exactly_as_in_the_event)
{
    char buf[EVENT_MAX_BYTES];
    for (int64_t offset = 0; offset < 1000; offset++) {
        struct event_row row;
        size_t len = event_write(buf, sizeof buf, SEED, 0, offset, DISTINCT);
        event_expected(&row, SEED, 0, offset, DISTINCT);
        ck_assert_ptr_nonnull(memmem(buf, len, row.headers_json.at, row.headers_json.len));
        json_t *headers = load(row.headers.at, row.headers.len);
        ck_assert_ptr_nonnull(headers);
        json_decref(headers);
    }
}
END_TEST

START_TEST(no_bad_event_could_become_a_row)
{
    char buf[EVENT_MAX_BYTES];
    for (int64_t offset = 0; offset < 1000; offset++) {
        size_t len = event_write_bad(buf, sizeof buf, SEED, 1, offset, DISTINCT);
        json_t *event = load(buf, len);
        const char *time = json_string_value(json_object_get(event, "event_time"));
        ck_assert_msg(!json_is_string(json_object_get(event, "ip")) || !time || time[0] != '2',
                      "offset %" PRId64 " is good: %.*s", offset, (int)len, buf);
        json_decref(event);
    }
}
END_TEST

START_TEST(bad_events_come_in_the_asked_for_share)
{
    int bad = 0;
    for (int64_t offset = 0; offset < 100000; offset++) {
        if (event_is_bad(SEED, 2, offset, 0) || !event_is_bad(SEED, 2, offset, 100)) {
            ck_abort_msg("a share of none or all is not kept at offset %" PRId64, offset);
        }
        bad += event_is_bad(SEED, 2, offset, 2.5);
    }
    ck_assert_int_ge(bad, 2300);
    ck_assert_int_le(bad, 2700);
}
END_TEST

static int compare_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* How many different addresses the events have. */
static size_t count_addresses(size_t records, uint32_t distinct)
{
    char **seen = calloc(records, sizeof *seen);
    size_t n = records > 0;
    ck_assert_ptr_nonnull(seen);
    for (size_t i = 0; i < records; i++) {
        struct event_row row;
        event_expected(&row, SEED, (int32_t)(i % PARTITIONS), (int64_t)(i / PARTITIONS), distinct);
        seen[i] = strndup(row.ip.at, row.ip.len);
    }
    qsort(seen, records, sizeof *seen, compare_text);
    for (size_t i = 1; i < records; i++) {
        n += strcmp(seen[i - 1], seen[i]) != 0;
    }
    for (size_t i = 0; i < records; i++) {
        free(seen[i]);
    }
    free(seen);
    return n;
}

START_TEST(there_are_as_many_addresses_as_asked_for)
{
    ck_assert_uint_eq(count_addresses(100000, 1000), 1000);
    ck_assert_uint_eq(count_addresses(1000, 1), 1);
    ck_assert_uint_eq(count_addresses(100000, 0), 100000);
}
END_TEST

START_TEST(a_url_says_which_record_it_came_from)
{
    struct event_row row;
    int32_t partition = -1;
    int64_t offset = -1;
    for (int64_t i = 0; i < 1000; i++) {
        event_expected(&row, SEED, 3, i * 1000003, DISTINCT);
        ck_assert(event_locate(row.url.at, row.url.len, &partition, &offset));
        ck_assert_int_eq(partition, 3);
        ck_assert_int_eq(offset, i * 1000003);
    }
    ck_assert(!event_locate("/x?e=1-2b", 9, &partition, &offset));
    ck_assert(!event_locate("/x?e=-2", 7, &partition, &offset));
    ck_assert(!event_locate("", 0, &partition, &offset));
}
END_TEST

START_TEST(a_buffer_that_could_be_too_small_is_refused)
{
    char buf[EVENT_MAX_BYTES];
    ck_assert_uint_eq(event_write(buf, sizeof buf - 1, SEED, 0, 0, DISTINCT), 0);
    ck_assert_uint_eq(event_write_bad(buf, sizeof buf - 1, SEED, 0, 0, DISTINCT), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("event");
    TCase *tests = tcase_create("event");
    tcase_set_timeout(tests, 300);
    tcase_add_test(tests, each_event_is_json_that_decodes_to_its_expected_row);
    tcase_add_test(tests, the_headers_are_json_text_spelled_exactly_as_in_the_event);
    tcase_add_test(tests, no_bad_event_could_become_a_row);
    tcase_add_test(tests, bad_events_come_in_the_asked_for_share);
    tcase_add_test(tests, there_are_as_many_addresses_as_asked_for);
    tcase_add_test(tests, a_url_says_which_record_it_came_from);
    tcase_add_test(tests, a_buffer_that_could_be_too_small_is_refused);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
