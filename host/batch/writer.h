/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The source's side: takes records one by one, copies each once into the arena of the open batch
 * and has it decoded at once. The way of a record begins here. [worker]
 */
#ifndef BATCH_WRITER_H
#define BATCH_WRITER_H

#include "batch/batch.h"
#include "batch/target.h"
#include "pipehost/source.h"

struct batch_writer_options {
    struct reserve *reserve;
    const struct ph_schema *schema;
    uint32_t max_rows;         /**< 0 = BATCH_MAX_ROWS */
    uint32_t max_bytes;        /**< of the arena; 0 = 1 MiB */
    uint32_t record_max_bytes; /**< value and key together; 0 = 1 MiB */
    /** Bytes that a decoder may add to the arena for each byte of a value: decoder_spare(). */
    uint32_t spare;
    uint32_t extra;    /**< bytes that a decoder may add to the arena for each record */
    bool keep_keys;    /**< each key stands in front of its value, and in the batch */
    bool keep_headers; /**< a decoder adds them, at most `spare` + 1 bytes for each of theirs */
    bool skip_tombstones;
    /** Decodes a record without a value; null = such a record is bad. */
    target_decode_fn decode_tombstone;
    const struct ph_partition *(*partition_of)(void *arg, uint32_t partition_id); /**< with arg */
    /** By column: false = null in every row, and not for the decoder to touch. Null = all true;
     * borrowed for the writer's life. */
    const bool *wanted;
    target_decode_fn decode;
    void *decoder;
    /** A record that is not part of the batch, borrowed for the call. The batch that covers its
     * position is still open. */
    void (*bad_record)(void *arg, const struct ph_record *record, const struct row_fault *fault);
    void *arg;
};

struct batch_writer;

/** Null: no memory, or limits that do not fit 31 bits. [control] */
__attribute__((warn_unused_result)) struct batch_writer *batch_writer_create(
    const struct batch_writer_options *options);
/** Drops the open batch. */
void batch_writer_destroy(struct batch_writer *w);

/** What a source's poll gets; append answers PH_MORE without an open batch. */
struct ph_writer *batch_writer_pub(struct batch_writer *w);

/** Opens a batch unless one is open. PH_MORE: no room in the reserve, its freed callback will come.
 */
__attribute__((warn_unused_result)) int32_t batch_writer_open(struct batch_writer *w);
/** While paused, append answers PH_MORE to every record and the open batch stays as it is.
 * bad_record may call it. */
void batch_writer_pause(struct batch_writer *w, bool paused);
/** True where close would give a batch: rows or positions are in it. */
bool batch_writer_has_content(const struct batch_writer *w);
/** True after append answered PH_MORE to a batch with content: close it. A batch takes max_rows
 * records, good and bad. */
bool batch_writer_is_full(const struct batch_writer *w);
uint32_t batch_writer_row_count(const struct batch_writer *w);
/** Publishes the open batch: the caller owns the one reference. Null: nothing is in it; it stays
 * open. */
__attribute__((warn_unused_result)) struct ph_batch *batch_writer_close(struct batch_writer *w);

/** The same as through batch_writer_pub. */
int32_t batch_writer_append(struct batch_writer *w, const struct ph_record *record);
void batch_writer_advance(struct batch_writer *w, uint32_t partition_id, int64_t next_offset);
void batch_writer_pass_hole(struct batch_writer *w, uint32_t partition_id, int64_t next_offset);

#endif
