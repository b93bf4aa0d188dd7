/* SPDX-License-Identifier: Apache-2.0 */
/* One bad record after the other between good ones, through the whole host: each has its letter
 * with its reason, and its neighbours arrive. */
#include "run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FIELDS                                                                                     \
    "{'n':{'type':'int64','required':true},'s':'string','i':'int32','l':'int64','f':'float64',"    \
    "'b':'bool','t':'timestamp(3)','u':'timestamp(6)','m':{'type':'timestamp(3)','parse':"         \
    "'unix_ms'},'c':{'type':'timestamp(3)','parse':'%d/%b/%Y:%H:%M:%S %z'},'j':'json',"            \
    "'d':{'type':'string','from':'/a/b'}}"
#define MANIFEST(TOP)                                                                              \
    "{'pipeline':'p','state_dir':'state',"                                                         \
    "'dead_letter':{'stop_above_percent':100}," TOP                                                \
    "'operators':[{'name':'s0','plugin':'stage:source','config':{'stage':'stage.bin','slot':0,"    \
    "'file':'records'},'format':{'json':{'fields':" FIELDS "}}}," SINK("k", 1, "s0", "") "]}"

#define VALUE(TEXT) TEXT, sizeof(TEXT) - 1
#define TOMBSTONE   NULL, 0
#define MADE(WHICH) NULL, WHICH /* too long to stand here */
#define DEPTH       1u
#define TEN_MIB     2u
#define LONG_ROW    3u

struct bad {
    const char *name;
    const char *value;
    size_t length;
    const char *code;   /* null: it is no bad one, but looks like one */
    const char *reason; /* a part of it */
};

