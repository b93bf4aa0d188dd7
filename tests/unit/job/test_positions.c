/* SPDX-License-Identifier: Apache-2.0 */
/* Where a start begins with each partition: what its sinks have claimed, and what state_dir knows
 * of earlier runs, make one decision. All combinations are tried. */
#include "job/positions.h"

#include "base/log.h"
#include "job/tasks.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* t/1 is the one that is looked at, and it has one neighbour at most, t/0 or t/2; another topic's
 * partition must never count. */
enum { FOREIGN, IT, OTHER, PARTITION_COUNT };
enum { SOURCE, ROWS, COPIES, NODE_COUNT };
#define LANES   2
#define STARTUP 15

static struct job job;
static struct node nodes[NODE_COUNT];
static struct manifest manifest = {.path = "m.json"};
static struct manifest_operator operators[NODE_COUNT] = {
    {.name = "events"}, {.name = "rows"}, {.name = "copies"}};
static struct plugin source_plugin;
static struct plugin sink_plugin;
static struct task tasks[NODE_COUNT][LANES];
static struct task *lanes[NODE_COUNT][LANES];
static _Atomic int64_t committed[NODE_COUNT][PARTITIONS_MAX];
static bool sink_has_begun[NODE_COUNT][PARTITIONS_MAX];
static int64_t startup; /* what the startup mode says of every partition */
static bool was_asked[PARTITION_COUNT];
static struct ph_error err;

static int32_t resolve(void *task, const struct ph_partition *partitions, uint32_t count,
                       int64_t *next_offsets, struct ph_error *e)
{
    (void)task;
    (void)e;
    for (uint32_t i = 0; i < count; i++) {
        was_asked[partitions[i].id] = true;
        next_offsets[i] = startup;
    }
    return PH_OK;
}

static void make_node(uint32_t i)
{
    struct node *n = &nodes[i];
    *n = (struct node){.job = &job,
                       .manifest = &operators[i],
                       .index = i,
                       .plugin = i == SOURCE ? &source_plugin : &sink_plugin,
                       .tasks = lanes[i],
                       .task_count = LANES,
                       .committed = i == SOURCE ? NULL : committed[i],
                       .has_begun = i == SOURCE ? NULL : sink_has_begun[i],
                       .keeps_positions = i == ROWS};
    job.reaches[i][0] = UINT64_C(1) << SOURCE | UINT64_C(1) << i;
    struct sink_settings settings = {.keeps_positions = true, .max_rows = 8, .max_batches = 2};
    for (uint32_t lane = 0; lane < LANES; lane++) {
        lanes[i][lane] = &tasks[i][lane];
        tasks[i][lane] = (struct task){.pub = {.lane = lane}, .node = n, .job = &job};
        if (i != SOURCE) {
            ck_assert_int_eq(sink_task_init(lanes[i][lane], &settings, &err), PH_OK);
        }
    }
}

/* Nobody knows anything of any partition, and the only sink that keeps positions is rows. */
static void forget(void)
{
    for (uint32_t id = 0; id < PARTITION_COUNT; id++) {
        for (uint32_t n = ROWS; n <= COPIES; n++) {
            atomic_store(&committed[n][id], -1);
            sink_has_begun[n][id] = false;
        }
        job.has_begun[id] = false;
        was_asked[id] = false;
    }
    job.seeding_was_interrupted = false;
    startup = STARTUP;
    ph_error_clear(&err);
}

static void set_up(void)
{
    static const char *const topics[PARTITION_COUNT] = {"u", "t", "t"};
    static const int32_t numbers[PARTITION_COUNT] = {7, 1, 0};
    uint32_t id;
    log_init(LOG_FORMAT_TEXT, PH_LOG_ERROR, STDERR_FILENO);
    ph_error_clear(&err);
    memset(&job, 0, sizeof job);
    job.manifest = &manifest;
    job.nodes = nodes;
    job.node_count = NODE_COUNT;
    source_plugin.descriptor.kind = PH_KIND_SOURCE;
    source_plugin.source.resolve = resolve;
    sink_plugin.descriptor.kind = PH_KIND_SINK;
    for (uint32_t i = 0; i < NODE_COUNT; i++) {
        make_node(i);
    }
    for (uint32_t i = 0; i < PARTITION_COUNT; i++) {
        ck_assert_int_eq(
            partitions_add(&job.partitions, "events", topics[i], numbers[i], "", &id, &err), PH_OK);
        ck_assert_uint_eq(id, i);
    }
    forget();
}

