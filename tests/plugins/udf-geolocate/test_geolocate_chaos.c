/* SPDX-License-Identifier: Apache-2.0 */
/* Each allocation of the plugin and of libcurl fails once, in turn: whatever happens, every row
 * comes out, and a second try with enough memory succeeds. */
#include "chaos.h"
#include "fixture.h"
#include "mmdb.h"

#include <check.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void (*fail_at)(int64_t number);
static bool (*has_failed)(void);

static struct server *server;
static char endpoint[64];
static char folder[] = "/tmp/geolocate-chaos-XXXXXX";
static char cache[64];
static char database[64];
static const struct ph_field fields[] = {{"ip", PH_TYPE_STRING, 0}};
static struct ph_schema schema;
static const char *const addresses[] = {"11.0.0.1", "10.0.0.1", "11.0.0.2",
                                        "11.0.0.1", "x",        "11.0.0.3"};
#define ROW_COUNT ((uint32_t)(sizeof addresses / sizeof addresses[0]))

/* libcurl 7.88 sends a request without its query when there is no memory to copy that. */
static void answer_or_refuse(void *context, const char *target, uint32_t number,
                             struct server_reply *reply)
{
    if (strstr(target, "ip=") == NULL) {
        reply->status = 400;
        return;
    }
    fixture_answer(context, target, number, reply);
}

static struct ph_batch *make_batch(void)
{
    struct harness_cell cells[ROW_COUNT];
    for (uint32_t i = 0; i < ROW_COUNT; i++) {
        struct harness_cell cell = CELL_BYTES(addresses[i], (uint32_t)strlen(addresses[i]));
        cells[i] = cell;
    }
    return harness_batch(&schema, cells, ROW_COUNT);
}

/* False: refused for want of memory. */
static bool refused(struct harness *h, int32_t result)
{
    ck_assert_msg(result != PH_ERROR || h->error.flags == PH_ERR_RETRIABLE, "%s", h->error.text);
    return result == PH_ERROR;
}

static bool start(struct harness *h, struct harness_task **t)
{
    const struct ph_schema *inputs[1] = {&schema};
    const struct harness_setting settings[] = {{"endpoint", endpoint, NULL, 0},
                                               {"max_in_flight", "2", NULL, 0},
                                               {"key", "k", NULL, 0},
                                               {"timeout_ms", "300", NULL, 0},
                                               {"cache_entries", "10", NULL, 0},
                                               {"cache_file", cache, NULL, 0},
                                               {"database", database, NULL, 0},
                                               {"fallback", "database", NULL, 0}};
    if (refused(h, harness_init(h, settings, 8)) || refused(h, harness_bind(h, inputs, 1))) {
        return false;
    }
    *t = harness_task_create(h, 0);
    if (*t == NULL) {
        ck_assert_uint_eq(h->error.flags, PH_ERR_RETRIABLE);
        return false;
    }
    return !refused(h, harness_activate(*t));
}

/* Calls again after a failure, as the host does after its pause. */
static int32_t offer(struct harness *h, struct harness_task *t, const struct ph_batch *batch)
{
    const struct ph_async_udf_ops *ops = h->descriptor->async_udf;
    int32_t result = ops->offer(t->self, batch, harness_error(h));
    while (refused(h, result)) {
        ck_assert(has_failed());
        result = ops->offer(t->self, batch, harness_error(h));
    }
    return result;
}

static void work(struct harness *h, struct harness_task *t, struct harness_out *out)
{
    const struct ph_async_udf_ops *ops = h->descriptor->async_udf;
    struct ph_batch *batch = make_batch();
    int64_t deadline_ns = harness_now_ns() + FIXTURE_DEADLINE_MS * INT64_C(1000000);
    ck_assert_int_eq(offer(h, t, batch), PH_OK);
    harness_batch_release(batch);
    while (out->emitted_count == 0) {
        ck_assert_int_lt(harness_now_ns(), deadline_ns);
        ck_assert_int_ge(harness_pump(t, 50), 0);
        (void)refused(h, ops->next(t->self, &out->out, harness_error(h)));
    }
    ck_assert_uint_eq(out->emitted_count, 1);
}

static void check_rows(const struct ph_batch *batch)
{
    for (uint32_t row = 0; row < ROW_COUNT; row++) {
        char place[128];
        bool is_public = strncmp(addresses[row], "11.", 3) == 0;
        (void)snprintf(place, sizeof place, "{\"country\":\"C\",\"state\":\"R\",\"city\":\"%s\"}",
                       addresses[row]);
        ck_assert((is_public && harness_text_is(batch, "geodata", row, place)) ||
                  harness_text_is(batch, "geodata", row, "{}"));
    }
}

/* One life of an operator in which that allocation fails. True: there was none with that number. */
static bool live(int64_t number)
{
    struct harness *h = harness_open(GEOLOCATE_CHAOS_SO, NULL, "pipeline", "locate");
    struct harness_task *t = NULL;
    struct harness_out out;
    (void)unlink(cache);
    ck_assert_ptr_nonnull(h);
    harness_out_init(&out, h);
    fail_at(number);
    if (start(h, &t)) {
        work(h, t, &out);
        check_rows(out.emitted[0]);
    }
    bool is_over = !has_failed();
    fail_at(0);
    harness_out_clear(&out);
    if (t != NULL) {
        harness_task_destroy(t);
    }
    harness_close(h);
    ck_assert_int_eq(harness_batches_alive(), 0);
    return is_over;
}

/* None of the addresses is in it. */
static const struct mmdb_record elsewhere = {"12.0.0.0", 8, "US", "Texas", "Austin"};

START_TEST(every_row_comes_out_whichever_allocation_fails)
{
    int64_t number = 1;
    void *module = dlopen(GEOLOCATE_CHAOS_SO, RTLD_NOW | RTLD_LOCAL);
    ck_assert_msg(module != NULL, "%s", dlerror());
    *(void **)&fail_at = dlsym(module, "chaos_fail_at");
    *(void **)&has_failed = dlsym(module, "chaos_has_failed");
    ck_assert(fail_at != NULL && has_failed != NULL);
    schema = harness_schema_of(fields, 1);
    server = server_start(answer_or_refuse, NULL);
    (void)snprintf(endpoint, sizeof endpoint, "http://127.0.0.1:%u/",
                   (unsigned int)server_port(server));
    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(cache, sizeof cache, "%s/cache", folder);
    (void)snprintf(database, sizeof database, "%s/world.mmdb", folder);
    mmdb_write(database, MMDB_FLAT, &elsewhere, 1);
    while (!live(number)) {
        number++;
    }
    /* The test would prove nothing if the allocator were not reached. */
    ck_assert_int_gt(number, 100);
    server_stop(server);
    (void)unlink(cache);
    (void)unlink(database);
    ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("geolocate chaos");
    TCase *tests = tcase_create("chaos");
    tcase_set_timeout(tests, 300);
    tcase_add_test(tests, every_row_comes_out_whichever_allocation_fails);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
