/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/table.h"

#include "base/clock.h"
#include "base/escape.h"

#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

#define NAME_MIN  8
#define NAME_MAX  24
#define BAR_CELLS 10
#define WIDE      120u /* columns in which a wait has room behind the numbers */
#define LINE_MAX  1024

/* 1234567 as "1,234,567"; what is above a billion as "12.3 G". */
static void format_count(char *out, size_t size, double value)
{
    char digits[32];
    if (value < 0) {
        (void)snprintf(out, size, "-");
        return;
    }
    if (value >= 1e9) {
        (void)snprintf(out, size, "%.1f G", value / 1e9);
        return;
    }
    int length = snprintf(digits, sizeof digits, "%.0f", value);
    size_t at = 0;
    for (int i = 0; i < length && at + 2 < size; i++) {
        if (i > 0 && (length - i) % 3 == 0) {
            out[at++] = ',';
        }
        out[at++] = digits[i];
    }
    out[at] = '\0';
}

static int name_width(const struct stats *s)
{
    int width = NAME_MIN;
    for (uint32_t i = 0; i < s->operator_count; i++) {
        int length = (int)strlen(s->operators[i].name);
        width = length > width ? length : width;
    }
    return width > NAME_MAX ? NAME_MAX : width;
}

/* ---- the parts of a line ---- */

static void append_bar(struct buf *b, const struct stats_operator *o, bool ascii)
{
    const char *const cells[3] = {ascii ? "#" : "█", ascii ? "!" : "▒", ascii ? "." : "·"};
    int busy = (int)(o->busy * BAR_CELLS + 0.5);
    int held = (int)((o->busy + o->backpressured) * BAR_CELLS + 0.5);
    for (int i = 0; i < BAR_CELLS; i++) {
        buf_append_text(b, cells[i < busy ? 0 : i < held ? 1 : 2]);
    }
}

static void operator_line(struct buf *b, const struct stats *s, const struct stats_operator *o,
                          const struct table_options *options)
{
    char in[32];
    char out[32];
    char lag[32];
    char aside[32];
    char waiting[STATS_WAITING_LINE_SIZE];
    format_count(in, sizeof in, o->in_per_s);
    format_count(out, sizeof out, o->out_per_s);
    format_count(lag, sizeof lag, (double)o->lag_records);
    format_count(aside, sizeof aside, (double)o->totals.set_aside);
    stats_waiting_line(o, s->taken_ns, waiting);
    buf_append_format(b, "%-*.*s %9s %9s  ", name_width(s), NAME_MAX, o->name, in, out);
    if (o->waiting[0] != '\0' && options->columns < WIDE) {
        buf_append_format(b, "waiting: %s", waiting); /* it would find no room at the end */
        return;
    }
    append_bar(b, o, options->ascii);
    buf_append_format(b, " %4.0f%% %4.0f%% %4.0f%% %11s %9s", o->busy * 100, o->backpressured * 100,
                      o->idle * 100, lag, aside);
    if (o->waiting[0] != '\0') {
        buf_append_format(b, "  %s", waiting);
    }
}

static void header_line(struct buf *b, const struct stats *s)
{
    buf_append_format(b, "%-*s %9s %9s  %-*s %5s %5s %5s %11s %9s  %s", name_width(s), "operator",
                      "in/s", "out/s", BAR_CELLS, "", "busy", "held", "idle", "lag", "set aside",
                      "waiting for");
}

static void pipeline_line(struct buf *b, const struct stats *s)
{
    char in[32];
    char committed[32];
    char total[32];
    char aside[32];
    int64_t seconds = (s->taken_ns - s->started_ns) / CLOCK_NS_PER_S;
    format_count(in, sizeof in, s->in_per_s);
    format_count(committed, sizeof committed, s->committed_per_s);
    format_count(total, sizeof total, (double)s->committed);
    format_count(aside, sizeof aside, (double)s->set_aside);
    buf_append_format(b, "%s: %s %lld:%02lld:%02lld, %s records/s in, %s rows/s committed",
                      s->pipeline, stats_state_name(s->state), (long long)(seconds / 3600),
                      (long long)(seconds / 60 % 60), (long long)(seconds % 60), in, committed);
    buf_append_format(b, "; %s committed, %s set aside", total, aside);
}

/* ---- a line that is safe and fits ---- */

/* U+0080..U+009F are control codes too. */
static bool is_shown(const char *at, size_t length, bool ascii)
{
    unsigned char first = (unsigned char)at[0];
    if (length <= 1) {
        return length == 1 && first >= 0x20u && first != 0x7f;
    }
    return !ascii && !(first == 0xc2u && (unsigned char)at[1] < 0xa0u);
}

static void append_cut(struct buf *b, const char *text, const struct table_options *o)
{
    const char *end = text + strlen(text);
    for (uint32_t column = 0; text < end && column < o->columns; column++) {
        size_t length = escape_utf8_length(text, end);
        bool shown = is_shown(text, length, o->ascii);
        buf_append(b, shown ? text : "?", shown ? length : 1);
        text += length == 0 ? 1 : length;
    }
}

void table_line(struct buf *b, const struct stats *s, uint32_t line, const struct table_options *o)
{
    struct buf whole;
    buf_init(&whole, LINE_MAX);
    if (line == 0) {
        pipeline_line(&whole, s);
    } else if (line == 1) {
        header_line(&whole, s);
    } else {
        operator_line(&whole, s, &s->operators[line - 2], o);
    }
    append_cut(b, whole.data != NULL ? whole.data : "", o);
    buf_fini(&whole);
}

bool table_needs_ascii(void)
{
    locale_t locale = newlocale(LC_CTYPE_MASK, "", (locale_t)0);
    if (locale == (locale_t)0) {
        return true;
    }
    bool is_utf8 = strcmp(nl_langinfo_l(CODESET, locale), "UTF-8") == 0;
    freelocale(locale);
    return !is_utf8;
}
