/* SPDX-License-Identifier: Apache-2.0 */
/** The command line. One table says which options a command takes; --help is printed from it. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "base/log.h"

#define OPTIONS_LIST_MAX 64u

enum exit_status {
    EXIT_STATUS_OK = 0,
    EXIT_STATUS_FAILURE = 1,
    EXIT_STATUS_USAGE = 64,
    EXIT_STATUS_RUNNING = 75,
    EXIT_STATUS_CONFIG = 78
};

enum command {
    COMMAND_RUN,
    COMMAND_VALIDATE,
    COMMAND_CHECK,
    COMMAND_INSPECT,
    COMMAND_PLUGIN,
    COMMAND_STATUS,
    COMMAND_DEADLETTER,
    COMMAND_POSITIONS,
    COMMAND_HELP,
    COMMAND_VERSION
};

enum deadletter_verb {
    DEADLETTER_NONE,
    DEADLETTER_LIST,
    DEADLETTER_SHOW,
    DEADLETTER_REPLAY,
    DEADLETTER_DISCARD
};

struct options {
    enum command command;
    enum deadletter_verb verb;
    const char *second_path; /**< deadletter replay: the file; null = the manifest's */
    const char *operator_name;
    int64_t until_us; /**< 0 = not given */
    bool yes;
    const char
        *path; /**< the manifest, or the module; of status: a manifest, a pipeline, or null */
    const char *action; /**< of positions: show, set, reset or rename */
    const char *state_dir;
    const char *env_files[OPTIONS_LIST_MAX];
    uint32_t env_file_count;
    const char *plugin_dirs[OPTIONS_LIST_MAX];
    uint32_t plugin_dir_count;
    const char *sets[OPTIONS_LIST_MAX];
    uint32_t set_count;
    enum log_format log_format;
    int32_t log_level;
    bool fail_on_dead_letter;
    const char *metrics_listen;
    bool live;
    bool no_live;
    bool to_terminal;
    uint64_t limit; /**< rows of each sink, or letters; 0 = none was given */
    bool print;     /**< validate: the manifest as it is understood */
    bool json;
    bool markdown;
    const char *sink;      /**< positions: of this sink only, or null */
    const char *partition; /**< positions: N or TOPIC/N, or null */
    const char *to;        /**< positions set */
    const char *from;      /**< positions rename */
    bool dry_run;
};

/** False: a usage message was printed on stderr, exit with EXIT_STATUS_USAGE. */
__attribute__((warn_unused_result)) bool options_parse(struct options *o, int argc, char **argv);
void options_print_help(void);

#endif
