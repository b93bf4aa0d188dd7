/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The live view: the last lines of the terminal behind stderr show a table that is drawn again
 * every second. The lines above it scroll as ever, because the terminal itself keeps them apart (a
 * scroll region): whoever logs knows nothing of it. Plain ANSI sequences.
 *
 * It writes through a descriptor of its own that never blocks, so that a stopped terminal (Ctrl-S)
 * holds nobody up. The terminal is put in order at the end, when the process is stopped (Ctrl-Z)
 * and when it crashes. One view a process. [control]
 */
#ifndef CLI_VIEW_H
#define CLI_VIEW_H

#include "job/run.h"

struct view;

/** True where stderr is a terminal that can show a view. */
bool view_is_possible(void);
/** Null: it cannot be shown. */
struct view *view_create(void);
void view_destroy(struct view *v); /**< null is fine */
/** What job_run takes; lives as long as the view. */
const struct job_view *view_job(const struct view *v);

#endif
