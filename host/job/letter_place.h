/* SPDX-License-Identifier: Apache-2.0 */
/** Whether dead letters could be written where the manifest wants them. [control] */
#ifndef JOB_LETTER_PLACE_H
#define JOB_LETTER_PLACE_H

#include "job/job.h"
#include "manifest/errors.h"

/** Looks, and makes nothing: what is wrong goes to errs, at dead_letter.file. */
void letter_place_check(const struct job *job, struct manifest_errors *errs);
/** For a run: makes the folder first. False: it was logged why. */
__attribute__((warn_unused_result)) bool letter_place_make(const struct job *job);

#endif
