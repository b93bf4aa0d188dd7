/* SPDX-License-Identifier: Apache-2.0 */
/** What inspect prints of fixtures/good.c and two.c, byte for byte. In the golden files @DIR@
 * stands for the fixtures' folder. */
#include "module/inspect.h"

#include <check.h>
#include <stdlib.h>

struct print {
    const char *fixture;
    enum inspect_format format;
    const char *golden;
};

static const struct print prints[] = {
    {"good", INSPECT_TEXT, "good.txt"},    {"good", INSPECT_JSON, "good.json"},
    {"good", INSPECT_MARKDOWN, "good.md"}, {"two", INSPECT_TEXT, "two.txt"},
    {"two", INSPECT_JSON, "two.json"},     {"two", INSPECT_MARKDOWN, "two.md"},
};

static char *printed(const struct print *p)
{
    char path[512];
    char *text = NULL;
    size_t length = 0;
    struct module *m = NULL;
    struct ph_error err;
    FILE *out = open_memstream(&text, &length);
    ck_assert_ptr_nonnull(out);
    ph_error_clear(&err);
    (void)snprintf(path, sizeof path, "%s/%s.so", FIXTURE_DIR, p->fixture);
    ck_assert_msg(module_open(path, &m, &err) == PH_OK, "%s", err.text);
    inspect_print(out, m, p->format);
    ck_assert_int_eq(fclose(out), 0);
    module_destroy(m);
    return text;
}

/* The golden file with @DIR@ replaced, at its one possible place. */
static char *golden(const char *name)
{
    static char raw[16384];
    char path[512];
    char *text = NULL;
    FILE *in;
    size_t length;
    char *mark;
    (void)snprintf(path, sizeof path, "%s/%s", GOLDEN_DIR, name);
    in = fopen(path, "r");
    ck_assert_msg(in != NULL, "%s is missing", path);
    length = fread(raw, 1, sizeof raw - 1, in);
    ck_assert_int_eq(fclose(in), 0);
    raw[length] = '\0';
    mark = strstr(raw, "@DIR@");
    if (mark == NULL) {
        return strdup(raw);
    }
    ck_assert_int_ge(asprintf(&text, "%.*s%s%s", (int)(mark - raw), raw, FIXTURE_DIR, mark + 5), 0);
    return text;
}

START_TEST(prints_what_the_golden_file_has)
{
    char *found = printed(&prints[_i]);
    char *expected = golden(prints[_i].golden);
    ck_assert_str_eq(found, expected);
    free(expected);
    free(found);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("inspect");
    TCase *t = tcase_create("formats");
    tcase_add_loop_test(t, prints_what_the_golden_file_has, 0, sizeof prints / sizeof prints[0]);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
