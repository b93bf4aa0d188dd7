/* SPDX-License-Identifier: Apache-2.0 */
/** One function for each command; answers the exit status. */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "cli/options.h"

int command_run(const struct options *o);      /**< run.c */
int command_validate(const struct options *o); /**< run.c */
int command_inspect(const struct options *o);  /**< inspect.c */
int command_plugin(const struct options *o);   /**< plugin.c */
int command_status(const struct options *o);   /**< status.c */

#endif
