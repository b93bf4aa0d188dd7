/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/decode.h"

#include "base/escape.h"
#include "codec/metadata.h"
#include "codec/walk.h"

#include <stdlib.h>

/* What `field_kind` a declared field has; the kind of an unknown type is not used. */
static enum field_kind kind_of(const struct decode_field *f)
{
    switch (f->type) {
    case PH_TYPE_BYTES:
        return FIELD_BYTES;
    case PH_TYPE_JSON:
        return FIELD_JSON;
    case PH_TYPE_BOOL:
        return FIELD_BOOL;
    case PH_TYPE_INT32:
        return FIELD_INT32;
    case PH_TYPE_INT64:
        return FIELD_INT64;
    case PH_TYPE_FLOAT64:
        return FIELD_FLOAT64;
    case PH_TYPE_TIMESTAMP_MS:
    case PH_TYPE_TIMESTAMP_US:
        return f->parse == DECODE_UNIX_S    ? FIELD_UNIX_S
               : f->parse == DECODE_UNIX_MS ? FIELD_UNIX_MS
               : f->parse == DECODE_PATTERN ? FIELD_PATTERN
                                            : FIELD_ISO8601;
    default:
        return FIELD_TEXT;
    }
}

static int32_t check_name(const char *name, const char *what, struct ph_error *err)
{
    if (strlen(name) > DECODE_MAX_NAME) {
        return ph_error_set(err, PH_ERR_CONFIG, "%s of a field is longer than %u bytes: %.64s...",
                            what, DECODE_MAX_NAME, name);
    }
    return PH_OK;
}

static int32_t check_field(const struct decode_field *f, struct ph_error *err)
{
    if (check_name(f->name, "the name", err) != PH_OK) {
        return PH_ERROR;
    }
    if (f->type == PH_TYPE_NONE || f->type > PH_TYPE_JSON) {
        return ph_error_set(err, PH_ERR_CONFIG, "field \"%s\" has no type", f->name);
    }
    const char *types = metadata_type_problem(f->metadata, f->type);
    if (types != NULL) {
        return ph_error_set(err, PH_ERR_CONFIG, "field \"%s\" must be %s", f->name, types);
    }
    if (f->path_length > DECODE_MAX_SEGMENTS) {
        return ph_error_set(err, PH_ERR_CONFIG, "field \"%s\" stands deeper than %u levels",
                            f->name, DECODE_MAX_SEGMENTS);
    }
    for (uint32_t i = 0; i < f->path_length; i++) {
        if (check_name(f->path[i], "a path segment", err) != PH_OK) {
            return PH_ERROR;
        }
    }
    if (kind_of(f) == FIELD_PATTERN) {
        const char *problem =
            f->pattern == NULL ? "is missing" : timestamp_pattern_problem(f->pattern);
        if (problem != NULL) {
            return ph_error_set(err, PH_ERR_CONFIG, "the pattern of field \"%s\" %s", f->name,
                                problem);
        }
    }
    return PH_OK;
}

static int32_t check_fields(const struct decode_field *fields, uint32_t count, struct ph_error *err)
{
    if (count > DECODE_MAX_FIELDS) {
        return ph_error_set(err, PH_ERR_CONFIG, "more than %u fields are declared",
                            DECODE_MAX_FIELDS);
    }
    uint32_t metadata = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (check_field(&fields[i], err) != PH_OK) {
            return PH_ERROR;
        }
        metadata += fields[i].metadata != DECODE_IN_VALUE ? 1 : 0;
        if (metadata > DECODE_MAX_METADATA) {
            return ph_error_set(err, PH_ERR_CONFIG, "more than %u fields do not stand in the JSON",
                                DECODE_MAX_METADATA);
        }
        for (uint32_t j = 0; j < i; j++) {
            if (strcmp(fields[i].name, fields[j].name) == 0) {
                return ph_error_set(err, PH_ERR_CONFIG, "two fields are called \"%s\"",
                                    fields[i].name);
            }
        }
    }
    return PH_OK;
}

static int32_t no_memory(struct ph_error *err)
{
    return ph_error_set(err, PH_ERR_FATAL, "there is no memory for the decoder");
}

/* A new level; names that it is given are kept by `names`. WALK_NONE: no memory. */
static uint32_t add_level(struct decoder *d)
{
    struct keys *levels = realloc(d->levels, (d->level_count + 1) * sizeof *levels);
    if (levels == NULL) {
        return WALK_NONE;
    }
    d->levels = levels;
    keys_init(&d->levels[d->level_count]);
    return d->level_count++;
}

