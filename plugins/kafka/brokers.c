/* SPDX-License-Identifier: Apache-2.0 */
#include "brokers.h"

#include "place.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#define HOST_MAX  253 /* a name's in DNS */
#define PORT_MAX  65535
#define SHOWN_MAX 80
/* What librdkafka skips before an entry, and what before the list and around a port. */
#define BEFORE_ENTRY ", "
#define BLANKS       " \t\r\n\v\f"

/** One of the list, and what of it is not judged yet. */
struct entry {
    const char *text;
    size_t length;
    const char *rest;
    size_t rest_length;
};

static const char *find(const char *text, size_t length, char c)
{
    return memchr(text, c, length);
}

static int32_t refuse(const struct entry *e, struct ph_error *err, const char *reason)
{
    char sentence[512];
    const char *shown = e->text;
    size_t length = e->length;
    const char *at;
    /* A user and a password are in no list of brokers, but may have come with another URL. */
    while ((at = find(shown, length, '@')) != NULL) {
        length -= (size_t)(at + 1 - shown);
        shown = at + 1;
    }
    (void)snprintf(sentence, sizeof sentence, "brokers: \"%s%.*s%s\" %s",
                   shown == e->text ? "" : "***@", (int)(length < SHOWN_MAX ? length : SHOWN_MAX),
                   shown, length > SHOWN_MAX ? "..." : "", reason);
    return place_refuse(err, "/brokers", sentence);
}

/* ---- PROTOCOL:// */

static const char *find_protocol(const char *text, size_t length)
{
    static const char *const protocols[] = {"PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"};
    for (size_t i = 0; i < sizeof protocols / sizeof protocols[0]; i++) {
        if (strlen(protocols[i]) == length && strncasecmp(protocols[i], text, length) == 0) {
            return protocols[i];
        }
    }
    return NULL;
}

static void skip(struct entry *e, size_t length)
{
    e->rest += length;
    e->rest_length -= length;
}

/* librdkafka forgets such an entry and all behind it where it does not fit. */
static int32_t take_protocol(struct entry *e, const char *wanted, struct ph_error *err)
{
    const char *colon = find(e->rest, e->rest_length, ':');
    size_t length = colon != NULL ? (size_t)(colon - e->rest) : 0;
    if (colon == NULL || e->rest_length - length < 3 || strncmp(colon, "://", 3) != 0) {
        return PH_OK;
    }
    const char *protocol = find_protocol(e->rest, length);
    if (protocol == NULL) {
        return refuse(e, err,
                      "begins with no protocol of Kafka: write host:port alone, or PLAINTEXT://, "
                      "SSL://, SASL_PLAINTEXT:// or SASL_SSL:// before it");
    }
    wanted = wanted != NULL ? wanted : "plaintext";
    if (strcasecmp(protocol, wanted) != 0) {
        char reason[160];
        (void)snprintf(reason, sizeof reason,
                       "is not what the rdkafka property security.protocol says, which is %.20s: "
                       "write host:port alone, or set security.protocol to %s",
                       wanted, protocol);
        return refuse(e, err, reason);
    }
    skip(e, length + 3);
    const char *slash = find(e->rest, e->rest_length, '/');
    e->rest_length = slash != NULL ? (size_t)(slash - e->rest) : e->rest_length;
    return PH_OK;
}

/* ---- host */

/* With or without a %zone. */
static bool is_ipv6(const char *text, size_t length)
{
    char address[INET6_ADDRSTRLEN];
    struct in6_addr ignored;
    const char *zone = find(text, length, '%');
    length = zone != NULL ? (size_t)(zone - text) : length;
    if (length >= sizeof address) {
        return false;
    }
    memcpy(address, text, length);
    address[length] = '\0';
    return inet_pton(AF_INET6, address, &ignored) == 1;
}

/* Bytes of other alphabets are left to the resolver. */
static bool may_be_in_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_' || (unsigned char)c >= 0x80;
}

static int32_t check_name(const struct entry *e, const char *name, size_t length,
                          struct ph_error *err)
{
    if (length > HOST_MAX) {
        return refuse(e, err, "has a host of more than 253 characters: write host:port");
    }
    for (size_t i = 0; i < length; i++) {
        if (!may_be_in_name(name[i])) {
            return refuse(e, err,
                          "has a character in its host's name that no name has: write host:port, "
                          "and a comma between two of them");
        }
    }
    return PH_OK;
}

