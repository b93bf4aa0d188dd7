/* SPDX-License-Identifier: Apache-2.0 */
#include "module/tables.h"

#include <check.h>
#include <stdlib.h>

static struct ph_error err;
static struct plugin p;

static int32_t own_process(void *task, uint32_t input, const struct ph_batch *batch,
                           struct ph_out *out, struct ph_error *e)
{
    (void)task;
    (void)input;
    (void)batch;
    (void)out;
    return ph_error_set(e, PH_ERR_FATAL, "own");
}

static int32_t own_finish(void *task, struct ph_out *out, struct ph_error *e)
{
    (void)task;
    (void)out;
    return ph_error_set(e, PH_ERR_FATAL, "own finish");
}

static void *own_create(const struct ph_host *host, struct ph_error *e)
{
    (void)host;
    (void)e;
    return &p;
}

static int32_t own_write(void *task, const struct ph_batch *batch, struct ph_error *e)
{
    (void)task;
    (void)batch;
    (void)e;
    return PH_OK;
}

static int32_t own_claim(void *task, const struct ph_partition *partitions, uint32_t count,
                         struct ph_position *positions, struct ph_error *e)
{
    (void)task;
    (void)partitions;
    (void)count;
    (void)positions;
    (void)e;
    return PH_OK;
}

static int32_t own_offer(void *task, const struct ph_batch *batch, struct ph_error *e)
{
    return own_write(task, batch, e);
}

static int32_t own_start(void *task, const struct ph_partition *partition,
                         const struct ph_position *from, struct ph_error *e)
{
    (void)task;
    (void)partition;
    (void)from;
    (void)e;
    return PH_OK;
}

static struct ph_descriptor descriptor_of(uint32_t kind)
{
    return (struct ph_descriptor){.size = sizeof(struct ph_descriptor),
                                  .kind = kind,
                                  .id = "plug",
                                  .version = "1",
                                  .summary = "does it"};
}

static void setup(void)
{
    ph_error_clear(&err);
    memset(&p, 0, sizeof p);
}

static void refused(const struct ph_descriptor *d, const char *sentence)
{
    ck_assert_int_eq(plugin_init(&p, NULL, "x.so", d, &err), PH_ERROR);
    ck_assert_str_eq(err.text, sentence);
    setup();
}

/* Each pointer of a table of the host's own size. */
static void no_null(const void *table, size_t size)
{
    for (size_t at = 8; at < size; at += sizeof(void *)) {
        void *function;
        memcpy(&function, (const char *)table + at, sizeof function);
        ck_assert_msg(function != NULL, "the pointer at byte %zu of %zu is null", at, size);
    }
}

START_TEST(own_functions_stay_and_missing_ones_do_nothing)
{
    const struct ph_udf_ops udf = {.size = sizeof udf, .process = own_process};
    struct ph_descriptor d = descriptor_of(PH_KIND_UDF);
    struct ph_host host = {.size = sizeof host};
    d.udf = &udf;
    ck_assert_int_eq(plugin_init(&p, NULL, "x.so", &d, &err), PH_OK);
    ck_assert(p.udf.process == own_process);
    no_null(&p.udf, sizeof p.udf);
    no_null(&p.ops, sizeof p.ops);
    ck_assert_ptr_eq(p.descriptor.udf, &p.udf);
    ck_assert_ptr_eq(p.descriptor.ops, &p.ops);
    ck_assert_ptr_eq(p.ops.create(&host, &err), &host);
    ck_assert_ptr_eq(p.ops.task_create(&d, NULL, &err), &d);
    ck_assert_int_eq(p.udf.finish(NULL, NULL, &err), PH_OK);
    ck_assert_ptr_null(p.ops.get_extension(NULL, "pipehost.watermark/1"));
    plugin_fini(&p);
}
END_TEST

START_TEST(a_table_of_an_older_size_is_read_no_further)
{
    const struct ph_udf_ops udf = {
        .size = offsetof(struct ph_udf_ops, finish), .process = own_process, .finish = own_finish};
    struct ph_descriptor d = descriptor_of(PH_KIND_UDF);
    d.udf = &udf;
    ck_assert_int_eq(plugin_init(&p, NULL, "x.so", &d, &err), PH_OK);
    ck_assert(p.udf.process == own_process);
    ck_assert(p.udf.finish != own_finish);
    ck_assert_uint_eq(p.udf.size, sizeof p.udf);
    plugin_fini(&p);
}
END_TEST

struct larger_key {
    struct ph_config_key key;
    int64_t more;
};

START_TEST(config_rows_of_another_size_are_copied_row_by_row)
{
    const struct larger_key keys[] = {
        {{.size = sizeof keys[0], .type = PH_CONFIG_INT, .name = "one", .doc = "1"}, 1},
        {{.size = sizeof keys[0], .type = PH_CONFIG_BOOL, .name = "two", .doc = "2"}, 2}};
    const struct ph_udf_ops udf = {.size = sizeof udf, .process = own_process};
    struct ph_descriptor d = descriptor_of(PH_KIND_UDF);
    d.udf = &udf;
    d.config = &keys[0].key;
    d.config_count = 2;
    ck_assert_int_eq(plugin_init(&p, NULL, "x.so", &d, &err), PH_OK);
    ck_assert_uint_eq(p.descriptor.config[0].size, sizeof(struct ph_config_key));
    ck_assert_str_eq(p.descriptor.config[0].name, "one");
    ck_assert_str_eq(p.descriptor.config[1].name, "two");
    ck_assert_uint_eq(p.descriptor.config[1].type, PH_CONFIG_BOOL);
    plugin_fini(&p);
}
END_TEST

