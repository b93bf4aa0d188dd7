/* SPDX-License-Identifier: Apache-2.0 */
#include "live_table.h"

#include <stdlib.h>

static const struct ph_field fields[] = {{"id", PH_TYPE_INT64, 0}, {"v", PH_TYPE_STRING, 0}};

struct ph_batch *live_rows(const struct rig *r, int64_t first, uint32_t count)
{
    struct harness_cell *cells = calloc(2 * count, sizeof *cells);
    ck_assert_ptr_nonnull(cells);
    for (uint32_t i = 0; i < count; i++) {
        cells[2 * i] = (struct harness_cell)CELL_INT(first + i);
        cells[2 * i + 1] = (struct harness_cell)CELL_TEXT("a text of more than twelve bytes");
    }
    struct ph_batch *b = harness_batch(&r->schema, cells, count);
    free(cells);
    return b;
}

void live_settings(struct rig *r)
{
    rig_sql("CREATE TABLE IF NOT EXISTS live (id bigint, v text)");
    rig_settings(r, "live");
}

void live_start(struct rig *r)
{
    rig_open(r, fields, 2);
}

void live_open_with(struct rig *r, const char *key, const char *text)
{
    live_settings(r);
    if (text != NULL) {
        rig_set(r, key, text);
    }
    live_start(r);
}

void live_open(struct rig *r, const char *dsn)
{
    live_open_with(r, "dsn", dsn);
}

int64_t live_claimed(struct rig *r)
{
    struct ph_position p;
    assert_ok(r, rig_claim(r, 1, &p));
    return p.next_offset;
}

void live_assert_exact(int64_t count)
{
    ck_assert_int_eq(strtoll(rig_value("SELECT count(*) FROM live"), NULL, 10), count);
    ck_assert_int_eq(strtoll(rig_value("SELECT count(DISTINCT id) FROM live"), NULL, 10), count);
}

void live_write_epoch(struct rig *r, int64_t first, uint32_t count)
{
    struct ph_batch *b = live_rows(r, first, count);
    assert_ok(r, rig_write(r, b));
    assert_ok(r, rig_commit(r, 0, first + count));
    harness_batch_release(b);
}

void live_kill_backend(const char *where)
{
    ck_assert_str_eq(
        rig_value("SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity WHERE "
                  "application_name = 'pipehost/pipe/rows' AND %s",
                  where),
        "1");
}

void live_recover(struct rig *r, const struct ph_batch *b, int64_t first, int64_t end)
{
    rig_abort(r);
    int64_t next = live_claimed(r);
    if (next == first || (first == 0 && next == -1)) {
        assert_ok(r, rig_write(r, b));
        assert_ok(r, rig_commit(r, 0, end));
    } else {
        ck_assert_int_eq(next, end);
    }
    live_assert_exact(end);
}
