/* SPDX-License-Identifier: Apache-2.0 */
/** Files in a fresh folder below /tmp, which is sticky: found, missed, and not to be trusted. */
#include "module/finder.h"

#include "module/trust.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[64];
static struct ph_error err;

static const char *below(const char *name)
{
    static char paths[4][256];
    static unsigned int next;
    char *path = paths[next++ % 4];
    (void)snprintf(path, sizeof paths[0], "%s/%s", root, name);
    return path;
}

static void make_file(const char *name)
{
    int fd = open(below(name), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(close(fd), 0);
}

static void make_folder(const char *name)
{
    ck_assert_int_eq(mkdir(below(name), 0700), 0);
}

static void setup(void)
{
    (void)snprintf(root, sizeof root, "/tmp/pipehost_finder_XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(root));
    ck_assert_int_eq(unsetenv("PIPEHOST_PLUGIN_PATH"), 0);
    make_folder("a");
    make_folder("b");
    make_folder("manifest");
    make_folder("manifest/plugins");
    ph_error_clear(&err);
}

static void teardown(void)
{
    static const char *const names[] = {"a/same.so",
                                        "b/same.so",
                                        "manifest/same.so",
                                        "manifest/plugins/same.so",
                                        "a/sink-nol.so",
                                        "manifest/plugins",
                                        "manifest",
                                        "a/link.so",
                                        "a",
                                        "b"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)remove(below(names[i]));
    }
    ck_assert_int_eq(rmdir(root), 0);
}

/* Where "same" is found with --plugin-dir a, the manifest's folder and $PIPEHOST_PLUGIN_PATH = b.
 */
static const char *found_in(void)
{
    static char path[PATH_MAX];
    const char *dirs[] = {below("a")};
    struct finder f;
    ck_assert_int_eq(setenv("PIPEHOST_PLUGIN_PATH", below("b"), 1), 0);
    ck_assert_int_eq(finder_init(&f, dirs, 1, below("manifest"), &err), PH_OK);
    ck_assert_msg(finder_find(&f, "same", path, &err) == PH_OK, "%s", err.text);
    finder_fini(&f);
    return path + strlen(root) + 1;
}

START_TEST(the_first_folder_that_has_it_wins)
{
    make_file("b/same.so");
    ck_assert_str_eq(found_in(), "b/same.so");
    make_file("manifest/plugins/same.so");
    ck_assert_str_eq(found_in(), "manifest/plugins/same.so");
    make_file("manifest/same.so");
    ck_assert_str_eq(found_in(), "manifest/same.so");
    make_file("a/same.so");
    ck_assert_str_eq(found_in(), "a/same.so");
}
END_TEST

START_TEST(the_last_folder_is_beside_the_executable)
{
    struct finder f;
    char exe[PATH_MAX];
    char expected[PATH_MAX + 32];
    ssize_t length = readlink("/proc/self/exe", exe, sizeof exe - 1);
    ck_assert_int_gt(length, 0);
    exe[length] = '\0';
    *strrchr(exe, '/') = '\0';
    *strrchr(exe, '/') = '\0';
    (void)snprintf(expected, sizeof expected, "%s/lib/pipehost/plugins", exe);
    ck_assert_int_eq(setenv("PIPEHOST_PLUGIN_PATH", ":/x::/y:", 1), 0);
    ck_assert_int_eq(finder_init(&f, NULL, 0, NULL, &err), PH_OK);
    ck_assert_uint_eq(f.folder_count, 3);
    ck_assert_str_eq(f.folders[0], "/x");
    ck_assert_str_eq(f.folders[1], "/y");
    ck_assert_str_eq(f.folders[2], expected);
    finder_fini(&f);
}
END_TEST

START_TEST(not_found_names_the_nearest_and_the_folders)
{
    char path[PATH_MAX];
    char expected[512];
    const char *dirs[] = {below("a")};
    struct finder f;
    make_file("a/sink-nol.so");
    ck_assert_int_eq(finder_init(&f, dirs, 1, NULL, &err), PH_OK);
    ck_assert_int_eq(finder_find(&f, "sink-noll", path, &err), PH_ERROR);
    (void)snprintf(expected, sizeof expected,
                   "no plugin \"sink-noll\", did you mean \"sink-nol\"?: name the folder of "
                   "sink-noll.so with --plugin-dir; it is not in %s/a, %s",
                   root, f.folders[1]);
    ck_assert_str_eq(err.text, expected);
    ck_assert_uint_eq(err.flags, PH_ERR_CONFIG);
    finder_fini(&f);
}
END_TEST

START_TEST(a_name_with_a_folder_is_refused)
{
    char path[PATH_MAX];
    struct finder f;
    ck_assert_int_eq(finder_init(&f, NULL, 0, NULL, &err), PH_OK);
    ck_assert_int_eq(finder_find(&f, "../evil", path, &err), PH_ERROR);
    ck_assert_str_eq(err.text,
                     "\"../evil\" cannot be a plugin's name: write NAME or NAME:ID for the "
                     "file NAME.so, letters, digits, _, . and - only, no folder");
    finder_fini(&f);
}
END_TEST

START_TEST(too_many_folders_are_refused)
{
    struct finder f;
    const char *dirs[FINDER_FOLDERS_MAX + 1];
    for (size_t i = 0; i < FINDER_FOLDERS_MAX + 1; i++) {
        dirs[i] = "/x";
    }
    ck_assert_int_eq(finder_init(&f, dirs, FINDER_FOLDERS_MAX + 1, NULL, &err), PH_ERROR);
    ck_assert_str_eq(err.text, "more than 64 folders to look for plugins in");
}
END_TEST

/* Changes the mode of `part` and asks about a/same.so. */
static const char *trusted(const char *part, mode_t mode)
{
    ph_error_clear(&err);
    ck_assert_int_eq(chmod(below(part), mode), 0);
    (void)!trust_check(below("a/same.so"), &err);
    return err.text;
}

START_TEST(what_everybody_may_write_is_not_loaded)
{
    char expected[512];
    make_file("a/same.so");
    ck_assert_str_eq(trusted("a/same.so", 0755), "");
    (void)snprintf(expected, sizeof expected,
                   "%s/a/same.so: not loaded: it is writable by everybody (mode 0757): chmod o-w "
                   "it, so that nobody else can replace the code",
                   root);
    ck_assert_str_eq(trusted("a/same.so", 0757), expected);
    ck_assert_str_eq(trusted("a/same.so", 0644), "");
    (void)snprintf(expected, sizeof expected,
                   "%s/a/same.so: not loaded: %s/a is writable by everybody (mode 0777): chmod o-w "
                   "it, so that nobody else can replace the code",
                   root, root);
    ck_assert_str_eq(trusted("a", 0777), expected);
    ck_assert_str_eq(trusted("a", 01777), "");
}
END_TEST

START_TEST(what_another_user_owns_is_not_loaded)
{
    char expected[512];
    if (geteuid() != 0) {
        return; /* only root can give a file away */
    }
    make_file("a/same.so");
    ck_assert_int_eq(chown(below("a/same.so"), 4242, (gid_t)-1), 0);
    ck_assert_int_eq(trust_check(below("a/same.so"), &err), PH_ERROR);
    (void)snprintf(expected, sizeof expected,
                   "%s/a/same.so: not loaded: it belongs to user 4242, neither to root nor to this "
                   "user (0): chown it, or copy the plugin to a folder of yours",
                   root);
    ck_assert_str_eq(err.text, expected);
}
END_TEST

START_TEST(a_link_is_judged_where_it_leads)
{
    char path[PATH_MAX];
    const char *dirs[] = {below("a")};
    struct finder f;
    make_file("b/same.so");
    ck_assert_int_eq(symlink(below("b/same.so"), below("a/link.so")), 0);
    ck_assert_int_eq(finder_init(&f, dirs, 1, NULL, &err), PH_OK);
    ck_assert_int_eq(finder_find(&f, "link", path, &err), PH_OK);
    ck_assert_str_eq(path, below("b/same.so"));
    ck_assert_int_eq(chmod(below("b"), 0777), 0);
    ck_assert_int_eq(finder_find(&f, "link", path, &err), PH_ERROR);
    finder_fini(&f);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("finder");
    TCase *t = tcase_create("folders");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, the_first_folder_that_has_it_wins);
    tcase_add_test(t, the_last_folder_is_beside_the_executable);
    tcase_add_test(t, not_found_names_the_nearest_and_the_folders);
    tcase_add_test(t, a_name_with_a_folder_is_refused);
    tcase_add_test(t, too_many_folders_are_refused);
    tcase_add_test(t, what_everybody_may_write_is_not_loaded);
    tcase_add_test(t, what_another_user_owns_is_not_loaded);
    tcase_add_test(t, a_link_is_judged_where_it_leads);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
