/*
 * geo-api: a stand-in of api.ip2location.io on loopback, over HTTP or HTTPS. What an address gets
 * is tests/support/geo.h's pure function of its text; GET /stats tells how often it was asked. One
 * thread, one epoll loop, no allocation of its own for a request.
 */
#include <arpa/inet.h>
#include <getopt.h>
#include <inttypes.h>
#include <microhttpd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "counts.h"
#include "delays.h"
#include "support/geo.h"
#include "tools/numbers.h"

#define NS_PER_MS        1000000LL
#define MAX_IP_BYTES     64
#define MAX_ANSWER_BYTES 512
#define MAX_FILE_BYTES   65536
#define IDLE_TIMEOUT_S   300

static const char help[] =
    "usage: geo-api [--port N] [--cert FILE --key FILE] [--require-key KEY] [--delay-ms N]\n"
    "               [--fail-percent N --fail-status N] [--quota N[/s]] [--count-file FILE]\n"
    "\n"
    "Answers GET /?ip=ADDRESS&key=KEY as api.ip2location.io does, at 127.0.0.1.\n"
    "  --port N          0 (default) takes a free one; \"listening on PORT\" is printed when it "
    "serves\n"
    "  --cert, --key     PEM files: serves HTTPS\n"
    "  --require-key K   any other key gets 401\n"
    "  --delay-ms N      answers so much later\n"
    "  --fail-percent N  so many of the addresses (always the same ones) get --fail-status (500)\n"
    "  --quota N         after N answers 401, until GET /refill; X-RateLimit-Remaining counts "
    "down\n"
    "  --quota N/s       after N answers in a second 429 with Retry-After: 1\n"
    "  --count-file F    writes at its end what GET /stats gives\n";

struct options {
    uint16_t port;
    int64_t delay_ms;
    uint32_t fail_percent;
    unsigned int fail_status;
    int64_t quota; /* -1: none */
    bool quota_is_per_second;
    const char *required_key;
    const char *count_file;
    const char *cert_file;
    const char *key_file;
};

struct server {
    struct options options;
    struct MHD_Daemon *daemon;
    struct counts counts;
    struct delays delays;
    uint64_t connections;
    uint64_t quota_used;
    int64_t quota_second; /* in which that was used */
    char cert_pem[MAX_FILE_BYTES];
    char key_pem[MAX_FILE_BYTES];
};

/* The daemon calls the handler twice for a request; this says how far it came. */
static char seen_once, seen_delayed;

static int64_t now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000 * NS_PER_MS + ts.tv_nsec;
}

/* A header line beside the usual ones; no value: none. */
struct extra {
    const char *name;
    char value[24];
};

static enum MHD_Result reply(struct MHD_Connection *connection, unsigned int status,
                             const struct extra *extra, const char *text, size_t len)
{
    /* The library's copy is freed with the response; it has no other way for text that differs per
     * request. */
    struct MHD_Response *response =
        MHD_create_response_from_buffer(len, (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY);
    if (response == NULL) {
        return MHD_NO;
    }
    enum MHD_Result result =
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
    if (result == MHD_YES && extra != NULL && extra->value[0] != '\0') {
        result = MHD_add_response_header(response, extra->name, extra->value);
    }
    if (result == MHD_YES) {
        result = MHD_queue_response(connection, status, response);
    }
    MHD_destroy_response(response);
    return result;
}

__attribute__((format(printf, 4, 5))) static enum MHD_Result reply_format(
    struct MHD_Connection *connection, unsigned int status, const struct extra *extra,
    const char *format, ...)
{
    char text[MAX_ANSWER_BYTES];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (len < 0 || (size_t)len >= sizeof text) {
        return MHD_NO;
    }
    return reply(connection, status, extra, text, (size_t)len);
}

static enum MHD_Result reply_error(struct MHD_Connection *connection, unsigned int status, int code,
                                   const char *message)
{
    return reply_format(connection, status, NULL,
                        "{\"error\":{\"error_code\":%d,\"error_message\":\"%s\"}}", code, message);
}

static int format_stats(const struct server *s, char *text, size_t cap)
{
    return snprintf(text, cap,
                    "{\"requests\":%" PRIu64 ",\"distinct\":%" PRIu64 ",\"max_per_ip\":%" PRIu64
                    ",\"connections\":%" PRIu64 ",\"max_waiting\":%" PRIu32 ",\"complete\":%s}\n",
                    s->counts.requests, s->counts.distinct, s->counts.most, s->connections,
                    s->delays.most, s->counts.full ? "false" : "true");
}

static bool is_address(const char *text)
{
    unsigned char parsed[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, text, parsed) == 1 || inet_pton(AF_INET6, text, parsed) == 1;
}

static bool take_quota(struct server *s)
{
    int64_t second = now_ns() / (1000 * NS_PER_MS);
    if (s->options.quota_is_per_second && second != s->quota_second) {
        s->quota_second = second;
        s->quota_used = 0;
    }
    return s->options.quota < 0 || s->quota_used++ < (uint64_t)s->options.quota;
}

static struct extra quota_left(const struct server *s)
{
    struct extra extra = {.name = "X-RateLimit-Remaining"};
    if (s->options.quota >= 0) {
        snprintf(extra.value, sizeof extra.value, "%" PRId64,
                 s->options.quota - (int64_t)s->quota_used);
    }
    return extra;
}

static bool key_is_good(struct server *s, struct MHD_Connection *connection)
{
    if (!s->options.quota_is_per_second && !take_quota(s)) {
        return false;
    }
    if (s->options.required_key == NULL) {
        return true;
    }
    const char *key = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "key");
    return key != NULL && strcmp(key, s->options.required_key) == 0;
}

