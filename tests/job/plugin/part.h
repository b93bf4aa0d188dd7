/* SPDX-License-Identifier: Apache-2.0 */
/** What the test plugins have in common: the mapped stage, the count of calls, faults on demand. */
#ifndef TESTS_JOB_PART_H
#define TESTS_JOB_PART_H

#include "../stage.h"

#include <pipehost/pipehost.h>

#define PART_FAULTS_MAX 8u

/* From the config key "fail": "POINT:FLAGS:FIRST:COUNT". */
struct part_fault {
    int point;
    uint32_t flags; /* 0: PH_ERROR without an error */
    uint64_t first; /* of the calls, from 1 */
    uint64_t count;
};

/* An operator object; every plugin's begins with it. */
struct part {
    struct stage *stage; /* null before init */
    uint32_t slot;
    const struct ph_host *host;
    const struct ph_wait *wait;
    const struct ph_clock *clock;
    const struct ph_batches *batches;
    const struct ph_epochs *epochs;
    const struct ph_config *config; /* of the running init */
    struct part_fault faults[PART_FAULTS_MAX];
    uint32_t fault_count;
    const char *mode;
    int64_t every;
};

#define PART_CONFIG_COUNT 5
#define PART_KEY(...)                                                                              \
    {                                                                                              \
        .size = sizeof(struct ph_config_key), __VA_ARGS__                                          \
    }
#define PART_INT(NAME, DEFAULT)                                                                    \
    PART_KEY(.type = PH_CONFIG_INT, .name = NAME, .doc = "see the plugin", .default_text = DEFAULT)
#define PART_KEYS                                                                                  \
    PART_KEY(.type = PH_CONFIG_PATH, .flags = PH_CONFIG_REQUIRED, .name = "stage",                 \
             .doc = "the shared file"),                                                            \
        PART_KEY(.type = PH_CONFIG_INT, .flags = PH_CONFIG_REQUIRED, .name = "slot",               \
                 .doc = "the operator's place in it"),                                             \
        PART_KEY(.type = PH_CONFIG_LIST, .name = "fail", .doc = "faults"),                         \
        PART_KEY(.type = PH_CONFIG_STRING, .name = "mode", .doc = "what it does",                  \
                 .default_text = "plain"),                                                         \
        PART_INT("every", "10")

/* Allocates size bytes that begin with a struct part. */
void *part_create(size_t size, const struct ph_host *host, struct ph_error *err);
int32_t part_init(struct part *p, const struct ph_config *config, struct ph_error *err);
void part_destroy(void *part);
bool part_is_mode(const struct part *p, const char *mode);

/* Counts a call; PH_ERROR with err set, or not, where a fault is due. */
int32_t part_at(struct part *p, enum stage_point point, uint32_t lane, struct ph_error *err);

/* The slot of a source by its name: "s3" is 3. */
uint8_t part_source_slot(const struct ph_partition *partition);

extern const struct ph_descriptor source_descriptor;
extern const struct ph_descriptor udf_descriptor;
extern const struct ph_descriptor pure_descriptor;
extern const struct ph_descriptor waits_descriptor;
extern const struct ph_descriptor stateful_descriptor;
extern const struct ph_descriptor async_descriptor;
extern const struct ph_descriptor sink_descriptor;
extern const struct ph_descriptor single_descriptor;
extern const struct ph_descriptor ephemeral_descriptor;
extern const struct ph_descriptor durable_descriptor;

#endif
