/* SPDX-License-Identifier: Apache-2.0 */
/** Prints the layout of every public struct and the value of every public constant: what a plugin's
 * binary relies on. layout.sh compares it with golden/layout.txt. */
#include "layout.h"

#define SIZE(s)      (void)printf("%s %zu\n", #s, sizeof(struct s))
#define MEMBER(s, m) (void)printf("  %s %zu\n", #m, offsetof(struct s, m))

static void print_schema(void)
{
    SIZE(ph_field);
    MEMBER(ph_field, name);
    MEMBER(ph_field, type);
    MEMBER(ph_field, flags);
    SIZE(ph_schema);
    MEMBER(ph_schema, size);
    MEMBER(ph_schema, field_count);
    MEMBER(ph_schema, fields);
}

static void print_batch(void)
{
    SIZE(ph_view);
    MEMBER(ph_view, length);
    MEMBER(ph_view, u);
    MEMBER(ph_view, u.inlined);
    MEMBER(ph_view, u.ref.prefix);
    MEMBER(ph_view, u.ref.buffer_index);
    MEMBER(ph_view, u.ref.offset);
    SIZE(ph_bytes);
    MEMBER(ph_bytes, data);
    MEMBER(ph_bytes, length);
    SIZE(ph_column);
    MEMBER(ph_column, type);
    MEMBER(ph_column, null_count);
    MEMBER(ph_column, validity);
    MEMBER(ph_column, values);
    MEMBER(ph_column, buffers);
    MEMBER(ph_column, buffer_sizes);
    MEMBER(ph_column, buffer_count);
    MEMBER(ph_column, reserved);
    SIZE(ph_partition);
    MEMBER(ph_partition, size);
    MEMBER(ph_partition, id);
    MEMBER(ph_partition, source);
    MEMBER(ph_partition, topic);
    MEMBER(ph_partition, cluster);
    MEMBER(ph_partition, partition);
    MEMBER(ph_partition, reserved);
    SIZE(ph_position);
    MEMBER(ph_position, partition_id);
    MEMBER(ph_position, fingerprint);
    MEMBER(ph_position, next_offset);
    SIZE(ph_batch);
    MEMBER(ph_batch, size);
    MEMBER(ph_batch, flags);
    MEMBER(ph_batch, row_count);
    MEMBER(ph_batch, column_count);
    MEMBER(ph_batch, schema);
    MEMBER(ph_batch, columns);
    MEMBER(ph_batch, partition_ids);
    MEMBER(ph_batch, offsets);
    MEMBER(ph_batch, sub_indexes);
    MEMBER(ph_batch, positions);
    MEMBER(ph_batch, position_count);
    MEMBER(ph_batch, reserved);
}

static void print_builder(void)
{
    SIZE(ph_builder);
    MEMBER(ph_builder, size);
    MEMBER(ph_builder, type);
    MEMBER(ph_builder, row_count);
    MEMBER(ph_builder, buffer_index);
    MEMBER(ph_builder, validity);
    MEMBER(ph_builder, values);
    MEMBER(ph_builder, text);
    MEMBER(ph_builder, text_used);
    MEMBER(ph_builder, text_capacity);
    MEMBER(ph_builder, host_data);
    MEMBER(ph_builder, grow);
}

static void print_config(void)
{
    SIZE(ph_config_key);
    MEMBER(ph_config_key, size);
    MEMBER(ph_config_key, type);
    MEMBER(ph_config_key, flags);
    MEMBER(ph_config_key, reserved);
    MEMBER(ph_config_key, name);
    MEMBER(ph_config_key, doc);
    MEMBER(ph_config_key, unit);
    MEMBER(ph_config_key, default_text);
    MEMBER(ph_config_key, values);
    MEMBER(ph_config_key, minimum);
    MEMBER(ph_config_key, maximum);
    SIZE(ph_value);
    MEMBER(ph_value, size);
    MEMBER(ph_value, type);
    MEMBER(ph_value, is_set);
    MEMBER(ph_value, is_default);
    MEMBER(ph_value, reserved);
    MEMBER(ph_value, text_length);
    MEMBER(ph_value, name);
    MEMBER(ph_value, text);
    MEMBER(ph_value, integer);
    MEMBER(ph_value, real);
    MEMBER(ph_value, items);
    MEMBER(ph_value, item_count);
    MEMBER(ph_value, reserved2);
    SIZE(ph_config);
    MEMBER(ph_config, size);
    MEMBER(ph_config, reserved);
    MEMBER(ph_config, host_data);
    MEMBER(ph_config, get);
}