static void tear_down(void)
{
    for (uint32_t lane = 0; lane < LANES; lane++) {
        sink_task_fini(lanes[ROWS][lane]);
        sink_task_fini(lanes[COPIES][lane]);
    }
    atomic_store(&job.partitions.count, PARTITION_COUNT);
    partitions_fini(&job.partitions);
}

/* The neighbour: t/0, t/2, or none at all. */
static void has_neighbour(int32_t number)
{
    job.partitions.items[OTHER]->partition = number;
    atomic_store(&job.partitions.count, number < 0 ? OTHER : PARTITION_COUNT);
}

/* A sink has claimed a position. */
static void stands(uint32_t sink, uint32_t id, int64_t at, uint32_t fingerprint)
{
    uint32_t lane = (uint32_t)job.partitions.items[id]->partition % LANES;
    atomic_store(&committed[sink][id], at);
    sink_task_driver(lanes[sink][lane])->fingerprints[id] = fingerprint;
}

static int32_t decide(void)
{
    return positions_resolve(lanes[SOURCE][0], &err);
}

/* ---- one sink: every state there is ---- */

enum own { OWN_NONE, OWN_ZERO, OWN_SOME, OWN_COUNT };
enum others { OTHERS_NONE, OTHERS_BELOW, OTHERS_ABOVE, OTHERS_COUNT };
enum outcome { GOES_ON, AT_ITS_BEGINNING, BY_STARTUP_MODE, LOST, ALL_LOST };

struct state {
    int own;
    int others;          /* which of the topic's other partitions have positions in the sink */
    int had_one;         /* state_dir: this partition had a position once */
    int another_had_one; /* state_dir: one below it had */
    int sink_had_some;   /* state_dir: this sink had positions of the topic */
    int is_interrupted;  /* the first positions were being made when the process died */
};

#define ANY (-1)

/* The first two columns are what the sink says, the others what state_dir says. */
static const struct rule {
    struct state when;
    enum outcome outcome;
} rules[] = {
    {{OWN_SOME, ANY, ANY, ANY, ANY, ANY}, GOES_ON},
    {{OWN_ZERO, ANY, ANY, ANY, ANY, ANY}, GOES_ON},
    {{OWN_NONE, OTHERS_NONE, ANY, ANY, 1, ANY}, ALL_LOST},
    {{OWN_NONE, OTHERS_NONE, ANY, ANY, 0, ANY}, BY_STARTUP_MODE},
    {{OWN_NONE, OTHERS_BELOW, 0, ANY, ANY, 0}, AT_ITS_BEGINNING},
    {{OWN_NONE, OTHERS_BELOW, 1, ANY, ANY, 0}, LOST},
    {{OWN_NONE, OTHERS_ABOVE, ANY, ANY, ANY, 0}, LOST},
    {{OWN_NONE, OTHERS_BELOW, 0, 1, ANY, 1}, AT_ITS_BEGINNING},
    {{OWN_NONE, OTHERS_BELOW, 0, 0, ANY, 1}, BY_STARTUP_MODE},
    {{OWN_NONE, OTHERS_BELOW, 1, ANY, ANY, 1}, BY_STARTUP_MODE},
    {{OWN_NONE, OTHERS_ABOVE, ANY, ANY, ANY, 1}, BY_STARTUP_MODE},
};

static bool fits(int wanted, int is)
{
    return wanted == ANY || wanted == is;
}

static bool applies(const struct state *w, const struct state *s)
{
    return fits(w->own, s->own) && fits(w->others, s->others) && fits(w->had_one, s->had_one) &&
           fits(w->another_had_one, s->another_had_one) &&
           fits(w->sink_had_some, s->sink_had_some) && fits(w->is_interrupted, s->is_interrupted);
}

static const char *name_of(const struct state *s)
{
    static const char *const own[] = {"no position", "position 0", "position 40"};
    static const char *const others[] = {"no other", "one below", "one above"};
    static char text[128];
    (void)snprintf(text, sizeof text, "%s, %s, had one %d, another had %d, sink had %d, cut %d",
                   own[s->own], others[s->others], s->had_one, s->another_had_one, s->sink_had_some,
                   s->is_interrupted);
    return text;
}

