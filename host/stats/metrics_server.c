/* SPDX-License-Identifier: Apache-2.0 */
#include "stats/metrics_server.h"

#include "base/clock.h"
#include "stats/metrics_address.h"
#include "stats/microhttpd.h"
#include "stats/prometheus.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define PAGE_MAX          (8u * 1024u * 1024u)
#define CLIENT_MEMORY_MAX ((size_t)32 * 1024)

struct metrics_server {
    const struct microhttpd *http;
    const struct stats *stats;
    struct MHD_Daemon *daemon;
    int listen_fd; /* the daemon's, once it has started */
    int fd;
    char address[80];
};

/* ---- pages ---- */

static unsigned metrics_page(const struct stats *s, struct buf *page)
{
    prometheus_text(page, s);
    return page->failed ? MHD_HTTP_INTERNAL_SERVER_ERROR : MHD_HTTP_OK;
}

static unsigned health_page(const struct stats *s, struct buf *page)
{
    buf_append_format(page, "%s\n", stats_state_name(s->state));
    return MHD_HTTP_OK;
}

static unsigned ready_page(const struct stats *s, struct buf *page)
{
    buf_append_format(page, "%s\n", stats_state_name(s->state));
    return s->state == STATS_RUNNING ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE;
}

static const struct {
    const char *path;
    const char *type;
    unsigned (*make)(const struct stats *s, struct buf *page);
} pages[] = {{"/metrics", "text/plain; version=0.0.4; charset=utf-8", metrics_page},
             {"/health", "text/plain; charset=utf-8", health_page},
             {"/ready", "text/plain; charset=utf-8", ready_page}};

#define PAGE_COUNT (sizeof pages / sizeof pages[0])

static enum MHD_Result answer(const struct microhttpd *http, struct MHD_Connection *connection,
                              unsigned status, const char *type, const struct buf *page)
{
    size_t length = page->failed ? 0 : page->length;
    struct MHD_Response *r =
        http->create_response_from_buffer(length, page->data, MHD_RESPMEM_MUST_COPY);
    if (r == NULL) {
        return MHD_NO;
    }
    (void)http->add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED) {
        (void)http->add_response_header(r, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    }
    enum MHD_Result queued = http->queue_response(connection, status, r);
    http->destroy_response(r);
    return queued;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **state)
{
    const struct metrics_server *m = arg;
    const char *type = pages[1].type;
    unsigned status = MHD_HTTP_NOT_FOUND;
    struct buf page;
    (void)version;
    (void)upload;
    (void)upload_size;
    (void)state;
    buf_init(&page, PAGE_MAX);
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0) {
        status = MHD_HTTP_METHOD_NOT_ALLOWED;
        buf_append_text(&page, "only GET and HEAD\n");
    } else {
        size_t i = 0;
        while (i < PAGE_COUNT && strcmp(pages[i].path, url) != 0) {
            i++;
        }
        if (i < PAGE_COUNT) {
            type = pages[i].type;
            status = pages[i].make(m->stats, &page);
        } else {
            buf_append_text(&page, "there are /metrics, /health and /ready\n");
        }
    }
    enum MHD_Result result = answer(m->http, connection, status, type, &page);
    buf_fini(&page);
    return result;
}

/* ---- the server ---- */

static int32_t listen_at(struct metrics_server *m, const char *listen_text, struct ph_error *err)
{
    struct metrics_address a;
    int on = 1;
    if (metrics_address_parse(&a, listen_text, err) != PH_OK) {
        return PH_ERROR;
    }
    metrics_address_format(&a, m->address, sizeof m->address);
    m->listen_fd =
        socket(a.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
    if (m->listen_fd < 0 ||
        setsockopt(m->listen_fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(m->listen_fd, (const struct sockaddr *)&a.address, a.size) != 0 ||
        listen(m->listen_fd, METRICS_CLIENTS_MAX) != 0 ||
        getsockname(m->listen_fd, (struct sockaddr *)&a.address, &a.size) != 0) {
        return ph_error_set(err, PH_ERR_CONFIG, "the metrics page cannot listen at %s: %s",
                            m->address, strerror(errno));
    }
    metrics_address_format(&a, m->address, sizeof m->address); /* with the port that 0 became */
    return PH_OK;
}

static int32_t start(struct metrics_server *m, struct ph_error *err)
{
    m->daemon = m->http->start_daemon(
        MHD_USE_EPOLL, 0, NULL, NULL, on_request, m, MHD_OPTION_LISTEN_SOCKET, m->listen_fd,
        MHD_OPTION_CONNECTION_LIMIT, METRICS_CLIENTS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
        METRICS_TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, CLIENT_MEMORY_MAX, MHD_OPTION_END);
    const union MHD_DaemonInfo *info =
        m->daemon != NULL ? m->http->get_daemon_info(m->daemon, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
    if (info == NULL) {
        return ph_error_set(err, PH_ERR_FATAL, "the metrics page at %s cannot be served",
                            m->address);
    }
    m->fd = info->epoll_fd;
    return PH_OK;
}

struct metrics_server *metrics_server_create(const char *listen_text, const struct stats *s,
                                             struct ph_error *err)
{
    struct metrics_server *m = calloc(1, sizeof *m);
    if (m == NULL) {
        (void)ph_error_set(err, PH_ERR_FATAL, "out of memory for the metrics page");
        return NULL;
    }
    m->stats = s;
    m->listen_fd = -1;
    m->fd = -1;
    m->http = microhttpd_load(err);
    if (m->http == NULL || listen_at(m, listen_text, err) != PH_OK || start(m, err) != PH_OK) {
        metrics_server_destroy(m);
        return NULL;
    }
    return m;
}

void metrics_server_destroy(struct metrics_server *m)
{
    if (m == NULL) {
        return;
    }
    if (m->daemon != NULL) {
        m->http->stop_daemon(m->daemon);
    } else if (m->listen_fd >= 0) {
        (void)close(m->listen_fd);
    }
    free(m);
}

const char *metrics_server_address(const struct metrics_server *m)
{
    return m->address;
}

int metrics_server_fd(const struct metrics_server *m)
{
    return m->fd;
}

int64_t metrics_server_due_ns(const struct metrics_server *m)
{
    MHD_UNSIGNED_LONG_LONG ms;
    if (m->http->get_timeout(m->daemon, &ms) != MHD_YES) {
        return 0;
    }
    return clock_monotonic_ns() + (int64_t)ms * CLOCK_NS_PER_MS;
}

void metrics_server_serve(struct metrics_server *m)
{
    (void)m->http->run(m->daemon);
}
