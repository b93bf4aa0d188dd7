/* SPDX-License-Identifier: Apache-2.0 */
/** sink-kafka's parts that need neither a host nor librdkafka's threads. */
#include "arena.h"
#include "conf.h"
#include "error_table.h"
#include "kafka/errors.h"
#include "position_note.h"
#include "positions_topic.h"
#include "producer.h"
#include "properties.h"

#include <check.h>
#include <stdlib.h>

/* ---- errors */

static const struct {
    rd_kafka_resp_err_t code;
    uint32_t at_start;
    uint32_t while_writing;
    const char *key;
} errors[] = {
    {RD_KAFKA_RESP_ERR__TRANSPORT, PH_ERR_RETRIABLE, PH_ERR_RETRIABLE, "/brokers"},
    {RD_KAFKA_RESP_ERR__MSG_TIMED_OUT, PH_ERR_RETRIABLE, PH_ERR_RETRIABLE, NULL},
    {RD_KAFKA_RESP_ERR__AUTHENTICATION, PH_ERR_CONFIG, PH_ERR_RETRIABLE, "/rdkafka/sasl.password"},
    {RD_KAFKA_RESP_ERR__SSL, PH_ERR_CONFIG, PH_ERR_RETRIABLE, "/rdkafka/ssl.ca.location"},
    {RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, PH_ERR_CONFIG, PH_ERR_CONFIG, "/topic"},
    {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, PH_ERR_CONFIG, PH_ERR_CONFIG, "/topic"},
    {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, PH_ERR_POISON, PH_ERR_POISON, NULL},
    {RD_KAFKA_RESP_ERR_INVALID_RECORD, PH_ERR_POISON, PH_ERR_POISON, NULL},
    {RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, PH_ERR_RETRIABLE, PH_ERR_RETRIABLE, NULL},
    {RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID, PH_ERR_RETRIABLE, PH_ERR_RETRIABLE, NULL},
    {RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, PH_ERR_RETRIABLE, PH_ERR_RETRIABLE, NULL},
    {RD_KAFKA_RESP_ERR__FATAL, PH_ERR_FATAL, PH_ERR_RETRIABLE, NULL},
    {RD_KAFKA_RESP_ERR_PRODUCER_FENCED, PH_ERR_FENCED, PH_ERR_FENCED, NULL},
    {RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE, PH_ERR_FATAL, PH_ERR_FATAL, NULL},
};
#define ERRORS (sizeof errors / sizeof errors[0])

START_TEST(an_error_has_the_class_that_says_what_to_do)
{
    const char *key = errors_key(errors[_i].code);
    ck_assert_uint_eq(errors_flags(errors[_i].code, ERRORS_AT_START), errors[_i].at_start);
    ck_assert_uint_eq(errors_flags(errors[_i].code, ERRORS_AT_WORK), errors[_i].while_writing);
    ck_assert(key == errors[_i].key || strcmp(key, errors[_i].key) == 0);
}
END_TEST

START_TEST(every_error_of_librdkafka_has_exactly_one_class)
{
    const struct rd_kafka_err_desc *all;
    size_t count;
    int poison = 0;
    rd_kafka_get_err_descs(&all, &count);
    ck_assert_uint_gt(count, 100);
    for (size_t i = 0; i < count; i++) {
        uint32_t start = errors_flags(all[i].code, ERRORS_AT_START);
        uint32_t writing = errors_flags(all[i].code, ERRORS_AT_WORK);
        ck_assert_int_eq(__builtin_popcount(start), 1);
        ck_assert_int_eq(__builtin_popcount(writing), 1);
        ck_assert_uint_le(start, PH_ERR_FENCED);
        poison += all[i].name != NULL && writing == PH_ERR_POISON;
    }
    ck_assert_int_eq(poison, 5); /* a row is set aside for these, and for no other */
}
END_TEST