static void print_error(void)
{
    SIZE(ph_error);
    MEMBER(ph_error, size);
    MEMBER(ph_error, flags);
    MEMBER(ph_error, foreign_code);
    MEMBER(ph_error, config_key);
    MEMBER(ph_error, text);
}

static void print_host(void)
{
    SIZE(ph_host);
    MEMBER(ph_host, size);
    MEMBER(ph_host, lane_count);
    MEMBER(ph_host, pipeline_name);
    MEMBER(ph_host, operator_name);
    MEMBER(ph_host, host_version);
    MEMBER(ph_host, host_data);
    MEMBER(ph_host, get_service);
    MEMBER(ph_host, delivery);
    MEMBER(ph_host, reserved);
    SIZE(ph_task);
    MEMBER(ph_task, size);
    MEMBER(ph_task, lane);
    MEMBER(ph_task, host);
    MEMBER(ph_task, host_data);
    MEMBER(ph_task, reject);
    SIZE(ph_log);
    MEMBER(ph_log, size);
    MEMBER(ph_log, reserved);
    MEMBER(ph_log, write);
    SIZE(ph_clock);
    MEMBER(ph_clock, size);
    MEMBER(ph_clock, reserved);
    MEMBER(ph_clock, monotonic_ns);
    MEMBER(ph_clock, wall_ms);
    MEMBER(ph_clock, random);
    SIZE(ph_wait);
    MEMBER(ph_wait, size);
    MEMBER(ph_wait, reserved);
    MEMBER(ph_wait, watch);
    MEMBER(ph_wait, deadline);
    MEMBER(ph_wait, wake);
    MEMBER(ph_wait, block);
    SIZE(ph_batches);
    MEMBER(ph_batches, size);
    MEMBER(ph_batches, reserved);
    MEMBER(ph_batches, retain);
    MEMBER(ph_batches, release);
    SIZE(ph_counter);
    MEMBER(ph_counter, size);
    MEMBER(ph_counter, kind);
    MEMBER(ph_counter, name);
    MEMBER(ph_counter, doc);
    SIZE(ph_metrics);
    MEMBER(ph_metrics, size);
    MEMBER(ph_metrics, reserved);
    MEMBER(ph_metrics, cell);
}

static void print_source(void)
{
    SIZE(ph_record);
    MEMBER(ph_record, size);
    MEMBER(ph_record, partition_id);
    MEMBER(ph_record, offset);
    MEMBER(ph_record, timestamp_ms);
    MEMBER(ph_record, key);
    MEMBER(ph_record, value);
    MEMBER(ph_record, key_length);
    MEMBER(ph_record, value_length);
    MEMBER(ph_record, headers);
    MEMBER(ph_record, headers_length);
    MEMBER(ph_record, reserved);
    SIZE(ph_writer);
    MEMBER(ph_writer, size);
    MEMBER(ph_writer, wants);
    MEMBER(ph_writer, host_data);
    MEMBER(ph_writer, append);
    MEMBER(ph_writer, advance);
    MEMBER(ph_writer, pass_hole);
    SIZE(ph_partition_list);
    MEMBER(ph_partition_list, size);
    MEMBER(ph_partition_list, reserved);
    MEMBER(ph_partition_list, host_data);
    MEMBER(ph_partition_list, add);
    SIZE(ph_source_ops);
    MEMBER(ph_source_ops, size);
    MEMBER(ph_source_ops, reserved);
    MEMBER(ph_source_ops, partitions);
    MEMBER(ph_source_ops, resolve);
    MEMBER(ph_source_ops, start);
    MEMBER(ph_source_ops, poll);
    MEMBER(ph_source_ops, serve);
    MEMBER(ph_source_ops, committed);
}