START_TEST(a_kinds_own_function_is_needed)
{
    const struct ph_source_ops source = {.size = sizeof source};
    const struct ph_source_ops source_start = {.size = sizeof source, .start = own_start};
    const struct ph_udf_ops udf = {.size = sizeof udf};
    const struct ph_async_udf_ops async = {.size = sizeof async};
    const struct ph_async_udf_ops async_offer = {.size = sizeof async, .offer = own_offer};
    struct ph_descriptor d = descriptor_of(PH_KIND_SOURCE);
    d.source = &source;
    refused(&d, "x.so: plugin \"plug\": its function .start is not set, and a source needs it");
    d.source = &source_start;
    refused(&d, "x.so: plugin \"plug\": its function .poll is not set, and a source needs it");
    d = descriptor_of(PH_KIND_UDF);
    d.udf = &udf;
    refused(&d, "x.so: plugin \"plug\": its function .process is not set, and a udf needs it");
    d = descriptor_of(PH_KIND_ASYNC_UDF);
    d.async_udf = &async;
    refused(&d, "x.so: plugin \"plug\": its function .offer is not set, and an async udf needs it");
    d.async_udf = &async_offer;
    refused(&d, "x.so: plugin \"plug\": its function .next is not set, and an async udf needs it");
}
END_TEST

START_TEST(a_sink_needs_what_its_delivery_promises)
{
    struct ph_sink_ops sink = {.size = sizeof sink};
    struct ph_descriptor d = descriptor_of(PH_KIND_SINK);
    d.sink = &sink;
    d.delivery = PH_DELIVERY_TRANSACTIONAL;
    refused(&d, "x.so: plugin \"plug\": its function .write is not set, and a sink needs it");
    sink.write = own_write;
    refused(&d, "x.so: plugin \"plug\": its function .claim is not set, and a transactional sink "
                "needs it");
    sink.claim = own_claim;
    refused(&d, "x.so: plugin \"plug\": its function .abort is not set, and a transactional sink "
                "needs it");
    d.delivery = PH_DELIVERY_DURABLE;
    refused(&d, "x.so: plugin \"plug\": its function .commit is not set, and a sink that is not "
                "ephemeral needs it");
    d.delivery = PH_DELIVERY_EPHEMERAL;
    sink.claim = NULL;
    ck_assert_int_eq(plugin_init(&p, NULL, "x.so", &d, &err), PH_OK);
    no_null(&p.sink, sizeof p.sink);
    plugin_fini(&p);
}
END_TEST

START_TEST(an_unknown_position_is_what_a_sink_without_claim_has)
{
    const struct ph_sink_ops sink = {.size = sizeof sink, .write = own_write};
    const struct ph_partition partitions[2] = {{.id = 4}, {.id = 7}};
    struct ph_position positions[2];
    struct ph_descriptor d = descriptor_of(PH_KIND_SINK);
    d.sink = &sink;
    d.delivery = PH_DELIVERY_EPHEMERAL;
    ck_assert_int_eq(plugin_init(&p, NULL, "x.so", &d, &err), PH_OK);
    ck_assert_int_eq(p.sink.claim(NULL, partitions, 2, positions, &err), PH_OK);
    ck_assert_uint_eq(positions[1].partition_id, 7);
    ck_assert_int_eq(positions[1].next_offset, -1);
    plugin_fini(&p);
}
END_TEST

START_TEST(create_and_destroy_come_in_pairs)
{
    const struct ph_udf_ops udf = {.size = sizeof udf, .process = own_process};
    const struct ph_operator_ops creates = {.size = sizeof creates, .create = own_create};
    const struct ph_operator_ops destroys = {.size = sizeof destroys, .task_destroy = free};
    struct ph_descriptor d = descriptor_of(PH_KIND_UDF);
    d.udf = &udf;
    d.ops = &creates;
    refused(&d, "x.so: plugin \"plug\": its function .destroy is not set, but the other one of "
                "create and destroy is");
    d.ops = &destroys;
    refused(&d, "x.so: plugin \"plug\": its function .task_create is not set, but the other one of "
                "task_create and task_destroy is");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tables");
    TCase *t = tcase_create("plugin");
    tcase_add_checked_fixture(t, setup, NULL);
    tcase_add_test(t, own_functions_stay_and_missing_ones_do_nothing);
    tcase_add_test(t, a_table_of_an_older_size_is_read_no_further);
    tcase_add_test(t, config_rows_of_another_size_are_copied_row_by_row);
    tcase_add_test(t, a_kinds_own_function_is_needed);
    tcase_add_test(t, a_sink_needs_what_its_delivery_promises);
    tcase_add_test(t, an_unknown_position_is_what_a_sink_without_claim_has);
    tcase_add_test(t, create_and_destroy_come_in_pairs);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
