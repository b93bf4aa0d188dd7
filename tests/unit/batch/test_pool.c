/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "batch/pool.h"

#define MIB (UINT64_C(1) << 20)

static void count_call(void *arg)
{
    ++*(int *)arg;
}

START_TEST(blocks_waste_at_most_a_quarter)
{
    for (size_t bytes = 1; bytes < (size_t)300 << 20; bytes += bytes / 7 + 1) {
        size_t size = pool_block_size(bytes);
        ck_assert_uint_ge(size, bytes);
        ck_assert_uint_eq(size % 4096, 0);
        ck_assert(size == POOL_BLOCK_MIN || size <= bytes + bytes / 4 + 1);
        ck_assert_uint_eq(pool_block_size(size), size);
    }
}
END_TEST

START_TEST(a_block_that_came_back_is_lent_again)
{
    struct pool *pool = pool_create(64 * MIB);
    struct reserve *reserve = reserve_create(pool, "one", 64 * MIB, NULL, NULL);
    struct block a;
    struct block b;
    ck_assert(reserve_alloc(reserve, 100000, &a));
    memset(a.data, 1, a.size);
    reserve_free(reserve, a);
    ck_assert_uint_eq(pool_get_stats(pool).idle_bytes, a.size);
    ck_assert(reserve_alloc(reserve, 110000, &b));
    ck_assert_ptr_eq(b.data, a.data);
    ck_assert_uint_eq(pool_get_stats(pool).idle_bytes, 0);
    ck_assert_uint_eq(pool_get_stats(pool).mapped_bytes, a.size);
    reserve_free(reserve, b);
    reserve_free(reserve, (struct block){NULL, 0});
    reserve_destroy(reserve);
    pool_destroy(pool);
}
END_TEST

START_TEST(a_reserve_keeps_its_limit_and_counts)
{
    struct pool *pool = pool_create(64 * MIB);
    struct reserve *reserve = reserve_create(pool, "small", MIB, NULL, NULL);
    struct block a;
    struct block b;
    ck_assert(reserve_alloc(reserve, MIB / 2, &a));
    ck_assert(reserve_alloc(reserve, MIB / 2, &b));
    struct block c;
    ck_assert(!reserve_alloc(reserve, 1, &c));
    ck_assert_ptr_null(c.data);
    struct reserve_stats stats = reserve_get_stats(reserve);
    ck_assert_uint_eq(stats.used_bytes, MIB);
    ck_assert_uint_eq(stats.peak_bytes, MIB);
    ck_assert_uint_eq(stats.refused, 1);
    ck_assert_str_eq(reserve_name(reserve), "small");
    reserve_free(reserve, a);
    reserve_free(reserve, b);
    ck_assert_uint_eq(reserve_get_stats(reserve).used_bytes, 0);
    ck_assert_uint_eq(reserve_get_stats(reserve).peak_bytes, MIB);
    ck_assert(!reserve_alloc(reserve, (size_t)8 << 30, &a));
    reserve_destroy(reserve);
    pool_destroy(pool);
}
END_TEST

START_TEST(freed_is_called_once_after_a_refusal)
{
    int calls = 0;
    struct pool *pool = pool_create(64 * MIB);
    struct reserve *reserve = reserve_create(pool, "r", MIB, count_call, &calls);
    struct block a;
    struct block b;
    struct block c;
    ck_assert(reserve_alloc(reserve, MIB / 2, &a));
    ck_assert(reserve_alloc(reserve, MIB / 2, &b));
    reserve_free(reserve, a);
    ck_assert_int_eq(calls, 0);
    ck_assert(reserve_alloc(reserve, MIB / 2, &a));
    ck_assert(!reserve_alloc(reserve, 1, &c));
    ck_assert(!reserve_alloc(reserve, 1, &c));
    reserve_free(reserve, a);
    ck_assert_int_eq(calls, 1);
    reserve_free(reserve, b);
    ck_assert_int_eq(calls, 1);
    reserve_destroy(reserve);
    pool_destroy(pool);
}
END_TEST

START_TEST(idle_blocks_of_other_sizes_make_room)
{
    struct pool *pool = pool_create(2 * MIB);
    struct reserve *reserve = reserve_create(pool, "r", 4 * MIB, NULL, NULL);
    struct block blocks[32];
    struct block large;
    for (int i = 0; i < 32; i++) {
        ck_assert(reserve_alloc(reserve, POOL_BLOCK_MIN, &blocks[i]));
    }
    ck_assert(!reserve_alloc(reserve, POOL_BLOCK_MIN, &large));
    for (int i = 0; i < 32; i++) {
        reserve_free(reserve, blocks[i]);
    }
    ck_assert(reserve_alloc(reserve, 2 * MIB, &large));
    ck_assert_uint_eq(pool_get_stats(pool).mapped_bytes, 2 * MIB);
    reserve_free(reserve, large);
    reserve_destroy(reserve);
    pool_destroy(pool);
}
END_TEST

/* Two threads share a reserve that has room for one of them at a time. */
struct contest {
    struct reserve *reserve;
    pthread_mutex_t mutex;
    pthread_cond_t freed;
    int wakes;
};

static void wake(void *arg)
{
    struct contest *c = arg;
    (void)pthread_mutex_lock(&c->mutex);
    c->wakes++;
    (void)pthread_cond_broadcast(&c->freed);
    (void)pthread_mutex_unlock(&c->mutex);
}

static void *contend(void *arg)
{
    struct contest *c = arg;
    for (int i = 0; i < 20000; i++) {
        struct block block;
        (void)pthread_mutex_lock(&c->mutex);
        int before = c->wakes;
        (void)pthread_mutex_unlock(&c->mutex);
        while (!reserve_alloc(c->reserve, MIB, &block)) {
            (void)pthread_mutex_lock(&c->mutex);
            while (c->wakes == before) {
                (void)pthread_cond_wait(&c->freed, &c->mutex);
            }
            before = c->wakes;
            (void)pthread_mutex_unlock(&c->mutex);
        }
        block.data[0] = 1;
        reserve_free(c->reserve, block);
    }
    return NULL;
}

/* A lost wake-up hangs here until the test's time is over. */
START_TEST(a_waiting_thread_is_always_woken)
{
    struct pool *pool = pool_create(64 * MIB);
    struct contest c = {.mutex = PTHREAD_MUTEX_INITIALIZER, .freed = PTHREAD_COND_INITIALIZER};
    c.reserve = reserve_create(pool, "r", MIB, wake, &c);
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, contend, &c), 0);
    }
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    }
    ck_assert_uint_eq(reserve_get_stats(c.reserve).used_bytes, 0);
    reserve_destroy(c.reserve);
    pool_destroy(pool);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("pool");
    TCase *c = tcase_create("blocks");
    tcase_set_timeout(c, 300);
    tcase_add_test(c, blocks_waste_at_most_a_quarter);
    tcase_add_test(c, a_block_that_came_back_is_lent_again);
    tcase_add_test(c, a_reserve_keeps_its_limit_and_counts);
    tcase_add_test(c, freed_is_called_once_after_a_refusal);
    tcase_add_test(c, idle_blocks_of_other_sizes_make_room);
    tcase_add_test(c, a_waiting_thread_is_always_woken);
    suite_add_tcase(s, c);
    return s;
}

int main(void)
{
    SRunner *runner = srunner_create(suite());
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
