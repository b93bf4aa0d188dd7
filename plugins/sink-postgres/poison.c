/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which rows a failed COPY blames. The server names one and stops; the kinds of fault that come in
 * crowds are then looked for in the rest of the epoch, so that it is not written once for each.
 */
#include "errors.h"
#include "sink.h"

#include <ctype.h>
#include <stdlib.h>

#define REASON_SIZE 640
#define PLACES_SIZE (TALLY_PLACES * 128u)
/* Unconfirmed refusals in a row after which the host looks for the row by halves. */
#define PASSING_MAX 3u

struct blame {
    const PGresult *result;
    struct ph_error *err; /* of the running call */
    const char *sqlstate;
    const struct plan_column *column; /* null = the server names none */
    uint64_t line;
    const struct ph_batch *batch;
    uint32_t row;
    char reason[REASON_SIZE];
    uint32_t count;     /* rows refused so far, or that would be */
    uint32_t set_aside; /* of them, by the host */
    bool is_general;    /* the column's rule is the whole table's */
    bool is_only_counting;
};

/* The text behind the line's number, or null: "COPY t, line 7, column ip", in any language. */
static const char *find_line(const char *context, const char *relation, uint64_t *line)
{
    size_t length = strlen(relation);
    for (const char *at = context; at != NULL; at = strchr(at, '\n')) {
        at += *at == '\n';
        size_t rest = strcspn(at, "\n");
        const char *name = strstr(at, relation);
        if (rest == 0 || name == NULL || name + length > at + rest ||
            memmem(at, rest, "COPY", 4) == NULL) {
            continue;
        }
        const char *digit = name + length;
        while (digit < at + rest && !isdigit((unsigned char)*digit)) {
            digit++;
        }
        if (digit < at + rest) {
            char *end;
            *line = strtoull(digit, &end, 10);
            return end;
        }
    }
    return NULL;
}

uint64_t poison_line(const char *context, const char *relation)
{
    uint64_t line = 0;
    (void)find_line(context, relation, &line);
    return line;
}

static bool is_skipped(const struct epoch *e, const struct segment *s, uint32_t row)
{
    for (uint32_t i = 0; i < s->skipped_count; i++) {
        if (e->skipped[s->skipped_from + i] == row) {
            return true;
        }
    }
    return false;
}

bool poison_find(const struct epoch *e, uint64_t line, const struct ph_batch **batch, uint32_t *row)
{
    for (uint32_t i = 0; i < e->segment_count; i++) {
        const struct segment *s = &e->segments[i];
        if (line < s->first_line || line - s->first_line >= s->line_count) {
            continue;
        }
        *batch = s->batch;
        *row = (uint32_t)(line - s->first_line);
        for (uint32_t k = 0; k < s->skipped_count; k++) {
            *row += e->skipped[s->skipped_from + k] <= *row;
        }
        return true;
    }
    return false;
}

static const struct plan_column *find_column(const struct plan *plan, const char *name)
{
    for (uint32_t i = 0; i < plan->count; i++) {
        if (strcmp(plan->columns[i].target.name, name) == 0) {
            return &plan->columns[i];
        }
    }
    return NULL;
}

/* From the error's own field, or from ", column NAME" in its context. */
static const struct plan_column *blamed_column(const struct plan *plan, const PGresult *r,
                                               const char *behind_line)
{
    const char *name = PQresultErrorField(r, PG_DIAG_COLUMN_NAME);
    if (name != NULL) {
        return find_column(plan, name);
    }
    const char *space = strncmp(behind_line, ", ", 2) == 0 ? strchr(behind_line + 2, ' ') : NULL;
    if (space == NULL) {
        return NULL;
    }
    char copy[PLAN_NAME_SIZE];
    (void)snprintf(copy, sizeof copy, "%.*s", (int)strcspn(space + 1, "\n:"), space + 1);
    return find_column(plan, copy);
}

