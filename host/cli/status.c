/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

#include "base/clock.h"
#include "cli/table.h"
#include "manifest/manifest.h"
#include "manifest/state_folder.h"
#include "stats/control_socket.h"

#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- what a pipeline answered, as a snapshot again ---- */

static double number(const json_t *o, const char *name)
{
    return json_number_value(json_object_get(o, name));
}

static const char *text(const json_t *o, const char *name)
{
    const char *value = json_string_value(json_object_get(o, name));
    return value != NULL ? value : "";
}

static bool read_counters(struct stats_operator *o, json_t *counters)
{
    const char *name;
    json_t *value;
    uint32_t i = 0;
    if (!stats_add_counters(o, (uint32_t)json_object_size(counters))) {
        return false;
    }
    json_object_foreach(counters, name, value)
    {
        o->counters[i++] = (struct stats_counter){.name = name, .value = json_integer_value(value)};
    }
    return true;
}

static void read_waiting(struct stats_operator *o, const json_t *from, int64_t now_ns)
{
    const double second = (double)CLOCK_NS_PER_S;
    (void)snprintf(o->waiting, sizeof o->waiting, "%s", text(from, "waiting"));
    (void)snprintf(o->waiting_code, sizeof o->waiting_code, "%s", text(from, "waiting_code"));
    if (json_object_get(from, "waiting_s") != NULL) {
        int64_t since_ns = now_ns - (int64_t)(number(from, "waiting_s") * second);
        o->waiting_since_ns = since_ns > 0 ? since_ns : 1;
        o->retry_ns = now_ns + (int64_t)(number(from, "retry_in_s") * second);
    }
}

static bool read_operator(struct stats_operator *o, const json_t *from, int64_t now_ns)
{
    const json_t *lag = json_object_get(from, "lag_records");
    o->name = text(from, "name");
    o->totals.set_aside = (uint64_t)number(from, "set_aside");
    o->lag_records = lag != NULL ? json_integer_value(lag) : -1;
    o->in_per_s = number(from, "in_per_s");
    o->out_per_s = number(from, "out_per_s");
    o->busy = number(from, "busy");
    o->backpressured = number(from, "backpressured");
    o->idle = number(from, "idle");
    read_waiting(o, from, now_ns);
    return read_counters(o, json_object_get(from, "counters"));
}

/* The names stay those of `from`. */
static struct stats *read_status(const json_t *from)
{
    const json_t *operators = json_object_get(from, "operators");
    struct stats *s = stats_create((uint32_t)json_array_size(operators));
    if (s == NULL) {
        return NULL;
    }
    s->pipeline = text(from, "pipeline");
    s->taken_ns = (int64_t)(number(from, "uptime_s") * (double)CLOCK_NS_PER_S);
    s->in_per_s = number(from, "in_per_s");
    s->committed_per_s = number(from, "committed_per_s");
    s->committed = (uint64_t)number(from, "committed");
    s->set_aside = (uint64_t)number(from, "set_aside");
    for (int state = STATS_STARTING; state <= STATS_STOPPING; state++) {
        if (strcmp(text(from, "state"), stats_state_name((enum stats_state)state)) == 0) {
            s->state = (enum stats_state)state;
        }
    }
    for (uint32_t i = 0; i < s->operator_count; i++) {
        if (!read_operator(&s->operators[i], json_array_get(operators, i), s->taken_ns)) {
            stats_destroy(s);
            return NULL;
        }
    }
    return s;
}

/* ---- output ---- */

static void print_counters(const struct stats_operator *o)
{
    const char *before = "";
    for (uint32_t i = 0; i < o->counter_count; i++) {
        if (o->counters[i].value != 0) {
            (void)printf("%s%s %lld", before[0] == '\0' ? "    " : before, o->counters[i].name,
                         (long long)o->counters[i].value);
            before = ", ";
        }
    }
    (void)printf("%s", before[0] == '\0' ? "" : "\n");
}

static bool print_table(const json_t *status)
{
    const struct table_options options = {.columns = 4096, .ascii = table_needs_ascii()};
    struct stats *s = read_status(status);
    struct buf b;
    if (s == NULL) {
        return false;
    }
    buf_init(&b, 65536);
    for (uint32_t line = 0; line < table_lines(s->operator_count); line++) {
        buf_clear(&b);
        table_line(&b, s, line, &options);
        (void)printf("%s\n", b.data != NULL ? b.data : "");
        if (line >= 2) {
            print_counters(&s->operators[line - 2]);
        }
    }
    buf_fini(&b);
    stats_destroy(s);
    return true;
}