static const struct error_class classes[] = {
    {PH_ERR_RETRIABLE, PH_ERR_RETRIABLE,
     "_BAD_MSG _UNKNOWN_PARTITION _AUTO_OFFSET_RESET OFFSET_OUT_OF_RANGE INVALID_MSG "
     "INVALID_GROUP_ID"},
    {PH_ERR_POISON, PH_ERR_POISON,
     "INVALID_MSG_SIZE MSG_SIZE_TOO_LARGE RECORD_LIST_TOO_LARGE INVALID_TIMESTAMP "
     "INVALID_RECORD"},
    {PH_ERR_CONFIG, PH_ERR_CONFIG,
     "_UNKNOWN_TOPIC UNKNOWN_TOPIC_OR_PART TOPIC_EXCEPTION INVALID_REQUIRED_ACKS "
     "TOPIC_AUTHORIZATION_FAILED CLUSTER_AUTHORIZATION_FAILED UNSUPPORTED_FOR_MESSAGE_FORMAT "
     "POLICY_VIOLATION UNSUPPORTED_COMPRESSION_TYPE INVALID_TRANSACTION_TIMEOUT "
     "OFFSET_METADATA_TOO_LARGE "
     "TRANSACTIONAL_ID_AUTHORIZATION_FAILED GROUP_AUTHORIZATION_FAILED"},
    {PH_ERR_FATAL, PH_ERR_RETRIABLE, "_FATAL"},
    {PH_ERR_FENCED, PH_ERR_FENCED, "_FENCED PRODUCER_FENCED INVALID_PRODUCER_EPOCH"},
};

START_TEST(each_code_of_the_library_has_its_class)
{
    error_table_check(classes, sizeof classes / sizeof classes[0]);
}
END_TEST

START_TEST(a_note_is_read_as_it_was_written)
{
    char text[NOTE_TEXT_SIZE];
    struct note read;
    struct note n = {.next_offset = INT64_MAX, .fingerprint = UINT32_MAX};
    note_copy_text(n.cluster, sizeof n.cluster, "abc-_12");
    note_copy_text(n.owner, sizeof n.owner, "a \"host\" pid 1\\2");
    note_read(&read, text, note_write(&n, text));
    ck_assert_int_eq(read.next_offset, INT64_MAX);
    ck_assert_uint_eq(read.fingerprint, UINT32_MAX);
    ck_assert_str_eq(read.cluster, "abc-_12");
    ck_assert_str_eq(read.owner, "a ?host? pid 1?2");
}
END_TEST

START_TEST(the_longest_note_has_room)
{
    char text[NOTE_TEXT_SIZE];
    char longest[2 * NOTE_TARGET_SIZE];
    struct note read;
    struct note n = {.next_offset = INT64_MIN, .fingerprint = UINT32_MAX};
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    note_copy_text(n.cluster, sizeof n.cluster, longest);
    note_copy_text(n.target, sizeof n.target, longest);
    note_copy_text(n.owner, sizeof n.owner, longest);
    uint32_t length = note_write(&n, text);
    ck_assert_uint_lt(length, NOTE_TEXT_SIZE);
    note_read(&read, text, length);
    ck_assert_str_eq(read.cluster, n.cluster);
    ck_assert_str_eq(read.target, n.target);
    ck_assert_str_eq(read.owner, n.owner);
}
END_TEST

START_TEST(what_is_no_note_says_nothing)
{
    static const char *const texts[] = {"", "{}", "x", "{\"owner\":\"a", "{\"owner\":1}"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct note n;
        note_read(&n, texts[i], strlen(texts[i]));
        ck_assert_int_eq(n.next_offset, -1);
        ck_assert_uint_eq(n.fingerprint, 0);
        ck_assert_str_eq(n.owner, "");
        ck_assert(!note_is_reset(&n));
    }
}
END_TEST

START_TEST(a_position_taken_away_is_none_and_says_by_whom)
{
    char text[NOTE_TEXT_SIZE];
    struct note read;
    struct note n = {.next_offset = -1, .owner = "somebody"};
    note_read(&read, text, note_write(&n, text));
    ck_assert(note_is_reset(&read));
    ck_assert(note_is_there(&read));
    n.next_offset = 0;
    note_read(&read, text, note_write(&n, text));
    ck_assert(!note_is_reset(&read));
    ck_assert(note_is_there(&read));
    n.next_offset = NOTE_MOVED;
    note_read(&read, text, note_write(&n, text));
    ck_assert_int_eq(read.next_offset, NOTE_MOVED);
    ck_assert(!note_is_reset(&read));
    ck_assert(!note_is_there(&read));
}
END_TEST