static const struct bad cases[] = {
    {"no JSON", VALUE("hello"), "json", "byte"},
    {"no JSON behind an object", VALUE("{\"n\":1}x"), "json", "byte"},
    {"empty", VALUE(""), "json", "the record is empty"},
    {"blank", VALUE(" \t\r\n"), "json", "empty"},
    {"truncated within a key", VALUE("{\"n\":1,\"s"), "json", "ends inside a string"},
    {"truncated within a string", VALUE("{\"n\":1,\"s\":\"abc"), "json", "ends inside a string"},
    {"truncated behind a colon", VALUE("{\"n\":1,\"s\":"), "json", "ends"},
    {"truncated behind a comma", VALUE("{\"n\":1,"), "json", "ends"},
    {"truncated before the brace", VALUE("{\"n\":1"), "json", "ends"},
    {"truncated within a literal", VALUE("{\"n\":1,\"b\":tru"), "json", ""},
    {"two documents", VALUE("{\"n\":1}{\"n\":2}"), "json", ""},
    {"two documents in lines", VALUE("{\"n\":1}\n{\"n\":2}"), "json", ""},
    {"an array", VALUE("[1,2]"), "json", "expected '{' at byte 0"},
    {"a number", VALUE("17"), "json", "expected '{' at byte 0"},
    {"a string", VALUE("\"n\""), "json", "expected '{' at byte 0"},
    {"null", VALUE("null"), "json", "expected '{' at byte 0"},
    {"single quotes", VALUE("{'n':1}"), "json", ""},
    {"a trailing comma", VALUE("{\"n\":1,}"), "json", ""},
    {"a comment", VALUE("{\"n\":1/*x*/}"), "json", ""},
    {"no colon", VALUE("{\"n\" 1}"), "json", ""},
    {"NaN", VALUE("{\"n\":1,\"f\":NaN}"), "json", ""},
    {"a leading zero", VALUE("{\"n\":01}"), "json", ""},
    {"a plus sign", VALUE("{\"n\":+1}"), "json", ""},
    {"a byte order mark", VALUE("\xef\xbb\xbf{\"n\":1}"), "json", ""},
    {"UTF-16", VALUE("\xff\xfe{\0\"\0n\0\"\0:\0001\0}\0"), "json", "control character"},
    {"tombstone", TOMBSTONE, "tombstone", "no value"},
    {"missing required", VALUE("{\"s\":\"a\"}"), "missing", "\"n\" is missing"},
    {"required null", VALUE("{\"n\":null}"), "missing", "\"n\" is null"},
    {"text for an integer", VALUE("{\"n\":\"1\"}"), "type", "\"n\": expected"},
    {"a fraction for an integer", VALUE("{\"n\":1.5}"), "type", "\"n\""},
    {"an object for text", VALUE("{\"n\":1,\"s\":{}}"), "type", "declare it as json"},
    {"an array for text", VALUE("{\"n\":1,\"s\":[]}"), "type", "declare it as json"},
    {"a number for a bool", VALUE("{\"n\":1,\"b\":1}"), "type", "\"b\""},
    {"text for a float", VALUE("{\"n\":1,\"f\":\"x\"}"), "type", "\"f\""},
    {"a bool for a time", VALUE("{\"n\":1,\"t\":true}"), "type", "\"t\""},
    {"text for epoch milliseconds", VALUE("{\"n\":1,\"m\":\"x\"}"), "timestamp", "\"m\""},
    {"int32 overflow", VALUE("{\"n\":1,\"i\":2147483648}"), "range", "\"i\""},
    {"int64 overflow", VALUE("{\"n\":1,\"l\":9223372036854775808}"), "range", "\"l\""},
    {"int64 underflow", VALUE("{\"n\":1,\"l\":-9223372036854775809}"), "range", "\"l\""},
    {"1e400", VALUE("{\"n\":1,\"f\":1e400}"), "range", "\"f\""},
    {"-1e400", VALUE("{\"n\":1,\"f\":-1e400}"), "range", "\"f\""},
    {"a time that is none", VALUE("{\"n\":1,\"t\":\"yesterday\"}"), "timestamp", "yesterday"},
    {"an empty time", VALUE("{\"n\":1,\"t\":\"\"}"), "timestamp", "\"t\""},
    {"month 13", VALUE("{\"n\":1,\"t\":\"2024-13-01T00:00:00Z\"}"), "timestamp", "2024-13"},
    {"30 February", VALUE("{\"n\":1,\"t\":\"2024-02-30T00:00:00Z\"}"), "timestamp", "02-30"},
    {"year 0", VALUE("{\"n\":1,\"t\":\"0000-01-01T00:00:00Z\"}"), "timestamp", "0000"},
    {"year 10000", VALUE("{\"n\":1,\"t\":\"10000-01-01T00:00:00Z\"}"), "timestamp", "10000"},
    {"a time of another pattern", VALUE("{\"n\":1,\"c\":\"2024-01-01T00:00:00Z\"}"), "timestamp",
     "\"c\""},
    {"milliseconds beyond all years", VALUE("{\"n\":1,\"m\":99999999999999999}"), "timestamp",
     "\"m\""},
    {"a NUL byte within text", VALUE("{\"n\":1,\"s\":\"a\0b\"}"), "json", ""},
    {"a NUL byte behind the record", VALUE("{\"n\":1}\0"), "json", ""},
    {"a control character", VALUE("{\"n\":1,\"s\":\"a\nb\"}"), "json", ""},
    {"invalid UTF-8", VALUE("{\"n\":1,\"s\":\"\xff\xfe\"}"), "json", "UTF-8 at byte 12"},
    {"overlong UTF-8", VALUE("{\"n\":1,\"s\":\"\xc0\xaf\"}"), "json", "UTF-8"},
    {"a surrogate as UTF-8", VALUE("{\"n\":1,\"s\":\"\xed\xa0\x80\"}"), "json", "UTF-8"},
    {"UTF-8 cut off", VALUE("{\"n\":1,\"s\":\"\xe2\x82\"}"), "json", "UTF-8"},
    {"a lone high surrogate", VALUE("{\"n\":1,\"s\":\"\\ud83d\"}"), "json", ""},
    {"a lone low surrogate", VALUE("{\"n\":1,\"s\":\"\\ude00\"}"), "json", ""},
    {"an escape that is none", VALUE("{\"n\":1,\"s\":\"\\x\"}"), "json", ""},
    {"a duplicate field", VALUE("{\"n\":1,\"n\":2}"), "duplicate", "\"n\""},
    {"depth 10,000", MADE(DEPTH), "depth", "nested deeper than"},
    {"10 MiB", MADE(TEN_MIB), "too_large", "record.max_bytes (1048576)"},
    {"another key twice", VALUE("{\"n\":1,\"x\":2,\"x\":3}"), NULL, NULL},
    {"\\u0000 in text", VALUE("{\"n\":1,\"s\":\"a\\u0000b\"}"), NULL, NULL},
    {"a leap second", VALUE("{\"n\":1,\"t\":\"2016-12-31T23:59:60Z\"}"), NULL, NULL},
    {"the largest int64", VALUE("{\"n\":1,\"l\":9223372036854775807}"), NULL, NULL},
    {"null where it may be", VALUE("{\"n\":1,\"s\":null,\"t\":null,\"a\":null}"), NULL, NULL},
    {"a text of 1 MiB", MADE(LONG_ROW), NULL, NULL},
};

