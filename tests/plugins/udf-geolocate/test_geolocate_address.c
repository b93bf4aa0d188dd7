/* SPDX-License-Identifier: Apache-2.0 */
#include "address.h"

#include <check.h>
#include <string.h>

static enum address_kind kind_of(const char *text)
{
    struct address address;
    return address_parse((const uint8_t *)text, (uint32_t)strlen(text), &address);
}

struct line {
    const char *text;
    enum address_kind kind;
};

static const struct line lines[] = {
    {"8.8.8.8", ADDRESS_PUBLIC},
    {"1.0.0.0", ADDRESS_PUBLIC},
    {"9.255.255.255", ADDRESS_PUBLIC},
    {"11.0.0.0", ADDRESS_PUBLIC},
    {"100.63.255.255", ADDRESS_PUBLIC},
    {"100.128.0.0", ADDRESS_PUBLIC},
    {"172.15.255.255", ADDRESS_PUBLIC},
    {"172.32.0.0", ADDRESS_PUBLIC},
    {"198.17.255.255", ADDRESS_PUBLIC},
    {"198.20.0.0", ADDRESS_PUBLIC},
    {"223.255.255.255", ADDRESS_PUBLIC},
    {"2600:1f18::a1", ADDRESS_PUBLIC},
    {"2001:4860:4860::8888", ADDRESS_PUBLIC},
    {"2001:200::1", ADDRESS_PUBLIC},
    {"::ffff:8.8.8.8", ADDRESS_PUBLIC},
    {"0000:0000:0000:0000:0000:ffff:255.0.0.1", ADDRESS_RESERVED},
    {"0.0.0.0", ADDRESS_RESERVED},
    {"10.0.0.1", ADDRESS_RESERVED},
    {"100.64.0.1", ADDRESS_RESERVED},
    {"127.0.0.1", ADDRESS_RESERVED},
    {"127.255.255.255", ADDRESS_RESERVED},
    {"169.254.169.254", ADDRESS_RESERVED},
    {"172.16.0.1", ADDRESS_RESERVED},
    {"172.31.255.255", ADDRESS_RESERVED},
    {"192.0.0.1", ADDRESS_RESERVED},
    {"192.0.2.1", ADDRESS_RESERVED},
    {"192.88.99.1", ADDRESS_RESERVED},
    {"192.168.1.1", ADDRESS_RESERVED},
    {"198.18.0.1", ADDRESS_RESERVED},
    {"198.51.100.7", ADDRESS_RESERVED},
    {"203.0.113.9", ADDRESS_RESERVED},
    {"224.0.0.1", ADDRESS_RESERVED},
    {"239.255.255.255", ADDRESS_RESERVED},
    {"240.0.0.1", ADDRESS_RESERVED},
    {"255.255.255.255", ADDRESS_RESERVED},
    {"::", ADDRESS_RESERVED},
    {"::1", ADDRESS_RESERVED},
    {"::ffff:10.1.2.3", ADDRESS_RESERVED},
    {"64:ff9b::808:808", ADDRESS_RESERVED},
    {"2001::1", ADDRESS_RESERVED},
    {"2001:1ff::1", ADDRESS_RESERVED},
    {"2001:db8::1", ADDRESS_RESERVED},
    {"3fff::1", ADDRESS_RESERVED},
    {"fc00::1", ADDRESS_RESERVED},
    {"fdff::1", ADDRESS_RESERVED},
    {"fe80::1", ADDRESS_RESERVED},
    {"ff02::1", ADDRESS_RESERVED},
    {"", ADDRESS_INVALID},
    {" 8.8.8.8", ADDRESS_INVALID},
    {"8.8.8.8 ", ADDRESS_INVALID},
    {"8.8.8", ADDRESS_INVALID},
    {"8.8.8.256", ADDRESS_INVALID},
    {"8.8.8.08", ADDRESS_INVALID},
    {"0x8.8.8.8", ADDRESS_INVALID},
    {"8.8.8.8.8", ADDRESS_INVALID},
    {"134744072", ADDRESS_INVALID},
    {"8.8.8.8:443", ADDRESS_INVALID},
    {"8.8.8.8&key=x", ADDRESS_INVALID},
    {"fe80::1%eth0", ADDRESS_INVALID},
    {"[2600::1]", ADDRESS_INVALID},
    {"2600:::1", ADDRESS_INVALID},
    {"localhost", ADDRESS_INVALID},
    {"-", ADDRESS_INVALID},
    {"0000:0000:0000:0000:0000:0000:0000:0000:0000:0000", ADDRESS_INVALID},
};

START_TEST(each_text_is_public_reserved_or_no_address)
{
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        ck_assert_msg(kind_of(lines[i].text) == lines[i].kind, "\"%s\" is not of kind %d",
                      lines[i].text, (int)lines[i].kind);
    }
}
END_TEST

START_TEST(text_with_a_nul_inside_is_no_address)
{
    struct address address;
    ck_assert_int_eq(address_parse((const uint8_t *)"8.8.8.8\0", 8, &address), ADDRESS_INVALID);
}
END_TEST

static void check_spelling(const char *text, const char *canonical)
{
    struct address address;
    char printed[ADDRESS_TEXT_SIZE];
    ck_assert_int_eq(address_parse((const uint8_t *)text, (uint32_t)strlen(text), &address),
                     ADDRESS_PUBLIC);
    address_print(&address, printed);
    ck_assert_str_eq(printed, canonical);
}

START_TEST(all_spellings_of_an_address_are_one_key)
{
    check_spelling("8.8.8.8", "8.8.8.8");
    check_spelling("::ffff:8.8.8.8", "8.8.8.8");
    check_spelling("::FFFF:808:808", "8.8.8.8");
    check_spelling("2600:1F18:0:0::A1", "2600:1f18::a1");
    check_spelling("2600:1f18:0000:0000:0000:0000:0000:00a1", "2600:1f18::a1");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("geolocate address");
    TCase *tests = tcase_create("address");
    tcase_add_test(tests, each_text_is_public_reserved_or_no_address);
    tcase_add_test(tests, text_with_a_nul_inside_is_no_address);
    tcase_add_test(tests, all_spellings_of_an_address_are_one_key);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
