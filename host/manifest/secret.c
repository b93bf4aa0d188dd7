/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/secret.h"

#include "manifest/dsn.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct secret {
    char *value;
    size_t length;
};

/* Longest first: where one secret is a part of another, the whole is hidden. */
static struct secret *secrets;
static uint32_t secret_count;
static atomic_bool secrets_known;
static struct secret *names; /* that are spared */
static uint32_t name_count;
static pthread_rwlock_t secrets_lock = PTHREAD_RWLOCK_INITIALIZER;

static bool is_plain_word(const char *value)
{
    static const char *const words[] = {"true", "false", "none", "null", "auto", "default"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcasecmp(value, words[i]) == 0) {
            return true;
        }
    }
    return false;
}

static void spare_locked(const char *name)
{
    for (uint32_t i = 0; i < name_count; i++) {
        if (strcmp(names[i].value, name) == 0) {
            return;
        }
    }
    struct secret *grown = NULL;
    if (name_count < SECRET_NAMES_MAX) {
        grown = realloc(names, (name_count + 1) * sizeof *names);
    }
    if (grown != NULL) {
        names = grown;
        names[name_count] = (struct secret){strdup(name), strlen(name)};
        name_count += names[name_count].value != NULL;
    }
}

void secret_spare_name(const char *name)
{
    (void)pthread_rwlock_wrlock(&secrets_lock);
    spare_locked(name);
    (void)pthread_rwlock_unlock(&secrets_lock);
}

static bool insert_locked(char *value, size_t length)
{
    uint32_t place = 0;
    for (uint32_t i = 0; i < secret_count; i++) {
        if (strcmp(secrets[i].value, value) == 0) {
            free(value);
            return true;
        }
        place = secrets[i].length >= length ? i + 1 : place;
    }
    struct secret *grown = NULL;
    if (secret_count < SECRET_COUNT_MAX) {
        grown = realloc(secrets, (secret_count + 1) * sizeof *secrets);
    }
    if (grown == NULL) {
        free(value);
        return false;
    }
    secrets = grown;
    memmove(secrets + place + 1, secrets + place, (secret_count - place) * sizeof *secrets);
    secrets[place] = (struct secret){value, length};
    secret_count++;
    atomic_store(&secrets_known, true);
    return true;
}

bool secret_register(const char *value)
{
    size_t length = strlen(value);
    if (length < SECRET_LENGTH_MIN || is_plain_word(value)) {
        return true;
    }
    char *copy = malloc(length + 1);
    if (copy == NULL) {
        return false;
    }
    memcpy(copy, value, length + 1);
    (void)pthread_rwlock_wrlock(&secrets_lock);
    bool ok = insert_locked(copy, length);
    (void)pthread_rwlock_unlock(&secrets_lock);
    return ok;
}

static int hex_digit(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *digit = c == '\0' ? NULL : strchr(digits, c >= 'A' && c <= 'F' ? c + 32 : c);
    return digit == NULL ? -1 : (int)(digit - digits);
}

/* In place; false where nothing was encoded. */
static bool percent_decode(char *text)
{
    char *out = text;
    bool any = false;
    for (const char *in = text; *in != '\0'; in++) {
        int high = *in == '%' ? hex_digit(in[1]) : -1;
        int low = high < 0 ? -1 : hex_digit(in[2]);
        if (low > 0 || (low == 0 && high > 0)) {
            *out++ = (char)(high * 16 + low);
            in += 2;
            any = true;
        } else {
            *out++ = *in;
        }
    }
    *out = '\0';
    return any;
}

/* As a quoted key=value pair holds it: a backslash stands before the byte that is meant. */
static bool backslash_decode(char *text)
{
    char *out = text;
    bool any = false;
    for (const char *in = text; *in != '\0'; in++) {
        if (*in == '\\' && in[1] != '\0') {
            in++;
            any = true;
        }
        *out++ = *in;
    }
    *out = '\0';
    return any;
}

/* A library may print a password as it was written or as it understood it. */
static bool register_range(const char *text, size_t length)
{
    char *copy = malloc(length + 1);
    if (copy == NULL) {
        return false;
    }
    memcpy(copy, text, length);
    copy[length] = '\0';
    bool ok = secret_register(copy);
    if (percent_decode(copy)) {
        ok = secret_register(copy) && ok;
    }
    memcpy(copy, text, length);
    copy[length] = '\0';
    if (backslash_decode(copy)) {
        ok = secret_register(copy) && ok;
    }
    free(copy);
    return ok;
}

bool secret_register_dsn(const char *dsn)
{
    struct dsn_range ranges[DSN_RANGES_MAX];
    uint32_t count = dsn_find(dsn, strlen(dsn), ranges);
    bool ok = true;
    for (uint32_t i = 0; i < count; i++) {
        ok = register_range(dsn + ranges[i].start, ranges[i].length) && ok;
    }
    return ok;
}

static bool is_name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

