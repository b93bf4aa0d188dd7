/* SPDX-License-Identifier: Apache-2.0 */
/** What a manifest may say to source-kafka, and each refusal's sentence. No network. */
#include "common_settings.h"
#include "feed.h"

#include <stdlib.h>

static struct feed feed;

static void teardown(void)
{
    feed_close(&feed);
}

static bool open_subject(const struct harness_setting *settings)
{
    return feed_open(&feed, settings);
}

static struct harness *harness_of_subject(void)
{
    return feed.harness;
}

const struct common_subject common_subject = {open_subject, harness_of_subject, teardown};

START_TEST(a_topic_is_needed)
{
    const struct harness_setting settings[] = {BROKERS, {0}};
    refuses(settings, "/topic",
            "topic is missing: write the topic to read, or a list of them as topics");
}
END_TEST

START_TEST(several_topics_are_a_list)
{
    const struct harness_item items[] = {{NULL, "events"}, {NULL, "late-events"}};
    const struct harness_setting settings[] = {
        BROKERS, {.key = "topics", .items = items, .item_count = 2}, {0}};
    ck_assert_msg(feed_open(&feed, settings), "%s", feed_error(&feed));
}
END_TEST

START_TEST(a_topic_and_a_list_of_topics_are_refused)
{
    const struct harness_item items[] = {{NULL, "events"}};
    const struct harness_setting settings[] = {
        PLACE, {.key = "topics", .items = items, .item_count = 1}, {0}};
    refuses(settings, "/topics", "there is a topic and a list of topics: keep one of both");
}
END_TEST

START_TEST(a_topic_named_twice_is_refused)
{
    const struct harness_item items[] = {{NULL, "events"}, {NULL, "events"}};
    const struct harness_setting settings[] = {
        BROKERS, {.key = "topics", .items = items, .item_count = 2}, {0}};
    refuses(settings, "/topics/1", "the topic is named twice");
}
END_TEST

START_TEST(startup_mode_group_needs_a_group)
{
    const struct harness_setting settings[] = {
        PLACE, {.key = "startup_mode", .text = "group"}, {0}};
    refuses(settings, "/group", "startup_mode group needs the group whose offsets to use");
}
END_TEST

START_TEST(startup_mode_timestamp_needs_a_timestamp)
{
    const struct harness_setting settings[] = {
        PLACE, {.key = "startup_mode", .text = "timestamp"}, {0}};
    refuses(settings, "/startup_timestamp", "startup_mode timestamp needs startup_timestamp");
}
END_TEST

START_TEST(a_timestamp_without_its_mode_is_refused)
{
    const struct harness_setting settings[] = {
        PLACE, {.key = "startup_timestamp", .text = "2024-05-01"}, {0}};
    refuses(settings, "/startup_timestamp",
            "startup_timestamp is only used with startup_mode timestamp");
}
END_TEST

START_TEST(a_timestamp_that_is_none_is_refused)
{
    const struct harness_setting settings[] = {PLACE,
                                               {.key = "startup_mode", .text = "timestamp"},
                                               {.key = "startup_timestamp", .text = "yesterday"},
                                               {0}};
    refuses(settings, "/startup_timestamp",
            "startup_timestamp is neither ISO 8601 (2024-05-01T00:00:00Z) nor milliseconds since "
            "1970");
}
END_TEST

START_TEST(each_spelling_of_the_modes_is_known)
{
    static const char *const modes[] = {"latest",        "earliest",        "group",
                                        "latest-offset", "earliest-offset", "group-offsets"};
    static const char *const bounds[] = {"none", "latest", "unbounded", "latest-offset"};
    const struct harness_setting settings[] = {PLACE,
                                               {.key = "group", .text = "g"},
                                               {.key = "startup_mode", .text = modes[_i % 6]},
                                               {.key = "bounded_mode", .text = bounds[_i % 4]},
                                               {0}};
    ck_assert_msg(feed_open(&feed, settings), "%s", feed_error(&feed));
}
END_TEST

START_TEST(what_pipehost_rules_is_refused_with_the_key_to_use)
{
    refuses_property("group.id", "g",
                     "rdkafka property \"group.id\" cannot be set: use the key group");
}
END_TEST

START_TEST(a_mistyped_property_gets_the_nearest_name)
{
    refuses_property(
        "fetch.max.byte", "1000000",
        "rdkafka property \"fetch.max.byte\" is not one that a source may set, did you "
        "mean \"fetch.max.bytes\"?");
}
END_TEST

START_TEST(a_property_that_nothing_is_like_is_refused)
{
    refuses_property("batch.num.messages", "1",
                     "rdkafka property \"batch.num.messages\" is not one that a source may set");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("source-kafka settings");
    TCase *tcase = tcase_create("offline");
    tcase_add_checked_fixture(tcase, NULL, teardown);
    tcase_add_test(tcase, a_topic_is_needed);
    tcase_add_test(tcase, several_topics_are_a_list);
    tcase_add_test(tcase, a_topic_and_a_list_of_topics_are_refused);
    tcase_add_test(tcase, a_topic_named_twice_is_refused);
    tcase_add_test(tcase, startup_mode_group_needs_a_group);
    tcase_add_test(tcase, startup_mode_timestamp_needs_a_timestamp);
    tcase_add_test(tcase, a_timestamp_without_its_mode_is_refused);
    tcase_add_test(tcase, a_timestamp_that_is_none_is_refused);
    tcase_add_loop_test(tcase, each_spelling_of_the_modes_is_known, 0, 12);
    tcase_add_test(tcase, what_pipehost_rules_is_refused_with_the_key_to_use);
    tcase_add_test(tcase, a_mistyped_property_gets_the_nearest_name);
    tcase_add_test(tcase, a_property_that_nothing_is_like_is_refused);
    suite_add_tcase(suite, common_settings_tests());
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
