/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/options.h"

#include "delivery/letter_time.h"
#include "manifest/nearest.h"
#include "stats/metrics_address.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    OPT_ENV_FILE = 256,
    OPT_PLUGIN_DIR,
    OPT_SET,
    OPT_LOG_FORMAT,
    OPT_FAIL_ON_DEAD_LETTER,
    OPT_TO_TERMINAL,
    OPT_LIMIT,
    OPT_LIVE,
    OPT_NO_LIVE,
    OPT_METRICS_LISTEN,
    OPT_STATE_DIR,
    OPT_PRINT,
    OPT_JSON,
    OPT_MARKDOWN,
    OPT_OPERATOR,
    OPT_UNTIL,
    OPT_YES,
    OPT_SINK,
    OPT_PARTITION,
    OPT_TO,
    OPT_FROM,
    OPT_DRY_RUN,
    OPT_VERSION
};

#define ON_RUN       (1u << COMMAND_RUN)
#define ON_VALIDATE  (1u << COMMAND_VALIDATE)
#define ON_CHECK     (1u << COMMAND_CHECK)
#define ON_INSPECT   (1u << COMMAND_INSPECT)
#define ON_PLUGIN    (1u << COMMAND_PLUGIN)
#define ON_STATUS    (1u << COMMAND_STATUS)
#define ON_LETTERS   (1u << COMMAND_DEADLETTER)
#define ON_POSITIONS (1u << COMMAND_POSITIONS)
#define ON_MANIFEST  (ON_RUN | ON_VALIDATE | ON_CHECK | ON_POSITIONS)
#define ON_ALL       (ON_MANIFEST | ON_INSPECT | ON_PLUGIN | ON_STATUS | ON_LETTERS)

static const struct {
    int value;
    const char *name;
    const char *argument; /* null = none */
    unsigned int commands;
    const char *doc;
} table[] = {
    {OPT_ENV_FILE, "env-file", "FILE", ON_MANIFEST | ON_STATUS | ON_LETTERS,
     "read ${VARIABLES} from FILE too; the environment wins (repeatable, the last counts)"},
    {OPT_PLUGIN_DIR, "plugin-dir", "DIR", ON_MANIFEST | ON_INSPECT | ON_PLUGIN | ON_LETTERS,
     "look for plugins in DIR first (repeatable)"},
    {OPT_SET, "set", "OPERATOR/POINTER=VALUE", ON_MANIFEST | ON_STATUS | ON_LETTERS,
     "change one value of the manifest, \"events/config/topic=t\" or \"/parallelism=3\" "
     "(repeatable)"},
    {OPT_LOG_FORMAT, "log-format", "text|json", ON_MANIFEST | ON_LETTERS,
     "how lines on stderr look"},
    {OPT_FAIL_ON_DEAD_LETTER, "fail-on-dead-letter", NULL, ON_RUN,
     "exit 1 when a record was set aside"},
    {OPT_LIVE, "live", NULL, ON_RUN, "show the live view also with --quiet or a JSON log"},
    {OPT_NO_LIVE, "no-live", NULL, ON_RUN, "show no live view on a terminal"},
    {OPT_METRICS_LISTEN, "metrics-listen", "[ADDR:]PORT", ON_RUN,
     "serve /metrics, /health and /ready by HTTP, on loopback unless ADDR is given"},
    {OPT_TO_TERMINAL, "to-terminal", NULL, ON_RUN,
     "print the rows instead of writing them to the sinks; keeps no positions and writes no file"},
    {OPT_LIMIT, "limit", "N", ON_RUN | ON_LETTERS,
     "with --to-terminal: end after N rows of each sink; deadletter show: the first N"},
    {'v', "verbose", NULL, ON_MANIFEST | ON_LETTERS, "say more"},
    {'q', "quiet", NULL, ON_MANIFEST | ON_LETTERS, "say only warnings and errors"},
    {OPT_STATE_DIR, "state-dir", "DIR", ON_STATUS, "the state_dir of the pipeline to ask"},
    {OPT_PRINT, "print", NULL, ON_VALIDATE,
     "print the manifest with variables and --set in place and defaults filled in, secrets as ***"},
    {OPT_JSON, "json", NULL, ON_INSPECT | ON_PLUGIN | ON_STATUS | ON_LETTERS | ON_POSITIONS,
     "print JSON"},
    {OPT_MARKDOWN, "markdown", NULL, ON_INSPECT, "print a reference page"},
    {OPT_OPERATOR, "operator", "NAME", ON_LETTERS, "only letters of this operator"},
    {OPT_UNTIL, "until", "TIME", ON_LETTERS, "only letters up to this time, as they tell it"},
    {OPT_YES, "yes", NULL, ON_LETTERS, "confirm deadletter discard"},
    {OPT_SINK, "sink", "NAME", ON_POSITIONS, "the positions of this sink only"},
    {OPT_PARTITION, "partition", "[TOPIC/]N", ON_POSITIONS, "this partition only"},
    {OPT_TO, "to", "PLACE", ON_POSITIONS,
     "with set: earliest, latest, an offset, or a time as startup_timestamp takes it"},
    {OPT_FROM, "from", "PIPELINE", ON_POSITIONS, "with rename: the pipeline's former name"},
    {OPT_DRY_RUN, "dry-run", NULL, ON_POSITIONS, "print what would change, and change nothing"},
    {'h', "help", NULL, ON_ALL, "print this and exit"},
    {OPT_VERSION, "version", NULL, ON_ALL, "print the version and exit"},
};

