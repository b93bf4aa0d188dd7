/* SPDX-License-Identifier: Apache-2.0 */
/* The table as the catalog has it now, against the input's columns. */
#include "errors.h"
#include "sink.h"

#include <stdlib.h>

enum field {
    FIELD_NAME,
    FIELD_TYPE,
    FIELD_SQL_TYPE,
    FIELD_MODIFIER,
    FIELD_NOT_NULL,
    FIELD_DEFAULT,
    FIELD_GENERATED,
    FIELD_INSERT,
    FIELD_RELATION,
    FIELD_TYPE_ID,
    FIELD_ROW_TRIGGER,
    FIELD_UNFIT
};

/* A row trigger (1) on INSERT (4), BEFORE it (2) or INSTEAD OF it (64), of a partition too. The
 * last one is the kind of a relation that takes no rows, or is empty. */
static const char query[] =
    "SELECT a.attname, y.typname, format_type(a.atttypid, a.atttypmod), a.atttypmod, a.attnotnull,"
    " a.atthasdef OR a.attidentity <> '', a.attgenerated <> '',"
    " has_column_privilege(c.oid, a.attnum, 'INSERT'), c.relname, a.atttypid,"
    " EXISTS (SELECT 1 FROM pg_trigger t WHERE (t.tgrelid = c.oid OR t.tgrelid IN (SELECT relid"
    " FROM pg_partition_tree(c.oid))) AND t.tgtype & 5 = 5 AND t.tgtype & 66 <> 0 AND t.tgenabled"
    " <> 'D'),"
    " CASE WHEN c.relkind = 'v' THEN CASE WHEN EXISTS (SELECT 1 FROM pg_trigger t WHERE t.tgrelid ="
    " c.oid AND t.tgtype & 69 = 69 AND t.tgenabled <> 'D') THEN '' ELSE 'v' END"
    " WHEN c.relkind = 'p' THEN CASE WHEN EXISTS (SELECT 1 FROM pg_partition_tree(c.oid) WHERE"
    " isleaf) THEN '' ELSE 'p' END"
    " WHEN c.relkind IN ('r', 'f') THEN '' ELSE c.relkind::text END"
    " FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid JOIN pg_type y ON y.oid = "
    "a.atttypid"
    " WHERE c.oid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum";

static const struct ph_field *input_of(const struct sink *s, uint32_t column)
{
    return &s->schema->fields[s->inputs[column]];
}

static int32_t fail(const struct sink *s, int32_t column, struct ph_error *err,
                    const struct sql *text)
{
    char key[32] = "/table";
    const char *sentence = sql_text(text);
    if (column >= 0 && s->columns != NULL) {
        (void)snprintf(key, sizeof key, "/columns/%d", column);
    }
    (void)ph_error_set(err, PH_ERR_CONFIG, "%s", sentence == NULL ? "no memory" : sentence);
    ph_error_set_key(err, key);
    return PH_ERROR;
}

static int32_t fail_no_table(const struct sink_task *t, struct ph_error *err)
{
    const struct sink *s = t->sink;
    struct sql text = {0};
    sql_add(&text, "no table %s at %s; make it: CREATE TABLE %s (", sql_text(&s->table), s->address,
            sql_text(&s->table));
    for (uint32_t i = 0; i < s->column_count; i++) {
        sql_add(&text, "%s", i == 0 ? "" : ", ");
        sql_add_identifier(&text, input_of(s, i)->name);
        sql_add(&text, " %s", plan_natural_type(input_of(s, i)->type));
    }
    sql_add(&text, ")");
    int32_t result = fail(s, -1, err, &text);
    sql_fini(&text);
    return result;
}

static const char *nearest(const PGresult *r, const char *name)
{
    const char *best = NULL;
    uint32_t least = UINT32_MAX;
    for (int i = 0; i < PQntuples(r); i++) {
        uint32_t distance = sql_distance(name, PQgetvalue(r, i, FIELD_NAME));
        if (distance < least) {
            least = distance;
            best = PQgetvalue(r, i, FIELD_NAME);
        }
    }
    return best != NULL && sql_is_near(name, least) ? best : NULL;
}

static int32_t fail_no_column(const struct sink *s, uint32_t column, const PGresult *r,
                              struct ph_error *err)
{
    const struct ph_field *f = input_of(s, column);
    const char *near = nearest(r, f->name);
    struct sql text = {0};
    sql_add(&text, "table %s has no column ", sql_text(&s->table));
    sql_add_identifier(&text, f->name);
    if (near != NULL) {
        sql_add(&text, ", did you mean ");
        sql_add_identifier(&text, near);
        sql_add(&text, "? To add it");
    } else {
        sql_add(&text, "; add it");
    }
    sql_add(&text, ": ALTER TABLE %s ADD COLUMN ", sql_text(&s->table));
    sql_add_identifier(&text, f->name);
    sql_add(&text, " %s; or leave it out with \"columns\"", plan_natural_type(f->type));
    int32_t result = fail(s, (int32_t)column, err, &text);
    sql_fini(&text);
    return result;
}