static int32_t sequence_length(const uint8_t *at, size_t left)
{
    uint8_t c = at[0];
    int32_t length = c < 0x80 ? 1 : c >= 0xc2 && c < 0xe0 ? 2 : c >= 0xe0 && c < 0xf0 ? 3 : 4;
    if (c == 0 || (c >= 0x80 && c < 0xc2) || c > 0xf4 || (size_t)length > left) {
        return -1;
    }
    for (int32_t i = 1; i < length; i++) {
        if ((at[i] & 0xc0u) != 0x80u) {
            return -1;
        }
    }
    /* No overlong form, no surrogate, nothing above U+10FFFF. */
    bool is_wrong = (c == 0xe0 && at[1] < 0xa0) || (c == 0xed && at[1] > 0x9f) ||
                    (c == 0xf0 && at[1] < 0x90) || (c == 0xf4 && at[1] > 0x8f);
    return is_wrong ? -1 : length;
}

bool poison_is_utf8(const uint8_t *text, size_t length)
{
    for (size_t i = 0; i < length;) {
        int32_t step = sequence_length(text + i, length - i);
        if (step < 0) {
            return false;
        }
        i += (size_t)step;
    }
    return true;
}

/* varchar(n) counts characters, and forgives blanks beyond n. */
static bool is_too_long(struct ph_bytes text, const struct plan_target *target)
{
    int32_t limit = target->type_modifier - 4;
    int32_t characters = 0;
    if (target->type_modifier < 4) {
        return false;
    }
    for (uint32_t i = 0; i < text.length; i++) {
        characters += (text.data[i] & 0xc0u) != 0x80u;
        if (characters > limit && text.data[i] != ' ') {
            return true;
        }
    }
    return false;
}

/* The server's verdict of this SQLSTATE, foretold for one row. */
static bool violates(const struct blame *b, const struct ph_batch *batch, uint32_t row)
{
    const struct ph_column *c = ph_batch_column(batch, b->column->input);
    bool is_null = ph_column_is_null(c, row);
    if (strcmp(b->sqlstate, SQLSTATE_NOT_NULL) == 0) {
        return is_null;
    }
    if (is_null || !ph_type_is_view(c->type) || c->type == PH_TYPE_BYTES) {
        return false;
    }
    struct ph_bytes text = ph_column_bytes(c, row);
    if (strcmp(b->sqlstate, SQLSTATE_STRING_TOO_LONG) == 0) {
        return is_too_long(text, &b->column->target);
    }
    return strcmp(b->sqlstate, SQLSTATE_BAD_ENCODING) == 0 &&
           !poison_is_utf8(text.data, text.length);
}

void poison_place(struct sink_task *t, const char *sqlstate, const struct ph_batch *batch,
                  uint32_t row)
{
    if (batch->partition_ids != NULL && batch->offsets != NULL) {
        tally_place(tally_find(&t->tally, sqlstate),
                    (struct tally_place){batch->partition_ids[row], batch->offsets[row]});
    }
}

bool poison_set_aside(struct sink_task *t, const char *sqlstate, const char *reason,
                      const struct ph_batch *batch, uint32_t row, const struct ph_error *err)
{
    if (!ph_error_is_set(err)) {
        t->task->reject(t->task, batch, row, sqlstate, reason);
    }
    if (ph_error_is_set(err)) {
        return false;
    }
    ph_counter_add(t->cells[SINK_REFUSED_ROWS], 1);
    return true;
}

static void refuse(struct sink_task *t, struct blame *b, const struct ph_batch *batch, uint32_t row)
{
    b->count++;
    if (b->is_only_counting) {
        poison_place(t, b->sqlstate, batch, row);
    } else {
        b->set_aside += poison_set_aside(t, b->sqlstate, b->reason, batch, row, b->err);
    }
}

static void sweep_segment(struct sink_task *t, struct blame *b, const struct segment *s)
{
    for (uint32_t row = 0; row < s->batch->row_count; row++) {
        bool is_first = s->batch == b->batch && row == b->row;
        if (!is_first && violates(b, s->batch, row) && !is_skipped(&t->epoch, s, row)) {
            refuse(t, b, s->batch, row);
        }
    }
}

/* Whether the table itself, with all of its partitions, takes no null there. */
static bool is_not_null(struct sink_task *t, const char *column)
{
    const char *values[] = {sql_text(&t->sink->table), column};
    PGresult *r = NULL;
    int32_t result =
        session_query(&t->session,
                      "SELECT 1 FROM pg_attribute WHERE attrelid = to_regclass($1) AND attname = "
                      "$2 AND attnotnull",
                      2, values, "looking up a column", &r, NULL);
    bool has_rule = result == PH_OK && PQntuples(r) == 1;
    PQclear(r);
    return has_rule;
}

