/* SPDX-License-Identifier: Apache-2.0 */
/* What each HTTP status and each code of libcurl means to a look-up. */
#include "outcome.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* What the pipeline does of it. */
enum class {
    CLASS_ANSWER,    /* its body decides */
    CLASS_RETRIABLE, /* the same request is made again */
    CLASS_CONFIG,    /* on_quota, or the certificate: somebody has to do something first */
    CLASS_POISON     /* of this address; the next may fare better */
};

static enum class class_of(enum outcome outcome) { if (outcome == OUTCOME_OK){return CLASS_ANSWER;}
if (outcome_is_transient(outcome))
{
    return CLASS_RETRIABLE;
}
return outcome_is_refusal(outcome) || outcome == OUTCOME_UNTRUSTED ? CLASS_CONFIG : CLASS_POISON;
}

static struct transfer with_status(long status)
{
    return (struct transfer){.code = CURLE_OK, .status = status, .body = ""};
}

static enum outcome expected(long status)
{
    switch (status) {
    case 200:
        return OUTCOME_OK;
    case 401:
    case 403:
        return OUTCOME_KEY;
    case 402:
        return OUTCOME_QUOTA;
    case 429:
        return OUTCOME_STATUS_429;
    default:
        break;
    }
    return status >= 500   ? OUTCOME_STATUS_5XX
           : status >= 400 ? OUTCOME_STATUS_4XX
                           : OUTCOME_STATUS_OTHER;
}

START_TEST(every_http_status_has_its_outcome)
{
    for (long status = 100; status <= 599; status++) {
        struct transfer t = with_status(status);
        ck_assert_msg(outcome_of(&t) == expected(status), "%ld", status);
    }
}
END_TEST

START_TEST(every_http_status_has_its_class)
{
    uint32_t counts[4] = {0};
    for (long status = 100; status <= 599; status++) {
        struct transfer t = with_status(status);
        enum class class = class_of(outcome_of(&t));
        bool is_retriable = status == 429 || status >= 500;
        bool is_config = status == 401 || status == 402 || status == 403;
        enum class wanted = status == 200  ? CLASS_ANSWER
                            : is_retriable ? CLASS_RETRIABLE
                            : is_config    ? CLASS_CONFIG
                                           : CLASS_POISON;
        ck_assert_msg(class == wanted, "%ld", status);
        counts[class]++;
    }
    ck_assert_uint_eq(counts[CLASS_ANSWER], 1);
    ck_assert_uint_eq(counts[CLASS_RETRIABLE], 101);
    ck_assert_uint_eq(counts[CLASS_CONFIG], 3);
    ck_assert_uint_eq(counts[CLASS_POISON], 395);
}
END_TEST

START_TEST(what_a_refusal_complains_of_decides)
{
    static const char quota[] = "{\"error\":{\"error_code\":10001,\"error_message\":\"Invalid API "
                                "key or insufficient credit.\"}}";
    static const struct {
        long status;
        const char *body;
        enum outcome outcome;
    } cases[] = {
        {400, quota, OUTCOME_QUOTA},
        {401, quota, OUTCOME_QUOTA},
        {403, quota, OUTCOME_QUOTA},
        {429, quota, OUTCOME_QUOTA},
        {404, quota, OUTCOME_STATUS_4XX},
        {500, quota, OUTCOME_STATUS_5XX},
        {400, "{\"error\":\"no such address\"}", OUTCOME_STATUS_4XX},
        {401, "<html>", OUTCOME_KEY},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct transfer t = with_status(cases[i].status);
        t.body = cases[i].body;
        t.body_length = strlen(t.body);
        ck_assert_msg(outcome_of(&t) == cases[i].outcome, "case %zu: %d", i, (int)outcome_of(&t));
    }
}
END_TEST

START_TEST(only_429_and_503_with_a_time_are_a_plea)
{
    for (long status = 100; status <= 599; status++) {
        struct transfer t = with_status(status);
        ck_assert(!outcome_is_plea(outcome_of(&t), &t));
        t.retry_after_ns = 1;
        ck_assert_msg(outcome_is_plea(outcome_of(&t), &t) == (status == 429 || status == 503),
                      "%ld", status);
    }
}
END_TEST

static enum outcome expected_of_code(CURLcode code)
{
    switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
        return OUTCOME_TIMEOUT;
    case CURLE_FILESIZE_EXCEEDED:
        return OUTCOME_TOO_LARGE;
    case CURLE_OUT_OF_MEMORY:
        return OUTCOME_NO_MEMORY;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
        return OUTCOME_UNTRUSTED;
    default:
        return OUTCOME_UNREACHABLE;
    }
}

START_TEST(every_code_of_curl_has_its_outcome_whatever_status_came_before)
{
    static const long statuses[] = {0, 200, 401, 404, 503};
    for (int code = 1; code < (int)CURL_LAST; code++) {
        for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
            struct transfer t = with_status(statuses[i]);
            t.code = (CURLcode)code;
            enum outcome outcome = outcome_of(&t);
            ck_assert_msg(outcome == expected_of_code((CURLcode)code), "%d", code);
            enum class wanted = outcome == OUTCOME_UNTRUSTED   ? CLASS_CONFIG
                                : outcome == OUTCOME_TOO_LARGE ? CLASS_POISON
                                                               : CLASS_RETRIABLE;
            ck_assert_msg(class_of(outcome) == wanted, "%d", code);
        }
    }
}
END_TEST

START_TEST(what_stopped_a_transfer_beats_its_code)
{
    struct transfer t = with_status(200);
    t.code = CURLE_WRITE_ERROR;
    t.too_large = true;
    ck_assert_int_eq(outcome_of(&t), OUTCOME_TOO_LARGE);
    t.too_large = false;
    t.no_memory = true;
    ck_assert_int_eq(outcome_of(&t), OUTCOME_NO_MEMORY);
}
END_TEST

START_TEST(silence_is_no_status_for_want_of_a_name_a_connection_or_time)
{
    static const struct {
        CURLcode code;
        long status;
        bool is_silence;
    } cases[] = {
        {CURLE_COULDNT_RESOLVE_HOST, 0, true},      {CURLE_COULDNT_CONNECT, 0, true},
        {CURLE_SSL_CONNECT_ERROR, 0, true},         {CURLE_RECV_ERROR, 0, true},
        {CURLE_OPERATION_TIMEDOUT, 0, true},        {CURLE_OPERATION_TIMEDOUT, 200, false},
        {CURLE_PARTIAL_FILE, 200, false},           {CURLE_OK, 503, false},
        {CURLE_PEER_FAILED_VERIFICATION, 0, false}, {CURLE_OUT_OF_MEMORY, 0, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct transfer t = {.code = cases[i].code, .status = cases[i].status};
        ck_assert_msg(outcome_is_silence(outcome_of(&t), &t) == cases[i].is_silence, "%d %ld",
                      (int)cases[i].code, cases[i].status);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("geolocate outcome");
    TCase *c = tcase_create("outcome");
    tcase_add_test(c, every_http_status_has_its_outcome);
    tcase_add_test(c, every_http_status_has_its_class);
    tcase_add_test(c, what_a_refusal_complains_of_decides);
    tcase_add_test(c, only_429_and_503_with_a_time_are_a_plea);
    tcase_add_test(c, every_code_of_curl_has_its_outcome_whatever_status_came_before);
    tcase_add_test(c, what_stopped_a_transfer_beats_its_code);
    tcase_add_test(c, silence_is_no_status_for_want_of_a_name_a_connection_or_time);
    suite_add_tcase(suite, c);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