/* The one rule that applies: the table has neither gaps nor contradictions. */
static enum outcome outcome_of(const struct state *s)
{
    const struct rule *found = NULL;
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        if (applies(&rules[i].when, s)) {
            ck_assert_msg(found == NULL, "two rules for: %s", name_of(s));
            found = &rules[i];
        }
    }
    ck_assert_msg(found != NULL, "no rule for: %s", name_of(s));
    return found->outcome;
}

static void enter(const struct state *s)
{
    static const int64_t positions[] = {-1, 0, 40};
    static const int32_t neighbours[] = {-1, 0, 2};
    forget();
    has_neighbour(neighbours[s->others]);
    stands(ROWS, FOREIGN, 99, 5);
    job.has_begun[FOREIGN] = true;
    stands(ROWS, IT, positions[s->own], 0);
    stands(ROWS, OTHER, 50, 0);
    job.has_begun[IT] = s->had_one != 0;
    job.has_begun[OTHER] = s->another_had_one != 0;
    sink_has_begun[ROWS][IT] = s->sink_had_some != 0;
    job.seeding_was_interrupted = s->is_interrupted != 0;
}

static void must_begin(const struct state *s, int32_t rc, int64_t wanted)
{
    int64_t start = job.starts[IT].next_offset;
    ck_assert_msg(rc == PH_OK, "%s: refused: %s", name_of(s), err.text);
    ck_assert_msg(start == wanted, "%s: begins at %lld", name_of(s), (long long)start);
    ck_assert_uint_eq(job.starts[IT].fingerprint, 0);
}

static void must_refuse(const struct state *s, int32_t rc, const char *words)
{
    ck_assert_msg(rc == PH_ERROR, "%s: begins at %lld", name_of(s),
                  (long long)job.starts[IT].next_offset);
    ck_assert_msg(err.flags == PH_ERR_CONFIG, "%s: is tried again", name_of(s));
    ck_assert_msg(strstr(err.text, words) != NULL, "%s: %s", name_of(s), err.text);
}

static void check_state(const struct state *s)
{
    enum outcome wanted = outcome_of(s);
    enter(s);
    int32_t rc = decide();
    switch (wanted) {
    case GOES_ON:
        must_begin(s, rc, s->own == OWN_ZERO ? 0 : 40);
        break;
    case AT_ITS_BEGINNING:
        must_begin(s, rc, 0);
        break;
    case BY_STARTUP_MODE:
        must_begin(s, rc, STARTUP);
        break;
    case LOST:
        must_refuse(s, rc, "but that of partition 1 is lost");
        break;
    default:
        must_refuse(s, rc, "has no position of t any more");
        break;
    }
    ck_assert_msg(was_asked[IT] == (wanted == BY_STARTUP_MODE), "%s: asked %d", name_of(s),
                  was_asked[IT]);
    ck_assert_msg(!was_asked[FOREIGN] && !was_asked[OTHER], "%s: asked of others", name_of(s));
}

START_TEST(every_state_of_positions_and_state_dir_has_one_outcome)
{
    uint32_t seen = 0;
    for (int i = 0; i < OWN_COUNT * OTHERS_COUNT * 16; i++) {
        struct state s = {.own = i / 16 % OWN_COUNT,
                          .others = i / 16 / OWN_COUNT,
                          .had_one = i & 1,
                          .another_had_one = i >> 1 & 1,
                          .sink_had_some = i >> 2 & 1,
                          .is_interrupted = i >> 3 & 1};
        check_state(&s);
        seen |= 1u << outcome_of(&s);
    }
    ck_assert_uint_eq(seen, (1u << (ALL_LOST + 1)) - 1);
}
END_TEST

/* ---- what the operator reads ---- */

START_TEST(a_lost_position_names_the_commands_that_accept_it)
{
    has_neighbour(2);
    stands(ROWS, OTHER, 50, 0);
    job.has_begun[IT] = true;
    ck_assert_int_eq(decide(), PH_ERROR);
    ck_assert_str_eq(
        err.text, "rows has positions of t up to partition 2, but that of partition 1 is lost: "
                  "restore it; or pipehost positions set m.json --sink rows --partition t/1 --to "
                  "earliest (or latest, or an offset) says where it goes on, and pipehost "
                  "positions reset m.json --sink rows forgets all of them");
}
END_TEST