static void print_sink(void)
{
    SIZE(ph_epoch);
    MEMBER(ph_epoch, size);
    MEMBER(ph_epoch, flags);
    MEMBER(ph_epoch, id);
    MEMBER(ph_epoch, row_count);
    MEMBER(ph_epoch, positions);
    MEMBER(ph_epoch, position_count);
    MEMBER(ph_epoch, reserved);
    SIZE(ph_sink_ops);
    MEMBER(ph_sink_ops, size);
    MEMBER(ph_sink_ops, reserved);
    MEMBER(ph_sink_ops, claim);
    MEMBER(ph_sink_ops, release);
    MEMBER(ph_sink_ops, write);
    MEMBER(ph_sink_ops, commit);
    MEMBER(ph_sink_ops, abort);
    SIZE(ph_encode_options);
    MEMBER(ph_encode_options, size);
    MEMBER(ph_encode_options, form);
    MEMBER(ph_encode_options, columns);
    MEMBER(ph_encode_options, column_count);
    MEMBER(ph_encode_options, reserved);
    SIZE(ph_encode);
    MEMBER(ph_encode, size);
    MEMBER(ph_encode, reserved);
    MEMBER(ph_encode, create);
    MEMBER(ph_encode, destroy);
    MEMBER(ph_encode, row);
    SIZE(ph_epochs);
    MEMBER(ph_epochs, size);
    MEMBER(ph_epochs, reserved);
    MEMBER(ph_epochs, done);
    SIZE(ph_pace);
    MEMBER(ph_pace, size);
    MEMBER(ph_pace, reserved);
    MEMBER(ph_pace, interval_ns);
}

static void print_udf(void)
{
    SIZE(ph_draft);
    MEMBER(ph_draft, size);
    MEMBER(ph_draft, row_count);
    MEMBER(ph_draft, builder_count);
    MEMBER(ph_draft, reserved);
    MEMBER(ph_draft, builders);
    MEMBER(ph_draft, host_data);
    SIZE(ph_out);
    MEMBER(ph_out, size);
    MEMBER(ph_out, reserved);
    MEMBER(ph_out, host_data);
    MEMBER(ph_out, derive);
    MEMBER(ph_out, gather);
    MEMBER(ph_out, create);
    MEMBER(ph_out, emit);
    MEMBER(ph_out, discard);
    SIZE(ph_udf_ops);
    MEMBER(ph_udf_ops, size);
    MEMBER(ph_udf_ops, reserved);
    MEMBER(ph_udf_ops, process);
    MEMBER(ph_udf_ops, finish);
    SIZE(ph_async_udf_ops);
    MEMBER(ph_async_udf_ops, size);
    MEMBER(ph_async_udf_ops, reserved);
    MEMBER(ph_async_udf_ops, offer);
    MEMBER(ph_async_udf_ops, next);
    MEMBER(ph_async_udf_ops, hand_back);
}

static void print_watermark(void)
{
    SIZE(ph_watermark_ops);
    MEMBER(ph_watermark_ops, size);
    MEMBER(ph_watermark_ops, reserved);
    MEMBER(ph_watermark_ops, watermark);
    MEMBER(ph_watermark_ops, timer);
    SIZE(ph_timers);
    MEMBER(ph_timers, size);
    MEMBER(ph_timers, reserved);
    MEMBER(ph_timers, set);
    MEMBER(ph_timers, clear);
    MEMBER(ph_timers, watermark_ms);
}

static void print_rebalance(void)
{
    SIZE(ph_partitions);
    MEMBER(ph_partitions, size);
    MEMBER(ph_partitions, reserved);
    MEMBER(ph_partitions, found);
    SIZE(ph_rebalance);
    MEMBER(ph_rebalance, size);
    MEMBER(ph_rebalance, reserved);
    MEMBER(ph_rebalance, assigned);
    MEMBER(ph_rebalance, revoked);
}

static void print_check(void)
{
    SIZE(ph_check_ops);
    MEMBER(ph_check_ops, size);
    MEMBER(ph_check_ops, flags);
    MEMBER(ph_check_ops, check);
}

static void print_positions(void)
{
    SIZE(ph_kept_position);
    MEMBER(ph_kept_position, size);
    MEMBER(ph_kept_position, fingerprint);
    MEMBER(ph_kept_position, source);
    MEMBER(ph_kept_position, topic);
    MEMBER(ph_kept_position, cluster);
    MEMBER(ph_kept_position, partition);
    MEMBER(ph_kept_position, reserved);
    MEMBER(ph_kept_position, next_offset);
    MEMBER(ph_kept_position, fence);
    MEMBER(ph_kept_position, owner);
    MEMBER(ph_kept_position, moved_ms);
    SIZE(ph_kept_positions);
    MEMBER(ph_kept_positions, size);
    MEMBER(ph_kept_positions, reserved);
    MEMBER(ph_kept_positions, host_data);
    MEMBER(ph_kept_positions, add);
    SIZE(ph_positions_ops);
    MEMBER(ph_positions_ops, size);
    MEMBER(ph_positions_ops, reserved);
    MEMBER(ph_positions_ops, list);
    MEMBER(ph_positions_ops, set);
    MEMBER(ph_positions_ops, rename);
}

