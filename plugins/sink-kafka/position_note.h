/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What stands beside an offset: a flat object of JSON, as a group offset's metadata or as the value
 * of a record of the positions topic:
 *
 *   {"next_offset":1234,"fingerprint":2671352337,"cluster":"…","target":"…","owner":"…"}
 */
#ifndef SINK_KAFKA_POSITION_NOTE_H
#define SINK_KAFKA_POSITION_NOTE_H

#include "pipehost/abi.h"

#include <stdbool.h>
#include <stddef.h>

#define NOTE_CLUSTER_SIZE 80u
#define NOTE_TARGET_SIZE  250u
#define NOTE_OWNER_SIZE   160u
/** Room for any note as text. */
#define NOTE_TEXT_SIZE 640u

/** A next_offset: the position is kept in the sink's other place. */
#define NOTE_MOVED (-2)

struct note {
    int64_t next_offset;             /**< -1 = none; NOTE_MOVED */
    uint32_t fingerprint;            /**< 0 = unknown */
    char cluster[NOTE_CLUSTER_SIZE]; /**< that the source's topic lives in; "" = unknown */
    char target[NOTE_TARGET_SIZE];   /**< the topic that is written to; "" = nobody says */
    char owner[NOTE_OWNER_SIZE];     /**< who wrote it; "" = nobody says */
};

/** Copies text as far as it can stand in a note as it is. [any] */
void note_copy_text(char *to, size_t size, const char *text);
/** Writes n; answers the length, below NOTE_TEXT_SIZE. [any] */
uint32_t note_write(const struct note *n, char text[NOTE_TEXT_SIZE]);
/** Reads what note_write wrote. What is missing or of somebody else's making stays unknown. [any]
 */
void note_read(struct note *n, const char *text, size_t length);
/** It says where a partition stands, or that somebody took that away. [any] */
bool note_is_there(const struct note *n);
/** Somebody of ours took the position away: that is said by -1 beside a name. [any] */
bool note_is_reset(const struct note *n);

#endif