static enum MHD_Result answer_lookup(struct server *s, struct MHD_Connection *connection)
{
    const char *ip = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "ip");
    size_t ip_len = ip != NULL ? strnlen(ip, MAX_IP_BYTES) : 0;
    counts_add(&s->counts, geo_hash(ip != NULL ? ip : "", ip_len));
    if (s->options.quota_is_per_second && !take_quota(s)) {
        static const struct extra wait = {"Retry-After", "1"};
        return reply_format(connection, MHD_HTTP_TOO_MANY_REQUESTS, &wait,
                            "{\"error\":{\"error_code\":10005,\"error_message\":\"Too many "
                            "requests.\"}}");
    }
    /* The service has one code for a bad key and for an empty account. */
    if (!key_is_good(s, connection)) {
        return reply_error(connection, MHD_HTTP_UNAUTHORIZED, 10001,
                           "Invalid API key or insufficient credit.");
    }
    if (ip_len == 0 || ip_len == MAX_IP_BYTES || !is_address(ip)) {
        return reply_error(connection, MHD_HTTP_BAD_REQUEST, 10002, "Invalid IP address.");
    }
    if (geo_fails(ip, ip_len, s->options.fail_percent)) {
        return reply_error(connection, s->options.fail_status, 10000, "Something went wrong.");
    }
    struct geo_answer answer;
    struct extra left = quota_left(s);
    geo_answer(ip, ip_len, &answer);
    return reply_format(connection, MHD_HTTP_OK, &left,
                        "{\"ip\":\"%s\",\"country_code\":\"%s\",\"country_name\":\"%s\","
                        "\"region_name\":\"%s\",\"city_name\":\"%s\",\"latitude\":0.5,"
                        "\"longitude\":-0.5,\"zip_code\":\"-\",\"time_zone\":\"+00:00\","
                        "\"asn\":\"0\",\"as\":\"-\",\"is_proxy\":false}",
                        ip, answer.country_code, answer.country_name, answer.region_name,
                        answer.city_name);
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **state)
{
    struct server *s = context;
    (void)version;
    (void)upload;
    if (*state == NULL) {
        *state = &seen_once;
        return MHD_YES;
    }
    if (*upload_size > 0) {
        *upload_size = 0;
        return MHD_YES;
    }
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0) {
        return reply_error(connection, MHD_HTTP_METHOD_NOT_ALLOWED, 10003, "Only GET is served.");
    }
    if (strcmp(url, "/stats") == 0) {
        char text[MAX_ANSWER_BYTES];
        int len = format_stats(s, text, sizeof text);
        return reply(connection, MHD_HTTP_OK, NULL, text, (size_t)len);
    }
    if (strcmp(url, "/refill") == 0) {
        s->quota_used = 0;
        return reply(connection, MHD_HTTP_OK, NULL, "{}\n", 3);
    }
    if (strcmp(url, "/") != 0) {
        return reply_error(connection, MHD_HTTP_NOT_FOUND, 10004, "No such page.");
    }
    if (s->options.delay_ms > 0 && *state != &seen_delayed) {
        *state = &seen_delayed;
        delays_add(&s->delays, connection, now_ns() + s->options.delay_ms * NS_PER_MS);
        return MHD_YES;
    }
    return answer_lookup(s, connection);
}

