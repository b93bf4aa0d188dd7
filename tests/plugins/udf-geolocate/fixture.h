/* SPDX-License-Identifier: Apache-2.0 */
/** The plugin in the fake host, with a scripted server as its API. */
#ifndef GEOLOCATE_TEST_FIXTURE_H
#define GEOLOCATE_TEST_FIXTURE_H

#include "harness.h"
#include "server.h"

#define FIXTURE_LANES_MAX 3u
/** Every wait of a test ends after this, at the latest. */
#define FIXTURE_DEADLINE_MS 200000

struct fixture {
    struct server *server; /**< null where the test needs none */
    struct harness *harness;
    struct harness_task *lanes[FIXTURE_LANES_MAX];
    struct harness_out outs[FIXTURE_LANES_MAX];
    uint32_t lane_count;
};

/** How the API answers: {"country_code":"C","region_name":"R","city_name":"ADDRESS"}. */
void fixture_answer(void *context, const char *target, uint32_t number, struct server_reply *reply);

/** Starts a server with the script (null = fixture_answer) and opens lane_count lanes whose
 * endpoint it is. settings come on top of that. */
void fixture_open(struct fixture *f, uint32_t lane_count, server_script script, void *context,
                  const struct harness_setting *settings, uint32_t count);
/** The same without a server: settings name the endpoint. */
void fixture_open_alone(struct fixture *f, uint32_t lane_count,
                        const struct harness_setting *settings, uint32_t count);
/** Checks that nothing leaked. */
void fixture_close(struct fixture *f);

/** Offers a batch of these addresses (null = null) and keeps no reference. What offer answered. */
int32_t fixture_offer(struct fixture *f, uint32_t lane, const char *const *addresses,
                      uint32_t count);
/** What next answered. */
int32_t fixture_next(struct fixture *f, uint32_t lane);
/** Works on all lanes until this lane has emitted that many batches. */
void fixture_run_until(struct fixture *f, uint32_t lane, uint32_t emitted);
/** Works on all lanes until the server was asked that many times. */
void fixture_run_until_asked(struct fixture *f, uint32_t requests);
/** Works on all lanes until a call fails; its error is in harness->error. */
void fixture_run_until_error(struct fixture *f);

/** As fixture_run_until, but calls again where a call asks for that, as the host does after a
 * pause. Answers how often. */
uint32_t fixture_run_patiently(struct fixture *f, uint32_t lane, uint32_t emitted);

/** Row of an emitted batch; text null = null. */
void fixture_expect(struct fixture *f, uint32_t lane, uint32_t batch, uint32_t row,
                    const char *text);
/** The row is what fixture_answer gave for that address. */
void fixture_expect_place(struct fixture *f, uint32_t lane, uint32_t batch, uint32_t row,
                          const char *address);
int64_t fixture_counter(const struct fixture *f, const char *name);

#endif