/* The slot of a name of a level, made where it is new. WALK_NONE: no memory or too many. */
static uint32_t add_slot(struct decoder *d, uint32_t level, const char *name)
{
    if (d->slot_count == WALK_MAX_SLOTS) {
        return WALK_NONE;
    }
    struct key *key = keys_declare(&d->levels[level], name, d->slot_count);
    if (key == NULL) {
        return WALK_NONE;
    }
    if (key->slot == d->slot_count) {
        d->slots[d->slot_count++] = (struct slot){.field = WALK_NONE, .level = WALK_NONE};
    }
    return key->slot;
}

/* Names live as long as the decoder: in one list, freed with it. */
static const char *keep_name(struct decoder *d, const char *name)
{
    char **names = realloc(d->names, (d->name_count + 1) * sizeof *names);
    if (names == NULL) {
        return NULL;
    }
    d->names = names;
    d->names[d->name_count] = strdup(name);
    return d->names[d->name_count] == NULL ? NULL : d->names[d->name_count++];
}

/* The slot that a field's path leads to. */
static uint32_t find_place(struct decoder *d, const struct decode_field *f)
{
    uint32_t level = 0;
    uint32_t slot = WALK_NONE;
    uint32_t length = f->path_length == 0 ? 1 : f->path_length;
    for (uint32_t i = 0; i < length; i++) {
        const char *name = keep_name(d, f->path_length == 0 ? f->name : f->path[i]);
        slot = name == NULL ? WALK_NONE : add_slot(d, level, name);
        if (slot == WALK_NONE || i + 1 == length) {
            return slot;
        }
        if (d->slots[slot].level == WALK_NONE) {
            d->slots[slot].level = add_level(d);
        }
        level = d->slots[slot].level;
        if (level == WALK_NONE) {
            return WALK_NONE;
        }
    }
    return slot;
}

static bool add_metadata(struct decoder *d, const struct decode_field *f, uint32_t column)
{
    bool is_json = f->metadata == DECODE_VALUE && f->type == PH_TYPE_JSON && !f->is_unread;
    struct metadata *m = &d->metadata[d->metadata_count++];
    *m = (struct metadata){.kind = f->metadata,
                           .type = f->type,
                           .column = column,
                           .required = f->required,
                           .is_unread = f->is_unread,
                           .name = keep_name(d, f->name)};
    d->is_exact = d->is_exact || is_json;
    d->walks_value = d->walks_value || is_json;
    return m->name != NULL;
}

static bool add_field(struct decoder *d, const struct decode_field *f, uint32_t column)
{
    struct field *field = &d->fields[d->field_count];
    uint32_t slot = find_place(d, f);
    if (slot == WALK_NONE) {
        return false;
    }
    field->kind = f->is_unread ? FIELD_UNREAD : kind_of(f);
    field->required = f->required;
    field->milliseconds = f->type == PH_TYPE_TIMESTAMP_MS;
    field->column = column;
    d->walks_value = true;
    field->next = d->slots[slot].field;
    field->name = keep_name(d, f->name);
    field->pattern = field->kind == FIELD_PATTERN ? keep_name(d, f->pattern) : "";
    d->slots[slot].field = d->field_count++;
    d->all[slot / 64] |= UINT64_C(1) << (slot % 64);
    if (f->required) {
        d->required[slot / 64] |= UINT64_C(1) << (slot % 64);
    }
    return field->name != NULL && field->pattern != NULL;
}

/* What the walk would look up for each record. */
static void complete_key(struct decoder *d, struct key *key)
{
    const struct slot *slot = &d->slots[key->slot];
    key->seen = &d->seen[key->slot / 64];
    key->bit = UINT64_C(1) << (key->slot % 64);
    if (slot->level == WALK_NONE && d->fields[slot->field].next == WALK_NONE) {
        const struct field *f = &d->fields[slot->field];
        key->action = f->kind <= FIELD_BYTES     ? KEY_TEXT
                      : f->kind == FIELD_ISO8601 ? KEY_TIME
                      : f->kind == FIELD_UNREAD  ? KEY_UNREAD
                                                 : KEY_FIELD;
        key->field = f;
        key->column_bytes = f->column * sizeof(struct target_column);
    }
}

/* What add_field cannot know before the last field. */
static bool finish(struct decoder *d)
{
    d->word_count = (d->slot_count + 63) / 64;
    for (uint32_t i = 0; i < d->slot_count; i++) {
        const struct slot *slot = &d->slots[i];
        uint32_t texts = 0;
        for (uint32_t f = slot->field; f != WALK_NONE; f = d->fields[f].next) {
            texts += d->fields[f].kind <= FIELD_BYTES ? 1 : 0;
        }
        d->spare = texts > d->spare ? texts : d->spare;
    }
    for (uint32_t i = 0; i < d->level_count; i++) {
        if (!keys_seal(&d->levels[i])) {
            return false;
        }
        for (uint32_t j = 1; j < d->levels[i].count; j++) {
            complete_key(d, &d->levels[i].keys[j]);
        }
    }
    return true;
}

