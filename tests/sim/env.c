/* SPDX-License-Identifier: Apache-2.0 */
/* What surrounds a driver: clock, input, letters, ledger; and the accounts of its rows. */
#include "sim.h"

static int64_t env_now_ns(void *arg)
{
    return ((struct sim_task *)arg)->process->world->now_ns;
}

static uint64_t env_random(void *arg)
{
    return sim_draw(((struct sim_task *)arg)->process->world, UINT64_MAX);
}

static void env_release(void *arg, const struct ph_batch *batch)
{
    (void)arg;
    sim_batch_release(batch);
}

static const struct ph_batch *env_filter(void *arg, const struct ph_batch *batch,
                                         const uint8_t *keep)
{
    (void)arg;
    return sim_batch_filter(batch, keep);
}

static bool env_next(void *arg, const struct ph_batch **batch)
{
    struct sim_task *t = arg;
    if (!sim_queue_take(t, batch)) {
        return false;
    }
    for (uint32_t row = 0; *batch != NULL && row < (*batch)->row_count; row++) {
        t->taken++;
        t->known += (*batch)->offsets[row] < t->driver->durable[(*batch)->partition_ids[row]];
    }
    return true;
}

static int32_t env_set_aside(void *arg, const struct ph_batch *batch, uint32_t row,
                             const char *code, const char *reason, struct ph_error *err)
{
    struct sim_task *t = arg;
    const struct sim_world *w = t->process->world;
    struct sim_row r = sim_batch_row(batch, row);
    bool is_bad = sim_judge(w, t->sink, &r) != SIM_FINE;
    bool has_fellow =
        w->shape.sinks[t->sink].naming != SIM_NAMED && sim_has_bad_row(w, t->sink, &r);
    (void)reason;
    SIM_MUST(is_bad || has_fellow, "sink %u: the good row %u/%lld.%u is set aside (%s)", t->sink,
             r.partition, (long long)r.offset, r.sub, code);
    if (sim_letters_add(t, &r) != PH_OK) {
        return ph_error_set(err, PH_ERR_RETRIABLE, "the simulated disk is full");
    }
    t->aside++;
    return PH_OK;
}

static int32_t env_sync(void *arg, struct ph_error *err)
{
    struct sim_task *t = arg;
    struct sim_world *w = t->process->world;
    if (!sim_process_call(t->process) || sim_chance(w, w->shape.fault_percent)) {
        return ph_error_set(err, PH_ERR_RETRIABLE, "the simulated disk is slow");
    }
    sim_letters_sync(t->process);
    return PH_OK;
}

static void env_committed(void *arg, const struct ph_position *positions, uint32_t count,
                          uint64_t row_count)
{
    struct sim_task *t = arg;
    const struct sim_world *w = t->process->world;
    bool is_kept = w->shape.sinks[t->sink].delivery == PH_DELIVERY_TRANSACTIONAL;
    t->reported += row_count;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t id = positions[i].partition_id;
        int64_t at = positions[i].next_offset;
        SIM_MUST(at >= t->acknowledged[id], "sink %u: partition %u is acknowledged back to %lld",
                 t->sink, id, (long long)at);
        SIM_MUST(!is_kept || at <= w->stores[t->sink].positions[id],
                 "sink %u: %u/%lld is acknowledged and not durable", t->sink, id, (long long)at);
        t->acknowledged[id] = at;
    }
}

static void env_trouble(void *arg, const struct ph_error *err, int64_t retry_in_ns)
{
    (void)arg;
    SIM_MUST(err == NULL || (err->flags & PH_ERR_RETRIABLE) != 0, "no trouble: %s", err->text);
    SIM_MUST(err == NULL || (retry_in_ns > 0 && retry_in_ns <= BACKOFF_LAST_NS),
             "the next try is in %lld ns", (long long)retry_in_ns);
}

/* ---- the ledger ---- */

static int32_t env_load(void *arg, const struct ph_partition *partitions, uint32_t count,
                        struct ph_position *positions, struct ph_error *err)
{
    struct sim_task *t = arg;
    struct sim_world *w = t->process->world;
    if (!sim_process_call(t->process) || sim_chance(w, w->shape.fault_percent)) {
        t->must_abort = true;
        return ph_error_set(err, PH_ERR_RETRIABLE, "the simulated ledger cannot be read");
    }
    for (uint32_t i = 0; i < count; i++) {
        positions[i].next_offset =
            w->stores[t->sink].ledgers[t->process->machine][partitions[i].id];
    }
    return PH_OK;
}

static int32_t env_store(void *arg, const struct ph_position *positions, uint32_t count,
                         struct ph_error *err)
{
    struct sim_task *t = arg;
    struct sim_world *w = t->process->world;
    struct sim_store *s = &w->stores[t->sink];
    if (!sim_process_call(t->process) || sim_chance(w, w->shape.fault_percent)) {
        return ph_error_set(err, PH_ERR_RETRIABLE, "the simulated ledger cannot be written");
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t id = positions[i].partition_id;
        SIM_MUST(positions[i].next_offset > s->ledgers[t->process->machine][id],
                 "sink %u: the ledger of %u goes back to %lld", t->sink, id,
                 (long long)positions[i].next_offset);
        s->ledgers[t->process->machine][id] = positions[i].next_offset;
        s->positions[id] = positions[i].next_offset;
    }
    s->unstored[t->lane] = 0;
    return PH_OK;
}

struct sink_env sim_env_of(struct sim_task *t)
{
    bool has_ledger = t->process->world->shape.sinks[t->sink].delivery == PH_DELIVERY_DURABLE;
    return (struct sink_env){.arg = t,
                             .memory = {.arg = t, .release = env_release, .filter = env_filter},
                             .now_ns = env_now_ns,
                             .random = env_random,
                             .next = env_next,
                             .set_aside = env_set_aside,
                             .sync = env_sync,
                             .committed = env_committed,
                             .load = has_ledger ? env_load : NULL,
                             .store = has_ledger ? env_store : NULL,
                             .trouble = env_trouble};
}

/* ---- accounts ---- */

static uint64_t rows_in_flight(const struct epoch *e)
{
    uint64_t rows = 0;
    for (uint32_t i = 0; i < e->entry_count; i++) {
        const struct epoch_entry *entry = &e->entries[i];
        for (uint32_t row = 0; row < entry->batch->row_count; row++) {
            rows += entry->rows == NULL || entry->rows[row] == EPOCH_ROW_WRITTEN ||
                    entry->rows[row] == EPOCH_ROW_HELD;
        }
    }
    return rows;
}

void sim_accounts_check(const struct sim_task *t)
{
    uint64_t in_flight = rows_in_flight(t->driver->epoch);
    SIM_MUST(t->taken == t->known + t->aside + t->reported + in_flight,
             "sink %u: %llu rows in are not %llu known + %llu dead + %llu out + %llu in flight",
             t->sink, (unsigned long long)t->taken, (unsigned long long)t->known,
             (unsigned long long)t->aside, (unsigned long long)t->reported,
             (unsigned long long)in_flight);
}