/* ---- keys of the positions topic */

START_TEST(a_key_says_whose_position_it_is)
{
    const struct ph_host host = {.operator_name = "sink"};
    struct held h = {.pipeline = "pipe", .source = "events", .topic = "a/b.c", .partition = 12};
    struct ph_partition p = {.partition = -1};
    char key[POSITIONS_KEY_SIZE];
    ck_assert_uint_eq(positions_topic_key(key, &host, &h), strlen("pipe/sink/events/a/b.c/12"));
    ck_assert_str_eq(key, "pipe/sink/events/a/b.c/12");
    ck_assert(positions_topic_split_key(key, &host, "pipe", &p));
    ck_assert_str_eq(p.source, "events");
    ck_assert_str_eq(p.topic, "a/b.c");
    ck_assert_int_eq(p.partition, 12);
}
END_TEST

START_TEST(a_key_of_somebody_else_is_not_ours)
{
    static const char *const keys[] = {
        "",
        "pipe/sink/",
        "pipe/sink/events/1",
        "pipe/sink/events/topic/x",
        "pipe/sink2",
        "pipe2/sink/events/t/1",
        "pipe/sink2/events/t/1",
        "pipe/sink/events/topic/",
    };
    const struct ph_host host = {.operator_name = "sink"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        struct ph_partition p;
        char key[POSITIONS_KEY_SIZE];
        (void)snprintf(key, sizeof key, "%s", keys[i]);
        ck_assert_msg(!positions_topic_split_key(key, &host, "pipe", &p), "%s", keys[i]);
    }
}
END_TEST

START_TEST(an_error_names_code_key_and_text)
{
    struct ph_error err;
    ph_error_clear(&err);
    ck_assert_int_eq(errors_set(&err, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, ERRORS_AT_START,
                                "no topic \"%s\"", "x"),
                     PH_ERROR);
    ck_assert_str_eq(err.foreign_code, "UNKNOWN_TOPIC_OR_PART");
    ck_assert_str_eq(err.config_key, "/topic");
    ck_assert_str_eq(err.text, "no topic \"x\"");
}
END_TEST

/* ---- the queue */

START_TEST(lanes_share_the_queue)
{
    struct settings s = {.queue_bytes = 32 << 20};
    ck_assert_int_eq(conf_queue(&s, 1).value_bytes, 32 << 20);
    ck_assert_int_eq(conf_queue(&s, 4).value_bytes, 8 << 20);
    ck_assert_int_eq(conf_queue(&s, 4).records, (8 << 20) / 128);
}
END_TEST

START_TEST(only_records_of_a_transaction_wait_for_company)
{
    struct settings s = {.queue_bytes = INT64_C(32) << 20};
    ck_assert_int_eq(conf_linger_ms(&s, 1), 1);
    s.is_transactional = true;
    ck_assert_int_eq(conf_linger_ms(&s, 1), 100);
}
END_TEST

START_TEST(a_small_queue_is_not_held_up_by_batches_that_are_not_full)
{
    struct settings s = {.is_transactional = true, .queue_bytes = INT64_C(8) << 20};
    ck_assert_int_eq(conf_linger_ms(&s, 1), 25);
    ck_assert_int_eq(conf_linger_ms(&s, 4), 6);
    s.queue_bytes = INT64_C(1) << 20;
    ck_assert_int_eq(conf_linger_ms(&s, 64), 1);
}
END_TEST

START_TEST(records_may_linger_where_no_partition_needs_to_have_a_full_batch)
{
    struct producer p = {.partitions = 4, .batch_bytes = 1000};
    ck_assert(!producer_may_linger(&p)); /* there are none */
    p.unreported = 1;
    ck_assert(producer_may_linger(&p));
    p.unreported_bytes = 4000;
    ck_assert(producer_may_linger(&p));
    p.unreported_bytes = 4001;
    ck_assert(!producer_may_linger(&p));
}
END_TEST

