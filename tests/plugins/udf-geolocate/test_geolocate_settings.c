/* SPDX-License-Identifier: Apache-2.0 */
/* Which settings and inputs are refused, and with what sentence. */
#include "fixture.h"

#include <check.h>

static struct harness *h;

static void set_up(void)
{
    h = harness_open(GEOLOCATE_SO, "udf-geolocate", "pipeline", "locate");
    ck_assert_ptr_nonnull(h);
}

static void tear_down(void)
{
    harness_close(h);
}

static int32_t init_with(const char *endpoint, const char *insecure)
{
    const struct harness_setting settings[] = {{"endpoint", endpoint, NULL, 0},
                                               {"insecure", insecure, NULL, 0},
                                               {"key", "geheim", NULL, 0}};
    return harness_init(h, settings, 3);
}

static void expect_refusal(int32_t result, const char *key, const char *text)
{
    ck_assert_int_eq(result, PH_ERROR);
    ck_assert_uint_eq(h->error.flags, PH_ERR_CONFIG);
    ck_assert_str_eq(h->error.config_key, key);
    ck_assert_msg(strstr(h->error.text, text) != NULL, "%s", h->error.text);
    ck_assert_ptr_null(strstr(h->error.text, "geheim"));
}

static const char *const safe_endpoints[] = {
    "https://api.ip2location.io/", "https://api.ip2location.io", "https://10.1.2.3:8443/geo?v=2",
    "http://127.0.0.1:8080/",      "http://127.1.2.3/",          "http://localhost:1/",
    "http://[::1]:8080/",
};

START_TEST(https_anywhere_and_http_to_loopback_are_taken)
{
    ck_assert_msg(init_with(safe_endpoints[_i], "false") == PH_OK, "%s: %s", safe_endpoints[_i],
                  h->error.text);
}
END_TEST

START_TEST(a_ca_file_holds_certificates)
{
    const struct harness_setting missing[] = {{"ca_file", "/nowhere/ca.pem", NULL, 0}};
    const struct harness_setting other[] = {{"ca_file", GEOLOCATE_SO, NULL, 0}};
    expect_refusal(harness_init(h, missing, 1), "/ca_file",
                   "ca_file \"/nowhere/ca.pem\" cannot be opened: No such file or directory");
    tear_down();
    set_up();
    expect_refusal(harness_init(h, other, 1), "/ca_file", "no certificate in PEM form");
}
END_TEST

START_TEST(the_default_endpoint_is_taken)
{
    ck_assert_int_eq(harness_init(h, NULL, 0), PH_OK);
}
END_TEST

static const char *const clear_endpoints[] = {
    "http://api.ip2location.io/",    "http://128.0.0.1/", "http://127.0.0.1.example.com/",
    "http://localhost.example.com/", "http://[2600::1]/",
};

START_TEST(plain_http_to_another_machine_is_refused)
{
    expect_refusal(init_with(clear_endpoints[_i], "false"), "/endpoint", "insecure: true");
}
END_TEST

START_TEST(plain_http_to_another_machine_is_taken_where_it_is_allowed)
{
    ck_assert_int_eq(init_with("http://api.ip2location.io/", "true"), PH_OK);
}
END_TEST

static const struct {
    const char *endpoint;
    const char *text;
} bad_endpoints[] = {
    {"", "is not a URL"},
    {"https://", "is not a URL"},
    {"https://host:99999/", "is not a URL"},
    {"https://user:word@host/", "user name or password"},
    {"https://host/#part", "fragment"},
    {"ftp://127.0.0.1/", "must begin with https://"},
    {"file:///etc/passwd", "must begin with https://"},
};

START_TEST(an_endpoint_that_is_no_usable_url_is_refused)
{
    expect_refusal(init_with(bad_endpoints[_i].endpoint, "true"), "/endpoint",
                   bad_endpoints[_i].text);
}
END_TEST

static const char *const good_proxies[] = {"",
                                           "proxy.example.com:3128",
                                           "127.0.0.1:1080",
                                           "[::1]:1080",
                                           "http://name:word@proxy.example.com:3128",
                                           "https://proxy.example.com/",
                                           "socks5h://127.0.0.1:1080"};

START_TEST(a_proxy_is_a_url_or_a_host_with_its_port)
{
    const struct harness_setting settings[] = {{"proxy", good_proxies[_i], NULL, 0}};
    ck_assert_msg(harness_init(h, settings, 1) == PH_OK, "%s", h->error.text);
}
END_TEST