/* "::1:9092" is an address as a whole to librdkafka, and two things to who wrote it. */
static bool has_port_behind(const char *text, size_t length)
{
    size_t digits = 0;
    while (digits < length && text[length - 1 - digits] >= '0' &&
           text[length - 1 - digits] <= '9') {
        digits++;
    }
    return digits >= 4 && digits < length && is_ipv6(text, length - digits - 1);
}

static int32_t check_bare_ipv6(const struct entry *e, struct ph_error *err)
{
    if (is_ipv6(e->rest, e->rest_length) && !has_port_behind(e->rest, e->rest_length)) {
        return PH_OK;
    }
    return refuse(e, err,
                  "has several colons: write host:port, with a comma between two of them and an "
                  "IPv6 address in brackets, as [::1]:9092");
}

/* ---- port */

/* As far as there are digits it is a port to librdkafka. What stands behind them may be a path;
 * else it is something that was meant, and would be passed over without a word. */
static int32_t check_port(const struct entry *e, const char *text, size_t length,
                          struct ph_error *err)
{
    size_t i = 0;
    int64_t port = 0;
    while (i < length && strchr(BLANKS, text[i]) != NULL) {
        i++;
    }
    for (; i < length && text[i] >= '0' && text[i] <= '9' && port <= PORT_MAX; i++) {
        port = port * 10 + (text[i] - '0');
    }
    while (i < length && strchr(BLANKS, text[i]) != NULL) {
        i++;
    }
    if (port < 1 || port > PORT_MAX || (i < length && text[i] != '/')) {
        return refuse(e, err, "has no port from 1 to 65535 behind the colon: write host:port");
    }
    return PH_OK;
}

/* ---- an entry */

static int32_t check_bracketed(struct entry *e, struct ph_error *err)
{
    const char *host = e->rest + 1;
    const char *end = find(host, e->rest_length - 1, ']');
    size_t length = end != NULL ? (size_t)(end - host) : 0;
    if (length == 0 || (find(host, length, ':') != NULL && !is_ipv6(host, length))) {
        return refuse(e, err, "has no address in its brackets: write [address]:port, or host:port");
    }
    if (find(host, length, ':') == NULL && check_name(e, host, length, err) != PH_OK) {
        return PH_ERROR;
    }
    skip(e, length + 2);
    if (e->rest_length == 0) {
        return PH_OK;
    }
    return e->rest[0] == ':' ? check_port(e, e->rest + 1, e->rest_length - 1, err)
                             : refuse(e, err, "goes on behind its bracket: write [address]:port");
}

/* An empty host is localhost, and no port 9092. */
static int32_t check_entry(struct entry *e, const char *protocol, struct ph_error *err)
{
    if (take_protocol(e, protocol, err) != PH_OK) {
        return PH_ERROR;
    }
    if (e->rest_length > 0 && e->rest[0] == '[') {
        return check_bracketed(e, err);
    }
    const char *colon = find(e->rest, e->rest_length, ':');
    size_t length = colon != NULL ? (size_t)(colon - e->rest) : e->rest_length;
    if (colon != NULL && find(colon + 1, e->rest_length - length - 1, ':') != NULL) {
        return check_bare_ipv6(e, err);
    }
    if (check_name(e, e->rest, length, err) != PH_OK) {
        return PH_ERROR;
    }
    return colon == NULL ? PH_OK : check_port(e, colon + 1, e->rest_length - length - 1, err);
}

int32_t brokers_check(const char *list, const char *protocol, struct ph_error *err)
{
    uint32_t count = 0;
    const char *at = list + strspn(list, BLANKS);
    at += strspn(at, BEFORE_ENTRY);
    while (*at != '\0') {
        size_t length = strcspn(at, ",");
        struct entry e = {.text = at, .length = length, .rest = at, .rest_length = length};
        if (check_entry(&e, protocol, err) != PH_OK) {
            return PH_ERROR;
        }
        count++;
        at += length;
        at += strspn(at, BEFORE_ENTRY);
    }
    return count > 0 ? PH_OK : place_refuse(err, "/brokers", "brokers is empty: write host:port");
}
