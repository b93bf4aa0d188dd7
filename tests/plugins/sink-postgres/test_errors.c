/* SPDX-License-Identifier: Apache-2.0 */
/* What each code of PostgreSQL 15 (appendix A of its manual) means to the host. */
#include "errors.h"
#include "parts.h"

#include <stdio.h>
#include <stdlib.h>

/* The server's own list, where its package is installed. */
#define ERRCODES "/usr/share/postgresql/15/errcodes.txt"
#define CODES    261

static const struct {
    uint32_t flags;
    const char *codes; /* five letters each, one blank between */
} classes[] = {
    {PH_ERR_RETRIABLE,
     "08000 08003 08006 08001 08004 08007 08P01 25006 25P03 40000 40001 40003 40P01 53000 "
     "53100 53200 53300 53400 55006 55P03 57000 57014 57P01 57P02 57P03 57P05 58000 58030 "
     "58P01 58P02 72000"},
    {PH_ERR_POISON,
     "22000 2202E 22021 22008 22012 22005 2200B 22022 22015 2201E 22014 22016 2201F 2201G "
     "22018 22007 22019 2200D 22025 22P06 22010 22023 22013 2201B 2201W 2201X 2202H 2202G "
     "22009 2200C 2200G 22004 22002 22003 2200H 22026 22001 22011 22027 22024 2200F 22P01 "
     "22P02 22P05 22P07 2200L 2200M 2200N 2200S 2200T 22030 22031 22032 22033 22034 22035 "
     "22036 22037 22038 22039 2203A 2203B 2203C 2203D 2203E 2203F 2203G 23000 23001 23502 "
     "23503 23505 23514 23P01 40002 44000 54000 54001 54011 54023 P0000 P0001 P0002 P0003 "
     "P0004"},
    {PH_ERR_CONFIG,
     "28000 28P01 3D000 3F000 42000 42601 42501 42846 42803 42P20 42P19 42830 42602 42622 "
     "42939 42804 42P18 42P21 42P22 42809 428C9 42703 42883 42P01 42P02 42704 42701 42P03 "
     "42P04 42723 42P05 42P06 42P07 42712 42710 42702 42725 42P08 42P09 42P10 42611 42P11 "
     "42P12 42P13 42P14 42P15 42P16 42P17 57P04"},
    {PH_ERR_FATAL,
     "00000 01000 0100C 01008 01003 01007 01006 01004 01P01 02000 02001 03000 09000 0A000 "
     "0B000 0F000 0F001 0L000 0LP01 0P000 0Z000 0Z002 20000 21000 22P03 22P04 24000 25000 "
     "25001 25002 25008 25003 25004 25005 25007 25P01 25P02 26000 27000 2B000 2BP01 2D000 "
     "2F000 2F005 2F002 2F003 2F004 34000 38000 38001 38002 38003 38004 39000 39001 39004 "
     "39P01 39P02 39P03 3B000 3B001 55000 55P02 55P04 F0000 F0001 HV000 HV005 HV002 HV010 "
     "HV021 HV024 HV007 HV008 HV004 HV006 HV091 HV00B HV00C HV00D HV090 HV00A HV009 HV014 "
     "HV001 HV00P HV00J HV00K HV00Q HV00R HV00L HV00M HV00N XX000 XX001 XX002"},
};

/* How often a code stands in the lists; *flags: where. */
static uint32_t times_listed(const char *code, uint32_t *flags)
{
    uint32_t times = 0;
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
        for (const char *at = classes[i].codes; at != NULL; at = strchr(at, ' ')) {
            at += *at == ' ';
            if (strncmp(at, code, 5) == 0) {
                *flags = classes[i].flags;
                times++;
            }
        }
    }
    return times;
}

START_TEST(every_sqlstate_has_its_class)
{
    uint32_t count = 0;
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
        for (const char *at = classes[i].codes; at != NULL; at = strchr(at, ' ')) {
            char code[6];
            uint32_t flags = 0;
            at += *at == ' ';
            (void)snprintf(code, sizeof code, "%.5s", at);
            ck_assert_msg(times_listed(code, &flags) == 1, "%s is listed twice", code);
            ck_assert_msg(errors_classify(code) == flags, "%s", code);
            count++;
        }
    }
    ck_assert_uint_eq(count, CODES);
}
END_TEST

START_TEST(the_servers_list_has_no_other_sqlstate)
{
    FILE *file = fopen(ERRCODES, "re");
    char line[512];
    uint32_t count = 0;
    if (file == NULL) {
        (void)printf("no %s: the list is not compared with the server's\n", ERRCODES);
        return;
    }
    while (fgets(line, (int)sizeof line, file) != NULL) {
        char code[6];
        char kind[2];
        uint32_t flags;
        if (sscanf(line, "%5[0-9A-Z] %1[EWS] ERRCODE", code, kind) == 2 && strlen(code) == 5) {
            ck_assert_msg(times_listed(code, &flags) == 1, "%s is missing", code);
            count++;
        }
    }
    (void)fclose(file);
    ck_assert_uint_ge(count, CODES);
}
END_TEST

START_TEST(a_code_that_nobody_knows_is_fatal)
{
    static const char *const codes[] = {"", "0", "99999", "ZZ000", "2", "XY123"};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        ck_assert_msg(errors_classify(codes[i]) == PH_ERR_FATAL, "%s", codes[i]);
    }
    ck_assert_uint_eq(errors_classify(NULL), PH_ERR_FATAL);
}
END_TEST

TCase *errors_tests(void)
{
    TCase *c = tcase_create("errors");
    tcase_add_test(c, every_sqlstate_has_its_class);
    tcase_add_test(c, the_servers_list_has_no_other_sqlstate);
    tcase_add_test(c, a_code_that_nobody_knows_is_fatal);
    return c;
}