static bool build(struct decoder *d, const struct decode_field *fields, uint32_t count)
{
    d->fields = calloc(count + 1, sizeof *d->fields);
    d->slots = calloc(WALK_MAX_SLOTS, sizeof *d->slots);
    d->metadata = calloc(DECODE_MAX_METADATA, sizeof *d->metadata);
    if (d->metadata == NULL || d->fields == NULL || d->slots == NULL || !scan_init(&d->scan) ||
        add_level(d) == WALK_NONE) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        bool is_metadata = fields[i].metadata != DECODE_IN_VALUE;
        if (!(is_metadata ? add_metadata(d, &fields[i], i) : add_field(d, &fields[i], i))) {
            return false;
        }
    }
    return finish(d);
}

struct decoder *decoder_create(const struct decode_field *fields, uint32_t count,
                               struct ph_error *err)
{
    if (check_fields(fields, count, err) != PH_OK) {
        return NULL;
    }
    struct decoder *d = calloc(1, sizeof *d);
    if (d == NULL || !build(d, fields, count)) {
        bool crowded = d != NULL && d->slot_count == WALK_MAX_SLOTS;
        decoder_destroy(d);
        if (crowded) {
            (void)ph_error_set(err, PH_ERR_CONFIG, "the fields name more than %u places",
                               WALK_MAX_SLOTS);
        } else {
            (void)no_memory(err);
        }
        return NULL;
    }
    return d;
}

void decoder_destroy(struct decoder *d)
{
    if (d == NULL) {
        return;
    }
    for (uint32_t i = 0; i < d->level_count; i++) {
        keys_fini(&d->levels[i]);
    }
    for (uint32_t i = 0; i < d->name_count; i++) {
        free(d->names[i]);
    }
    scan_fini(&d->scan);
    free(d->levels);
    free(d->metadata);
    free(d->names);
    free(d->slots);
    free(d->fields);
    free(d);
}

void decoder_list_columns(const struct decode_field *fields, uint32_t count,
                          struct ph_field *columns)
{
    for (uint32_t i = 0; i < count; i++) {
        columns[i] = (struct ph_field){.name = fields[i].name,
                                       .type = fields[i].type,
                                       .flags = fields[i].required ? PH_FIELD_REQUIRED : 0u};
    }
}

static bool has_metadata(const struct decoder *d, enum decode_metadata kind)
{
    for (uint32_t i = 0; i < d->metadata_count; i++) {
        if (d->metadata[i].kind == kind) {
            return true;
        }
    }
    return false;
}

uint32_t decoder_spare(const struct decoder *d)
{
    uint32_t least = has_metadata(d, DECODE_HEADERS) ? ESCAPE_JSON_MAX - 1 : 0;
    return d->spare > least ? d->spare : least;
}

struct decoder_needs decoder_needs(const struct decoder *d)
{
    struct decoder_needs needs = {.keys = has_metadata(d, DECODE_KEY),
                                  .headers = has_metadata(d, DECODE_HEADERS)};
    for (uint32_t i = 0; i < d->metadata_count; i++) {
        needs.extra += d->metadata[i].kind == DECODE_TOPIC ? METADATA_TOPIC_MAX : 0;
        needs.extra += d->metadata[i].kind == DECODE_HEADERS ? METADATA_HEADERS_EXTRA : 0;
    }
    return needs;
}

/* The columns around the JSON first: what the row lacks is marked when all of it is good. */
static int32_t decode_record(void *decoder, struct row_target *target, const uint8_t *value,
                             uint32_t length, struct row_fault *fault)
{
    struct decoder *d = decoder;
    uint64_t nulls;
    if (metadata_put(d, target, value, length, &nulls, fault) != PH_OK ||
        (d->walks_value && decoder_row(d, target, value, length, fault) != PH_OK)) {
        return PH_ERROR;
    }
    metadata_set_nulls(d, target, nulls);
    return PH_OK;
}

target_decode_fn decoder_function(const struct decoder *d)
{
    return d->metadata_count > 0 ? decode_record : decoder_row;
}

int32_t decoder_tombstone(void *decoder, struct row_target *target, const uint8_t *value,
                          uint32_t length, struct row_fault *fault)
{
    const struct decoder *d = decoder;
    uint64_t nulls;
    (void)value;
    (void)length;
    for (uint32_t i = 0; i < d->field_count; i++) {
        if (d->fields[i].required) {
            return fault_set(fault, "tombstone",
                             "the record has no value, but field %s is required",
                             d->fields[i].name);
        }
    }
    if (metadata_put(d, target, NULL, 0, &nulls, fault) != PH_OK) {
        return PH_ERROR;
    }
    metadata_set_nulls(d, target, nulls);
    for (uint32_t i = 0; i < d->field_count; i++) {
        if (d->fields[i].kind != FIELD_UNREAD) {
            target_set_null(target, d->fields[i].column);
        }
    }
    return PH_OK;
}