START_TEST(a_message_is_as_large_as_the_topic_allows)
{
    const struct ph_value own[] = {{.name = "message.max.bytes", .text = "5000", .is_set = true}};
    const struct ph_value map = {.is_set = true, .items = own, .item_count = 1};
    struct settings s = {0};
    ck_assert_int_eq(conf_message_bytes(&s, 1048588), 1048588 - 128);
    s.has_headers = true;
    ck_assert_int_eq(conf_message_bytes(&s, 1048588), 1048588 - 128 - 512);
    ck_assert_int_eq(conf_message_bytes(&s, 700), 1000); /* librdkafka's least */
    s.properties = &map;
    ck_assert_int_eq(conf_message_bytes(&s, 1048588), 5000);
    ck_assert_int_eq(conf_message_bytes(&s, 4000), 4000 - 640);
}
END_TEST

/* ---- the arena */

static struct arena arena;

static void begin_arena(void)
{
    arena_init(&arena, 2 * ARENA_CHUNK_BYTES);
}

static void end_arena(void)
{
    arena_fini(&arena);
}

static struct chunk *put(uint32_t bytes)
{
    uint32_t capacity;
    (void)arena_room(&arena, &capacity);
    if (capacity < bytes && arena_open(&arena, bytes) != PH_OK) {
        return NULL;
    }
    char *room = arena_room(&arena, &capacity);
    ck_assert_uint_ge(capacity, bytes);
    memset(room, 'x', bytes);
    return arena_take(&arena, bytes);
}

START_TEST(values_stand_one_behind_the_other)
{
    uint32_t capacity;
    struct chunk *chunk = put(100);
    ck_assert_ptr_nonnull(chunk);
    ck_assert_ptr_eq(put(50), chunk);
    ck_assert_ptr_eq(arena_room(&arena, &capacity), chunk->data + 150);
    ck_assert_uint_eq(capacity, ARENA_CHUNK_BYTES - 150);
}
END_TEST

START_TEST(a_full_arena_has_room_again_when_a_chunk_is_reported)
{
    struct chunk *first = put(ARENA_CHUNK_BYTES);
    struct chunk *second = put(ARENA_CHUNK_BYTES);
    ck_assert(first != NULL && second != NULL && first != second);
    ck_assert_ptr_null(put(1));
    arena_report(&arena, first);
    ck_assert_ptr_eq(put(1), first);
    ck_assert_uint_eq(arena.held_bytes, 2 * ARENA_CHUNK_BYTES);
}
END_TEST

START_TEST(a_chunk_is_kept_until_its_last_value_is_reported)
{
    struct chunk *first = put(ARENA_CHUNK_BYTES - 10);
    ck_assert_ptr_eq(put(10), first);
    struct chunk *second = put(ARENA_CHUNK_BYTES);
    ck_assert_ptr_ne(second, first);
    arena_report(&arena, first);
    ck_assert_ptr_null(put(1));
    arena_report(&arena, first);
    ck_assert_ptr_eq(put(1), first);
}
END_TEST

START_TEST(the_open_chunk_begins_again_when_all_of_it_is_reported)
{
    struct chunk *chunk = put(ARENA_CHUNK_BYTES / 2);
    for (int i = 0; i < 100; i++) {
        arena_report(&arena, chunk);
        ck_assert_ptr_eq(put(ARENA_CHUNK_BYTES / 2 + 1), chunk);
    }
}
END_TEST

START_TEST(a_value_above_the_limit_goes_alone)
{
    struct chunk *small = put(10);
    ck_assert_ptr_null(put(5 * ARENA_CHUNK_BYTES));
    arena_report(&arena, small);
    struct chunk *large = put(5 * ARENA_CHUNK_BYTES);
    ck_assert_ptr_nonnull(large);
    ck_assert_ptr_null(put(ARENA_CHUNK_BYTES));
    arena_report(&arena, large);
    ck_assert_ptr_nonnull(put(ARENA_CHUNK_BYTES));
}
END_TEST

START_TEST(random_reports_never_hold_more_than_the_limit)
{
    static struct chunk *out[4096];
    uint32_t count = 0;
    unsigned int seed = 7;
    for (int i = 0; i < 100000; i++) {
        struct chunk *c = count < 4096 ? put((uint32_t)rand_r(&seed) % 5000 + 1) : NULL;
        if (c != NULL) {
            out[count++] = c;
        } else {
            uint32_t at = (uint32_t)rand_r(&seed) % count;
            arena_report(&arena, out[at]);
            out[at] = out[--count];
        }
        ck_assert_uint_le(arena.held_bytes + arena.free_bytes, 2 * arena.limit_bytes);
        ck_assert_uint_le(arena.held_bytes, arena.limit_bytes);
    }
}
END_TEST