static const char *const bad_proxies[] = {"foo bar", "host:99999", "host:port", "http://", ":3128"};

START_TEST(a_proxy_that_is_neither_is_refused)
{
    const struct harness_setting settings[] = {{"proxy", bad_proxies[_i], NULL, 0}};
    expect_refusal(harness_init(h, settings, 1), "/proxy", "proxy is neither HOST:PORT nor a URL");
}
END_TEST

static int32_t bind_to(const struct ph_field *fields, uint32_t count)
{
    static struct ph_schema schema;
    const struct ph_schema *inputs[1] = {&schema};
    schema = harness_schema_of(fields, count);
    ck_assert_int_eq(harness_init(h, NULL, 0), PH_OK);
    return harness_bind(h, inputs, 1);
}

START_TEST(a_column_that_is_missing_is_named_with_those_that_there_are)
{
    const struct ph_field fields[] = {{"host", PH_TYPE_STRING, 0}, {"url", PH_TYPE_STRING, 0}};
    expect_refusal(bind_to(fields, 2), "/column", "no column \"ip\"; it has host, url");
}
END_TEST

START_TEST(a_column_that_is_no_string_is_refused)
{
    const struct ph_field fields[] = {{"ip", PH_TYPE_INT64, 0}};
    expect_refusal(bind_to(fields, 1), "/column", "column \"ip\" is int64");
}
END_TEST

START_TEST(a_name_that_the_input_has_already_is_refused)
{
    const struct ph_field fields[] = {{"ip", PH_TYPE_STRING, 0}, {"geodata", PH_TYPE_STRING, 0}};
    expect_refusal(bind_to(fields, 2), "/as", "has a column \"geodata\" already");
}
END_TEST

START_TEST(the_added_column_is_a_string_and_required_where_the_address_is)
{
    const struct ph_field fields[] = {{"ip", PH_TYPE_STRING, PH_FIELD_REQUIRED}};
    ck_assert_int_eq(bind_to(fields, 1), PH_OK);
    ck_assert_uint_eq(h->output_count, 1);
    ck_assert_uint_eq(h->outputs[0].schema.field_count, 2);
    ck_assert_str_eq(h->outputs[0].schema.fields[1].name, "geodata");
    ck_assert_uint_eq(h->outputs[0].schema.fields[1].type, PH_TYPE_STRING);
    ck_assert_uint_eq(h->outputs[0].schema.fields[1].flags, PH_FIELD_REQUIRED);
}
END_TEST

START_TEST(more_lanes_than_can_share_are_refused)
{
    h->host.lane_count = 65;
    ck_assert_int_eq(harness_init(h, NULL, 0), PH_ERROR);
    ck_assert_uint_eq(h->error.flags, PH_ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(h->error.text, "64 lanes"));
}
END_TEST

#define COUNT_OF(array) ((int)(sizeof(array) / sizeof(array)[0]))

int main(void)
{
    Suite *suite = suite_create("geolocate settings");
    TCase *tests = tcase_create("settings");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_loop_test(tests, https_anywhere_and_http_to_loopback_are_taken, 0,
                        COUNT_OF(safe_endpoints));
    tcase_add_test(tests, a_ca_file_holds_certificates);
    tcase_add_test(tests, the_default_endpoint_is_taken);
    tcase_add_loop_test(tests, plain_http_to_another_machine_is_refused, 0,
                        COUNT_OF(clear_endpoints));
    tcase_add_test(tests, plain_http_to_another_machine_is_taken_where_it_is_allowed);
    tcase_add_loop_test(tests, an_endpoint_that_is_no_usable_url_is_refused, 0,
                        COUNT_OF(bad_endpoints));
    tcase_add_loop_test(tests, a_proxy_is_a_url_or_a_host_with_its_port, 0, COUNT_OF(good_proxies));
    tcase_add_loop_test(tests, a_proxy_that_is_neither_is_refused, 0, COUNT_OF(bad_proxies));
    tcase_add_test(tests, a_column_that_is_missing_is_named_with_those_that_there_are);
    tcase_add_test(tests, a_column_that_is_no_string_is_refused);
    tcase_add_test(tests, a_name_that_the_input_has_already_is_refused);
    tcase_add_test(tests, the_added_column_is_a_string_and_required_where_the_address_is);
    tcase_add_test(tests, more_lanes_than_can_share_are_refused);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
