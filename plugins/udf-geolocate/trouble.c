/* SPDX-License-Identifier: Apache-2.0 */
#include "trouble.h"

#include <inttypes.h>

bool trouble_init(struct trouble *trouble, const struct ph_host *host, const struct ph_log *log,
                  const char *what)
{
    memset(trouble, 0, sizeof *trouble);
    trouble->host = host;
    trouble->log = log;
    trouble->what = what;
    trouble->is_open = pthread_mutex_init(&trouble->mutex, NULL) == 0;
    return trouble->is_open;
}

void trouble_fini(struct trouble *trouble)
{
    if (trouble->is_open) {
        (void)pthread_mutex_destroy(&trouble->mutex);
    }
    trouble->is_open = false;
}

/* Writes the sentence into text, or "" where there is nothing to say now. */
static void take_sentence(struct trouble *trouble, int64_t now_ns, bool at_once, char *text,
                          size_t size)
{
    bool is_time = trouble->said_ns == 0 || now_ns - trouble->said_ns >= TROUBLE_INTERVAL_NS;
    text[0] = '\0';
    if (trouble->unsaid > 0 && (is_time || at_once)) {
        (void)snprintf(text, size, "%" PRIu64 " %s %s; the last reason: %s", trouble->unsaid,
                       trouble->unsaid == 1 ? "address" : "addresses", trouble->what,
                       trouble->last_reason);
        trouble->unsaid = 0;
        trouble->said_ns = now_ns;
    }
}

static void say(const struct trouble *trouble, const char *text)
{
    if (text[0] != '\0' && trouble->log != NULL) {
        trouble->log->write(trouble->host, PH_LOG_WARNING, text);
    }
}

void trouble_note(struct trouble *trouble, int64_t now_ns, const char *reason)
{
    char text[320];
    (void)pthread_mutex_lock(&trouble->mutex);
    trouble->unsaid++;
    (void)snprintf(trouble->last_reason, sizeof trouble->last_reason, "%s", reason);
    take_sentence(trouble, now_ns, false, text, sizeof text);
    (void)pthread_mutex_unlock(&trouble->mutex);
    say(trouble, text);
}

void trouble_flush(struct trouble *trouble, int64_t now_ns, bool at_once)
{
    char text[320];
    (void)pthread_mutex_lock(&trouble->mutex);
    take_sentence(trouble, now_ns, at_once, text, sizeof text);
    (void)pthread_mutex_unlock(&trouble->mutex);
    say(trouble, text);
}
