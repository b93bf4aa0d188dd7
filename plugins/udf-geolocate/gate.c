/* SPDX-License-Identifier: Apache-2.0 */
#include "gate.h"

#include <string.h>

#define DOUBLINGS_MAX 4u

/* Requests at one time while the API is away and has not answered yet: one of them alone may be for
 * an address that it never answers. */
#define LIMIT_BEFORE_HEARD 8u

bool gate_init(struct gate *gate, uint32_t limit)
{
    memset(gate, 0, sizeof *gate);
    gate->limit = limit;
    gate->epoch = 1;
    gate->is_made = pthread_mutex_init(&gate->mutex, NULL) == 0;
    return gate->is_made;
}

void gate_fini(struct gate *gate)
{
    if (gate->is_made) {
        (void)pthread_mutex_destroy(&gate->mutex);
    }
    gate->is_made = false;
}

static bool has_room(const struct gate *gate)
{
    uint32_t limit = gate->limit;
    if (gate->tries || (gate->is_away && gate->heard[0].began_ns != 0)) {
        limit = 1;
    } else if (gate->is_away && limit > LIMIT_BEFORE_HEARD) {
        limit = LIMIT_BEFORE_HEARD;
    }
    return gate->in_flight < limit;
}

/* The poorest of those that wait never gives way, so room is always used. */
static bool poorer_lane_waits(const struct gate *gate, uint32_t lane)
{
    uint64_t waiting = gate->waiting & ~(UINT64_C(1) << lane);
    for (uint32_t i = 0; waiting != 0; i++, waiting >>= 1) {
        if ((waiting & 1) != 0 && gate->in_flight_of[i] < gate->in_flight_of[lane]) {
            return true;
        }
    }
    return false;
}

enum gate_answer gate_enter(struct gate *gate, uint32_t lane, int64_t now_ns, uint32_t *epoch,
                            int64_t *until_ns)
{
    enum gate_answer answer = GATE_FULL;
    (void)pthread_mutex_lock(&gate->mutex);
    if (gate->paused_until_ns > now_ns) {
        answer = GATE_SHUT;
        *until_ns = gate->paused_until_ns;
    } else if (has_room(gate) && !poorer_lane_waits(gate, lane)) {
        answer = GATE_IN;
        *epoch = gate->epoch;
        gate->in_flight++;
        gate->in_flight_of[lane]++;
    } else {
        /* Here and not in gate_settle: who leaves in between must see it. */
        gate->waiting |= UINT64_C(1) << lane;
    }
    (void)pthread_mutex_unlock(&gate->mutex);
    return answer;
}

void gate_leave(struct gate *gate, uint32_t lane)
{
    (void)pthread_mutex_lock(&gate->mutex);
    gate->in_flight--;
    gate->in_flight_of[lane]--;
    (void)pthread_mutex_unlock(&gate->mutex);
}

uint64_t gate_settle(struct gate *gate, uint32_t lane, bool is_refused)
{
    uint64_t bit = UINT64_C(1) << lane;
    uint64_t lanes;
    (void)pthread_mutex_lock(&gate->mutex);
    gate->waiting = is_refused ? gate->waiting | bit : gate->waiting & ~bit;
    lanes = has_room(gate) ? gate->waiting & ~bit : 0;
    (void)pthread_mutex_unlock(&gate->mutex);
    return lanes;
}

bool gate_pause(struct gate *gate, uint32_t epoch, enum gate_pause kind, int64_t now_ns,
                int64_t *pause_ns)
{
    bool is_now;
    (void)pthread_mutex_lock(&gate->mutex);
    is_now = gate->epoch == epoch;
    if (is_now) {
        uint32_t doublings =
            gate->failed_tries < DOUBLINGS_MAX ? gate->failed_tries : DOUBLINGS_MAX;
        if (kind == GATE_PAUSE_TRY) {
            *pause_ns *= INT64_C(1) << doublings;
            gate->failed_tries++;
            gate->tries = true;
        }
        *pause_ns = *pause_ns < GATE_PAUSE_MAX_NS ? *pause_ns : GATE_PAUSE_MAX_NS;
        gate->paused_until_ns = now_ns + *pause_ns;
        gate->epoch += gate->epoch == UINT32_MAX ? 2 : 1;
    }
    (void)pthread_mutex_unlock(&gate->mutex);
    return is_now;
}