START_TEST(all_positions_lost_names_the_commands_that_accept_it)
{
    has_neighbour(-1);
    sink_has_begun[ROWS][IT] = true;
    ck_assert_int_eq(decide(), PH_ERROR);
    ck_assert_str_eq(err.text,
                     "rows has no position of t any more, but had: restore them; or pipehost "
                     "positions set m.json --sink rows --to earliest (or latest; --partition t/1 "
                     "for one alone) says where it goes on, and pipehost positions reset m.json "
                     "--sink rows lets it begin by the startup mode");
}
END_TEST

START_TEST(a_sink_that_had_the_topic_of_a_source_that_is_gone_is_refused)
{
    struct former former = {.source = "clicks", .topic = "t"};
    has_neighbour(-1);
    nodes[ROWS].formers = &former;
    nodes[ROWS].former_count = 1;
    ck_assert_int_eq(decide(), PH_ERROR);
    ck_assert_str_eq(
        err.text, "rows has positions of topic t as source clicks read it, which the manifest does "
                  "not have, and none of source events: if that is its new name, name it clicks "
                  "again, else its records come twice; pipehost positions set m.json --sink rows "
                  "--to earliest (or latest) begins anew");

    forget();
    stands(ROWS, FOREIGN, 7, 1);
    stands(ROWS, IT, 40, 1);
    ck_assert_int_eq(decide(), PH_OK);
    ck_assert_int_eq(job.starts[IT].next_offset, 40);
}
END_TEST

/* ---- several sinks ---- */

START_TEST(the_source_begins_at_the_least_of_its_sinks_with_that_ones_fingerprint)
{
    nodes[COPIES].keeps_positions = true;
    has_neighbour(-1);
    stands(ROWS, FOREIGN, 7, 1);
    stands(COPIES, FOREIGN, 7, 0);
    stands(ROWS, IT, 40, 111);
    stands(COPIES, IT, 30, 222);
    ck_assert_int_eq(decide(), PH_OK);
    ck_assert_int_eq(job.starts[IT].next_offset, 30);
    ck_assert_uint_eq(job.starts[IT].fingerprint, 222);
    ck_assert_int_eq(job.starts[FOREIGN].next_offset, 7);
    ck_assert_uint_eq(job.starts[FOREIGN].fingerprint, 1);
    stands(COPIES, IT, 40, 0);
    stands(ROWS, FOREIGN, 7, 0);
    stands(COPIES, FOREIGN, 7, 2);
    ck_assert_int_eq(decide(), PH_OK);
    ck_assert_int_eq(job.starts[IT].next_offset, 40);
    ck_assert_uint_eq(job.starts[IT].fingerprint, 111);
    ck_assert_uint_eq(job.starts[FOREIGN].fingerprint, 2);
    ck_assert(!was_asked[IT]);
}
END_TEST

START_TEST(a_sink_that_is_new_begins_by_the_startup_mode_beside_one_that_stands)
{
    nodes[COPIES].keeps_positions = true;
    has_neighbour(-1);
    stands(ROWS, FOREIGN, 7, 1);
    stands(ROWS, IT, 40, 111);
    ck_assert_int_eq(decide(), PH_OK);
    ck_assert_int_eq(job.starts[IT].next_offset, STARTUP);
    ck_assert_uint_eq(job.starts[IT].fingerprint, 0);
    ck_assert_int_eq(job.starts[FOREIGN].next_offset, 7);
    ck_assert_uint_eq(job.starts[FOREIGN].fingerprint, 1);
    startup = 90;
    ck_assert_int_eq(decide(), PH_OK);
    ck_assert_int_eq(job.starts[IT].next_offset, 40);
    ck_assert_uint_eq(job.starts[IT].fingerprint, 111);
    ck_assert_int_eq(job.resolved[IT], 90);
    stands(ROWS, IT, -1, 0);
    stands(COPIES, IT, 40, 222);
    ck_assert_int_eq(decide(), PH_OK);
    ck_assert_int_eq(job.starts[IT].next_offset, 40);
    ck_assert_uint_eq(job.starts[IT].fingerprint, 222);
    ck_assert_int_eq(job.resolved[IT], 90);
}
END_TEST