static void print_plugin(void)
{
    SIZE(ph_binding);
    MEMBER(ph_binding, size);
    MEMBER(ph_binding, input_count);
    MEMBER(ph_binding, inputs);
    MEMBER(ph_binding, host_data);
    MEMBER(ph_binding, pass);
    MEMBER(ph_binding, add);
    MEMBER(ph_binding, reads);
    SIZE(ph_state_writer);
    MEMBER(ph_state_writer, size);
    MEMBER(ph_state_writer, reserved);
    MEMBER(ph_state_writer, host_data);
    MEMBER(ph_state_writer, write);
    SIZE(ph_state_reader);
    MEMBER(ph_state_reader, size);
    MEMBER(ph_state_reader, reserved);
    MEMBER(ph_state_reader, host_data);
    MEMBER(ph_state_reader, read);
    SIZE(ph_operator_ops);
    MEMBER(ph_operator_ops, size);
    MEMBER(ph_operator_ops, reserved);
    MEMBER(ph_operator_ops, create);
    MEMBER(ph_operator_ops, destroy);
    MEMBER(ph_operator_ops, init);
    MEMBER(ph_operator_ops, bind);
    MEMBER(ph_operator_ops, task_create);
    MEMBER(ph_operator_ops, task_destroy);
    MEMBER(ph_operator_ops, activate);
    MEMBER(ph_operator_ops, deactivate);
    MEMBER(ph_operator_ops, quiesce);
    MEMBER(ph_operator_ops, save);
    MEMBER(ph_operator_ops, restore);
    MEMBER(ph_operator_ops, save_operator);
    MEMBER(ph_operator_ops, restore_operator);
    MEMBER(ph_operator_ops, ready);
    MEMBER(ph_operator_ops, get_extension);
    SIZE(ph_descriptor);
    MEMBER(ph_descriptor, size);
    MEMBER(ph_descriptor, kind);
    MEMBER(ph_descriptor, flags);
    MEMBER(ph_descriptor, delivery);
    MEMBER(ph_descriptor, id);
    MEMBER(ph_descriptor, version);
    MEMBER(ph_descriptor, summary);
    MEMBER(ph_descriptor, config);
    MEMBER(ph_descriptor, counters);
    MEMBER(ph_descriptor, config_count);
    MEMBER(ph_descriptor, counter_count);
    MEMBER(ph_descriptor, ops);
    MEMBER(ph_descriptor, source);
    MEMBER(ph_descriptor, udf);
    MEMBER(ph_descriptor, async_udf);
    MEMBER(ph_descriptor, sink);
    SIZE(ph_entry);
    MEMBER(ph_entry, magic);
    MEMBER(ph_entry, abi_major);
    MEMBER(ph_entry, abi_minor);
    MEMBER(ph_entry, size);
    MEMBER(ph_entry, descriptor_count);
    MEMBER(ph_entry, sdk_version);
    MEMBER(ph_entry, descriptors);
}

static void print_plugin_2(void)
{
    SIZE(ph_note);
    MEMBER(ph_note, name_size);
    MEMBER(ph_note, desc_size);
    MEMBER(ph_note, type);
    MEMBER(ph_note, name);
    MEMBER(ph_note, magic_low);
    MEMBER(ph_note, magic_high);
    MEMBER(ph_note, abi_major);
    MEMBER(ph_note, abi_minor);
    MEMBER(ph_note, entry_size);
    MEMBER(ph_note, reserved);
}

int main(void)
{
    print_schema();
    print_batch();
    print_builder();
    print_config();
    print_error();
    print_host();
    print_source();
    print_sink();
    print_udf();
    print_watermark();
    print_rebalance();
    print_check();
    print_positions();
    print_plugin();
    print_plugin_2();
    layout_print_constants();
    return 0;
}