/*
 * Whether the rule that the named row violates holds for each row: as we know it, since the table
 * may have changed since the start. A text's length and encoding are judged before anything else; a
 * null may be filled in by a trigger, or be taken by another partition.
 */
static bool is_general(struct sink_task *t, const struct blame *b)
{
    if (b->column == NULL || !violates(b, b->batch, b->row)) {
        return false;
    }
    return strcmp(b->sqlstate, SQLSTATE_NOT_NULL) != 0 ||
           (!t->has_row_trigger && is_not_null(t, b->column->target.name));
}

static void sweep(struct sink_task *t, struct blame *b)
{
    /* A row's own values do not fit the others. */
    (void)snprintf(b->reason, sizeof b->reason, "column \"%s\": %s", b->column->target.name,
                   PQresultErrorField(b->result, PG_DIAG_MESSAGE_PRIMARY));
    for (uint32_t i = 0; i < t->epoch.segment_count; i++) {
        sweep_segment(t, b, &t->epoch.segments[i]);
    }
}

static bool has_line(const PGresult *lines, uint64_t line)
{
    for (int i = 0; i < PQntuples(lines); i++) {
        if (strtoull(PQgetvalue(lines, i, 0), NULL, 10) == line) {
            return true;
        }
    }
    return false;
}

/* The same for a unique index, which only the server can search. */
static void sweep_duplicates(struct sink_task *t, struct blame *b, const PGresult *lines)
{
    (void)snprintf(b->reason, sizeof b->reason, "%s; an earlier row has its key",
                   PQresultErrorField(b->result, PG_DIAG_MESSAGE_PRIMARY));
    for (int i = 0; i < PQntuples(lines); i++) {
        uint64_t line = strtoull(PQgetvalue(lines, i, 0), NULL, 10);
        const struct ph_batch *batch;
        uint32_t row;
        if (line != b->line && poison_find(&t->epoch, line, &batch, &row)) {
            refuse(t, b, batch, row);
        }
    }
}

static void set_reason(struct blame *b)
{
    char message[REASON_SIZE / 2];
    char detail[REASON_SIZE / 3];
    const char *primary = PQresultErrorField(b->result, PG_DIAG_MESSAGE_PRIMARY);
    const char *more = PQresultErrorField(b->result, PG_DIAG_MESSAGE_DETAIL);
    errors_one_line(message, sizeof message, primary == NULL ? "" : primary);
    errors_one_line(detail, sizeof detail, more == NULL ? "" : more);
    (void)snprintf(b->reason, sizeof b->reason, "%s%s%s%s%s%s",
                   b->column == NULL ? "" : "column \"",
                   b->column == NULL ? "" : b->column->target.name,
                   b->column == NULL ? "" : "\": ", message, detail[0] == '\0' ? "" : "; ", detail);
}

/* Null where the host keeps the positions: it alone knows the partition then. */
static const struct ph_partition *find_partition(const struct sink_task *t, uint32_t id)
{
    for (uint32_t i = 0; i < t->held_count; i++) {
        if (t->held[i].partition.id == id) {
            return &t->held[i].partition;
        }
    }
    return NULL;
}

/* ", such as events/0 offset 7, …" */
static void list_places(const struct sink_task *t, const struct tally_reason *reason,
                        char out[PLACES_SIZE])
{
    size_t length = 0;
    out[0] = '\0';
    for (uint32_t i = 0; i < reason->place_count; i++) {
        const struct ph_partition *p = find_partition(t, reason->places[i].partition_id);
        char from[80] = "";
        if (p != NULL) {
            (void)snprintf(from, sizeof from, "%.60s/%d ", p->topic, p->partition);
        }
        length += (size_t)snprintf(out + length, PLACES_SIZE - length, "%s%soffset %lld",
                                   i == 0 ? ", such as " : ", ", from,
                                   (long long)reason->places[i].offset);
    }
}

