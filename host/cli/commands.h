/* SPDX-License-Identifier: Apache-2.0 */
/** One function for each command; answers the exit status. */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "cli/options.h"

struct job;
struct manifest;

int command_run(const struct options *o);               /**< run.c */
int command_validate(const struct options *o);          /**< run.c */
int command_check(const struct options *o);             /**< check.c */
int command_inspect(const struct options *o);           /**< inspect.c */
int command_plugin(const struct options *o);            /**< plugin.c */
int command_status(const struct options *o);            /**< status.c */
int command_deadletter(const struct options *o);        /**< deadletter.c */
int command_deadletter_replay(const struct options *o); /**< deadletter_replay.c */

int command_positions(const struct options *o); /**< positions.c */

/** Opens the log, loads the manifest and prepares its job. Null: errors were printed, *status is
 * what to exit with. *manifest, which may be null, is destroyed after the job. run.c */
struct job *command_prepare(const struct options *o, struct manifest **manifest, int *status);

/** From now on names of the manifest stay as they are where a secret is a part of one. run.c */
void command_spare_names(const struct manifest *m);

#endif