static void on_connection(void *context, struct MHD_Connection *connection, void **state,
                          enum MHD_ConnectionNotificationCode code)
{
    struct server *s = context;
    (void)connection;
    (void)state;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        s->connections++;
    }
}

/* Reads a whole text file; the daemon keeps the pointer. */
static bool read_file(const char *path, char *text, size_t cap)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        fprintf(stderr, "geo-api: cannot read %s: %s\n", path, strerror(errno));
        return false;
    }
    size_t len = fread(text, 1, cap - 1, file);
    text[len] = '\0';
    fclose(file);
    return len > 0;
}

static bool server_start(struct server *s)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(s->options.port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    unsigned int flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
    struct MHD_OptionItem tls[] = {{MHD_OPTION_HTTPS_MEM_CERT, 0, s->cert_pem},
                                   {MHD_OPTION_HTTPS_MEM_KEY, 0, s->key_pem},
                                   {MHD_OPTION_END, 0, NULL}};
    if (s->options.cert_file == NULL) {
        tls[0] = tls[2];
    } else {
        if (!read_file(s->options.cert_file, s->cert_pem, sizeof s->cert_pem) ||
            !read_file(s->options.key_file, s->key_pem, sizeof s->key_pem)) {
            return false;
        }
        flags |= MHD_USE_TLS;
    }
    s->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, s, MHD_OPTION_SOCK_ADDR, &address,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned int)DELAYS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned int)IDLE_TIMEOUT_S, MHD_OPTION_NOTIFY_CONNECTION, on_connection, s,
        MHD_OPTION_LISTENING_ADDRESS_REUSE, 1u, MHD_OPTION_ARRAY, tls, MHD_OPTION_END);
    if (s->daemon == NULL) {
        fprintf(stderr, "geo-api: cannot listen on port %u\n", s->options.port);
        return false;
    }
    printf("listening on %u\n", MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
    fflush(stdout);
    return true;
}

/* How long the loop may sleep, in ms for epoll_wait: until the library or a delayed request wants
 * something. */
static int sleep_ms(const struct server *s)
{
    MHD_UNSIGNED_LONG_LONG library_ms = 0;
    int64_t ms = -1;
    if (MHD_get_timeout(s->daemon, &library_ms) == MHD_YES) {
        ms = library_ms < 1000 ? (int64_t)library_ms : 1000;
    }
    int64_t due_ns = delays_next_ns(&s->delays);
    if (due_ns >= 0) {
        int64_t left_ms = (due_ns - now_ns() + NS_PER_MS - 1) / NS_PER_MS;
        left_ms = left_ms > 0 ? left_ms : 0;
        ms = ms < 0 || left_ms < ms ? left_ms : ms;
    }
    return (int)ms;
}

/* Serves until SIGTERM or SIGINT. */
static bool server_run(struct server *s)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    int signal_fd = signalfd(-1, &signals, SFD_CLOEXEC);
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    int daemon_fd = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    struct epoll_event on_signal = {.events = EPOLLIN, .data.fd = signal_fd};
    struct epoll_event on_daemon = {.events = EPOLLIN, .data.fd = daemon_fd};
    bool ok = signal_fd >= 0 && epoll_fd >= 0 &&
              epoll_ctl(epoll_fd, EPOLL_CTL_ADD, signal_fd, &on_signal) == 0 &&
              epoll_ctl(epoll_fd, EPOLL_CTL_ADD, daemon_fd, &on_daemon) == 0;
    bool stop = !ok;
    while (!stop) {
        struct epoll_event event;
        int ready = epoll_wait(epoll_fd, &event, 1, sleep_ms(s));
        stop = ready > 0 && event.data.fd == signal_fd;
        delays_resume(&s->delays, now_ns());
        MHD_run(s->daemon);
    }
    /* The daemon may only stop when nothing is suspended. */
    delays_resume(&s->delays, INT64_MAX);
    close(epoll_fd);
    close(signal_fd);
    return ok;
}

