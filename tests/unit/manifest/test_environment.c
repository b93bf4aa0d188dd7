/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/environment.h"

#include "load.h"

#include <stdio.h>
#include <unistd.h>

static const char *const process[] = {"A=from process", "B=", "ZONE=z", "=odd", "NOTHING", NULL};
static struct environment e;
static struct manifest_errors errs;

static void read_text(const char *text)
{
    environment_init(&e, process);
    manifest_errors_init(&errs);
    environment_load_text(&e, "x.env", text, strlen(text), &errs);
}

static void assert_value(const char *name, const char *expected)
{
    const char *value = environment_get(&e, name, strlen(name));
    ck_assert_msg(value != NULL, "%s is not set", name);
    ck_assert_str_eq(value, expected);
}

static void done(void)
{
    ck_assert_msg(errs.errors.count == 0, "%s", errs.errors.texts[0]);
    environment_fini(&e);
    manifest_errors_fini(&errs);
}

static void assert_fault(const char *text, const char *expected)
{
    read_text(text);
    ck_assert_uint_eq(errs.errors.count, 1);
    ck_assert_str_eq(errs.errors.texts[0], expected);
    environment_fini(&e);
    manifest_errors_fini(&errs);
}

START_TEST(the_process_comes_first)
{
    read_text("A=from file\nB=from file\nC=from file");
    assert_value("A", "from process");
    assert_value("B", "");
    assert_value("C", "from file");
    ck_assert_ptr_null(environment_get(&e, "D", 1));
    ck_assert_ptr_null(environment_get(&e, "NOTHING", 7));
    done();
}
END_TEST

START_TEST(lines_are_key_and_value)
{
    read_text("# a comment\n"
              "\n"
              "   \t\r\n"
              "K1=v1\r\n"
              "  K2 = v 2  # the rest\n"
              "K3=a#b\n"
              "export K4=v4\n"
              "export\tK5=v5\n"
              "K6=\n"
              "K7=a=b\n"
              "export_it=8\n"
              "K9=#only a comment");
    assert_value("K1", "v1");
    assert_value("K2", "v 2");
    assert_value("K3", "a#b");
    assert_value("K4", "v4");
    assert_value("K5", "v5");
    assert_value("K6", "");
    assert_value("K7", "a=b");
    assert_value("export_it", "8");
    assert_value("K9", "");
    done();
}
END_TEST

START_TEST(quotes_keep_blanks_and_signs)
{
    read_text("K1='a # \\n $X \"b\"'\n"
              "K2=\"a # \\n\\t\\\\\\\"\\$\\x 'b'\" # comment\n"
              "K3=''\n"
              "K4=\" \"");
    assert_value("K1", "a # \\n $X \"b\"");
    assert_value("K2", "a # \n\t\\\"$\\x 'b'");
    assert_value("K3", "");
    assert_value("K4", " ");
    done();
}
END_TEST

START_TEST(the_last_of_equal_names_counts)
{
    read_text("K=1\nK=2\n");
    assert_value("K", "2");
    done();
}
END_TEST

START_TEST(faults_have_a_line_and_no_value)
{
    assert_fault("A=1\nK=\"secret\n", "x.env:2: the value's \" is never closed on its line");
    assert_fault("K='secret\n", "x.env:1: the value's ' is never closed on its line");
    assert_fault("K='a' secret", "x.env:1: there is text behind the value's closing quote: only a "
                                 "# comment may follow");
    assert_fault("\n\nsecret\n", "x.env:3: this is not KEY=VALUE; a key has letters, digits and _, "
                                 "and no digit first");
    assert_fault("1K=secret", "x.env:1: this is not KEY=VALUE; a key has letters, digits and _, "
                              "and no digit first");
}
END_TEST

START_TEST(a_fault_does_not_hide_the_other_lines)
{
    read_text("K='\nL=1\n");
    ck_assert_uint_eq(errs.errors.count, 1);
    assert_value("L", "1");
    environment_fini(&e);
    manifest_errors_fini(&errs);
}
END_TEST

START_TEST(a_file_that_cannot_be_read_is_told)
{
    environment_init(&e, process);
    manifest_errors_init(&errs);
    environment_load_file(&e, "/nobody/x.env", &errs);
    ck_assert_str_eq(errs.errors.texts[0],
                     "cannot read the env file \"/nobody/x.env\": No such file or directory");
    environment_fini(&e);
    manifest_errors_fini(&errs);
}
END_TEST

START_TEST(a_file_is_read)
{
    char path[] = "/tmp/env-XXXXXX";
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, "K=v\n", 4), 4);
    (void)close(fd);
    environment_init(&e, process);
    manifest_errors_init(&errs);
    environment_load_file(&e, path, &errs);
    (void)unlink(path);
    assert_value("K", "v");
    done();
}
END_TEST

START_TEST(names_are_offered_from_both)
{
    char hint[NEAREST_HINT_SIZE];
    struct nearest n;
    read_text("KAFKA_URL=x\n");
    nearest_init(&n, "KAFKA_UL");
    environment_offer(&e, &n);
    ck_assert_str_eq(nearest_hint(&n, hint), ", did you mean \"KAFKA_URL\"?");
    nearest_init(&n, "zone");
    environment_offer(&e, &n);
    ck_assert_str_eq(nearest_hint(&n, hint), ", did you mean \"ZONE\"?");
    done();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {the_process_comes_first,
                                  lines_are_key_and_value,
                                  quotes_keep_blanks_and_signs,
                                  the_last_of_equal_names_counts,
                                  faults_have_a_line_and_no_value,
                                  a_fault_does_not_hide_the_other_lines,
                                  a_file_that_cannot_be_read_is_told,
                                  a_file_is_read,
                                  names_are_offered_from_both};
    return run_tests("environment", tests, sizeof tests / sizeof tests[0]);
}
