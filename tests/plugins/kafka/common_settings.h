/* SPDX-License-Identifier: Apache-2.0 */
/** What a manifest may say to either Kafka plugin, and each refusal's sentence. No network. */
#ifndef COMMON_SETTINGS_H
#define COMMON_SETTINGS_H

#include "harness.h"

#include <check.h>

#define BROKERS                                                                                    \
    {                                                                                              \
        .key = "brokers", .text = "127.0.0.1:9092"                                                 \
    }
#define PLACE                                                                                      \
    BROKERS,                                                                                       \
    {                                                                                              \
        .key = "topic", .text = "events"                                                           \
    }

/** The plugin at hand: the including test gives it. */
struct common_subject {
    /** The operator, configured; false: its harness has the error. */
    bool (*open)(const struct harness_setting *settings);
    struct harness *(*harness)(void);
    void (*close)(void);
};
extern const struct common_subject common_subject;

void accepts(const struct harness_setting *settings);
void refuses(const struct harness_setting *settings, const char *key, const char *sentence);
/** One property beside brokers and topic. */
void refuses_property(const char *name, const char *value, const char *sentence);
/** Those of both plugins; each closes the subject at its end. */
TCase *common_settings_tests(void);

#endif
