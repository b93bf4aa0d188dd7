/* SPDX-License-Identifier: Apache-2.0 */
#include "finder.h"

#define NS_PER_MS INT64_C(1000000)
/* The worker waits for the answer. A broker that holds a fetch open for lack of records answers
 * behind it, but at once when a record comes: no record waits for this. */
#define LOOK_MS 500

static int64_t now_ns(const struct finder *f)
{
    return link_now_ns(&f->client->link);
}

void finder_init(struct finder *f, struct client *client, const struct ph_partitions *service)
{
    *f = (struct finder){.client = client, .service = service};
}

void finder_know(struct finder *f, uint32_t topic, int32_t count)
{
    int64_t interval_ms = f->client->settings->discovery_interval_ms;
    f->known[topic] = count;
    if (f->service != NULL && interval_ms > 0 && !f->client->settings->is_bounded) {
        f->next_ns = now_ns(f) + interval_ms * NS_PER_MS;
    }
}

void finder_stop(struct finder *f)
{
    f->next_ns = 0;
}

/* Lower numbers first. */
static void tell(struct finder *f, uint32_t topic, int32_t count, const char *cluster)
{
    struct ph_error err;
    ph_error_clear(&err);
    for (; f->known[topic] < count; f->known[topic]++) {
        if (f->service->found(f->client->link.task, f->client->settings->topics[topic],
                              f->known[topic], cluster, &err) != PH_OK) {
            link_log(&f->client->link, PH_LOG_ERROR, "%s", err.text);
            return;
        }
    }
}

static void tell_topic(struct finder *f, const rd_kafka_metadata_topic_t *t, const char *cluster)
{
    const struct settings *s = f->client->settings;
    for (uint32_t i = 0; t->err == RD_KAFKA_RESP_ERR_NO_ERROR && i < s->topic_count; i++) {
        if (strcmp(s->topics[i], t->topic) == 0) {
            tell(f, i, t->partition_cnt, cluster);
        }
    }
}

static void look(struct finder *f)
{
    const struct rd_kafka_metadata *metadata = NULL;
    struct client *c = f->client;
    /* The topics that this client has a handle of: the settings'. */
    rd_kafka_resp_err_t code = rd_kafka_metadata(c->link.rk, 0, NULL, &metadata, LOOK_MS);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        link_log(&c->link, PH_LOG_DEBUG, "cannot look for new partitions now: %s",
                 rd_kafka_err2str(code));
        return;
    }
    char *cluster = rd_kafka_clusterid(c->link.rk, 0); /* null: the next look tells */
    for (int i = 0; cluster != NULL && i < metadata->topic_cnt; i++) {
        tell_topic(f, &metadata->topics[i], cluster);
    }
    if (cluster != NULL) {
        rd_kafka_mem_free(c->link.rk, cluster);
    }
    rd_kafka_metadata_destroy(metadata);
}

int64_t finder_step(struct finder *f)
{
    int64_t now = f->next_ns != 0 ? now_ns(f) : 0;
    if (f->next_ns == 0 || now < f->next_ns) {
        return f->next_ns;
    }
    if (!f->client->link.is_away) {
        look(f);
        now = now_ns(f);
    }
    f->next_ns = now + f->client->settings->discovery_interval_ms * NS_PER_MS;
    return f->next_ns;
}
