/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The part of a pipeline that a dead letter goes through once more: from the source that its record
 * came from, over the operator that set it aside, to the sinks behind that one. Sinks on other ways
 * have the record already.
 */
#ifndef MANIFEST_BRANCH_H
#define MANIFEST_BRANCH_H

#include "manifest/manifest.h"

/** "SOURCE:OPERATOR", what the source of a branch is called: no operator has such a name. */
#define BRANCH_NAME_MAX (2u * MANIFEST_NAME_MAX + 1u)

struct branch {
    const char *source;        /**< name of the source that gave the records */
    const char *operator_name; /**< which set them aside; may be the source */
    const char *file;          /**< the dead-letter file, absolute */
};

/** Whether the manifest has such a way. */
bool branch_is_possible(const struct manifest *m, const char *source, const char *operator_name);

/**
 * Leaves nothing of the manifest but the branch, whose source is source-dead-letters with the
 * format of the one that it stands for. What fails again becomes a letter whatever on_error says,
 * and however much of it there is. False: there is no such way, or memory ran out; the manifest is
 * good for destroy only.
 */
__attribute__((warn_unused_result)) bool branch_cut(struct manifest *m, const struct branch *b);

#endif
