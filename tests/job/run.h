/* SPDX-License-Identifier: Apache-2.0 */
/** A pipeline under test: its folder, its processes one after the other, what it logged, the stage.
 * Every wait has a deadline; a failure shows the log. */
#ifndef TESTS_JOB_RUN_H
#define TESTS_JOB_RUN_H

#include "stage.h"

#include <check.h>
#include <sys/types.h>

#define RUN_WAIT_S 180

struct run {
    char dir[64];
    struct stage *stage;
    pid_t pid; /* 0 = none runs */
    char log[65536];
    struct seen *seen; /* of the sinks' logs, by slot */
};

/* Manifests are written with ' for ". An operator's CONFIG goes on behind its slot: ",'every':3".
 */
#define OPERATOR(NAME, PLUGIN, SLOT, INPUT, CONFIG)                                                \
    "{'name':'" NAME "','plugin':'stage:" PLUGIN "'," INPUT                                        \
    "'config':{'stage':'stage.bin','slot':" #SLOT CONFIG "}}"
#define SOURCE(SLOT, CONFIG)                                                                       \
    "{'name':'s" #SLOT                                                                             \
    "','plugin':'stage:source','config':{'stage':'stage.bin','slot':" #SLOT CONFIG                 \
    "},'format':{'json':{'fields':{'n':{'type':'int64','required':true},'p':'int32',"              \
    "'t':'string'}}}}"
#define UDF(NAME, SLOT, INPUT, CONFIG) OPERATOR(NAME, "udf", SLOT, "'input':'" INPUT "',", CONFIG)
#define ASYNC(NAME, SLOT, INPUT, CONFIG)                                                           \
    OPERATOR(NAME, "async", SLOT, "'input':'" INPUT "',", CONFIG)
#define SINK(NAME, SLOT, INPUT, CONFIG) OPERATOR(NAME, "sink", SLOT, "'input':'" INPUT "',", CONFIG)
#define PIPELINE(TOP, OPERATORS)                                                                   \
    "{'pipeline':'p','state_dir':'state'," TOP "'operators':[" OPERATORS "]}"

/* A new folder with an empty stage. */
void run_init(struct run *r);
/* Ends what still runs, removes the folder. */
void run_fini(struct run *r);
void run_write_manifest(struct run *r, const char *text);
/* Starts `pipehost p.json`; args: more arguments, ended by null, or null. Its log begins anew. */
void run_start(struct run *r, const char *const *args);
/* Starts `pipehost WORDS`, ended by null, in the run's folder; what it prints goes to `out` there.
 */
void run_start_command(struct run *r, const char *const *words);
/* The exit status, 128 + the signal's number where one ended it. */
int run_wait(struct run *r);
/* Waits for the end; the exit status must be this one. */
void run_ends(struct run *r, int status);
/* write_manifest, start, wait. */
int run_whole(struct run *r, const char *manifest);
/* The same; the exit status must be this one. */
void run_expect(struct run *r, const char *manifest, int status);
/* The least memory that the manifest may have, as the refusal of 1 MiB tells it. */
unsigned long run_needed_mib(struct run *r);
void run_signal(struct run *r, int signal);
/* Waits until the condition holds; the process must not end before. */
void run_until(struct run *r, bool (*holds)(struct run *r, void *arg), void *arg, const char *what);
/* Waits until the log has the text. */
void run_until_logged(struct run *r, const char *text);
void run_read_log(struct run *r);
bool run_has_logged(struct run *r, const char *text);
/* CPU time of the running process, ns. */
int64_t run_cpu_ns(struct run *r);
/* The clock that only goes forward. */
int64_t run_now_ns(void);

/* Rows that a sink has for (source, partition, offset); all its lanes. */
uint32_t run_count(const struct run *r, uint32_t sink, uint32_t source, uint32_t partition,
                   int64_t offset);
/* All rows of a sink. */
uint64_t run_rows(const struct run *r, uint32_t sink);
/* The position of a partition in a sink, -1 = none. */
int64_t run_position(const struct run *r, uint32_t sink, uint32_t source, uint32_t partition);

/* How many rows are right for an offset. */
typedef uint32_t (*run_expected)(int64_t offset);
/* Every record of `partitions` partitions has the expected rows, sub-indexes 0, 1, …, and the
 * positions are at the end. */
void run_check(const struct run *r, uint32_t sink, uint32_t source, uint32_t partitions,
               int64_t records, run_expected expected);
/* Lines of the dead-letter file that have the text. */
uint32_t run_letters(const struct run *r, const char *text);

uint32_t run_once(int64_t offset); /* 1 */

#endif