static bool print_answer(const struct options *o, const char *answer, struct ph_error *err)
{
    json_error_t at;
    json_t *root = json_loads(answer, 0, &at);
    json_t *status = json_object_get(root, "status");
    bool ok = status != NULL;
    if (!ok) {
        (void)ph_error_set(err, PH_ERR_FATAL, "the pipeline answered: %.400s", answer);
    } else if (o->json) {
        ok = json_dumpf(status, stdout, JSON_COMPACT) == 0 && printf("\n") > 0;
    } else {
        ok = print_table(status);
    }
    json_decref(root);
    return ok;
}

/* ---- one pipeline ---- */

/* PH_IDLE: none runs there, and nothing was said. */
static int32_t show(const struct options *o, const char *folder)
{
    struct ph_error err;
    struct buf answer;
    ph_error_clear(&err);
    buf_init(&answer, CONTROL_ANSWER_MAX);
    int32_t rc = control_socket_ask(folder, "{\"request\":\"status\"}", &answer, &err);
    if (rc == PH_OK && !print_answer(o, answer.data != NULL ? answer.data : "", &err)) {
        rc = PH_ERROR;
    }
    if (rc == PH_ERROR) {
        (void)fprintf(stderr, "pipehost: %s\n",
                      ph_error_is_set(&err) ? err.text : "the answer cannot be shown");
    }
    buf_fini(&answer);
    return rc;
}

static int show_one(const struct options *o, const char *what, const char *folder)
{
    int32_t rc = show(o, folder);
    if (rc == PH_IDLE) {
        (void)fprintf(stderr, "pipehost: %s does not run: nobody answers in %s\n", what, folder);
    }
    return rc == PH_OK ? EXIT_STATUS_OK : EXIT_STATUS_FAILURE;
}

/* Secrets may be set for the pipeline only: they are not needed to find it. */
static int show_manifest(const struct options *o)
{
    struct manifest *m = NULL;
    struct manifest_errors errs;
    struct manifest_options load = {.env_files = o->env_files,
                                    .env_file_count = o->env_file_count,
                                    .sets = o->sets,
                                    .set_count = o->set_count};
    for (int plain = 0; plain < 2 && m == NULL; plain++) {
        load.no_interpolation = plain == 1;
        manifest_errors_init(&errs);
        if (manifest_load(o->path, &load, &m, &errs) != PH_OK && plain == 1) {
            for (uint32_t i = 0; i < errs.errors.count; i++) {
                (void)fprintf(stderr, "%s\n", errs.errors.texts[i]);
            }
        }
        manifest_errors_fini(&errs);
    }
    int status = m != NULL ? show_one(o, m->pipeline, m->state_dir) : EXIT_STATUS_CONFIG;
    manifest_destroy(m);
    return status;
}

/* ---- several ---- */

static int show_all(const struct options *o, const char *folder)
{
    DIR *d = opendir(folder);
    struct dirent *entry;
    uint32_t shown = 0;
    bool failed = false;
    while (d != NULL && (entry = readdir(d)) != NULL) {
        char path[PATH_MAX];
        int length = snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (entry->d_name[0] == '.' || length < 0 || (size_t)length >= sizeof path) {
            continue;
        }
        int32_t rc = show(o, path);
        shown += rc == PH_OK ? 1 : 0;
        failed = failed || rc == PH_ERROR;
    }
    if (d != NULL) {
        (void)closedir(d);
    }
    if (shown == 0 && !failed) {
        (void)fprintf(stderr, "pipehost: no pipeline of this user runs with its state below %s\n",
                      folder);
    }
    return shown > 0 && !failed ? EXIT_STATUS_OK : EXIT_STATUS_FAILURE;
}

static bool is_manifest(const char *word)
{
    size_t length = strlen(word);
    return strchr(word, '/') != NULL || (length > 5 && strcmp(word + length - 5, ".json") == 0);
}

int command_status(const struct options *o)
{
    char folder[PATH_MAX];
    char path[PATH_MAX];
    int status;
    if (o->state_dir != NULL) {
        status = show_one(o, o->path != NULL ? o->path : "the pipeline", o->state_dir);
    } else if (o->path != NULL && is_manifest(o->path)) {
        status = show_manifest(o);
    } else if (!state_folder(getenv("XDG_STATE_HOME"), getenv("HOME"), folder, sizeof folder)) {
        (void)fprintf(stderr,
                      "pipehost: neither HOME nor XDG_STATE_HOME is set: give --state-dir\n");
        status = EXIT_STATUS_USAGE;
    } else if (o->path == NULL) {
        status = show_all(o, folder);
    } else {
        int length = snprintf(path, sizeof path, "%s/%s", folder, o->path);
        status = length > 0 && (size_t)length < sizeof path ? show_one(o, o->path, path)
                                                            : EXIT_STATUS_USAGE;
    }
    return fflush(stdout) == 0 && ferror(stdout) == 0 ? status : EXIT_STATUS_FAILURE;
}
