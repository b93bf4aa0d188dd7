/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/letters_way.h"

#include "manifest/format_read.h"
#include "manifest/graph.h"
#include "manifest/memory.h"

#include <stdio.h>
#include <string.h>

/* The columns of a letter. */
static const char format_text[] =
    "{\"json\":{\"fields\":{"
    "\"time\":\"timestamp(6)\",\"pipeline\":\"string\",\"operator\":\"string\","
    "\"source\":\"string\",\"topic\":\"string\",\"partition\":\"int32\",\"offset\":\"int64\","
    "\"sub\":\"int64\","
    "\"timestamp\":{\"type\":\"timestamp(3)\",\"from\":\"/timestamp_ms\",\"parse\":\"unix_ms\"},"
    "\"key\":\"string\",\"key_base64\":\"string\",\"code\":\"string\",\"reason\":\"string\","
    "\"value\":\"string\",\"value_base64\":\"string\",\"value_bytes\":\"int64\"}}}";

static bool is_read(const struct manifest *m, uint32_t index)
{
    for (uint32_t i = 0; i < m->operator_count; i++) {
        for (uint32_t k = 0; k < m->operators[i].input_count; k++) {
            if (m->operators[i].inputs[k] == index) {
                return true;
            }
        }
    }
    return false;
}

/* What a refused letter becomes: it is in the file already. */
static void keep_in_file(struct manifest_operator *op)
{
    op->is_of_letters = true;
    op->on_error = MANIFEST_SKIP;
}

static void add_source(struct reader *r, uint32_t sink)
{
    struct manifest *m = r->m;
    struct manifest_operator *to = &m->operators[sink];
    struct manifest_operator *source = &m->operators[m->operator_count];
    char name[sizeof "letters:" + MANIFEST_NAME_MAX];
    int length = snprintf(name, sizeof name, "letters:%s", to->name);
    m->added =
        json_pack("{s:{s:s, s:s, s:b}, s:o}", "config", "path", m->dead_letter_file, "records",
                  "letters", "follow", 1, "format", json_loads(format_text, 0, NULL));
    json_t *format = json_object_get(m->added, "format");
    *source = (struct manifest_operator){.name = memory_copy(&m->memory, name, (size_t)length),
                                         .place = to->place,
                                         .plugin_name = "source-dead-letters",
                                         .plugin_id = "",
                                         .description = "",
                                         .config = json_object_get(m->added, "config"),
                                         .format = format == NULL ? NULL : format_read(r, format)};
    to->inputs = memory_alloc(&m->memory, 1, sizeof *to->inputs);
    if (source->name == NULL || source->format == NULL || to->inputs == NULL) {
        (void)reader_no_memory(r);
        return;
    }
    to->inputs[0] = m->operator_count++;
    to->input_count = 1;
    keep_in_file(to);
    keep_in_file(source);
}

void letters_way_add(struct reader *r)
{
    struct manifest *m = r->m;
    const char *name = m->dead_letter_operator;
    if (name == NULL || m->dead_letter_file == NULL || manifest_errors_any(r->errs)) {
        return;
    }
    struct pointer at = r->at;
    pointer_init(&r->at);
    pointer_push_text(&r->at, "dead_letter");
    int32_t index = graph_find(r, "operator", name);
    if (index >= 0 && m->operators[index].input_count > 0) {
        reader_fail(r, "operator",
                    "\"%s\" reads another operator: letters need a sink for them "
                    "alone, without an \"input\"",
                    name);
    } else if (index >= 0 && is_read(m, (uint32_t)index)) {
        reader_fail(r, "operator", "\"%s\" is read by another operator: letters need a sink", name);
    } else if (m->operator_count >= MANIFEST_OPERATORS_MAX) {
        reader_fail(r, "operator",
                    "there are more than %d operators with the one that reads the "
                    "dead-letter file",
                    MANIFEST_OPERATORS_MAX);
    } else if (index >= 0) {
        add_source(r, (uint32_t)index);
    }
    r->at = at;
}
