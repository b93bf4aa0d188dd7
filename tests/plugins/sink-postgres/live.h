/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SINK_POSTGRES_LIVE_H
#define SINK_POSTGRES_LIVE_H

#include "rig.h"

#include <check.h>

TCase *types_tests(void);
TCase *poison_tests(void);
TCase *crowd_tests(void);
TCase *trial_tests(void);
TCase *owner_tests(void);
TCase *blocker_tests(void);
TCase *kept_tests(void);
TCase *ahead_tests(void);
TCase *durable_tests(void);
TCase *refusal_tests(void);
TCase *tls_tests(void);

#define assert_error(rig, kind, says)                                                              \
    do {                                                                                           \
        ck_assert_msg(rig_error(rig)->flags == (kind), "flags %u: %s", rig_error(rig)->flags,      \
                      rig_error(rig)->text);                                                       \
        ck_assert_msg(strstr(rig_error(rig)->text, says) != NULL, "%s", rig_error(rig)->text);     \
    } while (0)

#define assert_ok(rig, call) ck_assert_msg((call) == PH_OK, "%s", rig_error(rig)->text)

#endif