#define TABLE_SIZE (sizeof table / sizeof table[0])

static const struct {
    const char *name;
    enum command command;
    const char *argument;
    const char *doc;
} commands[] = {
    {"run", COMMAND_RUN, "MANIFEST.json", "run a pipeline (the word \"run\" may be left out)"},
    {"validate", COMMAND_VALIDATE, "MANIFEST.json",
     "check a manifest, its plugins and their configuration; uses no network"},
    {"check", COMMAND_CHECK, "MANIFEST.json",
     "try every connection, and show the first records; writes nothing"},
    {"inspect", COMMAND_INSPECT, "PLUGIN",
     "print what a plugin is, takes and counts; PLUGIN is a file or a name"},
    {"plugin", COMMAND_PLUGIN, "list",
     "print the plugins that a manifest may name, and the files that are refused"},
    {"status", COMMAND_STATUS, "[PIPELINE]",
     "print what a running pipeline does, by its name or manifest; without a name: every "
     "pipeline of this user"},
    {"deadletter", COMMAND_DEADLETTER, "list FILE",
     "count the dead letters of a file and its older ones, by operator and reason"},
    {"deadletter", COMMAND_DEADLETTER, "show FILE", "print them in full"},
    {"deadletter", COMMAND_DEADLETTER, "replay MANIFEST.json [FILE]",
     "send their records through what is behind the operator that set them aside"},
    {"deadletter", COMMAND_DEADLETTER, "discard FILE",
     "take them out of the file, into FILE.discarded"},
    {"positions", COMMAND_POSITIONS, "show|set|reset|rename MANIFEST.json",
     "print or change where the sinks of a stopped pipeline go on"},
};

#define COMMAND_COUNT (sizeof commands / sizeof commands[0])

#define HELP_COLUMN   26

void options_print_help(void)
{
    (void)printf("Usage: pipehost [COMMAND] FILE [OPTION...]\n\nCommands:\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        char left[64];
        int length = snprintf(left, sizeof left, "%s %s", commands[i].name, commands[i].argument);
        (void)printf("  %s", left);
        if (length > HELP_COLUMN) {
            (void)printf("\n  ");
            length = 0;
        }
        (void)printf("%*s %s\n", HELP_COLUMN - length, "", commands[i].doc);
    }
    (void)printf("\nOptions:\n");
    for (size_t i = 0; i < TABLE_SIZE; i++) {
        char left[64];
        const char *letter =
            table[i].value < 256 ? (char[]){'-', (char)table[i].value, ',', ' ', '\0'} : "";
        (void)snprintf(left, sizeof left, "%s--%s%s%s", letter, table[i].name,
                       table[i].argument != NULL ? " " : "",
                       table[i].argument != NULL ? table[i].argument : "");
        (void)printf("  %-32s %s\n", left, table[i].doc);
    }
    (void)printf("\nSignals: SIGTERM and SIGINT commit what is on its way and exit 0; a second one "
                 "stops at once.\n"
                 "Exit codes: 0 done, 1 failure, 64 usage, 75 runs already, 77 taken over by "
                 "another process,\n"
                 "78 wrong configuration.\n");
}

__attribute__((format(printf, 1, 2))) static bool usage(const char *format, ...)
{
    va_list args;
    char text[512];
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    (void)fprintf(stderr, "pipehost: %s\nTry \"pipehost --help\".\n", text);
    return false;
}

static bool append(const char **list, uint32_t *count, const char *value, const char *name)
{
    if (*count == OPTIONS_LIST_MAX) {
        return usage("too many %s options (at most %u)", name, OPTIONS_LIST_MAX);
    }
    list[(*count)++] = value;
    return true;
}

static bool check_folder(const char *path)
{
    struct stat st;
    if (stat(path, &st) == 0 && !S_ISDIR(st.st_mode)) {
        errno = ENOTDIR;
    } else if (access(path, R_OK | X_OK) == 0) {
        return true;
    }
    return usage("--plugin-dir %s: %s", path, strerror(errno));
}

