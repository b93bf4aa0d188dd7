/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept beside a position, and what may be asked and set from outside. */
#include "live_table.h"

#include <stdlib.h>

static const struct ph_positions_ops *ops_of(const struct rig *r)
{
    const void *ops = r->host->descriptor->ops->get_extension(r->host->op, PH_EXTENSION_POSITIONS);
    ck_assert_ptr_nonnull(ops);
    return ops;
}

struct seen {
    uint32_t count;
    char text[512];
};

static int32_t see(struct ph_kept_positions *list, const struct ph_kept_position *p)
{
    struct seen *s = list->host_data;
    size_t length = strlen(s->text);
    ck_assert_str_eq(p->source, "kafka");
    ck_assert_str_eq(p->topic, "it's an \"event\"");
    ck_assert_str_eq(p->cluster, "cluster-1");
    ck_assert_int_gt(p->moved_ms, INT64_C(1600000000000));
    (void)snprintf(s->text + length, sizeof s->text - length, "%d:%lld:%x:%lld ", p->partition,
                   (long long)p->next_offset, p->fingerprint, (long long)p->fence);
    s->count++;
    return PH_OK;
}

/* "PARTITION:OFFSET:FINGERPRINT:FENCE " of each. */
static const char *listed(struct rig *r, const char *pipeline)
{
    static struct seen s;
    struct ph_kept_positions list = {.size = (uint32_t)sizeof list, .add = see};
    memset(&s, 0, sizeof s);
    list.host_data = &s;
    assert_ok(r, ops_of(r)->list(r->task->self, pipeline, &list, harness_error(r->host)));
    return s.text;
}

static int32_t set_one(struct rig *r, uint32_t partition, int64_t next_offset)
{
    struct ph_partition p = rig_partition(partition);
    struct ph_position at = {.partition_id = partition, .next_offset = next_offset};
    return ops_of(r)->set(r->task->self, &p, &at, 1, harness_error(r->host));
}

static void open_as(struct rig *r, const char *pipeline)
{
    live_settings(r);
    r->pipeline = pipeline;
    live_start(r);
}

static void activate(struct rig *r)
{
    ck_assert_msg(harness_activate(r->task) == PH_OK, "%s", rig_error(r)->text);
}

START_TEST(a_fingerprint_comes_back_with_its_position)
{
    struct rig r;
    struct ph_position p[2];
    struct ph_position moved[] = {{0, 0xfedcba98, 70}, {1, 0, 80}};
    live_open(&r, NULL);
    assert_ok(&r, rig_claim(&r, 2, p));
    ck_assert_uint_eq(p[0].fingerprint, 0);
    assert_ok(&r, rig_commit_many(&r, moved, 2));
    rig_close(&r);
    live_open(&r, NULL);
    assert_ok(&r, rig_claim(&r, 2, p));
    ck_assert_uint_eq(p[0].fingerprint, 0xfedcba98);
    ck_assert_uint_eq(p[1].fingerprint, 0);
    rig_close(&r);
}
END_TEST

/* An earlier version, or a hand, moves next_offset alone. */
START_TEST(a_fingerprint_of_another_offset_is_none)
{
    struct rig r;
    struct ph_position p;
    struct ph_position moved = {0, 0xfedcba98, 70};
    live_open(&r, NULL);
    assert_ok(&r, rig_claim(&r, 1, &p));
    assert_ok(&r, rig_commit_many(&r, &moved, 1));
    rig_close(&r);
    rig_sql("UPDATE pipehost_positions SET next_offset = 71");
    live_open(&r, NULL);
    assert_ok(&r, rig_claim(&r, 1, &p));
    ck_assert_int_eq(p.next_offset, 71);
    ck_assert_uint_eq(p.fingerprint, 0);
    ck_assert_str_eq(listed(&r, "pipe"), "0:71:0:2 ");
    rig_close(&r);
}
END_TEST