#define CASE_COUNT (sizeof cases / sizeof cases[0])

static struct run r;
static char *values[CASE_COUNT]; /* of those that are made */
static size_t lengths[CASE_COUNT];

static void repeat(char *to, const char *text, size_t times)
{
    for (size_t i = 0; i < times; i++) {
        memcpy(to + i * strlen(text), text, strlen(text));
    }
}

static void make(size_t i)
{
    static const char head[] = "{\"n\":1,\"j\":";
    size_t count = cases[i].length == TEN_MIB    ? (size_t)10 << 20
                   : cases[i].length == LONG_ROW ? ((size_t)1 << 20) - sizeof head - 2
                                                 : 20000;
    char *text = malloc(count + sizeof head + 2);
    ck_assert_ptr_nonnull(text);
    memcpy(text, head, sizeof head - 1);
    char *at = text + sizeof head - 1;
    if (cases[i].length == DEPTH) {
        repeat(at, "[", 10000);
        repeat(at + 10000, "]", 10000);
        at += 20000;
    } else {
        *at++ = '"';
        repeat(at, "x", count);
        at += count;
        *at++ = '"';
    }
    *at++ = '}';
    values[i] = text;
    lengths[i] = (size_t)(at - text);
}

static void put(FILE *f, const char *value, size_t length)
{
    int32_t prefix = value == NULL ? -1 : (int32_t)length;
    ck_assert_uint_eq(fwrite(&prefix, sizeof prefix, 1, f), 1);
    ck_assert_uint_eq(fwrite(value != NULL ? value : "", 1, length, f), length);
}

/* Offsets 0, 2, 4, ... are good, case i has offset 2 i + 1. */
static void set_up(void)
{
    char path[128];
    run_init(&r);
    (void)snprintf(path, sizeof path, "%s/records", r.dir);
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    for (size_t i = 0; i < CASE_COUNT; i++) {
        char good[64];
        put(f, good, (size_t)snprintf(good, sizeof good, "{\"n\":%zu,\"s\":\"good\"}", 2 * i));
        values[i] = NULL;
        lengths[i] = cases[i].length;
        if (cases[i].value == NULL && cases[i].length > 0) {
            make(i);
        }
        put(f, values[i] != NULL ? values[i] : cases[i].value, lengths[i]);
    }
    ck_assert_int_eq(fclose(f), 0);
}

static void tear_down(void)
{
    for (size_t i = 0; i < CASE_COUNT; i++) {
        free(values[i]);
    }
    run_fini(&r);
}

/* ---- letters ---- */

struct letter {
    int64_t offset; /* -1 = none */
    char code[32];
    char reason[1024];
    char *value; /* null = null */
    size_t value_length;
};