START_TEST(a_position_that_one_sink_lost_is_refused_whatever_the_other_has)
{
    nodes[COPIES].keeps_positions = true;
    stands(ROWS, FOREIGN, 7, 0);
    stands(COPIES, FOREIGN, 7, 0);
    stands(ROWS, IT, 40, 0);
    stands(ROWS, OTHER, 50, 0);
    stands(COPIES, OTHER, 50, 0);
    job.has_begun[IT] = true;
    ck_assert_int_eq(decide(), PH_ERROR);
    ck_assert_ptr_nonnull(strstr(err.text, "copies has positions of t up to partition 0"));
    ph_error_clear(&err);
    atomic_store(&committed[COPIES][OTHER], -1);
    sink_has_begun[COPIES][OTHER] = true;
    ck_assert_int_eq(decide(), PH_ERROR);
    ck_assert_ptr_nonnull(strstr(err.text, "copies has no position of t any more"));
}
END_TEST

START_TEST(sinks_without_positions_or_without_these_records_say_nothing)
{
    has_neighbour(-1);
    stands(ROWS, FOREIGN, 7, 0);
    stands(ROWS, IT, 40, 111);
    stands(COPIES, IT, 10, 222);
    ck_assert_int_eq(decide(), PH_OK);
    ck_assert_int_eq(job.starts[IT].next_offset, 40);
    nodes[COPIES].keeps_positions = true;
    job.reaches[COPIES][0] = UINT64_C(1) << COPIES;
    ck_assert_int_eq(decide(), PH_OK);
    ck_assert_int_eq(job.starts[IT].next_offset, 40);
    ck_assert_uint_eq(job.starts[IT].fingerprint, 111);
}
END_TEST

/* ---- what becomes durable before the first record ---- */

START_TEST(a_sink_is_seeded_for_the_partitions_that_it_has_no_position_of)
{
    uint32_t count = 99;
    struct task *sink = lanes[ROWS][1]; /* of t/1 and u/7 */
    stands(ROWS, FOREIGN, 0, 0);
    has_neighbour(-1);
    ck_assert(positions_own(sink));
    ck_assert_uint_eq(sink_task_driver(sink)->partition_count, 2);
    ck_assert_int_eq(decide(), PH_OK);
    sink_task_driver(sink)->state = SINK_STATE_OPEN;
    ck_assert_int_eq(positions_seed(sink, &count, &err), PH_OK);
    ck_assert_uint_eq(count, 1);
    const struct epoch *e = sink_task_driver(sink)->epoch;
    ck_assert_uint_eq(e->position_count, 1);
    ck_assert_uint_eq(e->positions[0].partition_id, IT);
    ck_assert_int_eq(e->positions[0].next_offset, STARTUP);
}
END_TEST

START_TEST(a_new_partition_is_seeded_with_its_beginning)
{
    uint32_t count = 0;
    struct task *sink = lanes[ROWS][1];
    stands(ROWS, FOREIGN, 7, 0);
    stands(ROWS, OTHER, 50, 0);
    ck_assert(positions_own(sink));
    ck_assert_int_eq(decide(), PH_OK);
    sink_task_driver(sink)->state = SINK_STATE_OPEN;
    ck_assert_int_eq(positions_seed(sink, &count, &err), PH_OK);
    ck_assert_uint_eq(count, 1);
    ck_assert_int_eq(sink_task_driver(sink)->epoch->positions[0].next_offset, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("positions");
    TCase *tc = tcase_create("start");
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, every_state_of_positions_and_state_dir_has_one_outcome);
    tcase_add_test(tc, a_lost_position_names_the_commands_that_accept_it);
    tcase_add_test(tc, all_positions_lost_names_the_commands_that_accept_it);
    tcase_add_test(tc, the_source_begins_at_the_least_of_its_sinks_with_that_ones_fingerprint);
    tcase_add_test(tc, a_sink_that_is_new_begins_by_the_startup_mode_beside_one_that_stands);
    tcase_add_test(tc, a_sink_that_had_the_topic_of_a_source_that_is_gone_is_refused);
    tcase_add_test(tc, a_position_that_one_sink_lost_is_refused_whatever_the_other_has);
    tcase_add_test(tc, sinks_without_positions_or_without_these_records_say_nothing);
    tcase_add_test(tc, a_sink_is_seeded_for_the_partitions_that_it_has_no_position_of);
    tcase_add_test(tc, a_new_partition_is_seeded_with_its_beginning);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