static const char first_columns[] =
    "(pipeline text, sink text, source text, topic text, partition int, next_offset bigint NOT "
    "NULL, fence bigint NOT NULL, owner text NOT NULL, backend_pid int NOT NULL, cluster_id text "
    "NOT NULL, updated_at timestamptz NOT NULL, PRIMARY KEY (pipeline, sink, source, topic, "
    "partition))";

START_TEST(a_table_of_an_earlier_version_gets_what_it_lacks)
{
    struct rig r;
    rig_sql("CREATE TABLE pipehost_positions %s", first_columns);
    rig_sql("INSERT INTO pipehost_positions VALUES ('pipe', 'rows', 'kafka', 'it''s an \"event\"', "
            "0, 40, 3, 'somebody', 1, 'cluster-1', now())");
    live_open(&r, NULL);
    activate(&r);
    ck_assert_str_eq(listed(&r, "pipe"), "0:40:0:3 ");
    ck_assert_str_eq(rig_value("SELECT count(*) FROM pg_attribute WHERE attrelid = "
                               "'pipehost_positions'::regclass AND attnum > 0"),
                     "11");
    ck_assert_int_eq(live_claimed(&r), 40);
    ck_assert_str_eq(rig_value("SELECT fingerprint || target FROM pipehost_positions"),
                     "0public.live");
    rig_close(&r);
}
END_TEST

START_TEST(who_may_not_alter_an_earlier_table_gets_what_to_run)
{
    struct rig r;
    struct ph_position p;
    rig_sql("DO $$ BEGIN CREATE ROLE live_guest LOGIN PASSWORD 'guest'; EXCEPTION WHEN "
            "duplicate_object THEN NULL; END $$");
    rig_sql("CREATE TABLE pipehost_positions %s", first_columns);
    live_settings(&r);
    rig_sql("GRANT INSERT ON live TO live_guest; GRANT SELECT, INSERT, UPDATE ON "
            "pipehost_positions TO live_guest");
    rig_set(&r, "user", "live_guest");
    rig_set(&r, "password", "guest");
    live_start(&r);
    ck_assert_int_eq(rig_claim(&r, 1, &p), PH_ERROR);
    assert_error(&r, PH_ERR_CONFIG,
                 "was made by an earlier version and user \"live_guest\" may "
                 "not alter it; let its owner run: ALTER TABLE ");
    rig_sql("%s", strstr(rig_error(&r)->text, "ALTER TABLE"));
    assert_ok(&r, rig_claim(&r, 1, &p));
    rig_close(&r);
}
END_TEST

START_TEST(the_same_sink_under_another_name_is_refused_and_renamed)
{
    struct rig old;
    struct rig new;
    struct ph_position p;
    live_open(&old, NULL);
    ck_assert_int_eq(live_claimed(&old), -1);
    live_write_epoch(&old, 0, 10);
    open_as(&new, "new name");
    ck_assert_int_eq(rig_claim(&new, 1, &p), PH_ERROR);
    assert_error(&new, PH_ERR_CONFIG,
                 "\"pipehost_positions\" has positions of sink rows, source kafka, topic it's an "
                 "\"event\" in table public.live under the pipeline name \"pipe\" and none under "
                 "\"new name\": if this is that pipeline, pipehost positions rename MANIFEST "
                 "--from pipe goes on from them;");
    ck_assert_str_eq(rig_value("SELECT count(*) FROM pipehost_positions"), "1");
    rig_abort(&new);
    activate(&new);
    assert_ok(&new, ops_of(&new)->rename(new.task->self, "pipe", harness_error(new.host)));
    ck_assert_str_eq(listed(&new, "new name"), "0:10:0:2 ");
    ck_assert_str_eq(listed(&new, "pipe"), "0:-1:0:2 ");
    ck_assert_int_eq(live_claimed(&new), 10);
    ck_assert_int_eq(rig_commit(&old, 0, 15), PH_ERROR);
    assert_error(&old, PH_ERR_FENCED, "was taken over by ");
    live_write_epoch(&new, 10, 5);
    live_assert_exact(15);
    rig_close(&old);
    rig_close(&new);
}
END_TEST

