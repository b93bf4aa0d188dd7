/* SPDX-License-Identifier: Apache-2.0 */
#include "batch/arrow.h"

#include "rig.h"

static const struct ph_field all_types[] = {
    {.name = "b", .type = PH_TYPE_BOOL},
    {.name = "i", .type = PH_TYPE_INT32},
    {.name = "l", .type = PH_TYPE_INT64},
    {.name = "f", .type = PH_TYPE_FLOAT64},
    {.name = "s", .type = PH_TYPE_STRING, .flags = PH_FIELD_REQUIRED},
    {.name = "y", .type = PH_TYPE_BYTES},
    {.name = "ms", .type = PH_TYPE_TIMESTAMP_MS},
    {.name = "us", .type = PH_TYPE_TIMESTAMP_US},
    {.name = "j", .type = PH_TYPE_JSON}};
static const char *const formats[] = {"b", "i", "l", "g", "vu", "vz", "tsm:UTC", "tsu:UTC", "vu"};

START_TEST(a_schema_is_a_struct_of_its_fields)
{
    struct ph_schema *schema = schema_create(all_types, 9);
    struct ArrowSchema out;
    ck_assert_int_eq(arrow_export_schema(schema, &out), PH_OK);
    schema_destroy(schema);
    ck_assert_str_eq(out.format, "+s");
    ck_assert_int_eq(out.n_children, 9);
    for (int i = 0; i < 9; i++) {
        ck_assert_str_eq(out.children[i]->format, formats[i]);
        ck_assert_str_eq(out.children[i]->name, all_types[i].name);
        ck_assert_int_eq(out.children[i]->flags, i == 4 ? 0 : ARROW_FLAG_NULLABLE);
    }
    struct ArrowSchema moved = *out.children[2];
    out.children[2]->release = NULL;
    out.release(&out);
    ck_assert_ptr_null((void *)(uintptr_t)out.release);
    ck_assert_str_eq(moved.name, "l");
    moved.release(&moved);
}
END_TEST

START_TEST(an_array_refers_to_the_batch_and_holds_it)
{
    static const char *const values[] = {"short,1", "a text that is long enough"};
    struct rig r;
    struct ArrowArray out;
    rig_init(&r);
    struct ph_batch *b = rig_batch(&r, values, 2);
    const struct ph_column *text = &b->columns[0];
    const struct ph_column *number = &b->columns[1];
    ck_assert_int_eq(arrow_export_batch(b, &out), PH_OK);
    batch_release(b);
    ck_assert_int_eq(out.length, 2);
    ck_assert_int_eq(out.n_buffers, 1);
    ck_assert_int_eq(out.n_children, 2);
    const struct ArrowArray *t = out.children[0];
    ck_assert_int_eq(t->n_buffers, 4);
    ck_assert_ptr_null(t->buffers[0]);
    ck_assert_ptr_eq(t->buffers[1], text->values);
    ck_assert_ptr_eq(t->buffers[2], text->buffers[0]);
    ck_assert_ptr_eq(t->buffers[3], text->buffer_sizes);
    const struct ArrowArray *n = out.children[1];
    ck_assert_int_eq(n->n_buffers, 2);
    ck_assert_int_eq(n->null_count, 1);
    ck_assert_ptr_eq(n->buffers[0], number->validity);
    ck_assert_ptr_eq(n->buffers[1], number->values);
    struct ArrowArray moved = *out.children[1];
    out.children[1]->release = NULL;
    out.release(&out);
    ck_assert_int_eq(((const int64_t *)moved.buffers[1])[0], 1);
    ck_assert_uint_gt(reserve_get_stats(r.reserve).used_bytes, 0);
    moved.release(&moved);
    rig_fini(&r);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("arrow");
    TCase *c = tcase_create("export");
    tcase_add_test(c, a_schema_is_a_struct_of_its_fields);
    tcase_add_test(c, an_array_refers_to_the_batch_and_holds_it);
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