bool gate_resume(struct gate *gate, uint32_t epoch)
{
    bool ended = false;
    (void)pthread_mutex_lock(&gate->mutex);
    if (gate->epoch == epoch && gate->paused_until_ns != 0) {
        ended = gate->tries;
        gate->tries = false;
        gate->failed_tries = 0;
        gate->paused_until_ns = 0;
    }
    (void)pthread_mutex_unlock(&gate->mutex);
    return ended;
}

static bool is_of(const struct heard *heard, const struct address *address)
{
    return memcmp(&heard->address, address, sizeof *address) == 0;
}

static void note_heard(struct heard heard[2], const struct address *address, int64_t began_ns)
{
    struct heard latest = {*address, began_ns};
    if (is_of(&heard[0], address)) {
        heard[0].began_ns = began_ns > heard[0].began_ns ? began_ns : heard[0].began_ns;
    } else if (began_ns > heard[0].began_ns) {
        heard[1] = heard[0];
        heard[0] = latest;
    } else if (began_ns > heard[1].began_ns) {
        heard[1] = latest;
    }
}

bool gate_hear(struct gate *gate, const struct address *address, int64_t began_ns)
{
    bool was_away;
    (void)pthread_mutex_lock(&gate->mutex);
    was_away = gate->is_away;
    gate->is_away = false;
    note_heard(gate->heard, address, began_ns);
    (void)pthread_mutex_unlock(&gate->mutex);
    return was_away;
}

int64_t gate_heard_ns(struct gate *gate, const struct address *other_than)
{
    int64_t heard_ns;
    (void)pthread_mutex_lock(&gate->mutex);
    heard_ns = gate->heard[is_of(&gate->heard[0], other_than) ? 1 : 0].began_ns;
    (void)pthread_mutex_unlock(&gate->mutex);
    return heard_ns;
}

void gate_lose(struct gate *gate)
{
    (void)pthread_mutex_lock(&gate->mutex);
    gate->is_away = true;
    (void)pthread_mutex_unlock(&gate->mutex);
}

bool gate_is_away(struct gate *gate)
{
    bool is_away;
    (void)pthread_mutex_lock(&gate->mutex);
    is_away = gate->is_away;
    (void)pthread_mutex_unlock(&gate->mutex);
    return is_away;
}

bool gate_probe(struct gate *gate, const struct address *other_than, struct address *address)
{
    const struct heard *heard;
    bool is_one;
    (void)pthread_mutex_lock(&gate->mutex);
    heard = &gate->heard[gate->probes % 2];
    if (heard->began_ns == 0 || is_of(heard, other_than)) {
        heard = &gate->heard[(gate->probes + 1) % 2];
    }
    is_one = gate->is_away && heard->began_ns != 0 && !is_of(heard, other_than);
    gate->probes += is_one ? 1 : 0;
    *address = heard->address;
    (void)pthread_mutex_unlock(&gate->mutex);
    return is_one;
}

bool gate_is_shut(struct gate *gate, int64_t now_ns)
{
    bool is_shut;
    (void)pthread_mutex_lock(&gate->mutex);
    is_shut = gate->tries || gate->is_away || gate->paused_until_ns > now_ns;
    (void)pthread_mutex_unlock(&gate->mutex);
    return is_shut;
}

bool gate_is_trying(struct gate *gate)
{
    bool tries;
    (void)pthread_mutex_lock(&gate->mutex);
    tries = gate->tries;
    (void)pthread_mutex_unlock(&gate->mutex);
    return tries;
}
