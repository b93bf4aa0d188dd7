/* SPDX-License-Identifier: Apache-2.0 */
/* docs/manifest.md and docs/delivery.md are true: their manifests load, the wrong ones fail with
 * the messages shown. */
#include "manifest/file.h"

#include "load.h"

#include <stdio.h>

static struct buf page;

static void read_page(const char *name)
{
    char path[1024];
    char why[FILE_WHY_SIZE];
    (void)snprintf(path, sizeof path, DOCS_DIR "/%s", name);
    buf_init(&page, 1u << 20);
    ck_assert_msg(file_read(AT_FDCWD, path, &page, why), "%s: %s", path, why);
}

/* The next block that begins with fence, cut out of the page, or null; *at moves behind it. */
static char *next_block(char **at, const char *fence)
{
    char *start = strstr(*at, fence);
    char *end = start == NULL ? NULL : strstr(start + strlen(fence), "\n```");
    if (end == NULL) {
        return NULL;
    }
    *end = '\0';
    *at = end + 1;
    return start + strlen(fence);
}

static void load_all(const char *name, uint32_t expected)
{
    static const char *const environment[] = {"HOME=/h", "KAFKA_URL=k", "POSTGRES_URL=p", NULL};
    const struct manifest_options opts = {.environment = environment};
    uint32_t count = 0;
    read_page(name);
    char *at = page.data;
    for (char *text; (text = next_block(&at, "```json\n")) != NULL; count++) {
        struct manifest_errors errs;
        struct manifest *m;
        manifest_errors_init(&errs);
        int32_t result = manifest_load_text("m.json", text, strlen(text), &opts, &m, &errs);
        ck_assert_msg(result == PH_OK, "%s", errs.errors.texts[0]);
        manifest_destroy(m);
        manifest_errors_fini(&errs);
    }
    ck_assert_uint_eq(count, expected);
    buf_fini(&page);
}

START_TEST(its_manifests_load)
{
    load_all("manifest.md", 1);
}
END_TEST

START_TEST(those_of_the_page_on_delivery_load)
{
    load_all("delivery.md", 1);
}
END_TEST

START_TEST(its_wrong_manifests_fail_as_it_says)
{
    uint32_t count = 0;
    read_page("manifest.md");
    char *at = page.data;
    for (char *text; (text = next_block(&at, "```json wrong\n")) != NULL; count++) {
        const char *expected = next_block(&at, "```text\n");
        struct manifest_errors errs;
        struct manifest *m;
        struct buf all;
        buf_init(&all, 65536);
        manifest_errors_init(&errs);
        ck_assert_int_eq(
            manifest_load_text("process-events.json", text, strlen(text), NULL, &m, &errs),
            PH_ERROR);
        for (uint32_t i = 0; i < errs.errors.count; i++) {
            buf_append_format(&all, "%s%s", i == 0 ? "" : "\n", errs.errors.texts[i]);
        }
        ck_assert_str_eq(all.data, expected);
        buf_fini(&all);
        manifest_errors_fini(&errs);
    }
    ck_assert_uint_eq(count, 1);
    buf_fini(&page);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {its_manifests_load, those_of_the_page_on_delivery_load,
                                  its_wrong_manifests_fail_as_it_says};
    return run_tests("docs", tests, sizeof tests / sizeof tests[0]);
}