static int32_t fail_column(const struct sink *s, uint32_t column, const char *what,
                           struct ph_error *err)
{
    struct sql text = {0};
    sql_add(&text, "column ");
    sql_add_identifier(&text, input_of(s, column)->name);
    sql_add(&text, " of table %s %s", sql_text(&s->table), what);
    int32_t result = fail(s, (int32_t)column, err, &text);
    sql_fini(&text);
    return result;
}

static int32_t fail_type(const struct sink *s, uint32_t column, const struct plan_target *target,
                         struct ph_error *err)
{
    const struct ph_field *f = input_of(s, column);
    struct sql what = {0};
    sql_add(&what, "is %s, which takes no %s; ALTER TABLE %s ALTER COLUMN ", target->sql_type,
            ph_type_name(f->type), sql_text(&s->table));
    sql_add_identifier(&what, f->name);
    sql_add(&what, " TYPE %s", plan_natural_type(f->type));
    int32_t result = fail_column(s, column, sql_text(&what) == NULL ? "" : what.text, err);
    sql_fini(&what);
    return result;
}

static bool is_true(const PGresult *r, int row, enum field field)
{
    return PQgetvalue(r, row, (int)field)[0] == 't';
}

static void read_target(const PGresult *r, int row, struct plan_target *target)
{
    (void)snprintf(target->name, sizeof target->name, "%s", PQgetvalue(r, row, FIELD_NAME));
    (void)snprintf(target->type, sizeof target->type, "%s", PQgetvalue(r, row, FIELD_TYPE));
    (void)snprintf(target->sql_type, sizeof target->sql_type, "%s",
                   PQgetvalue(r, row, FIELD_SQL_TYPE));
    target->type_id = (uint32_t)strtoul(PQgetvalue(r, row, FIELD_TYPE_ID), NULL, 10);
    target->type_modifier = (int32_t)strtol(PQgetvalue(r, row, FIELD_MODIFIER), NULL, 10);
    target->is_not_null = is_true(r, row, FIELD_NOT_NULL);
    target->has_default = is_true(r, row, FIELD_DEFAULT);
    target->is_generated = is_true(r, row, FIELD_GENERATED);
}

static int find_row(const PGresult *r, const char *name)
{
    for (int i = 0; i < PQntuples(r); i++) {
        if (strcmp(PQgetvalue(r, i, FIELD_NAME), name) == 0) {
            return i;
        }
    }
    return -1;
}

static int32_t plan_one(struct sink_task *t, uint32_t column, const PGresult *r,
                        struct ph_error *err)
{
    const struct sink *s = t->sink;
    const struct ph_field *f = input_of(s, column);
    struct plan_column *p = &t->plan.columns[column];
    int row = find_row(r, f->name);
    if (row < 0) {
        return fail_no_column(s, column, r, err);
    }
    read_target(r, row, &p->target);
    p->input = s->inputs[column];
    if (p->target.is_generated) {
        return fail_column(s, column, "is generated: leave it out of \"columns\"", err);
    }
    if (!plan_find_op(f->type, p->target.type, &p->op)) {
        return fail_type(s, column, &p->target, err);
    }
    if (!is_true(r, row, FIELD_INSERT)) {
        char what[256];
        (void)snprintf(what, sizeof what, "may not be written by user \"%s\"; GRANT INSERT ON %s",
                       PQuser(t->session.conn), sql_text(&s->table));
        return fail_column(s, column, what, err);
    }
    if (plan_rounds(f->type, &p->target)) {
        session_log(&t->session, PH_LOG_WARNING,
                    "column \"%s\" is %s: values of %s are rounded when they are written", f->name,
                    p->target.sql_type, ph_type_name(f->type));
    }
    return PH_OK;
}

/* COPY would fail, or the table refuse row for row. */
static int32_t check_kind(const struct sink_task *t, const PGresult *r, struct ph_error *err)
{
    const char *table = sql_text(&t->sink->table);
    char kind = PQgetvalue(r, 0, FIELD_UNFIT)[0];
    struct sql text = {0};
    if (kind == '\0') {
        return PH_OK;
    }
    if (kind == 'v') {
        sql_add(&text,
                "%s is a view, which takes rows by an INSTEAD OF trigger only: name the table "
                "behind it; or CREATE TRIGGER … INSTEAD OF INSERT ON %s FOR EACH ROW …",
                table, table);
    } else if (kind == 'p') {
        sql_add(&text,
                "table %s is partitioned and has no partition, so that it would refuse every row; "
                "make one: CREATE TABLE … PARTITION OF %s DEFAULT",
                table, table);
    } else {
        sql_add(&text, "%s takes no rows: it is neither a table nor a view", table);
    }
    int32_t result = fail(t->sink, -1, err, &text);
    sql_fini(&text);
    return result;
}