START_TEST(a_set_position_accepts_the_other_pipeline)
{
    struct rig r;
    live_open(&r, NULL);
    ck_assert_int_eq(live_claimed(&r), -1);
    live_write_epoch(&r, 0, 10);
    rig_close(&r);
    open_as(&r, "beside");
    activate(&r);
    assert_ok(&r, set_one(&r, 0, 3));
    ck_assert_int_eq(live_claimed(&r), 3);
    ck_assert_str_eq(listed(&r, "pipe"), "0:10:0:1 ");
    rig_close(&r);
}
END_TEST

START_TEST(another_table_under_another_name_is_another_pipeline)
{
    struct rig r;
    live_open(&r, NULL);
    ck_assert_int_eq(live_claimed(&r), -1);
    live_write_epoch(&r, 0, 10);
    rig_close(&r);
    rig_sql("DROP TABLE IF EXISTS live_other; CREATE TABLE live_other (id bigint, v text)");
    rig_settings(&r, "live_other");
    r.pipeline = "new name";
    live_start(&r);
    ck_assert_int_eq(live_claimed(&r), -1);
    rig_close(&r);
    rig_sql("DROP TABLE live_other");
}
END_TEST

START_TEST(a_name_that_has_positions_takes_no_other_s)
{
    struct rig r;
    live_open(&r, NULL);
    ck_assert_int_eq(live_claimed(&r), -1);
    live_write_epoch(&r, 0, 10);
    ck_assert_int_eq(ops_of(&r)->rename(r.task->self, "other", harness_error(r.host)), PH_ERROR);
    assert_error(&r, PH_ERR_CONFIG,
                 "has 1 positions of sink rows under \"pipe\" already; pipehost positions reset "
                 "MANIFEST --sink rows forgets them");
    harness_error(r.host)->flags = 0;
    rig_close(&r);
    open_as(&r, "third");
    activate(&r);
    ck_assert_int_eq(ops_of(&r)->rename(r.task->self, "second", harness_error(r.host)), PH_ERROR);
    assert_error(&r, PH_ERR_CONFIG,
                 "has no position of sink rows under the pipeline name \"second\"; it has some "
                 "under pipe");
    rig_close(&r);
}
END_TEST

START_TEST(what_is_set_shuts_the_owner_out)
{
    struct rig owner;
    struct rig r;
    struct ph_position p[2];
    live_open(&owner, NULL);
    ck_assert_int_eq(live_claimed(&owner), -1);
    live_write_epoch(&owner, 0, 10);
    live_open(&r, NULL);
    activate(&r);
    ck_assert_str_eq(listed(&r, "pipe"), "0:10:0:1 ");
    assert_ok(&r, set_one(&r, 0, 4));
    assert_ok(&r, set_one(&r, 1, 7));
    ck_assert_str_eq(listed(&r, "pipe"), "0:4:0:2 1:7:0:1 ");
    ck_assert_int_eq(rig_commit(&owner, 0, 15), PH_ERROR);
    assert_error(&owner, PH_ERR_FENCED, "was taken over by ");
    assert_ok(&r, set_one(&r, 1, -1));
    assert_ok(&r, rig_claim(&r, 2, p));
    ck_assert_int_eq(p[0].next_offset, 4);
    ck_assert_int_eq(p[1].next_offset, -1);
    rig_close(&owner);
    rig_close(&r);
}
END_TEST

/* As a server has it that takes over and lags behind: this task's claim never was. */
static void go_back_to_former_owner(void)
{
    rig_sql("UPDATE pipehost_positions SET fence = 1, owner = 'the former one'");
}

