/* SPDX-License-Identifier: Apache-2.0 */
/* Rows and records that cannot go on: what an operator's on_error makes of them. */
#include "base/clock.h"
#include "base/escape.h"
#include "job/preview.h"
#include "job/tasks.h"

#include <stdio.h>

#define PLACE_SIZE 320

/* By the operator's policy; place is where the record came from. */
static int32_t apply_policy(struct task *t, const struct dead_letter *letter, const char *place,
                            struct ph_error *err)
{
    switch (t->node->manifest->on_error) {
    case MANIFEST_SKIP:
        return PH_OK;
    case MANIFEST_FAIL:
        return ph_error_set(err, PH_ERR_FATAL,
                            "the record at %s was refused (%s: %s) and on_error is \"fail\"", place,
                            letter->code, letter->reason);
    default:
        if (t->job->is_preview) {
            preview_tell(t, place, letter->code, letter->reason);
            return PH_OK;
        }
        return dead_letters_add(t->job->dead_letters, letter, err);
    }
}

/* preview_tell says it, of a letter that nobody writes. */
static bool is_told_already(const struct task *t)
{
    return t->job->is_preview && t->node->manifest->on_error == MANIFEST_DEAD_LETTER;
}

/* The place and as much of the value as there is room for, as a JSON string. */
static void describe(const char *place, struct ph_bytes value, char out[BREAKER_EXAMPLE_SIZE])
{
    static const char cut[] = "...";
    size_t length = (size_t)snprintf(out, BREAKER_EXAMPLE_SIZE, "%.80s ", place);
    if (value.data == NULL) {
        (void)snprintf(out + length, BREAKER_EXAMPLE_SIZE - length, "without a value");
        return;
    }
    const char *at = (const char *)value.data;
    const char *end = at + value.length;
    out[length++] = '"';
    while (at < end && length + ESCAPE_JSON_MAX + sizeof cut < BREAKER_EXAMPLE_SIZE) {
        length += escape_json(&at, end, out + length);
    }
    (void)snprintf(out + length, BREAKER_EXAMPLE_SIZE - length, "\"%s", at < end ? cut : "");
}

int32_t task_set_aside(struct task *t, const struct task_row *row, const char *code,
                       const char *reason, struct ph_error *err)
{
    struct dead_letter letter = {.operator_name = t->node->manifest->name,
                                 .partition = row->partition,
                                 .offset = row->offset,
                                 .sub_index = row->sub_index,
                                 .has_sub_index = row->has_sub_index,
                                 .timestamp_ms = row->timestamp_ms,
                                 .key = row->key,
                                 .code = code,
                                 .reason = reason,
                                 .value = row->value};
    char place[PLACE_SIZE] = "no source record";
    char example[BREAKER_EXAMPLE_SIZE];
    if (row->partition != NULL) {
        (void)snprintf(place, sizeof place, "%s/%d offset %lld", row->partition->topic,
                       row->partition->partition, (long long)row->offset);
    }
    if (apply_policy(t, &letter, place, err) != PH_OK) {
        return PH_ERROR;
    }
    count_add(&t->counts.set_aside, 1);
    describe(place, row->value, example);
    struct reason why = {.operator_name = t->node->manifest->name,
                         .code = code,
                         .text = reason,
                         .example = example,
                         .skipped = t->node->manifest->on_error == MANIFEST_SKIP};
    if (!is_told_already(t)) {
        reasons_count(t->job->reasons, &why, clock_monotonic_ns());
    }
    return breaker_bad(&t->breaker, code, reason, example, err);
}