static bool is_fed(const struct sink *s, const char *name)
{
    for (uint32_t i = 0; i < s->column_count; i++) {
        if (strcmp(input_of(s, i)->name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* A column that must have a value and gets none would make every row fail. */
static int32_t check_unfed(struct sink_task *t, const PGresult *r, struct ph_error *err)
{
    const struct sink *s = t->sink;
    for (int i = 0; i < PQntuples(r); i++) {
        struct plan_target target;
        read_target(r, i, &target);
        if (!target.is_not_null || target.has_default || target.is_generated ||
            is_fed(s, target.name)) {
            continue;
        }
        struct sql text = {0};
        sql_add(&text, "table %s wants a value for column ", sql_text(&s->table));
        sql_add_identifier(&text, target.name);
        sql_add(&text,
                " (NOT NULL, no default), which is not among the columns written; ALTER "
                "TABLE %s ALTER COLUMN ",
                sql_text(&s->table));
        sql_add_identifier(&text, target.name);
        sql_add(&text, " SET DEFAULT …, or DROP NOT NULL");
        int32_t result = fail(s, -1, err, &text);
        sql_fini(&text);
        return result;
    }
    return PH_OK;
}

static int32_t make_copy(struct sink_task *t, struct ph_error *err)
{
    sql_clear(&t->copy);
    sql_add(&t->copy, "COPY %s (", sql_text(&t->sink->table));
    for (uint32_t i = 0; i < t->plan.count; i++) {
        sql_add(&t->copy, "%s", i == 0 ? "" : ", ");
        sql_add_identifier(&t->copy, t->plan.columns[i].target.name);
    }
    sql_add(&t->copy, ") FROM STDIN (FORMAT binary)");
    return sql_text(&t->copy) != NULL ? PH_OK
                                      : ph_error_set(err, PH_ERR_FATAL, "no memory for COPY");
}

static int32_t make_plan(struct sink_task *t, const PGresult *r, struct ph_error *err)
{
    if (PQntuples(r) == 0) {
        return fail_no_table(t, err);
    }
    if (check_kind(t, r, err) != PH_OK) {
        return PH_ERROR;
    }
    (void)snprintf(t->relation, sizeof t->relation, "%s", PQgetvalue(r, 0, FIELD_RELATION));
    t->has_row_trigger = is_true(r, 0, FIELD_ROW_TRIGGER);
    if (plan_init(&t->plan, t->sink->column_count, err) != PH_OK) {
        return PH_ERROR;
    }
    for (uint32_t i = 0; i < t->plan.count; i++) {
        if (plan_one(t, i, r, err) != PH_OK) {
            return PH_ERROR;
        }
    }
    return check_unfed(t, r, err) != PH_OK ? PH_ERROR : make_copy(t, err);
}

int32_t catalog_check(struct sink_task *t, struct ph_error *err)
{
    const char *values[] = {sql_text(&t->sink->table)};
    PGresult *r = NULL;
    plan_fini(&t->plan);
    if (session_query(&t->session, query, 1, values, "looking up the table", &r, err) != PH_OK) {
        return PH_ERROR;
    }
    int32_t result = make_plan(t, r, err);
    PQclear(r);
    return result;
}

void catalog_add_match(const struct sink_task *t, struct sql *sql)
{
    sql_add(sql, "(SELECT count(*) FROM pg_attribute a JOIN (VALUES ");
    for (uint32_t i = 0; i < t->plan.count; i++) {
        const struct plan_target *target = &t->plan.columns[i].target;
        sql_add(sql, "%s(", i == 0 ? "" : ", ");
        sql_add_literal(sql, target->name);
        sql_add(sql, "::name, %u::oid, %d)", target->type_id, target->type_modifier);
    }
    sql_add(sql, ") AS c(name, type, modifier) ON a.attname = c.name AND a.atttypid = c.type AND "
                 "a.atttypmod = c.modifier WHERE NOT a.attisdropped AND a.attrelid = to_regclass(");
    sql_add_literal(sql, sql_text(&t->sink->table));
    sql_add(sql, ")) = %u", t->plan.count);
}

int32_t catalog_check_same(struct sink_task *t, struct ph_error *err)
{
    struct sql sql = {0};
    PGresult *r = NULL;
    sql_add(&sql, "SELECT ");
    catalog_add_match(t, &sql);
    const char *text = sql_text(&sql);
    int32_t result = text == NULL ? ph_error_set(err, PH_ERR_FATAL, "no memory")
                                  : session_query(&t->session, text, 0, NULL,
                                                  "looking up the table again", &r, err);
    if (result == PH_OK && PQgetvalue(r, 0, 0)[0] != 't') {
        result = ph_error_set(err, PH_ERR_RETRIABLE,
                              "table %s was altered since it was looked up: its rows were not "
                              "committed and are written again for its new columns",
                              sql_text(&t->sink->table));
        connect_close(t); /* the next connection plans anew */
    }
    PQclear(r);
    sql_fini(&sql);
    return result;
}
