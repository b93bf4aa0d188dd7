/* SPDX-License-Identifier: Apache-2.0 */
#include "front.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

static struct front front;

/* A place of its own that the cache and nobody else holds. */
static struct place *new_place(void)
{
    struct place *place = calloc(1, sizeof *place);
    ck_assert_ptr_nonnull(place);
    atomic_init(&place->refs, 1);
    place->text = place_empty_text;
    return place;
}

static struct front_key key_of(const char *text)
{
    struct front_key key;
    front_key_make(&key, (const uint8_t *)text, (uint32_t)strlen(text));
    return key;
}

static struct front_slot *put(const char *text, uint32_t batch)
{
    struct front_key key = key_of(text);
    struct front_slot *slot = front_claim(&front, &key, batch);
    slot->place = new_place();
    slot->batch = batch;
    return slot;
}

static struct front_slot *get(const char *text)
{
    struct front_key key = key_of(text);
    return front_find(&front, &key);
}

static void set_up(void)
{
    ck_assert(front_init(&front, 64, 99));
}

static void tear_down(void)
{
    front_fini(&front);
}

START_TEST(a_text_finds_its_own_slot_only)
{
    static const char *const texts[] = {"8.8.8.8",
                                        "8.8.8.80",
                                        "18.8.8.8",
                                        "8.8.4.4",
                                        "111.111.111.111",
                                        "111.111.111.112",
                                        "211.111.111.111",
                                        "::1",
                                        "1",
                                        "2600:1f18::a1",
                                        "2600:1f18::a12345",
                                        "2600:1f18:1234:5678:9abc:def0:1234:5678",
                                        "2600:1f18:1234:5678:9abc:def0:1234:5679",
                                        "3600:1f18:1234:5678:9abc:def0:1234:5678"};
    size_t count = sizeof texts / sizeof texts[0];
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < count; j++) {
            struct front_key a = key_of(texts[i]);
            struct front_key b = key_of(texts[j]);
            ck_assert_msg(front_key_is(&a, &b) == (i == j), "%s and %s", texts[i], texts[j]);
        }
        ck_assert_ptr_null(get(texts[i]));
        ck_assert_ptr_eq(put(texts[i], 1), get(texts[i]));
    }
}
END_TEST

START_TEST(texts_whose_halves_overlap_differ_by_their_length)
{
    struct front_key nine = key_of("aaaaaaaaa");
    struct front_key ten = key_of("aaaaaaaaaa");
    ck_assert(!front_key_is(&nine, &ten));
}
END_TEST

START_TEST(a_full_set_gives_up_the_slot_that_was_unused_for_longest)
{
    char texts[5][24];
    uint32_t found = 0;
    struct front_key first = key_of("1.0.0.0");
    uint32_t set = front_home(&front, &first) / FRONT_WAYS;
    for (uint32_t i = 0; found < 5; i++) {
        struct front_key key;
        (void)snprintf(texts[found], sizeof texts[found], "1.%u.%u.%u", i >> 16, (i >> 8) & 255u,
                       i & 255u);
        key = key_of(texts[found]);
        found += front_home(&front, &key) / FRONT_WAYS == set ? 1 : 0;
    }
    for (uint32_t i = 0; i < 4; i++) {
        put(texts[i], UINT32_MAX - 1 + i);
    }
    get(texts[0])->batch = 3; /* used again, after the number has wrapped */
    put(texts[4], 4);
    ck_assert_ptr_nonnull(get(texts[0]));
    ck_assert_ptr_null(get(texts[1]));
    ck_assert_ptr_nonnull(get(texts[2]));
    ck_assert_ptr_nonnull(get(texts[3]));
    ck_assert_ptr_nonnull(get(texts[4]));
}
END_TEST

START_TEST(a_claimed_slot_promises_nothing_yet)
{
    struct front_key key = key_of("8.8.8.8");
    struct front_slot *slot = front_claim(&front, &key, 7);
    ck_assert_ptr_null(slot->place);
    ck_assert_int_eq(slot->good_ns, 0);
    ck_assert_uint_ne(slot->batch, 7);
}
END_TEST

START_TEST(many_more_texts_than_slots_leave_each_found_slot_right)
{
    char text[24];
    for (uint32_t i = 0; i < 5000; i++) {
        (void)snprintf(text, sizeof text, "11.%u.%u.%u", i & 255u, (i >> 4) & 255u, i >> 8);
        struct front_slot *slot = get(text);
        if (slot == NULL) {
            slot = put(text, i);
            slot->row = i;
        }
        ck_assert_ptr_eq(get(text), slot);
    }
}
END_TEST

START_TEST(a_cache_that_grows_keeps_what_it_has)
{
    char text[24];
    uint32_t kept = 0;
    front_fini(&front);
    ck_assert(front_init(&front, 8192, 99));
    uint32_t few = front.mask + 1;
    ck_assert_uint_lt(few, 8192);
    front_grow(&front);
    ck_assert_uint_eq(front.mask + 1, few);
    for (uint32_t i = 0; i < few; i++) {
        (void)snprintf(text, sizeof text, "11.0.%u.%u", i >> 8, i & 255u);
        put(text, i)->row = i;
        front_grow(&front);
    }
    ck_assert_uint_gt(front.mask + 1, few);
    ck_assert_uint_le(front.mask + 1, 8192);
    for (uint32_t i = 0; i < few; i++) {
        (void)snprintf(text, sizeof text, "11.0.%u.%u", i >> 8, i & 255u);
        const struct front_slot *slot = get(text);
        ck_assert(slot == NULL || (slot->row == i && slot->batch == i && slot->place != NULL));
        kept += slot != NULL ? 1 : 0;
    }
    ck_assert_uint_gt(kept, few / 2);
}
END_TEST

START_TEST(a_cache_grows_no_further_than_its_capacity)
{
    char text[24];
    for (uint32_t i = 0; i < 1000; i++) {
        (void)snprintf(text, sizeof text, "11.0.%u.%u", i >> 8, i & 255u);
        put(text, i);
        front_grow(&front);
    }
    ck_assert_uint_eq(front.mask + 1, 64);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("geolocate front");
    TCase *tests = tcase_create("front");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, a_text_finds_its_own_slot_only);
    tcase_add_test(tests, texts_whose_halves_overlap_differ_by_their_length);
    tcase_add_test(tests, a_full_set_gives_up_the_slot_that_was_unused_for_longest);
    tcase_add_test(tests, a_claimed_slot_promises_nothing_yet);
    tcase_add_test(tests, a_cache_that_grows_keeps_what_it_has);
    tcase_add_test(tests, a_cache_grows_no_further_than_its_capacity);
    tcase_add_test(tests, many_more_texts_than_slots_leave_each_found_slot_right);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