static bool set_log_format(struct options *o, const char *value)
{
    if (strcmp(value, "text") == 0 || strcmp(value, "json") == 0) {
        o->log_format = value[0] == 'j' ? LOG_FORMAT_JSON : LOG_FORMAT_TEXT;
        return true;
    }
    return usage("--log-format is text or json, not %s", value);
}

static bool set_limit(struct options *o, const char *value)
{
    char *end = NULL;
    errno = 0;
    long long limit = strtoll(value, &end, 10);
    if (errno != 0 || end == value || *end != '\0' || limit <= 0) {
        return usage("--limit is a number of rows, 1 or more, not %s", value);
    }
    o->limit = (uint64_t)limit;
    return true;
}

static bool set_until(struct options *o, const char *value)
{
    o->until_us = letter_time_read(value, strlen(value));
    return o->until_us > 0 ||
           usage("--until is a time like 2026-01-31T12:00:00.123456Z, not %s", value);
}

static bool set_metrics_listen(struct options *o, const char *value)
{
    struct metrics_address address;
    struct ph_error err;
    ph_error_clear(&err);
    o->metrics_listen = value;
    return metrics_address_parse(&address, value, &err) == PH_OK || usage("%s", err.text);
}

/* Where an option's text goes as it is; null: it is no such option. */
static const char **text_of(struct options *o, int option)
{
    switch (option) {
    case OPT_STATE_DIR:
        return &o->state_dir;
    case OPT_SINK:
        return &o->sink;
    case OPT_PARTITION:
        return &o->partition;
    case OPT_TO:
        return &o->to;
    case OPT_FROM:
        return &o->from;
    case OPT_OPERATOR:
        return &o->operator_name;
    default:
        return NULL;
    }
}

static bool apply(struct options *o, int option, const char *value)
{
    if (text_of(o, option) != NULL) {
        *text_of(o, option) = value;
        return true;
    }
    switch (option) {
    case OPT_ENV_FILE:
        return append(o->env_files, &o->env_file_count, value, "--env-file");
    case OPT_PLUGIN_DIR:
        return check_folder(value) &&
               append(o->plugin_dirs, &o->plugin_dir_count, value, "--plugin-dir");
    case OPT_SET:
        return append(o->sets, &o->set_count, value, "--set");
    case OPT_METRICS_LISTEN:
        return set_metrics_listen(o, value);
    case OPT_LOG_FORMAT:
        return set_log_format(o, value);
    case OPT_FAIL_ON_DEAD_LETTER:
        o->fail_on_dead_letter = true;
        return true;
    case OPT_TO_TERMINAL:
        o->to_terminal = true;
        return true;
    case OPT_LIMIT:
        return set_limit(o, value);
    case OPT_LIVE:
        o->live = true;
        o->no_live = false;
        return true;
    case OPT_NO_LIVE:
        o->live = false;
        o->no_live = true;
        return true;
    case OPT_PRINT:
        o->print = true;
        return true;
    case OPT_JSON:
        o->json = true;
        return true;
    case OPT_MARKDOWN:
        o->markdown = true;
        return true;
    case OPT_UNTIL:
        return set_until(o, value);
    case OPT_YES:
        o->yes = true;
        return true;
    case OPT_DRY_RUN:
        o->dry_run = true;
        return true;
    case 'v':
        o->log_level = PH_LOG_DEBUG;
        return true;
    case 'q':
        o->log_level = PH_LOG_WARNING;
        return true;
    case 'h':
        o->command = COMMAND_HELP;
        return true;
    case OPT_VERSION:
        o->command = COMMAND_VERSION;
        return true;
    default:
        (void)fprintf(stderr, "Try \"pipehost --help\".\n");
        return false;
    }
}

static bool allowed(const struct options *o, int option)
{
    for (size_t i = 0; i < TABLE_SIZE; i++) {
        if (table[i].value == option && (table[i].commands & (1u << o->command)) == 0) {
            return usage("this command does not take --%s", table[i].name);
        }
    }
    return true;
}

static bool take_verb(struct options *o, const char *word)
{
    static const char *const verbs[] = {"list", "show", "replay", "discard"};
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (strcmp(word, verbs[i]) == 0) {
            o->verb = (enum deadletter_verb)(DEADLETTER_LIST + i);
            return true;
        }
    }
    return usage("deadletter list, show, replay or discard, not %s", word);
}

/* What stands first and is no file can only be meant as a command. */
static bool is_no_file(const char *word)
{
    return strpbrk(word, "./") == NULL && access(word, F_OK) != 0;
}

static bool refuse_word(const char *word)
{
    struct nearest n;
    char hint[NEAREST_HINT_SIZE];
    nearest_init(&n, word);
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        nearest_offer(&n, commands[i].name);
    }
    return usage("there is no command and no file %.100s%s", word, nearest_hint(&n, hint));
}

