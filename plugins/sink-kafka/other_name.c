/* SPDX-License-Identifier: Apache-2.0 */
/* Positions of the same sink under another pipeline's name: the pipeline was renamed, and would
 * write its records once more. */
#include "epochs.h"
#include "group_names.h"

#include <stdlib.h>

#define NS_PER_MS INT64_C(1000000)
/* Pipelines of other people may have sinks and sources of these names too: a start looks at their
 * groups for so long, and at so many keys of theirs. */
#define LOOK_MS  10000
#define KEYS_MAX 4096u

/* What the positions topic says last of a key. */
struct claimant {
    char *key;
    bool is_there; /* a position of the topic that this sink writes to */
};

struct search {
    struct epochs *epochs;
    struct positions wanted; /* whose topic has no position; their texts are the epochs' */
    struct positions asked;  /* those of them that one group is asked for */
    struct note *notes;
    int64_t until_ns;
    uint32_t left_out; /* groups that there was no time for */
    struct claimant *claimants;
    uint32_t claimant_count;
};

static const struct ph_host *host_of(const struct search *s)
{
    const struct producer *p = s->epochs->producer;
    return p->link.task->host;
}

static bool is_of_topic(const struct held *a, const struct held *b)
{
    return strcmp(a->source, b->source) == 0 && strcmp(a->topic, b->topic) == 0;
}

static bool has_position(const struct positions *p, const struct note *found,
                         const struct held *like)
{
    for (uint32_t i = 0; i < p->count; i++) {
        if (is_of_topic(&p->items[i], like) && note_is_there(&found[i])) {
            return true;
        }
    }
    return false;
}

/* Of records of a file nobody knows whether they are the same. */
static void collect_wanted(struct search *s, const struct note *found)
{
    const struct positions *held = &s->epochs->positions;
    for (uint32_t i = 0; i < held->count; i++) {
        const struct held *h = &held->items[i];
        if (h->cluster[0] != '\0' && !has_position(held, found, h)) {
            s->wanted.items[s->wanted.count++] = *h;
        }
    }
}

static int32_t refuse(const struct search *s, const char *name, const char *source,
                      const char *topic, struct ph_error *err)
{
    const struct producer *p = s->epochs->producer;
    const struct ph_host *host = host_of(s);
    return ph_error_set(
        err, PH_ERR_CONFIG,
        "Kafka at %s has positions of sink %s, source %s, topic %s written to topic %s under the "
        "pipeline name \"%s\" and none under \"%s\": if this is that pipeline, pipehost positions "
        "rename MANIFEST --from %s goes on from them; if both are to write to that topic, pipehost "
        "positions set MANIFEST --to earliest (or latest) begins anew beside it",
        p->settings->brokers, host->operator_name, source, topic, p->settings->topic, name,
        host->pipeline_name, name);
}

/* A note that does not name its topic may be of any. */
static bool is_of_target(const struct search *s, const struct note *n)
{
    const struct producer *p = s->epochs->producer;
    return n->next_offset >= 0 && strcmp(n->target, p->settings->topic) == 0;
}

/* ---- groups */

/* The source in a group's name, the pipeline in another; null: it is none of this sink, or its own.
 */
static const char *split_group(const struct search *s, const char *group, char name[CONF_ID_SIZE])
{
    static const char prefix[] = "pipehost/";
    const struct ph_host *host = host_of(s);
    size_t sink_length = strlen(host->operator_name);
    const char *pipeline = group + sizeof prefix - 1;
    if (strncmp(group, prefix, sizeof prefix - 1) != 0) {
        return NULL;
    }
    size_t length = strcspn(pipeline, "/");
    const char *sink = pipeline + length + 1;
    if (pipeline[length] == '\0' || length >= CONF_ID_SIZE ||
        strncmp(sink, host->operator_name, sink_length) != 0 || sink[sink_length] != '/') {
        return NULL;
    }
    memcpy(name, pipeline, length);
    name[length] = '\0';
    return strcmp(name, host->pipeline_name) == 0 ? NULL : sink + sink_length + 1;
}

static void collect_asked(struct search *s, const char *source)
{
    s->asked.count = 0;
    for (uint32_t i = 0; i < s->wanted.count; i++) {
        const struct held *h = &s->wanted.items[i];
        if (!h->in_topic && strcmp(h->source, source) == 0) {
            s->notes[s->asked.count] = (struct note){.next_offset = -1};
            s->asked.items[s->asked.count++] = *h;
        }
    }
}

/* A group that this user may not read is nobody's that this pipeline was. */
static int32_t read_asked(struct search *s, struct ph_error *err)
{
    struct producer *p = s->epochs->producer;
    if (group_offsets_read(p, &s->asked, false, s->notes, err) == PH_OK) {
        return PH_OK;
    }
    if ((err->flags & PH_ERR_CONFIG) == 0) {
        return PH_ERROR;
    }
    ph_error_clear(err);
    s->asked.count = 0;
    return PH_OK;
}

static int32_t look_at_group(void *owner, const char *group, struct ph_error *err)
{
    struct search *s = owner;
    const struct producer *p = s->epochs->producer;
    char name[CONF_ID_SIZE];
    const char *source = split_group(s, group, name);
    if (source == NULL) {
        return PH_OK;
    }
    collect_asked(s, source);
    if (s->asked.count > 0 && link_now_ns(&p->link) >= s->until_ns) {
        s->left_out++;
        return PH_OK;
    }
    s->asked.pipeline = name;
    if (read_asked(s, err) != PH_OK) {
        return PH_ERROR;
    }
    for (uint32_t i = 0; i < s->asked.count; i++) {
        if (is_of_target(s, &s->notes[i])) {
            return refuse(s, name, source, s->asked.items[i].topic, err);
        }
    }
    return PH_OK;
}