int32_t poison_count(struct sink_task *t, const char *sqlstate, uint64_t count, uint64_t rows,
                     const char *reason, struct ph_error *err)
{
    const struct sink *s = t->sink;
    char places[PLACES_SIZE];
    uint64_t all = t->tally.taken + t->tally.refused + rows;
    uint64_t refused = tally_refused(&t->tally, sqlstate, count);
    bool is_share = tally_is_too_many(refused, all, s->poison_max_percent);
    if (!is_share && refused <= (uint64_t)s->poison_max_rows) {
        return PH_OK;
    }
    list_places(t, tally_find(&t->tally, sqlstate), places);
    (void)ph_error_set(err, PH_ERR_CONFIG,
                       "%llu of %llu rows were refused for one reason, more than %s (%lld) allows: "
                       "%.240s (SQLSTATE %s)%s; correct the table or what is written to it, or "
                       "raise the limit",
                       (unsigned long long)refused, (unsigned long long)all,
                       is_share ? "poison_max_percent" : "poison_max_rows",
                       (long long)(is_share ? s->poison_max_percent : s->poison_max_rows), reason,
                       sqlstate, places);
    ph_error_set_foreign(err, sqlstate);
    return PH_ERROR;
}

/* All rows that the blame falls on: the named one, and others of its kind. lines: of equal keys, or
 * null. */
static void refuse_all(struct sink_task *t, struct blame *b, const PGresult *lines)
{
    b->count = 0;
    set_reason(b);
    refuse(t, b, b->batch, b->row);
    if (lines != NULL) {
        sweep_duplicates(t, b, lines);
    } else if (b->is_general) {
        sweep(t, b);
    }
}

static int32_t refuse_rows(struct sink_task *t, struct blame *b, const PGresult *lines)
{
    struct ph_error *err = b->err;
    char first[REASON_SIZE];
    set_reason(b);
    (void)snprintf(first, sizeof first, "%s", b->reason);
    b->is_general = lines == NULL && is_general(t, b);
    b->is_only_counting = true;
    refuse_all(t, b, lines);
    b->is_only_counting = false;
    if (poison_count(t, b->sqlstate, b->count, t->epoch.line_count, first, err) != PH_OK) {
        return PH_ERROR;
    }
    refuse_all(t, b, lines);
    if (ph_error_is_set(err)) {
        tally_take_back(&t->tally, b->sqlstate, b->count - b->set_aside);
        return PH_ERROR;
    }
    (void)ph_error_set(err, PH_ERR_POISON, "PostgreSQL refused %u row%s of the epoch: %.400s",
                       b->count, b->count == 1 ? "" : "s", first);
    ph_error_set_foreign(err, b->sqlstate);
    return PH_ERROR;
}

/* A refusal that a second try does not confirm is no row's fault, at first. Where it goes on,
 * smaller parts of the epoch tell more. */
static int32_t fail_passing(struct sink_task *t, const struct blame *b, enum trial trial,
                            struct ph_error *err)
{
    if (++t->passing_refusals > PASSING_MAX && trial == TRIAL_TAKEN) {
        return errors_set(err, t->session.conn, b->result, "PostgreSQL refused rows");
    }
    (void)ph_error_set(err, PH_ERR_RETRIABLE,
                       "PostgreSQL refused a row of the epoch, %s: %.400s (SQLSTATE %s)",
                       trial == TRIAL_TAKEN ? "but took it when it was tried again"
                                            : "which could not be tried again",
                       b->reason, b->sqlstate);
    ph_error_set_foreign(err, b->sqlstate);
    return PH_ERROR;
}

int32_t poison_blame(struct sink_task *t, const PGresult *result, struct ph_error *err)
{
    struct blame b = {
        .result = result, .err = err, .sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE)};
    const char *context = PQresultErrorField(result, PG_DIAG_CONTEXT);
    const char *behind = context == NULL ? NULL : find_line(context, t->relation, &b.line);
    if (behind == NULL || !poison_find(&t->epoch, b.line, &b.batch, &b.row)) {
        return errors_set(err, t->session.conn, result, "PostgreSQL refused rows");
    }
    b.column = blamed_column(&t->plan, result, behind);
    set_reason(&b);
    PGresult *lines =
        strcmp(b.sqlstate, SQLSTATE_DUPLICATE_KEY) == 0 ? duplicates_find(t, result, b.line) : NULL;
    enum trial trial = TRIAL_REFUSED;
    if (lines == NULL || !has_line(lines, b.line)) {
        PQclear(lines);
        lines = NULL;
        trial = trial_of_line(t, b.line, b.sqlstate);
    }
    int32_t answer =
        trial == TRIAL_REFUSED ? refuse_rows(t, &b, lines) : fail_passing(t, &b, trial, err);
    PQclear(lines);
    return answer;
}
