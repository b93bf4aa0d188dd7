/* SPDX-License-Identifier: Apache-2.0 */
#include "module/defaults.h"

static void *none_create(const struct ph_host *host, struct ph_error *err)
{
    (void)err;
    return (void *)(uintptr_t)host;
}

static void none_object(void *object)
{
    (void)object;
}

static int32_t none_init(void *op, const struct ph_config *config, struct ph_error *err)
{
    (void)op;
    (void)config;
    (void)err;
    return PH_OK;
}

static int32_t none_bind(void *op, struct ph_binding *binding, struct ph_error *err)
{
    (void)op;
    (void)binding;
    (void)err;
    return PH_OK;
}

int32_t defaults_bind_udf(void *op, struct ph_binding *binding, struct ph_error *err)
{
    (void)op;
    return binding->pass(binding, 0, 0, err);
}

static void *none_task_create(void *op, const struct ph_task *task, struct ph_error *err)
{
    (void)task;
    (void)err;
    return op;
}

static int32_t none_step(void *object, struct ph_error *err)
{
    (void)object;
    (void)err;
    return PH_OK;
}

static int32_t none_save(void *object, struct ph_state_writer *writer, struct ph_error *err)
{
    (void)object;
    (void)writer;
    (void)err;
    return PH_OK;
}

static int32_t none_restore(void *object, struct ph_state_reader *reader, struct ph_error *err)
{
    (void)object;
    (void)reader;
    (void)err;
    return PH_OK;
}

static int32_t none_ready(void *task, int fd, uint32_t events, struct ph_error *err)
{
    (void)task;
    (void)fd;
    (void)events;
    (void)err;
    return PH_OK;
}

static const void *none_extension(void *op, const char *id)
{
    (void)op;
    (void)id;
    return NULL;
}

const struct ph_operator_ops defaults_ops = {
    .size = sizeof defaults_ops,
    .create = none_create,
    .destroy = none_object,
    .init = none_init,
    .bind = none_bind,
    .task_create = none_task_create,
    .task_destroy = none_object,
    .activate = none_step,
    .deactivate = none_object,
    .quiesce = none_step,
    .save = none_save,
    .restore = none_restore,
    .save_operator = none_save,
    .restore_operator = none_restore,
    .ready = none_ready,
    .get_extension = none_extension,
};

static int32_t none_partitions(void *task, struct ph_partition_list *list, struct ph_error *err)
{
    (void)task;
    (void)list;
    (void)err;
    return PH_OK;
}

static int32_t none_resolve(void *task, const struct ph_partition *partitions, uint32_t count,
                            int64_t *next_offsets, struct ph_error *err)
{
    (void)task;
    (void)partitions;
    (void)err;
    for (uint32_t i = 0; i < count; i++) {
        next_offsets[i] = 0;
    }
    return PH_OK;
}

static int32_t none_committed(void *task, const struct ph_position *positions, uint32_t count,
                              struct ph_error *err)
{
    (void)task;
    (void)positions;
    (void)count;
    (void)err;
    return PH_OK;
}

const struct ph_source_ops defaults_source = {
    .size = sizeof defaults_source,
    .partitions = none_partitions,
    .resolve = none_resolve,
    .serve = none_step,
    .committed = none_committed,
};

static int32_t none_finish(void *task, struct ph_out *out, struct ph_error *err)
{
    (void)task;
    (void)out;
    (void)err;
    return PH_OK;
}

const struct ph_udf_ops defaults_udf = {.size = sizeof defaults_udf, .finish = none_finish};

static int32_t none_hand_back(void *task, const struct ph_batch **batches, uint32_t capacity,
                              uint32_t *count)
{
    (void)task;
    (void)batches;
    (void)capacity;
    *count = 0;
    return PH_OK;
}

const struct ph_async_udf_ops defaults_async_udf = {.size = sizeof defaults_async_udf,
                                                    .hand_back = none_hand_back};

static int32_t none_claim(void *task, const struct ph_partition *partitions, uint32_t count,
                          struct ph_position *positions, struct ph_error *err)
{
    (void)task;
    (void)err;
    for (uint32_t i = 0; i < count; i++) {
        positions[i] = (struct ph_position){.partition_id = partitions[i].id, .next_offset = -1};
    }
    return PH_OK;
}

static int32_t none_commit(void *task, const struct ph_epoch *epoch, struct ph_error *err)
{
    (void)task;
    (void)epoch;
    (void)err;
    return PH_OK;
}

const struct ph_sink_ops defaults_sink = {
    .size = sizeof defaults_sink,
    .claim = none_claim,
    .release = none_step,
    .commit = none_commit,
    .abort = none_object,
};