/* Whether the name stands at start, and is not a part of a longer word. */
static bool is_name_at(const char *text, const char *start, const struct secret *name)
{
    return strncmp(start, name->value, name->length) == 0 && !is_name_byte(start[name->length]) &&
           (start == text || !is_name_byte(start[-1]));
}

/* Whether the secret at `at` is a part of the name, or is it where the host says who speaks. */
static bool is_in_name(const char *text, const char *at, const struct secret *secret,
                       const struct secret *name)
{
    for (size_t i = 0; i + secret->length <= name->length && i <= (size_t)(at - text); i++) {
        bool is_whole = name->length == secret->length;
        if ((!is_whole || (at == text && at[name->length] == ':')) &&
            is_name_at(text, at - i, name)) {
            return true;
        }
    }
    return false;
}

/* own stands beside at. */
static bool is_spared(const char *text, const char *at, const unsigned char *own,
                      const struct secret *secret)
{
    size_t i = 0;
    while (own != NULL && i < secret->length && own[i] != 0 && own[i] == own[0]) {
        i++;
    }
    bool spared = i == secret->length;
    for (uint32_t n = 0; n < name_count && !spared; n++) {
        spared = is_in_name(text, at, secret, &names[n]);
    }
    return spared;
}

static void hide(char *text, unsigned char *own, const struct secret *secret)
{
    static const size_t mask_length = sizeof SECRET_MASK - 1;
    for (char *at = strstr(text, secret->value); at != NULL; at = strstr(at, secret->value)) {
        unsigned char *own_at = own == NULL ? NULL : own + (at - text);
        if (is_spared(text, at, own_at, secret)) {
            at++;
            continue;
        }
        char *rest = at + secret->length;
        size_t rest_size = strlen(rest) + 1;
        memcpy(at, SECRET_MASK, mask_length);
        memmove(at + mask_length, rest, rest_size);
        if (own != NULL) {
            memset(own_at, 0, mask_length);
            memmove(own_at + mask_length, own_at + secret->length, rest_size);
        }
        at += mask_length;
    }
}

void secret_redact(char *text)
{
    secret_redact_but(text, NULL);
}

void secret_redact_but(char *text, unsigned char *own)
{
    if (!atomic_load(&secrets_known)) {
        return;
    }
    (void)pthread_rwlock_rdlock(&secrets_lock);
    for (uint32_t i = 0; i < secret_count; i++) {
        hide(text, own, &secrets[i]);
    }
    (void)pthread_rwlock_unlock(&secrets_lock);
}

bool secret_is_known(const char *text, size_t length)
{
    bool known = false;
    (void)pthread_rwlock_rdlock(&secrets_lock);
    for (uint32_t i = 0; i < secret_count && !known; i++) {
        known = secrets[i].length == length && memcmp(secrets[i].value, text, length) == 0;
    }
    (void)pthread_rwlock_unlock(&secrets_lock);
    return known;
}

void secret_clear(void)
{
    (void)pthread_rwlock_wrlock(&secrets_lock);
    for (uint32_t i = 0; i < secret_count; i++) {
        free(secrets[i].value);
    }
    free(secrets);
    secrets = NULL;
    secret_count = 0;
    for (uint32_t i = 0; i < name_count; i++) {
        free(names[i].value);
    }
    free(names);
    names = NULL;
    name_count = 0;
    atomic_store(&secrets_known, false);
    (void)pthread_rwlock_unlock(&secrets_lock);
}

static bool contains(const char *name, size_t length, const char *word)
{
    size_t word_length = strlen(word);
    for (size_t i = 0; i + word_length <= length; i++) {
        if (strncasecmp(name + i, word, word_length) == 0) {
            return true;
        }
    }
    return false;
}

bool secret_is_name(const char *name, size_t length)
{
    static const char *const parts[] = {"password",   "passwd",  "passphrase", "secret", "token",
                                        "credential", "private", "apikey",     "jaas"};
    static const char *const last_words[] = {"key", "pem", "pwd", "pw", "pass"};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (contains(name, length, parts[i])) {
            return true;
        }
    }
    size_t start = length;
    while (start > 0 && strchr("._-", name[start - 1]) == NULL) {
        start--;
    }
    for (size_t i = 0; i < sizeof last_words / sizeof last_words[0]; i++) {
        if (length - start == strlen(last_words[i]) &&
            strncasecmp(name + start, last_words[i], length - start) == 0) {
            return true;
        }
    }
    return false;
}

bool secret_mask_dsn(const char *text, size_t length, struct buf *out)
{
    struct dsn_range ranges[DSN_RANGES_MAX];
    uint32_t count = dsn_find(text, length, ranges);
    size_t done = 0;
    for (uint32_t i = 0; i < count; i++) {
        buf_append(out, text + done, ranges[i].start - done);
        buf_append_text(out, SECRET_MASK);
        done = ranges[i].start + ranges[i].length;
    }
    buf_append(out, text + done, length - done);
    return count > 0;
}