static bool any_wanted(const struct search *s, bool in_topic)
{
    for (uint32_t i = 0; i < s->wanted.count; i++) {
        if (s->wanted.items[i].in_topic == in_topic) {
            return true;
        }
    }
    return false;
}

static int32_t search_groups(struct search *s, struct ph_error *err)
{
    struct producer *p = s->epochs->producer;
    if (!any_wanted(s, false)) {
        return PH_OK;
    }
    s->until_ns = link_now_ns(&p->link) + LOOK_MS * NS_PER_MS;
    if (group_names_list(p, 0, look_at_group, s, err) != PH_OK) {
        return PH_ERROR;
    }
    if (s->left_out > 0) {
        link_log(&p->link, PH_LOG_WARNING,
                 "%u groups of other pipelines with a sink and a source of these names were not "
                 "looked at: if this pipeline was renamed, stop it and use pipehost positions "
                 "rename",
                 s->left_out);
    }
    return PH_OK;
}

/* ---- the positions topic */

/* False: it is this pipeline's own, or of something else. */
static bool split_key(const struct search *s, char *key, char name[POSITIONS_KEY_SIZE],
                      struct ph_partition *partition)
{
    const struct ph_host *host = host_of(s);
    size_t length = strcspn(key, "/");
    memcpy(name, key, length);
    name[length] = '\0';
    return strcmp(name, host->pipeline_name) != 0 &&
           positions_topic_split_key(key, host, name, partition);
}

static bool is_wanted(const struct search *s, const struct ph_partition *partition)
{
    for (uint32_t i = 0; i < s->wanted.count; i++) {
        const struct held *h = &s->wanted.items[i];
        if (h->in_topic && strcmp(h->source, partition->source) == 0 &&
            strcmp(h->topic, partition->topic) == 0) {
            return true;
        }
    }
    return false;
}

static struct claimant *find_claimant(struct search *s, const char *key)
{
    for (uint32_t i = 0; i < s->claimant_count; i++) {
        if (strcmp(s->claimants[i].key, key) == 0) {
            return &s->claimants[i];
        }
    }
    char *copy = s->claimant_count < KEYS_MAX ? strdup(key) : NULL;
    if (copy == NULL) {
        return NULL;
    }
    s->claimants[s->claimant_count] = (struct claimant){copy, false};
    return &s->claimants[s->claimant_count++];
}

static int32_t look_at_record(void *owner, char key[POSITIONS_KEY_SIZE], const struct note *note,
                              struct ph_error *err)
{
    struct search *s = owner;
    char parts[POSITIONS_KEY_SIZE];
    char name[POSITIONS_KEY_SIZE];
    struct ph_partition partition;
    (void)err;
    memcpy(parts, key, sizeof parts);
    if (split_key(s, parts, name, &partition) && is_wanted(s, &partition)) {
        struct claimant *c = find_claimant(s, key);
        if (c != NULL) {
            c->is_there = is_of_target(s, note);
        }
    }
    return PH_OK;
}

static int32_t refuse_claimant(const struct search *s, char *key, struct ph_error *err)
{
    char name[POSITIONS_KEY_SIZE];
    struct ph_partition partition;
    return split_key(s, key, name, &partition)
               ? refuse(s, name, partition.source, partition.topic, err)
               : PH_OK;
}

static int32_t search_topic(struct search *s, struct ph_error *err)
{
    if (!any_wanted(s, true)) {
        return PH_OK;
    }
    s->claimants = calloc(KEYS_MAX, sizeof *s->claimants);
    if (s->claimants == NULL) {
        return ph_error_set(err, PH_ERR_FATAL, "no memory for positions");
    }
    if (positions_topic_each(s->epochs->producer, false, look_at_record, s, err) != PH_OK) {
        return PH_ERROR;
    }
    for (uint32_t i = 0; i < s->claimant_count; i++) {
        if (s->claimants[i].is_there) {
            return refuse_claimant(s, s->claimants[i].key, err);
        }
    }
    return PH_OK;
}

/* ---- both */

static void search_fini(struct search *s)
{
    for (uint32_t i = 0; i < s->claimant_count; i++) {
        free(s->claimants[i].key);
    }
    free(s->claimants);
    free(s->notes);
    free(s->asked.items);
    free(s->wanted.items);
}

int32_t epochs_refuse_other_name(struct epochs *e, const struct note *found, struct ph_error *err)
{
    size_t room = e->positions.count + 1u;
    struct search s = {.epochs = e,
                       .wanted.items = calloc(room, sizeof *s.wanted.items),
                       .asked.items = calloc(room, sizeof *s.asked.items),
                       .notes = calloc(room, sizeof *s.notes)};
    int32_t result = PH_ERROR;
    if (s.wanted.items == NULL || s.asked.items == NULL || s.notes == NULL) {
        (void)ph_error_set(err, PH_ERR_FATAL, "no memory for positions");
    } else {
        collect_wanted(&s, found);
        result = search_groups(&s, err) == PH_OK ? search_topic(&s, err) : PH_ERROR;
    }
    search_fini(&s);
    return result;
}
