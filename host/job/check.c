/* SPDX-License-Identifier: Apache-2.0 */
#include "job/check.h"

#include "base/clock.h"
#include "job/sample.h"
#include "pipehost/check.h"

#include <stdio.h>

#define RECORDS_MAX_BYTES ((size_t)1024 * 1024)

void check_result_init(struct check_result *r)
{
    *r = (struct check_result){.record_count = 0};
    ph_error_clear(&r->error);
    buf_init(&r->records, RECORDS_MAX_BYTES);
}

void check_result_fini(struct check_result *r)
{
    buf_fini(&r->records);
}

/* What the plugin itself has to say, if it has. */
static int32_t ask_plugin(struct task *t, const struct ph_check_ops *ops, struct check_result *r)
{
    if (ops == NULL || ops->check == NULL) {
        return PH_OK;
    }
    int32_t rc = ops->check(t->object, r->text, sizeof r->text, &r->error);
    r->text[sizeof r->text - 1] = '\0';
    return rc;
}

static int32_t check_connected(struct task *t, const struct ph_check_ops *ops,
                               struct check_result *r)
{
    const struct ph_operator_ops *operator_ops = &t->node->plugin->ops;
    t->failure = &r->error;
    t->active = true;
    int32_t rc = operator_ops->activate(t->object, &r->error);
    if (rc == PH_OK) {
        rc = ask_plugin(t, ops, r);
    }
    if (rc == PH_OK && node_kind(t->node) == PH_KIND_SOURCE) {
        rc = sample_source(t, r);
    }
    operator_ops->deactivate(t->object);
    t->active = false;
    t->failure = NULL;
    return rc;
}

static void *check(void *arg)
{
    struct check_result *r = arg;
    struct node *n = r->node;
    const struct ph_check_ops *ops = n->plugin->ops.get_extension(n->op, PH_EXTENSION_CHECK);
    struct task *t = n->tasks[0];
    bool is_alone = ops != NULL && (ops->flags & PH_CHECK_ALONE) != 0;
    int32_t rc = is_alone ? ask_plugin(t, ops, r) : check_connected(t, ops, r);
    if (rc != PH_OK) {
        (void)ph_error_set(&r->error, PH_ERR_FATAL, "failed without saying why");
    }
    r->rc = rc;
    return NULL;
}

void check_begin(struct check_result *r, struct node *n)
{
    r->node = n;
    r->has_thread = pthread_create(&r->thread, NULL, check, r) == 0;
}

int32_t check_end(struct check_result *r)
{
    if (r->has_thread) {
        (void)pthread_join(r->thread, NULL);
        r->has_thread = false;
    } else {
        (void)check(r); /* there is no thread for it: after the others, then */
    }
    return r->rc;
}