static struct letter letters[2 * CASE_COUNT];
static size_t letter_count;

static unsigned digit_of(const char *digits, char c)
{
    const char *at = strchr(digits, c);
    if (at == NULL || c == '\0') { /* an assertion that holds costs a write to a pipe */
        ck_abort_msg("'%c' is none of %s", c, digits);
    }
    return (unsigned)(at - digits);
}

/* The string that begins at *at, without quotes and escapes; moves *at behind it. */
static size_t unescape(const char **at, char *out)
{
    static const char plain[] = "\"\\/bfnrt";
    static const char meant[] = "\"\\/\b\f\n\r\t";
    size_t length = 0;
    ck_assert_int_eq(*(*at)++, '"');
    while (**at != '"') {
        char c = *(*at)++;
        if (c == '\0') {
            ck_abort_msg("a text has no end");
        }
        if (c == '\\' && **at == 'u') {
            static const char hex[] = "0123456789abcdef";
            ck_assert_int_eq(strncmp(*at, "u00", 3), 0);
            c = (char)(digit_of(hex, (*at)[3]) * 16 + digit_of(hex, (*at)[4]));
            *at += 5;
        } else if (c == '\\') {
            c = meant[digit_of(plain, *(*at)++)];
        }
        out[length++] = c;
    }
    (*at)++;
    return length;
}

static size_t from_base64(char *text, size_t length)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t out = 0;
    for (size_t i = 0; i + 3 < length; i += 4) {
        unsigned word = 0;
        for (size_t k = 0; k < 4; k++) {
            word = word * 64 + (text[i + k] == '=' ? 0 : digit_of(digits, text[i + k]));
        }
        for (size_t k = 0; k < 3 && text[i + 1 + k] != '='; k++) {
            text[out++] = (char)(word >> (16 - 8 * k));
        }
    }
    return out;
}

static const char *member_of(const char *line, const char *name)
{
    const char *at = strstr(line, name);
    return at == NULL ? NULL : at + strlen(name);
}

static void read_letter(const char *line, struct letter *l)
{
    const char *offset = member_of(line, ",\"offset\":");
    const char *code = member_of(line, ",\"code\":");
    const char *reason = member_of(line, ",\"reason\":");
    const char *value = member_of(line, ",\"value\":");
    const char *base64 = member_of(line, ",\"value_base64\":");
    ck_assert_msg(offset != NULL && code != NULL && reason != NULL &&
                      (value != NULL || base64 != NULL),
                  "%.300s", line);
    l->offset = strtoll(offset, NULL, 10);
    l->code[unescape(&code, l->code)] = '\0';
    l->reason[unescape(&reason, l->reason)] = '\0';
    l->value = NULL;
    l->value_length = 0;
    value = value != NULL ? value : base64;
    if (strncmp(value, "null", 4) != 0) {
        l->value = malloc(strlen(value));
        ck_assert_ptr_nonnull(l->value);
        l->value_length = unescape(&value, l->value);
        l->value_length = base64 != NULL ? from_base64(l->value, l->value_length) : l->value_length;
    }
}

static void read_letters(void)
{
    char path[128];
    struct stat s;
    (void)snprintf(path, sizeof path, "%s/state/dead.jsonl", r.dir);
    ck_assert_int_eq(stat(path, &s), 0);
    ck_assert_uint_eq(s.st_mode & 0777u, 0600);
    char *text = malloc((size_t)s.st_size + 1);
    FILE *f = fopen(path, "r");
    ck_assert(text != NULL && f != NULL);
    ck_assert_uint_eq(fread(text, 1, (size_t)s.st_size, f), (size_t)s.st_size);
    text[s.st_size] = '\0';
    ck_assert_int_eq(fclose(f), 0);
    letter_count = 0;
    for (char *line = text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        *end = '\0';
        ck_assert_uint_lt(letter_count, sizeof letters / sizeof letters[0]);
        read_letter(line, &letters[letter_count++]);
    }
    free(text);
}