static bool write_counts(const struct server *s)
{
    char text[MAX_ANSWER_BYTES];
    FILE *file = fopen(s->options.count_file, "we");
    if (file == NULL) {
        fprintf(stderr, "geo-api: cannot write %s: %s\n", s->options.count_file, strerror(errno));
        return false;
    }
    format_stats(s, text, sizeof text);
    bool ok = fputs(text, file) >= 0;
    return fclose(file) == 0 && ok;
}

/* "N" or "N/s". */
static void read_quota(struct options *o, const char *name, char *text)
{
    char *unit = strstr(text, "/s");
    o->quota_is_per_second = unit != NULL && unit[2] == '\0';
    if (o->quota_is_per_second) {
        *unit = '\0';
    }
    o->quota = number_or_exit(name, text, 0, INT64_MAX);
}

static void parse_options(struct options *o, int argc, char **argv)
{
    enum {
        PORT = 1,
        CERT,
        KEY,
        REQUIRE,
        DELAY,
        FAIL_PERCENT,
        FAIL_STATUS,
        QUOTA,
        COUNT_FILE,
        HELP
    };
    static const struct option known[] = {{"port", required_argument, NULL, PORT},
                                          {"cert", required_argument, NULL, CERT},
                                          {"key", required_argument, NULL, KEY},
                                          {"require-key", required_argument, NULL, REQUIRE},
                                          {"delay-ms", required_argument, NULL, DELAY},
                                          {"fail-percent", required_argument, NULL, FAIL_PERCENT},
                                          {"fail-status", required_argument, NULL, FAIL_STATUS},
                                          {"quota", required_argument, NULL, QUOTA},
                                          {"count-file", required_argument, NULL, COUNT_FILE},
                                          {"help", no_argument, NULL, HELP},
                                          {NULL, 0, NULL, 0}};
    int which;
    *o = (struct options){.fail_status = MHD_HTTP_INTERNAL_SERVER_ERROR, .quota = -1};
    while ((which = getopt_long(argc, argv, "", known, NULL)) != -1) {
        const char *name = which >= PORT && which <= HELP ? known[which - PORT].name : "";
        switch (which) {
        case PORT:
            o->port = (uint16_t)number_or_exit(name, optarg, 0, UINT16_MAX);
            break;
        case CERT:
            o->cert_file = optarg;
            break;
        case KEY:
            o->key_file = optarg;
            break;
        case REQUIRE:
            o->required_key = optarg;
            break;
        case DELAY:
            o->delay_ms = number_or_exit(name, optarg, 0, 600000);
            break;
        case FAIL_PERCENT:
            o->fail_percent = (uint32_t)number_or_exit(name, optarg, 0, 100);
            break;
        case FAIL_STATUS:
            o->fail_status = (unsigned int)number_or_exit(name, optarg, 300, 599);
            break;
        case QUOTA:
            read_quota(o, name, optarg);
            break;
        case COUNT_FILE:
            o->count_file = optarg;
            break;
        case HELP:
            fputs(help, stdout);
            exit(EXIT_SUCCESS);
        default:
            fputs(help, stderr);
            exit(EXIT_USAGE);
        }
    }
    if (optind < argc || (o->cert_file == NULL) != (o->key_file == NULL)) {
        fputs(help, stderr);
        exit(EXIT_USAGE);
    }
}

int main(int argc, char **argv)
{
    static struct server s;
    parse_options(&s.options, argc, argv);
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    if (!counts_init(&s.counts)) {
        fprintf(stderr, "geo-api: out of memory\n");
        return EXIT_FAILURE;
    }
    bool ok = server_start(&s) && server_run(&s);
    if (s.daemon != NULL) {
        MHD_stop_daemon(s.daemon);
    }
    if (ok && s.options.count_file != NULL) {
        ok = write_counts(&s);
    }
    counts_fini(&s.counts);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