static bool take_operand(struct options *o, const char *word, bool *has_command)
{
    for (size_t i = 0; i < COMMAND_COUNT && !*has_command && o->path == NULL; i++) {
        if (strcmp(word, commands[i].name) == 0) {
            o->command = commands[i].command;
            *has_command = true;
            return true;
        }
    }
    if (!*has_command && o->path == NULL && is_no_file(word)) {
        o->command = strcmp(word, "help") == 0 ? COMMAND_HELP : o->command;
        return o->command == COMMAND_HELP || refuse_word(word);
    }
    if (o->command == COMMAND_POSITIONS && o->action == NULL) {
        o->action = word;
        return true;
    }
    if (o->command == COMMAND_DEADLETTER && o->verb == DEADLETTER_NONE) {
        return take_verb(o, word);
    }
    if (o->path == NULL) {
        o->path = word;
    } else if (o->verb == DEADLETTER_REPLAY && o->second_path == NULL) {
        o->second_path = word;
    } else {
        return usage("one file at a time; unexpected argument %s", word);
    }
    return true;
}

static void fill_long_options(struct option *options)
{
    for (size_t i = 0; i < TABLE_SIZE; i++) {
        options[i] =
            (struct option){.name = table[i].name,
                            .has_arg = table[i].argument != NULL ? required_argument : no_argument,
                            .val = table[i].value};
    }
    options[TABLE_SIZE] = (struct option){0};
}

static bool check_positions(const struct options *o)
{
    static const char *const actions[] = {"show", "set", "reset", "rename"};
    const char *action = o->action != NULL ? o->action : "";
    bool is_known = false;
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        is_known = is_known || strcmp(action, actions[i]) == 0;
    }
    if (!is_known) {
        return usage("write pipehost positions show, set, reset or rename, then the manifest");
    }
    if ((strcmp(action, "set") == 0) != (o->to != NULL)) {
        return usage("--to goes with positions set");
    }
    if ((strcmp(action, "rename") == 0) != (o->from != NULL)) {
        return usage("--from goes with positions rename");
    }
    if (o->partition != NULL && strcmp(action, "rename") == 0) {
        return usage("positions rename moves all partitions");
    }
    return true;
}

static bool name_the_file(const struct options *o)
{
    size_t i = 0;
    while (commands[i].command != o->command) {
        i++;
    }
    return usage("name a %s: pipehost %s %s", o->command == COMMAND_INSPECT ? "plugin" : "manifest",
                 commands[i].name, commands[i].argument);
}

bool options_parse(struct options *o, int argc, char **argv)
{
    struct option longs[TABLE_SIZE + 1];
    int seen[2 * OPTIONS_LIST_MAX + TABLE_SIZE];
    size_t seen_count = 0;
    bool has_command = false;
    int option;
    static char name[] = "pipehost";
    *o = (struct options){.command = COMMAND_RUN, .log_level = PH_LOG_INFO};
    fill_long_options(longs);
    if (argc > 0) {
        argv[0] = name; /* what getopt's own messages begin with */
    }
    /* "-" gives operands in order as option 1, so that a command may stand before or between
     * options. */
    while ((option = getopt_long(argc, argv, "-vqh", longs, NULL)) != -1) {
        if (option == 1 ? !take_operand(o, optarg, &has_command) : !apply(o, option, optarg)) {
            return false;
        }
        if (o->command == COMMAND_HELP || o->command == COMMAND_VERSION) {
            return true;
        }
        if (option != 1 && seen_count < sizeof seen / sizeof seen[0]) {
            seen[seen_count++] = option;
        }
    }
    for (; optind < argc; optind++) {
        if (!take_operand(o, argv[optind], &has_command)) {
            return false;
        }
    }
    for (size_t i = 0; i < seen_count; i++) {
        if (!allowed(o, seen[i])) {
            return false;
        }
    }
    if (o->live && isatty(STDERR_FILENO) != 1) {
        return usage("--live needs a terminal at stderr");
    }
    if (o->limit != 0 && !o->to_terminal && o->command != COMMAND_DEADLETTER) {
        return usage("--limit goes with --to-terminal");
    }
    if (o->command == COMMAND_DEADLETTER && o->path == NULL) {
        return usage("write pipehost deadletter list|show|discard FILE, or deadletter replay "
                     "MANIFEST.json [FILE]");
    }
    if (o->command == COMMAND_PLUGIN && (o->path == NULL || strcmp(o->path, "list") != 0)) {
        return usage("write pipehost plugin list");
    }
    if (o->until_us != 0 && o->verb == DEADLETTER_REPLAY) {
        return usage("a replay has no --until");
    }
    if (o->command == COMMAND_POSITIONS && !check_positions(o)) {
        return false;
    }
    return o->path != NULL || o->command == COMMAND_STATUS || name_the_file(o);
}