static const struct letter *letter_of(int64_t offset)
{
    const struct letter *found = NULL;
    for (size_t i = 0; i < letter_count; i++) {
        if (letters[i].offset == offset) {
            ck_assert_msg(found == NULL, "offset %lld has two letters", (long long)offset);
            found = &letters[i];
        }
    }
    return found;
}

static void check_case(size_t i)
{
    const struct bad *b = &cases[i];
    const char *value = values[i] != NULL ? values[i] : b->value;
    int64_t offset = 2 * (int64_t)i + 1;
    const struct letter *l = letter_of(offset);
    ck_assert_msg(run_count(&r, 1, 0, 0, offset - 1) == 1, "%s: the record before it", b->name);
    ck_assert_msg(letter_of(offset - 1) == NULL, "%s: a letter of the one before it", b->name);
    ck_assert_msg(run_count(&r, 1, 0, 0, offset) == (b->code == NULL ? 1 : 0),
                  "%s: its row; %s: %s", b->name, l != NULL ? l->code : "no letter",
                  l != NULL ? l->reason : "");
    if (b->code == NULL) {
        ck_assert_msg(l == NULL, "%s: a letter", b->name);
        return;
    }
    ck_assert_msg(l != NULL, "%s: no letter", b->name);
    ck_assert_msg(strcmp(l->code, b->code) == 0 && strstr(l->reason, b->reason) != NULL,
                  "%s: %s: %s", b->name, l->code, l->reason);
    ck_assert_msg((l->value == NULL) == (value == NULL) && l->value_length == lengths[i] &&
                      (value == NULL || memcmp(l->value, value, lengths[i]) == 0),
                  "%s: the letter has another value of %zu bytes", b->name, l->value_length);
}

START_TEST(each_bad_record_has_a_letter_with_its_reason_and_its_neighbours_arrive)
{
    size_t bad = 0;
    run_expect(&r, MANIFEST(""), 0);
    read_letters();
    for (size_t i = 0; i < CASE_COUNT; i++) {
        check_case(i);
        bad += cases[i].code != NULL;
    }
    ck_assert_uint_ge(bad, 40);
    ck_assert_uint_eq(letter_count, bad);
    ck_assert_int_eq(run_position(&r, 1, 0, 0), 2 * (int64_t)CASE_COUNT);
    for (size_t i = 0; i < letter_count; i++) {
        free(letters[i].value);
    }
}
END_TEST

START_TEST(a_bad_record_that_is_skipped_harms_no_neighbour)
{
    run_expect(&r, MANIFEST("'on_error':'skip',"), 0);
    for (size_t i = 0; i < CASE_COUNT; i++) {
        int64_t offset = 2 * (int64_t)i + 1;
        ck_assert_uint_eq(run_count(&r, 1, 0, 0, offset - 1), 1);
        ck_assert_uint_eq(run_count(&r, 1, 0, 0, offset), (cases[i].code == NULL ? 1 : 0));
    }
    ck_assert_uint_eq(run_letters(&r, ""), 0);
}
END_TEST

START_TEST(the_first_bad_record_ends_a_pipeline_that_fails_on_error)
{
    run_expect(&r, MANIFEST("'on_error':'fail',"), 1);
    ck_assert(run_has_logged(&r, "error: s0: the record at topic/0 offset 1 was refused (json: "));
    ck_assert_int_le(run_position(&r, 1, 0, 0), 1);
    ck_assert_uint_le(run_rows(&r, 1), 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("bad values");
    TCase *tc = tcase_create("bad values");
    tcase_set_timeout(tc, 500);
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, each_bad_record_has_a_letter_with_its_reason_and_its_neighbours_arrive);
    tcase_add_test(tc, a_bad_record_that_is_skipped_harms_no_neighbour);
    tcase_add_test(tc, the_first_bad_record_ends_a_pipeline_that_fails_on_error);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
