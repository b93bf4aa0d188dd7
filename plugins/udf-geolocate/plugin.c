/* SPDX-License-Identifier: Apache-2.0 */
/* The module's one descriptor. */
#include "lane.h"
#include "probe.h"
#include "state.h"

/* Activating makes the cache file. */
static const struct ph_check_ops check_ops = {
    .size = (uint32_t)sizeof check_ops, .flags = PH_CHECK_ALONE, .check = probe_check};

static const void *get_extension(void *op, const char *id)
{
    (void)op;
    return strcmp(id, PH_EXTENSION_CHECK) == 0 ? &check_ops : NULL;
}

static const struct ph_operator_ops operator_ops = {
    .size = (uint32_t)sizeof operator_ops,
    .create = geolocate_create,
    .destroy = geolocate_destroy,
    .init = geolocate_init,
    .bind = geolocate_bind,
    .task_create = lane_create,
    .task_destroy = lane_destroy,
    .activate = lane_activate,
    .deactivate = lane_deactivate,
    .save_operator = state_save,
    .restore_operator = state_restore,
    .ready = lane_ready,
    .get_extension = get_extension,
};

static const struct ph_async_udf_ops async_udf_ops = {
    .size = (uint32_t)sizeof async_udf_ops,
    .offer = lane_offer,
    .next = lane_next,
    .hand_back = lane_hand_back,
};

static const struct ph_descriptor descriptor = {
    .size = (uint32_t)sizeof descriptor,
    .kind = PH_KIND_ASYNC_UDF,
    .flags = PH_PLUGIN_WAITS | PH_PLUGIN_RELOADABLE,
    .delivery = PH_DELIVERY_NONE,
    .id = "udf-geolocate",
    .version = "0.1.0",
    .summary = "adds country, state and city of an IP address, asked from a web API and cached",
    .config = settings_keys,
    .counters = counters_table,
    .config_count = SETTINGS_KEY_COUNT,
    .counter_count = COUNTER_COUNT,
    .ops = &operator_ops,
    .async_udf = &async_udf_ops,
};

PH_ENTRY(&descriptor);
