/* SPDX-License-Identifier: Apache-2.0 */
#include "delivery/sink_driver.h"

#include "base/error.h"

/* How often the whole is written again without the rows that the sink named, before it is tried in
 * smaller parts. */
#define NAMED_ROUNDS_MAX 8u

static enum sink_step write_again(struct sink_driver *d)
{
    ph_error_clear(&d->error);
    d->end_now = true;
    return epoch_prune(d->epoch, d->durable, &d->error) == PH_OK ? SINK_PROGRESS : sink_fail(d);
}

/* Sets aside every row of the only source record that is ready. */
static int32_t set_record_aside(struct sink_driver *d, const char *code, const char *reason)
{
    struct epoch *e = d->epoch;
    for (uint32_t i = 0; i < e->ready; i++) {
        struct epoch_entry *entry = &e->entries[i];
        for (uint32_t row = 0; row < entry->written->row_count; row++) {
            if (epoch_is_dead(entry, row)) {
                continue;
            }
            if (d->env.set_aside(d->env.arg, entry->written, row, code, reason, &d->error) !=
                PH_OK) {
                return PH_ERROR;
            }
            if (!epoch_mark_dead(e, entry, row)) {
                return ph_error_set(&d->error, PH_ERR_FATAL, "out of memory for a refused row");
            }
        }
    }
    return PH_OK;
}

static enum sink_step narrow(struct sink_driver *d, uint64_t records)
{
    struct ph_error why = d->error;
    if (records == 0 || records == UINT64_MAX) {
        d->error.flags = PH_ERR_FATAL;
        error_prefix(&d->error, records == 0
                                    ? "an epoch without rows was refused"
                                    : "rows were refused without being named, and the rows of this "
                                      "epoch stem from no single record");
        return sink_fail(d);
    }
    if (records > 1) {
        d->window = records / 2;
        return write_again(d);
    }
    ph_error_clear(&d->error);
    if (set_record_aside(d, why.foreign_code[0] != '\0' ? why.foreign_code : "refused", why.text) !=
        PH_OK) {
        return sink_recover(d);
    }
    return write_again(d);
}

enum sink_step sink_poison_handle(struct sink_driver *d)
{
    uint64_t records = epoch_count_records(d->epoch);
    d->ops->abort(d->task);
    d->written = 0;
    d->has_announced = false;
    d->in_doubt = false;
    d->state = SINK_STATE_OPEN;
    if (d->rejected == 0) {
        return narrow(d, records);
    }
    if (++d->rounds > NAMED_ROUNDS_MAX && records > 1 && records != UINT64_MAX) {
        d->window = records / 2;
    }
    return write_again(d);
}

void sink_poison_committed(struct sink_driver *d)
{
    d->rounds = 0;
    d->end_now = d->epoch->row_count > 0 && d->window > 0;
    d->window = d->end_now && d->window <= UINT64_MAX / 2 ? d->window * 2 : 0;
}
