/* SPDX-License-Identifier: Apache-2.0 */
/** A task: one lane's held batches, its cache and its requests. */
#ifndef GEOLOCATE_LANE_H
#define GEOLOCATE_LANE_H

#include "calls.h"
#include "counters.h"
#include "front.h"
#include "geolocate.h"
#include "hold.h"

struct lane {
    struct geolocate *op;
    const struct ph_task *task;
    struct front front;
    struct holds holds;
    struct calls calls;
    bool uses_store;
    bool has_told; /**< the host was told to call again later, and no batch was taken since */
    uint32_t database_generation; /**< of the database that front's places stem from */
    uint32_t batch_number;        /**< of the batch that is looked up */
    struct ph_error error;        /**< of a call that could not tell it; told by offer or next */
    int64_t *cells[COUNTER_COUNT];
    int64_t spare_cells[COUNTER_COUNT]; /**< where the host counts nothing */
};

void *lane_create(void *op, const struct ph_task *task, struct ph_error *err);
void lane_destroy(void *self);
int32_t lane_activate(void *self, struct ph_error *err);
void lane_deactivate(void *self);
int32_t lane_ready(void *self, int fd, uint32_t events, struct ph_error *err);

int32_t lane_offer(void *self, const struct ph_batch *batch, struct ph_error *err);
int32_t lane_next(void *self, struct ph_out *out, struct ph_error *err);
int32_t lane_hand_back(void *self, const struct ph_batch **batches, uint32_t capacity,
                       uint32_t *count);

/** Finds or asks for the place of each row. False: no memory; the hold is as it was. In lookup.c */
bool lane_look_up(struct lane *lane, struct hold *hold, const struct ph_batch *batch,
                  int64_t now_ns) __attribute__((warn_unused_result));

/** Answers a place that the lane owns from the database, instead of the API. In verdict.c */
void lane_answer_offline(struct lane *lane, struct place *place, int64_t now_ns);

/** What finished requests mean for their places and for the API. In verdict.c */
extern const struct calls_events lane_events;

#endif