/* ---- properties */

START_TEST(no_two_sinks_share_an_id)
{
    char id[CONF_ID_SIZE];
    char other[CONF_ID_SIZE];
    conf_write_id(id, "etl", "eu.out", NULL);
    conf_write_id(other, "etl.eu", "out", NULL);
    ck_assert_str_eq(id, "pipehost/etl/eu.out");
    ck_assert_str_eq(other, "pipehost/etl.eu/out");
    conf_write_id(id, "etl", "out", "a.b");
    conf_write_id(other, "etl", "out.a", "b");
    ck_assert_str_eq(id, "pipehost/etl/out/a.b");
    ck_assert_str_eq(other, "pipehost/etl/out.a/b");
}
END_TEST

START_TEST(the_longest_id_has_room)
{
    char id[CONF_ID_SIZE];
    char name[65];
    char replay[2 * 64 + 2];
    memset(name, 'n', sizeof name - 1);
    memset(replay, 'r', sizeof replay - 1);
    name[sizeof name - 1] = '\0';
    replay[sizeof replay - 1] = '\0';
    conf_write_id(id, name, name, replay);
    ck_assert_uint_eq(strlen(id), strlen("pipehost///") + 2 * strlen(name) + strlen(replay));
}
END_TEST

START_TEST(hidden_values_do_not_get_into_a_log)
{
    const struct ph_value items[] = {
        {.name = "sasl.password", .text = "hunter2", .text_length = 7, .is_set = true},
        {.name = "linger.ms", .text = "100", .text_length = 3, .is_set = true}};
    const struct ph_value map = {.is_set = true, .items = items, .item_count = 2};
    char text[] = "password hunter2 for\n100 ms, hunter2";
    properties_redact(&map, text);
    ck_assert_str_eq(text, "password *** for 100 ms, ***");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sink-kafka parts");
    TCase *plain = tcase_create("plain");
    tcase_add_loop_test(plain, an_error_has_the_class_that_says_what_to_do, 0, (int)ERRORS);
    tcase_add_test(plain, every_error_of_librdkafka_has_exactly_one_class);
    tcase_add_test(plain, each_code_of_the_library_has_its_class);
    tcase_add_test(plain, a_note_is_read_as_it_was_written);
    tcase_add_test(plain, the_longest_note_has_room);
    tcase_add_test(plain, what_is_no_note_says_nothing);
    tcase_add_test(plain, a_position_taken_away_is_none_and_says_by_whom);
    tcase_add_test(plain, a_key_says_whose_position_it_is);
    tcase_add_test(plain, a_key_of_somebody_else_is_not_ours);
    tcase_add_test(plain, an_error_names_code_key_and_text);
    tcase_add_test(plain, lanes_share_the_queue);
    tcase_add_test(plain, only_records_of_a_transaction_wait_for_company);
    tcase_add_test(plain, a_small_queue_is_not_held_up_by_batches_that_are_not_full);
    tcase_add_test(plain, records_may_linger_where_no_partition_needs_to_have_a_full_batch);
    tcase_add_test(plain, a_message_is_as_large_as_the_topic_allows);
    tcase_add_test(plain, no_two_sinks_share_an_id);
    tcase_add_test(plain, the_longest_id_has_room);
    tcase_add_test(plain, hidden_values_do_not_get_into_a_log);
    suite_add_tcase(suite, plain);
    TCase *chunks = tcase_create("arena");
    tcase_add_checked_fixture(chunks, begin_arena, end_arena);
    tcase_add_test(chunks, values_stand_one_behind_the_other);
    tcase_add_test(chunks, a_full_arena_has_room_again_when_a_chunk_is_reported);
    tcase_add_test(chunks, a_chunk_is_kept_until_its_last_value_is_reported);
    tcase_add_test(chunks, the_open_chunk_begins_again_when_all_of_it_is_reported);
    tcase_add_test(chunks, a_value_above_the_limit_goes_alone);
    tcase_add_test(chunks, random_reports_never_hold_more_than_the_limit);
    suite_add_tcase(suite, chunks);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
