/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Operators that the files of state_dir know and the manifest does not: perhaps another name of one
 * that it has, whose positions are then kept under the old one.
 */
#ifndef JOB_FORMER_H
#define JOB_FORMER_H

#include "delivery/ledger.h"
#include "job/job.h"

/** Finds what the sink had of sources that are gone, in its begun file. [control] */
__attribute__((warn_unused_result)) int32_t former_find(struct node *sink, struct ledger *begun,
                                                        struct ph_error *err);
/** Frees what former_find found. */
void former_fini(struct node *sink);
/** The source that is gone and had a topic of this name; null: none. */
const char *former_source(const struct node *sink, const char *topic);
/** Warns for each sink without positions of one that is gone and had the same topics; after all
 * sinks' files are read. [control] */
void former_warn(struct job *job);

#endif