static const char went_back[] = "the row of it's an \"event\"[0] in \"pipehost_positions\" is one "
                                "from before this process took "
                                "it over";

START_TEST(a_database_that_went_back_behind_the_claim_took_nothing_over)
{
    struct rig r;
    struct ph_position p;
    live_open(&r, NULL);
    ck_assert_int_eq(live_claimed(&r), -1);
    live_write_epoch(&r, 0, 10);
    rig_close(&r);
    live_open(&r, NULL);
    ck_assert_int_eq(live_claimed(&r), 10);
    go_back_to_former_owner();
    ck_assert_int_eq(rig_commit(&r, 0, 15), PH_ERROR);
    assert_error(&r, PH_ERR_FATAL, went_back);
    rig_abort(&r);
    ck_assert_int_eq(rig_claim(&r, 1, &p), PH_ERROR);
    assert_error(&r, PH_ERR_FATAL, went_back);
    rig_close(&r);
    live_open(&r, NULL);
    ck_assert_int_eq(live_claimed(&r), 10);
    live_write_epoch(&r, 10, 5);
    rig_close(&r);
}
END_TEST

START_TEST(who_claims_a_database_that_went_back_has_it)
{
    struct rig former;
    struct rig r;
    struct ph_position p;
    live_open(&former, NULL);
    ck_assert_int_eq(live_claimed(&former), -1);
    ck_assert_int_eq(live_claimed(&former), -1);
    go_back_to_former_owner();
    live_open(&r, NULL);
    ck_assert_int_eq(live_claimed(&r), -1);
    ck_assert_str_eq(rig_value("SELECT fence FROM pipehost_positions"), "2");
    ck_assert_int_eq(rig_claim(&former, 1, &p), PH_ERROR);
    assert_error(&former, PH_ERR_FENCED, "was taken over by ");
    live_write_epoch(&r, 0, 10);
    rig_close(&former);
    rig_close(&r);
}
END_TEST

START_TEST(a_set_position_accepts_another_cluster)
{
    struct rig r;
    live_open(&r, NULL);
    ck_assert_int_eq(live_claimed(&r), -1);
    rig_close(&r);
    rig_sql("UPDATE pipehost_positions SET cluster_id = 'cluster-2', next_offset = 5");
    live_open(&r, NULL);
    activate(&r);
    assert_ok(&r, set_one(&r, 0, 2));
    ck_assert_int_eq(live_claimed(&r), 2);
    rig_close(&r);
}
END_TEST

START_TEST(looking_makes_nothing)
{
    struct rig r;
    live_open(&r, NULL);
    activate(&r);
    ck_assert_str_eq(listed(&r, "pipe"), "");
    ck_assert_str_eq(rig_value("SELECT to_regclass('pipehost_positions')"), "");
    rig_close(&r);
}
END_TEST

TCase *kept_tests(void)
{
    TCase *c = tcase_create("what is kept");
    tcase_add_test(c, a_fingerprint_comes_back_with_its_position);
    tcase_add_test(c, a_fingerprint_of_another_offset_is_none);
    tcase_add_test(c, a_table_of_an_earlier_version_gets_what_it_lacks);
    tcase_add_test(c, who_may_not_alter_an_earlier_table_gets_what_to_run);
    tcase_add_test(c, the_same_sink_under_another_name_is_refused_and_renamed);
    tcase_add_test(c, a_set_position_accepts_the_other_pipeline);
    tcase_add_test(c, another_table_under_another_name_is_another_pipeline);
    tcase_add_test(c, a_name_that_has_positions_takes_no_other_s);
    tcase_add_test(c, what_is_set_shuts_the_owner_out);
    tcase_add_test(c, a_database_that_went_back_behind_the_claim_took_nothing_over);
    tcase_add_test(c, who_claims_a_database_that_went_back_has_it);
    tcase_add_test(c, a_set_position_accepts_another_cluster);
    tcase_add_test(c, looking_makes_nothing);
    return c;
}
